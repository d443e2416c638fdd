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
from mapcore.wire import apply, delta, load_snapshot, snapshot
from tests.key_strategies import range_keys, routed_maps

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
    with suppress(WireError, VersionWindowError):
        apply(old, mutated(delta(old, new.replace(version=(1, 2))), changes))


@given(st.binary(max_size=80))
def test_any_bytes_at_all_end_in_a_map_or_the_error(body: bytes) -> None:
    with suppress(WireError):
        load_snapshot(sealed(b"mcap\1\0" + body))


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0" + b"\xff" * 8 + b"\1",
        b"\0\0\0" + b"\0" + b"\xff\xff\xff\xff\7" + b"\0\1" + b"\0" + b"\xff\xff\xff\xff\7\1",
        b"\0\0\1\0\1a" + b"\0" + b"\xff\xff\xff\xff\7" + b"\0\1" + b"\0" + b"\1\1\0" + b"\xff" * 8,
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
    assert message.count(b"\2\1b") == 1
    with pytest.raises(WireError, match="found no map"):
        load_snapshot(sealed(message[:-4].replace(b"\2\1b", b"\2\1c")))
