from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore.errors import KeyNotCovered, NoMaster, VersionWindowError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap, Version
from mapcore.routing import Router
from mapcore.states import Placement, Running, state_code
from tests.key_strategies import keys, neighbours, routed_maps, texts
from tests.twins.routing import copies_of, masters_of, partition_of

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
DEAD = state_code(Placement.DEAD)
STOPPED_MASTER = state_code(Placement.MASTER, Running.STOPPED)
PENDING_MASTER = state_code(Placement.PENDING_MASTER)
PENDING_SLAVE = state_code(Placement.PENDING_SLAVE)

SPLIT = [
    KeyRange.from_name("a-h"),
    KeyRange.from_name("a-c", "a-h"),
    KeyRange.from_name("d-h", "a-h"),
]


def hash_map(*partitions: dict[str, int], version: tuple[int, int] = (1, 1)) -> PartitionMap:
    names = sorted({name for copies in partitions for name in copies})
    return PartitionMap.from_copies(
        [copies.items() for copies in partitions], names, version=version
    )


def range_map(ranges: list[KeyRange], *partitions: dict[str, int]) -> PartitionMap:
    names = sorted({name for copies in partitions for name in copies})
    return PartitionMap.from_copies(
        [copies.items() for copies in partitions], names, keys=RangeKeys(ranges)
    )


def near_starts(held: PartitionMap) -> list[bytes]:
    if isinstance(held.keys, HashKeys):
        return []
    return [near for item in held.keys.ranges for near in neighbours(item.start)]


# One key


@given(routed_maps(), st.lists(keys, max_size=10))
def test_each_lookup_says_what_the_map_says(held: PartitionMap, some: list[bytes]) -> None:
    router = Router(held)
    for key in some + near_starts(held):
        partition = partition_of(held, key)
        assert (key in router) == (partition is not None)
        if partition is None:
            lookups: list[Callable[[bytes], object]] = [
                router.partition,
                router.node,
                router.copies,
                router.partition_name,
            ]
            for lookup in lookups:
                with pytest.raises(KeyNotCovered) as caught:
                    lookup(key)
                assert caught.value.key == key
            assert router.get(key, "nowhere") == "nowhere"
            continue
        assert router.partition(key) == partition
        assert router.partition_name(key) == held.keys.name(partition)
        assert router.copies(key) == copies_of(held, partition)
        assert [held.nodes.names[number] for number in router.copy_numbers(key)] == list(
            router.copies(key)
        )
        masters = masters_of(held, partition)
        if masters:
            assert router[key] == router.node(key) == router.get(key) == masters[0]
            assert held.nodes.names[router.node_number(key)] == masters[0]
        else:
            for of_master in (router.node, router.node_number, router.__getitem__):
                with pytest.raises(NoMaster) as unserved:
                    of_master(key)
                assert unserved.value.partition == held.keys.name(partition)
                assert unserved.value.copies == ", ".join(map(str, held.copies(partition)))
            assert router.get(key) is None


@given(texts)
def test_text_is_looked_up_as_utf8(text: str) -> None:
    router = Router(hash_map(*({f"n{number}": MASTER} for number in range(50))))
    wanted = f"n{zlib.crc32(text.encode()) % 50}"
    assert router[text] == router[text.encode()] == router.node(text) == wanted


@given(keys)
def test_every_kind_of_bytes_is_the_same_key(key: bytes) -> None:
    router = Router(hash_map(*({f"n{number}": MASTER} for number in range(50))))
    every_other = memoryview(bytes(byte for value in key for byte in (value, 7)))[::2]
    kinds: list[Any] = [bytearray(key), memoryview(key), np.bytes_(key.rstrip(b"\0"))]
    assert [router[kind] for kind in kinds[:2]] == [router[key]] * 2
    assert router[every_other] == router[key]
    assert router[kinds[2]] == router[key.rstrip(b"\0")]


@pytest.mark.parametrize("wrong", [None, 1, 1.5, ("a",), ["a"], np.int64(5), np.zeros(3)])
def test_what_is_no_key_is_refused_by_its_type(wrong: Any) -> None:
    router = Router(hash_map({"a": MASTER}))
    for lookup in (router.partition, router.node, router.copies, router.__getitem__, router.get):
        with pytest.raises(TypeError, match=f"found {type(wrong).__name__}, expected bytes"):
            lookup(wrong)
    with pytest.raises(TypeError, match="expected bytes"):
        _ = wrong in router


def test_names_are_shared_objects() -> None:
    held = hash_map({"node": MASTER, "other": SLAVE})
    router = Router(held)
    assert router["x"] is router.node("y") is router.copies("z")[0] is held.nodes.names[0]


def test_a_stopped_master_is_passed_over_and_dead_copies_do_not_count() -> None:
    router = Router(hash_map({"a": STOPPED_MASTER, "b": SLAVE, "c": DEAD}))
    assert router.copies("key") == ("b",)
    with pytest.raises(
        NoMaster, match="partition 0 has no master; its copies: a master stopped, b"
    ):
        _ = router["key"]


def test_in_the_middle_of_a_takeover_the_old_master_answers() -> None:
    router = Router(hash_map({"new": PENDING_SLAVE, "old": PENDING_MASTER, "third": SLAVE}))
    assert router["key"] == "old"
    assert router.copies("key") == ("old", "third", "new")


def test_several_masters_stand_before_slaves() -> None:
    router = Router(hash_map({"s": SLAVE, "m": MASTER, "n": MASTER}))
    assert router.copies("key") == ("m", "n", "s")


def test_no_online_copy_at_all_is_an_empty_tuple() -> None:
    router = Router(hash_map({"a": DEAD}, {"a": DEAD}))
    assert router.copies("key") == ()
    assert router.copy_numbers("key") == ()


# Ranges that are being split


def test_in_the_middle_of_a_split_the_source_answers_while_it_has_a_master() -> None:
    router = Router(range_map(SPLIT, {"old": MASTER}, {"low": MASTER}, {"high": MASTER}))
    assert [router[key] for key in ("a", "c", "d", "hz")] == ["old"] * 4
    assert router.partition_name("d") == "a-h"


def test_once_the_source_has_no_master_the_ranges_that_come_from_it_answer() -> None:
    router = Router(range_map(SPLIT, {"old": STOPPED_MASTER}, {"low": MASTER}, {"high": MASTER}))
    assert [router[key] for key in ("a", "cz", "d", "hz")] == ["low", "low", "high", "high"]


def test_where_no_range_has_a_master_the_source_is_the_one_that_lacks_it() -> None:
    router = Router(range_map(SPLIT, {"old": SLAVE}, {"low": SLAVE}, {"high": MASTER}))
    assert router["d"] == "high"
    with pytest.raises(NoMaster, match="partition a-h has no master; its copies: old slave"):
        _ = router["a"]


# Memory


def test_neither_the_map_nor_its_ranges_are_kept() -> None:
    held = range_map(SPLIT, {"a": MASTER}, {"b": MASTER}, {"c": MASTER})
    counts = sys.getrefcount(held), sys.getrefcount(held.keys), sys.getrefcount(held.copy_nodes)
    router = Router(held)
    assert router["a"] == "a"
    assert counts == (
        sys.getrefcount(held),
        sys.getrefcount(held.keys),
        sys.getrefcount(held.copy_nodes),
    )


def test_tables_take_four_bytes_a_copy_and_little_more() -> None:
    partitions, nodes = 20_000, 400
    numbers = np.arange(partitions)[:, None] * 7 + np.arange(3)
    table = (numbers % nodes).astype(np.int32)
    names = [f"n{number}" for number in range(nodes)]
    even = PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], names)
    assert Router(even).byte_count < 1.01 * 4 * 3 * partitions
    table[::7, 2] = -1
    uneven = PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], names)
    assert Router(uneven).byte_count < 1.5 * 4 * uneven.copy_count


# Updates


def test_an_update_to_a_newer_map_changes_the_answers() -> None:
    router = Router(hash_map({"a": MASTER}, version=(1, 9)))
    assert router.update(hash_map({"b": MASTER}, version=(2, 0)))
    assert router["key"] == "b"
    assert router.version == Version(2, 0)


@pytest.mark.parametrize("version", [(1, 8), (0, 99), (1, 9)])
def test_an_update_to_another_map_of_the_same_or_an_older_version_changes_nothing(
    version: tuple[int, int],
) -> None:
    router = Router(hash_map({"a": MASTER}, version=(1, 9)))
    before = router.tables
    with pytest.raises(VersionWindowError, match=r"1\.9"):
        router.update(hash_map({"b": MASTER}, version=version))
    assert router.tables is before
    assert (router["key"], router.version) == ("a", Version(1, 9))


@given(routed_maps(), routed_maps())
def test_the_same_map_again_is_no_change_and_one_that_answers_otherwise_an_error(
    one: PartitionMap, other: PartitionMap
) -> None:
    router = Router(one)
    assert not router.update(one)
    assert not router.update(one.replace(extra={0: {"note": 1}}))
    probes = near_starts(one) + near_starts(other) + [b"%d" % number for number in range(40)]
    if any(
        (router.get(key), key in router) != (Router(other).get(key), key in Router(other))
        for key in probes
    ):
        with pytest.raises(VersionWindowError):
            router.update(other)


def test_a_router_of_another_key_function_after_an_update() -> None:
    router = Router(hash_map({"a": MASTER}))
    ranges = range_map([KeyRange("all", b"", None)], {"b": MASTER})
    router.update(ranges.replace(version=(3, 0)))
    assert (router["x"], router.partition_name("x")) == ("b", "all")


def test_a_router_that_was_never_given_a_map_serves_nothing() -> None:
    empty = Router.__new__(Router)
    assert empty.get("key") is None
    assert empty.copies("key") == ()


def test_a_router_says_what_it_is() -> None:
    assert repr(Router(hash_map({"a": MASTER}))) == "<Router: 1 partitions on 1 nodes, version 1.1>"
    assert mapcore.Router is Router
