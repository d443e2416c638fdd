"""Maps that change under lookups: every lookup sees one whole map."""

from __future__ import annotations

import sys
import sysconfig
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore import wire
from mapcore.errors import KeyNotCovered, MapcoreError, NoMaster, VersionWindowError, WireError
from mapcore.history import VersionWindow
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.routing import Router
from mapcore.states import Placement, state_code
from tests.key_strategies import keys, neighbours, range_keys, routed_maps

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
PARTITIONS = 512


def generation(number: int) -> PartitionMap:
    """Return a map whose answers all say which one it is: master `g<number>`, slave `s<number>`.

    Its number of partitions and nodes changes too, so that a mixture of two would read outside.
    """
    partitions = PARTITIONS >> (number % 3)
    names = [*(f"x{i}" for i in range(number % 5)), f"g{number}", f"s{number}"]
    table = np.full((partitions, 2), len(names) - 1, np.int32)
    table[:, 0] -= 1
    return PartitionMap.from_table(table, [MASTER, SLAVE], names, version=(1, number))


def test_each_lookup_sees_one_whole_map_while_another_thread_swaps_them() -> None:
    router = Router(generation(0))
    rows = np.array([b"key%012d" % i for i in range(3000)])
    listed = rows.tolist()
    done = threading.Event()
    failures: list[str] = []
    seen: set[int] = set()

    def check(is_whole: bool, what: str) -> None:
        if not is_whole:
            failures.append(what)
            done.set()

    def look_up_one() -> None:
        last = -1
        while not done.is_set():
            for key in listed[:50]:
                master, slave = router.copies(key)
                number = int(master[1:])
                check(slave == f"s{number}" and master[0] == "g", f"copies {master}, {slave}")
                check(number >= last, f"went back from {last} to {number}")
                last = number
                seen.add(number)
                check(router[key].startswith("g"), "node")

    def look_up_many() -> None:
        while not done.is_set():
            groups = list(router.group(rows))
            check(len(groups) == 1, f"group: {[name for name, _ in groups]}")
            check(groups[0][0].startswith("g"), "group")
            table = router.copies_table(listed)
            check(bool((table[:, 1] - table[:, 0] == 1).all()), "copies_table")

    threads = [threading.Thread(target=work) for work in (look_up_one, look_up_many) * 2]
    for thread in threads:
        thread.start()
    for number in range(1, 400):
        newer = generation(number)
        # A map, a snapshot of it, or the delta to it, as bytes or as a value.
        change = wire.delta_between(generation(number - 1), newer)
        router.update((newer, wire.snapshot(newer), change.to_bytes(), change)[number % 4])
        if done.is_set():
            break
        if number % 8 == 0:
            done.wait(0.002)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(seen) > 5


def test_of_updates_at_the_same_time_the_newest_stays() -> None:
    router = Router(generation(0))
    numbers = np.random.default_rng(1).permutation(np.arange(1, 200))
    refused = [0] * 4

    def update(worker: int) -> None:
        for number in numbers[worker::4].tolist():
            try:
                router.update(generation(number))
            except ValueError:
                refused[worker] += 1

    threads = [threading.Thread(target=update, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert router.version.revision == 199
    assert router["key"] == "g199"
    assert sum(refused) > 0


def test_tables_live_as_long_as_a_lookup_holds_them() -> None:
    router = Router(generation(1))
    held = router.tables
    router.update(generation(2))
    assert held.names[-1] == "s1"
    assert router.tables.names[-1] == "s2"


def everything(router: Router, held: PartitionMap, some: list[bytes]) -> list[Any]:
    """Return all that a router says of keys, errors included."""
    ranges = [] if isinstance(held.keys, HashKeys) else held.keys.ranges
    answers: list[Any] = [router.version, router.names, router.byte_count]
    for key in some + [near for item in ranges for near in neighbours(item.start)]:
        try:
            answers += [router.partition_name(key), router.copies(key), router[key]]
        except (KeyNotCovered, NoMaster) as error:
            answers.append(str(error))
    return answers


@given(routed_maps(), routed_maps(), st.lists(keys, max_size=10))
def test_after_a_delta_a_router_says_what_one_of_the_new_map_says(
    old: PartitionMap, new: PartitionMap, some: list[bytes]
) -> None:
    new = new.replace(version=(1, 2))
    router = Router(old)
    assert router.update(wire.delta(old, new))
    assert everything(router, new, some) == everything(Router(new), new, some)
    assert not router.update(wire.delta(old, new))


@given(st.data(), st.one_of(st.just(HashKeys(9)), range_keys()), st.lists(keys, max_size=5))
def test_deltas_one_after_the_other_keep_a_router_right(
    data: st.DataObject, of: HashKeys | RangeKeys, some: list[bytes]
) -> None:
    before = data.draw(routed_maps(st.just(of)))
    router = Router(before)
    for revision in (2, 3, 4):
        after = data.draw(routed_maps(st.just(of))).replace(version=(1, revision))
        router.update(wire.delta(before, after))
        assert everything(router, after, some) == everything(Router(after), after, some)
        before = after


def test_a_split_by_delta_is_answered_by_the_source_and_then_by_its_parts() -> None:
    whole = KeyRange.from_name("a-h")
    parts = [KeyRange.from_name("a-c", "a-h"), KeyRange.from_name("d-h", "a-h")]
    old, low, high = ("old", MASTER), ("low", MASTER), ("high", MASTER)
    steps = [
        ([whole], [[old]]),
        ([whole, *parts], [[old], [("low", SLAVE)], [("high", SLAVE)]]),
        ([whole, *parts], [[("old", SLAVE)], [low], [high]]),
        (parts, [[low], [high]]),
    ]
    maps = [
        PartitionMap.from_copies(
            copies, ["old", "low", "high"], keys=RangeKeys(ranges), version=(1, number)
        )
        for number, (ranges, copies) in enumerate(steps)
    ]
    router = Router(maps[0])
    answers = []
    for before, after in pairwise(maps):
        router.update(wire.delta(before, after))
        answers.append((router["b"], router["e"], router.partition_name("b")))
    assert answers == [("old", "old", "a-h"), ("low", "high", "a-c"), ("low", "high", "a-c")]


def test_a_delta_from_another_base_is_refused_and_changes_nothing() -> None:
    router = Router(generation(4))
    before = router.tables
    same_version = generation(5).replace(version=(1, 4))
    for base, newer in (
        (generation(3), generation(5)),
        (generation(5), generation(6)),
        (same_version, generation(6)),
    ):
        with pytest.raises(VersionWindowError, match="found a delta from version"):
            router.update(wire.delta(base, newer))
    assert router.tables is before
    assert router.staleness.refused_count == 3


def test_a_delta_that_leads_back_in_time_is_refused() -> None:
    router = Router(generation(4))
    with pytest.raises(
        VersionWindowError, match=r"found a delta to version 1\.3, expected one above"
    ):
        router.update(wire.delta(generation(4), generation(3)))
    assert router["key"] == "g4"


def test_what_lies_outside_the_window_is_refused_and_changes_nothing() -> None:
    window = VersionWindow(least=(1, 0), most=(1, 5))  # type: ignore[arg-type]
    router = Router(generation(4), window=window)
    for source in (
        generation(6),
        wire.snapshot(generation(6)),
        wire.delta(generation(4), generation(6)),
    ):
        with pytest.raises(VersionWindowError, match=r"found version 1\.6"):
            router.update(source)
    assert router.update(generation(5))
    with pytest.raises(VersionWindowError):
        Router(generation(6), window=window)


@pytest.mark.parametrize("wrong", [None, 5, "text", {}])
def test_what_is_no_update_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected a PartitionMap, a Delta or bytes"):
        Router(generation(1)).update(wrong)


def test_damaged_bytes_change_nothing() -> None:
    router = Router(generation(4))
    message = bytearray(wire.delta(generation(4), generation(5)))
    message[len(message) // 2] ^= 1
    for damaged in (bytes(message), bytes(message[:-9]), b""):
        with pytest.raises(WireError):
            router.update(damaged)
    assert router["key"] == "g4"


def test_a_delta_whose_rows_are_no_rows_of_a_map_changes_nothing() -> None:
    old, new = generation(3), generation(6)
    router = Router(old)
    for field, values in (("copy_nodes", 999), ("copy_nodes", 0), ("copy_codes", 0)):
        change = wire.delta_between(old, new)
        getattr(change, field)[:] = values
        with pytest.raises(MapcoreError):
            router.update(change)
    assert router["key"] == "g3"


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="needs a free-threaded Python"
)
def test_on_a_free_threaded_python_the_router_brings_the_gil_back() -> None:
    # A reader takes a reference to the tables while a writer may drop it: safe under the GIL only,
    # and the kernel says so, so that the interpreter turns it on.
    assert getattr(sys, "_is_gil_enabled", lambda: True)()
