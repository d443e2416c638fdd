from __future__ import annotations

import tracemalloc
import zlib
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import VersionWindowError, WireError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.routing import Router
from mapcore.states import Placement, state_code
from mapcore.wire import (
    Delta,
    apply,
    compose,
    delta,
    delta_between,
    load,
    load_delta,
    load_snapshot,
    snapshot,
)
from mapcore.wire.edits import Edit
from mapcore.wire.encoding import Reader, Writer
from tests.key_strategies import keys, range_keys, routed_maps

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
HASHED = HashKeys(12)


def contents(held: PartitionMap) -> tuple[object, ...]:
    """Return all that the wire carries."""
    return (
        held.version,
        held.nodes.names,
        held.keys,
        dict(held.sources),
        held.offsets.tolist(),
        held.copy_nodes.tolist(),
        held.copy_codes.tolist(),
    )


def sealed(body: bytes) -> bytes:
    """Return a message with the checksum that it should have."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def large(nodes: int = 400, partitions: int = 4096) -> PartitionMap:
    random = np.random.default_rng(1)
    first = random.integers(0, nodes, partitions)
    table = ((first[:, None] + [0, 7, 19]) % nodes).astype(np.int32)
    names = [f"node{number:05}" for number in range(nodes)]
    return PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], names, version=(3, 1))


def without_node(held: PartitionMap, node: int) -> PartitionMap:
    codes = held.copy_codes.copy()
    codes[held.copy_nodes == node] = state_code(Placement.DEAD)
    return PartitionMap.from_index(
        held.offsets,
        held.copy_nodes,
        codes,
        held.nodes,
        version=(held.version.epoch, held.version.revision + 1),
    )


@given(routed_maps(), st.dictionaries(st.integers(0, 40), st.text(max_size=3), max_size=3))
def test_a_snapshot_brings_the_map_back(held: PartitionMap, sources: dict[int, str]) -> None:
    known = {number: name for number, name in sources.items() if number < held.partition_count}
    held = held.replace(version=(7, 1 << 40), sources=known)
    assert contents(load_snapshot(snapshot(held))) == contents(held)


@given(routed_maps(), routed_maps())
def test_a_delta_makes_the_one_map_of_the_other(old: PartitionMap, new: PartitionMap) -> None:
    new = new.replace(version=(1, 2))
    assert contents(apply(old, delta(old, new))) == contents(new)


@given(st.data(), st.one_of(st.just(HASHED), range_keys(splits=False)))
def test_deltas_one_after_the_other_come_to_the_same_as_the_direct_one(
    data: st.DataObject, keys: HashKeys | RangeKeys
) -> None:
    maps = [
        data.draw(routed_maps(st.just(keys))).replace(version=(1, revision))
        for revision in range(4)
    ]
    reached = maps[0]
    for before, after in pairwise(maps):
        reached = apply(reached, delta(before, after))
    assert contents(reached) == contents(apply(maps[0], delta(maps[0], maps[-1])))


@given(routed_maps(), routed_maps(), routed_maps(), routed_maps())
def test_deltas_made_one_lead_where_they_led_one_after_the_other(
    first: PartitionMap, second: PartitionMap, third: PartitionMap, fourth: PartitionMap
) -> None:
    maps = [
        held.replace(version=(1, number))
        for number, held in enumerate((first, second, third, fourth))
    ]
    deltas = [delta(before, after) for before, after in pairwise(maps)]
    whole = compose(*deltas)
    assert contents(apply(maps[0], whole)) == contents(maps[-1])
    grouped = compose(deltas[0], compose(load_delta(deltas[1]), deltas[2]))
    assert contents(apply(maps[0], grouped)) == contents(maps[-1])


@given(st.data(), st.one_of(st.just(HASHED), range_keys()))
def test_deltas_made_one_are_as_large_as_the_direct_one_but_for_what_changed_back(
    data: st.DataObject, keys: HashKeys | RangeKeys
) -> None:
    maps = [
        data.draw(routed_maps(st.just(keys))).replace(version=(1, revision))
        for revision in range(3)
    ]
    whole = load_delta(compose(*(delta(before, after) for before, after in pairwise(maps))))
    direct = delta_between(maps[0], maps[-1])
    assert set(direct.changed) <= set(whole.changed)
    assert whole.fingerprint == direct.fingerprint


def test_deltas_that_do_not_follow_each_other_are_not_made_one() -> None:
    held = large()
    first = delta(held, without_node(held, 3))
    with pytest.raises(VersionWindowError, match=r"found a delta from version 3\.1"):
        compose(first, first)


def test_what_a_message_is_shows_when_it_is_loaded() -> None:
    old, new = large(), without_node(large(), 3)
    assert isinstance(load(snapshot(old)), PartitionMap)
    assert isinstance(load(delta(old, new)), Delta)
    with pytest.raises(WireError, match="found kind 7, expected a snapshot or a delta"):
        load(sealed(b"mcap\1\7"))


def test_sizes_and_weights_come_along_if_asked() -> None:
    held = large().replace(sizes=np.arange(4096) << 40, weights=np.linspace(0, 9, 4096))
    plain, full = load_snapshot(snapshot(held)), load_snapshot(snapshot(held, with_sizes=True))
    assert (plain.sizes, plain.weights) == (None, None)
    assert full.sizes is not None
    assert full.weights is not None
    assert full.sizes.tolist() == (np.arange(4096) << 40).tolist()
    assert full.weights.tolist() == np.linspace(0, 9, 4096).tolist()


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    held = large(partitions=4).replace(weights=np.array([1, 2, 3, weight]))
    with pytest.raises(WireError, match="found a size or weight below 0"):
        load_snapshot(snapshot(held, with_sizes=True))


def test_sizes_stay_those_of_the_base_while_the_partitions_stay() -> None:
    held = large().replace(sizes=np.arange(4096))
    failed = without_node(held, 3)
    kept = apply(held, delta(held, failed)).sizes
    assert kept is not None
    assert kept.tolist() == list(range(4096))
    other_keys = large(partitions=2048).replace(version=(3, 2))
    assert apply(held, delta(held, other_keys)).sizes is None


def test_a_node_added_and_one_removed_cost_their_names() -> None:
    held = large(nodes=40_000, partitions=64)
    unused = set(range(40_000)) - set(held.copy_nodes.tolist())
    gone = held.nodes.names[max(unused)]
    names = [name for name in held.nodes.names if name != gone]
    newer = held.on_nodes(["early", *names, "late"]).replace(version=(3, 2))
    change = delta(held, newer)
    assert len(change) < 100
    assert contents(apply(held, change)) == contents(newer)


def test_a_range_that_is_split_costs_its_parts() -> None:
    starts = [b"%06d" % number for number in range(0, 9000, 3)]
    ranges = [
        KeyRange(start.decode(), start, end)
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]
    copies = [[("a", MASTER), ("b", SLAVE)]]
    held = PartitionMap.from_copies(
        copies * len(ranges), "ab", keys=RangeKeys(ranges), version=(1, 1)
    )
    parts = [KeyRange("low", b"003000", b"003001"), KeyRange("high", b"003001", b"003003")]
    split = [item for item in ranges if item.start != b"003000"] + parts
    newer = PartitionMap.from_copies(
        copies * len(split), "ab", keys=RangeKeys(split), version=(1, 2)
    )
    change = delta(held, newer)
    assert len(change) < 120
    assert contents(apply(held, change)) == contents(newer)


lists = st.lists(st.integers(0, 12), unique=True)


def edit_of(old: list[int], new: list[int]) -> Edit[int]:
    origins = [old.index(item) if item in old else -1 for item in new]
    return Edit.of(np.array(origins, np.int64), new)


@given(lists, lists, lists)
def test_edits_of_lists_lead_to_them_alone_and_together(
    first: list[int], second: list[int], third: list[int]
) -> None:
    one, two = edit_of(first, second), edit_of(second, third)
    assert one.applied(first) == second
    assert one.then(two).applied(first) == third
    assert len(one.then(two)) == len(third)
    moved = one.moved(np.arange(len(first))).tolist()
    assert moved == [second.index(item) if item in second else -1 for item in first]
    origins = one.origins().tolist()
    assert origins == [first.index(item) if item in first else -1 for item in second]


def test_an_edit_of_another_list_is_refused() -> None:
    edit = edit_of([1, 2, 3], [3, 4, 1, 2])
    with pytest.raises(WireError, match="found item 2 of a list of 2"):
        edit.applied([1, 2])
    with pytest.raises(WireError, match="found item 2 of a list of 2"):
        edit_of([], [1, 2]).then(edit)
    twice: Edit[int] = Edit(np.array([0, 1]), np.array([2, 2]), [])
    with pytest.raises(WireError, match="twice"):
        twice.applied([1, 2, 3])


def test_the_delta_of_one_nodes_failure_is_a_thousandth_of_the_snapshot() -> None:
    held = large(nodes=40_000, partitions=65_536)
    failed = without_node(held, 17)
    change = delta(held, failed)
    assert len(change) <= 0.001 * len(snapshot(held))
    assert Router(apply(held, change)).version == (3, 2)


def test_a_snapshot_packs_node_numbers_into_their_bits() -> None:
    held = large()
    assert len(snapshot(held)) < held.copy_count * (9 + 1) / 8 + 4096 * 2 / 8 + 400 * 5 + 100


def test_a_delta_from_another_map_is_refused_and_changes_nothing() -> None:
    old, new = large(), without_node(large(), 3)
    change = delta(old, new)
    for other in (new, old.replace(version=(3, 0)), without_node(old, 9).replace(version=(3, 1))):
        with pytest.raises(VersionWindowError, match=r"found a delta from version 3\.1"):
            apply(other, change)


def test_snapshot_and_delta_are_not_taken_for_each_other() -> None:
    old, new = large(), without_node(large(), 3)
    with pytest.raises(WireError, match="found a delta, expected a snapshot"):
        load_snapshot(delta(old, new))
    with pytest.raises(WireError, match="found a snapshot, expected a delta"):
        apply(old, snapshot(new))


def test_another_format_is_outside_the_window() -> None:
    message = bytearray(snapshot(large())[:-4])
    message[4] = 2
    with pytest.raises(VersionWindowError, match="found wire format 2, expected 1"):
        load_snapshot(sealed(bytes(message)))


@given(routed_maps(), st.data())
def test_damaged_bytes_raise_one_error(held: PartitionMap, data: st.DataObject) -> None:
    message = bytearray(snapshot(held))
    position = data.draw(st.integers(0, len(message) - 1))
    message[position] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(message), snapshot(held)[:position]):
        with pytest.raises(WireError):
            load_snapshot(damaged)


MUTATED = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.integers(0, 255), st.integers(0, 2)), min_size=1
)


def mutated(message: bytes, changes: list[tuple[int, int, int]]) -> bytes:
    """Return a message changed behind its header, by bytes set, put in or taken out, and sealed."""
    body = bytearray(message[6:-4])
    for position, byte, kind in changes:
        at = position % (len(body) + 1)
        body[at : at + (kind != 1)] = b"" if kind == 2 else bytes([byte])
    return sealed(message[:6] + bytes(body))


@given(routed_maps(), routed_maps(), MUTATED)
def test_hostile_bytes_with_a_right_checksum_end_in_a_map_or_one_of_two_errors(
    old: PartitionMap, new: PartitionMap, changes: list[tuple[int, int, int]]
) -> None:
    with suppress(WireError):
        load_snapshot(mutated(snapshot(old), changes))
    change = delta(old, new.replace(version=(1, 2)))
    damaged = mutated(change, changes)
    with suppress(WireError, VersionWindowError):
        apply(old, damaged)
    router = Router(old)
    with suppress(WireError, VersionWindowError):
        router.update(damaged)
        router.nodes([b"%d" % number for number in range(40)], missing="-1")
    with suppress(WireError, VersionWindowError):
        compose(damaged, delta(new.replace(version=(1, 2)), old))
    with suppress(WireError, VersionWindowError):
        compose(delta(new.replace(version=(1, 0)), old), damaged)


@given(st.binary(max_size=80))
def test_any_bytes_at_all_end_in_a_map_or_the_error(body: bytes) -> None:
    with suppress(WireError):
        load_snapshot(sealed(b"mcap\1\0" + body))


# Parts of a message: a number of 62 bits; lists of no string and of one; 2 ** 31 - 1 partitions.
MANY = b"\xff" * 8 + b"\x3f"
NO_STRINGS = b"\0\1\0\1"
NODE_A = b"\1\1\0\1\1\1a"
MOST_PARTITIONS = b"\xff\xff\xff\xff\7"


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0" + MANY + b"\1",
        b"\0\0" + NO_STRINGS + b"\0" + MOST_PARTITIONS + b"\0\1" + NO_STRINGS + MANY + b"\1",
        b"\0\0" + NODE_A + b"\0" + MOST_PARTITIONS + b"\0\1" + NO_STRINGS + b"\1\1\0" + MANY,
    ],
    ids=["names", "rows", "copies"],
)
def test_what_is_announced_but_not_there_is_not_allocated(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(WireError):
        load_snapshot(sealed(b"mcap\1\0" + body))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_ranges_that_overlap_are_no_map() -> None:
    held = PartitionMap.from_copies(
        [[("n", MASTER)]] * 2,
        ["n"],
        keys=RangeKeys([KeyRange("one", b"a", b"b"), KeyRange("two", b"b", b"c")]),
    )
    message = snapshot(held)
    assert message.count(b"\1bc") == 1
    with pytest.raises(WireError, match="found no map"):
        load_snapshot(sealed(message[:-4].replace(b"\1bc", b"\1cd")))


@given(st.lists(st.one_of(st.binary(max_size=12), keys, st.binary(min_size=254, max_size=300))))
def test_lists_of_strings_come_back(items: list[bytes]) -> None:
    writer = Writer()
    writer.strings(items)
    reader = Reader(memoryview(bytes(writer.data)))
    assert reader.strings() == items
    reader.end()


@pytest.mark.parametrize("count", [65_535, 65_536, 65_537, 140_000])
def test_lists_of_strings_of_many_chunks_come_back(count: int) -> None:
    items = [b"node%d" % number for number in range(count)]
    writer = Writer()
    writer.strings(items)
    assert len(writer.data) < 4 * count
    assert Reader(memoryview(bytes(writer.data))).strings() == items
