"""Lookups, each against the primitive or the peer that does the same or the least of it."""

from __future__ import annotations

import time
import zlib
from bisect import bisect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare, time_calls
from mapcore import wire
from mapcore._kernels import _crc32
from mapcore._kernels._routing import Tables

MASTER, SLAVE = (
    mapcore.state_code(placement)
    for placement in (mapcore.Placement.MASTER, mapcore.Placement.SLAVE)
)
ByteKeys = NDArray[np.bytes_]
Scale = Callable[[int], int]


def spread_map(partitions: int, nodes: int) -> mapcore.PartitionMap:
    """Return a map of three copies a partition, at random nodes."""
    random = np.random.default_rng(1)
    masters = random.integers(0, nodes, partitions)
    table = (masters[:, None] + np.array([0, 1, 2])) % nodes
    names = [f"node{number}" for number in range(nodes)]
    return mapcore.PartitionMap.from_table(table.astype(np.int32), [MASTER, SLAVE, SLAVE], names)


def random_keys(count: int, width: int = 16) -> ByteKeys:
    """Return keys of full width: none ends in NUL."""
    random = np.random.default_rng(2)
    rows = random.integers(1, 256, (count, width), dtype=np.uint8)
    return rows.view(f"S{width}").ravel()


def range_router(starts: ByteKeys) -> mapcore.Router:
    """Return a router over ranges that start at these keys and leave no gap between them."""
    listed = starts.tolist()
    keys = mapcore.RangeKeys(
        mapcore.KeyRange(str(number), start, end)
        for number, (start, end) in enumerate(zip(listed, [*listed[1:], None], strict=True))
    )
    nodes = 40_000
    table = np.arange(len(starts), dtype=np.int32)[:, None] * 7 % nodes
    names = [f"node{number}" for number in range(nodes)]
    return mapcore.Router(mapcore.PartitionMap.from_table(table, [MASTER], names, keys=keys))


def time_items(router: mapcore.Router, keys: list[bytes]) -> Callable[[], float]:
    """Return a callable that gives the seconds of one `router[key]`, less the empty loop."""

    def run() -> float:
        start = time.perf_counter()
        for key in keys:
            router[key]
        middle = time.perf_counter()
        for _ in keys:
            pass
        return ((middle - start) - (time.perf_counter() - middle)) / len(keys)

    return run


@pytest.fixture(scope="module")
def hash_router(scale: Scale) -> mapcore.Router:
    return mapcore.Router(spread_map(scale(65_536), scale(40_000)))


# One key


@pytest.mark.parametrize("width", [16, 36, 100])
def test_one_key_to_its_node(
    benchmark: BenchmarkFixture, hash_router: mapcore.Router, width: int
) -> None:
    keys = random_keys(1000, width).tolist()
    compare(
        benchmark,
        row=f"one lookup, bytes key of {width} → node, `router[key]`",
        ours=time_items(hash_router, keys),
        peer=time_calls(zlib.crc32, keys),
        peer_name="`zlib.crc32(key)` alone",
        target=0.7,
        self_timed=True,
    )


@pytest.mark.parametrize("method", ["node", "partition", "copies"])
def test_one_key_by_method(
    benchmark: BenchmarkFixture, hash_router: mapcore.Router, method: str
) -> None:
    keys = random_keys(1000).tolist()
    compare(
        benchmark,
        row=f"one lookup, bytes key of 16, `router.{method}(key)`",
        ours=time_calls(getattr(hash_router, method), keys),
        peer=time_calls(zlib.crc32, keys),
        peer_name="`zlib.crc32(key)` alone",
        self_timed=True,
    )


def test_one_key_on_a_cold_map(benchmark: BenchmarkFixture, scale: Scale) -> None:
    router = mapcore.Router(spread_map(scale(1 << 22), scale(40_000)))
    keys = random_keys(scale(1 << 18)).tolist()
    compare(
        benchmark,
        row=f"one lookup, {router.partition_count:,} partitions, {len(keys):,} keys in turn",
        ours=time_items(router, keys),
        peer=time_calls(zlib.crc32, keys),
        peer_name="`zlib.crc32(key)` alone",
        self_timed=True,
        note="keys and tables come from beyond the second-level cache",
    )


@pytest.mark.parametrize("shape", ["random", "user:%07d"])
def test_one_range_lookup(benchmark: BenchmarkFixture, scale: Scale, shape: str) -> None:
    count = scale(65_536)
    starts = (
        np.unique(random_keys(count))
        if shape == "random"
        else np.array([b"user:%07d" % number for number in range(0, 3 * count, 3)])
    )
    router = range_router(starts)
    listed = starts.tolist()
    random = np.random.default_rng(3)
    keys = (
        random_keys(11_000)[1000:].tolist()
        if shape == "random"
        else [b"user:%07d" % number for number in random.integers(0, 3 * count, 10_000)]
    )
    keys = [key for key in keys if key in router]
    compare(
        benchmark,
        row=f"one range lookup → node, {count:,} ranges, {shape} keys",
        ours=time_items(router, keys),
        peer=time_calls(partial(bisect, listed), keys),
        peer_name="`bisect.bisect` on the same list",
        target=0.3,
        self_timed=True,
    )


# Many keys


def with_crc32(held: mapcore.PartitionMap, implementation: str) -> mapcore.Router:
    """Return a router that uses one of the implementations of CRC-32."""
    router = mapcore.Router(held)
    best = router.tables
    router._swap(
        best,
        Tables(
            best.names,
            best.masters,
            best.others,
            best.other_offsets,
            best.other_count,
            best.ranges,
            best.rank_partitions,
            best.facts,
            crc32=implementation,
        ),
    )
    return router


@pytest.mark.parametrize(
    ("implementation", "target"), [("vpclmul", 3), ("pclmul", 6), ("tables", None)]
)
def test_many_keys_to_their_nodes(
    benchmark: BenchmarkFixture, scale: Scale, implementation: str, target: float | None
) -> None:
    if implementation not in _crc32.implementations():
        pytest.skip(f"this processor has no {implementation}")
    router = with_crc32(spread_map(scale(65_536), scale(40_000)), implementation)
    keys = random_keys(scale(1_000_000))
    table = router.tables.masters
    indices = router.partitions(keys).astype(np.intp)
    out = np.empty(len(keys), np.int32)
    compare(
        benchmark,
        row=f"{len(keys):,} keys of 16 bytes → node numbers, CRC-32 by {implementation}",
        ours=lambda: router.nodes(keys, out),
        peer=lambda: table.take(indices),
        peer_name="`table.take(indices)`",
        target=target,
    )


def test_two_threads(
    benchmark: BenchmarkFixture, hash_router: mapcore.Router, scale: Scale
) -> None:
    keys = random_keys(scale(8_000_000))
    out = np.empty(len(keys), np.int32)
    half = len(keys) // 2
    with ThreadPoolExecutor(2) as threads:
        compare(
            benchmark,
            row=f"{len(keys):,} keys of 16 bytes → node numbers, two threads",
            ours=lambda: [
                *threads.map(
                    hash_router.nodes, (keys[:half], keys[half:]), (out[:half], out[half:])
                )
            ],
            peer=lambda: hash_router.nodes(keys, out),
            peer_name="one thread",
            target=0.6,
            note="two processors idle otherwise: 0.5 would be perfect",
        )


@pytest.mark.parametrize("kind", [bytes, str])
def test_a_list_of_keys_to_their_nodes(
    benchmark: BenchmarkFixture, hash_router: mapcore.Router, scale: Scale, kind: type
) -> None:
    keys: list[Any] = random_keys(scale(1_000_000)).tolist()
    if kind is str:
        keys = [key.hex()[:16] for key in keys]
    out = np.empty(len(keys), np.int32)
    encoded = [key.encode() if isinstance(key, str) else key for key in keys]
    compare(
        benchmark,
        row=f"list of {len(keys):,} {kind.__name__} → node numbers",
        ours=lambda: hash_router.nodes(keys, out),
        peer=lambda: [zlib.crc32(key) for key in encoded],
        peer_name="`[zlib.crc32(key) for key in keys]`",
        rounds=5,
    )


def test_group_by_node(
    benchmark: BenchmarkFixture, hash_router: mapcore.Router, scale: Scale
) -> None:
    keys = random_keys(scale(1_000_000))
    nodes = hash_router.nodes(keys)
    compare(
        benchmark,
        row=f"group {len(keys):,} keys by node, lookup included",
        ours=lambda: hash_router.group(keys),
        peer=lambda: np.argsort(nodes, kind="stable"),
        peer_name='`numpy.argsort(kind="stable")` of the node numbers',
        target=0.3,
        rounds=7,
    )


def starts_and_keys(shape: str, ranges: int, count: int) -> tuple[ByteKeys, ByteKeys]:
    """Return sorted starts of ranges, and keys to look up."""
    random = np.random.default_rng(4)
    if shape == "random":
        return np.unique(random_keys(ranges)), random_keys(count + ranges)[ranges:]
    if shape == "user:%07d":
        numbers = random.integers(0, ranges, count)
        return (
            np.array([b"user:%07d" % number for number in range(ranges)]),
            np.array([b"user:%07d" % number for number in numbers]),
        )
    heads = random_keys(ranges // 64, 8).view(np.uint8).reshape(-1, 8)
    rows = random_keys(ranges + count, 8).view(np.uint8).reshape(-1, 8)
    picked = np.concatenate(
        [np.repeat(heads, 64, axis=0), heads[random.integers(0, len(heads), count)]]
    )
    keys = np.concatenate([picked, rows[len(rows) - len(picked) :]], axis=1).view("S16").ravel()
    return np.unique(keys[: len(picked) - count]), keys[len(picked) - count :]


@pytest.mark.parametrize(
    ("shape", "ranges", "target"),
    [
        ("random", 65_536, 0.08),
        ("random", 1_000_000, 0.05),
        ("user:%07d", 1_000_000, 0.05),
        ("64 to a prefix of 8 bytes", 1_000_000, None),
    ],
)
def test_many_keys_to_their_ranges(
    benchmark: BenchmarkFixture, scale: Scale, shape: str, ranges: int, target: float | None
) -> None:
    starts, keys = starts_and_keys(shape, scale(ranges), scale(1_000_000))
    router = range_router(starts)
    out = np.empty(len(keys), np.int32)
    compare(
        benchmark,
        row=f"{len(keys):,} keys → partitions, {len(starts):,} ranges, {shape}",
        ours=lambda: router.partitions(keys, out, missing="-1"),
        peer=lambda: np.searchsorted(starts, keys, side="right"),
        peer_name="`numpy.searchsorted`",
        target=target,
        rounds=5,
    )


# Peers


@pytest.mark.parametrize("peer", ["uhashring", "jump", "rendezvous", "dict"])
def test_other_ways_to_place_keys(
    benchmark: BenchmarkFixture, hash_router: mapcore.Router, scale: Scale, peer: str
) -> None:
    keys = random_keys(200).tolist()
    nodes = scale(1000)
    names = [f"node{number}" for number in range(nodes)]
    find: Callable[[Any], Any]
    note = f"{nodes:,} nodes for the peer"
    if peer == "uhashring":
        ring = pytest.importorskip("uhashring", reason="needs uhashring, of the extra `bench`")
        texts = [key.hex() for key in keys]
        find, peer_keys = ring.HashRing(nodes=names).get_node, texts
    elif peer == "jump":
        jump = pytest.importorskip("jump", reason="needs jump-consistent-hash, of `bench`")
        find, peer_keys = (lambda key: jump.hash(zlib.crc32(key), nodes)), keys
    elif peer == "rendezvous":
        seeds = np.random.default_rng(5).integers(0, 2**32, nodes, dtype=np.uint64)
        find, peer_keys = (lambda key: names[best_of(seeds, zlib.crc32(key))]), keys
    else:
        known = {key: hash_router[key] for key in keys}
        find, peer_keys = known.__getitem__, keys
        note = "a dict that knows every key beforehand"
    compare(
        benchmark,
        row=f"one lookup → node, against {peer}",
        ours=time_items(hash_router, keys),
        peer=time_calls(find, peer_keys),
        peer_name=peer,
        self_timed=True,
        note=note,
    )


def best_of(seeds: NDArray[np.uint64], hashed: int) -> int:
    """Return the node with the highest score for a key: a rendezvous hash, in numpy."""
    mixed = (seeds ^ np.uint64(hashed)) * np.uint64(0x9E3779B97F4A7C15)
    return int(np.argmax(mixed ^ (mixed >> np.uint64(32))))


# Maps


def test_a_router_from_a_map(benchmark: BenchmarkFixture, scale: Scale) -> None:
    held = spread_map(scale(1 << 20), scale(40_000))
    compare(
        benchmark,
        row=f"tables of a router, {held.partition_count:,} partitions × 3",
        ours=lambda: mapcore.Router(held),
        peer=lambda: held.copy_nodes.copy(),
        peer_name="copy of the map's node numbers",
        note=f"{mapcore.Router(held).byte_count / held.copy_nodes.nbytes:.2f} times their bytes",
    )


def failed_node(held: mapcore.PartitionMap) -> mapcore.PartitionMap:
    """Return the map with the copies of one node dead, as the next version."""
    codes = held.copy_codes.copy()
    codes[held.copy_nodes == held.copy_nodes[0]] = mapcore.state_code(mapcore.Placement.DEAD)
    failed = mapcore.PartitionMap.from_index(
        held.offsets, held.copy_nodes, codes, held.nodes, keys=held.keys
    )
    return failed.replace(version=(0, 1))


@pytest.mark.parametrize("partitions", [65_536, 1 << 20])
def test_an_update_by_a_delta(benchmark: BenchmarkFixture, scale: Scale, partitions: int) -> None:
    held = spread_map(scale(partitions), scale(40_000))
    newer = failed_node(held)
    message = wire.delta(held, newer)
    router = mapcore.Router(held)
    before = router.tables

    def update() -> None:
        router._swap(router.tables, before)
        router.update(message)

    compare(
        benchmark,
        row=f"update by the delta of one node's failure, {held.partition_count:,} partitions × 3",
        ours=update,
        peer=lambda: mapcore.Router(newer),
        peer_name="`Router(map)`, laid out anew",
        note=f"{len(message):,} bytes, {len(message) / len(wire.snapshot(held)):.2g} of a snapshot",
    )


@pytest.mark.parametrize("what", ["snapshot", "load_snapshot", "delta", "apply"])
def test_messages(benchmark: BenchmarkFixture, scale: Scale, what: str) -> None:
    held = spread_map(scale(1 << 20), scale(40_000))
    newer = failed_node(held)
    sent, change = wire.snapshot(held), wire.delta(held, newer)
    ours: dict[str, Callable[[], Any]] = {
        "snapshot": lambda: wire.snapshot(held),
        "load_snapshot": lambda: wire.load_snapshot(sent),
        "delta": lambda: wire.delta(held, newer),
        "apply": lambda: wire.apply(held, change),
    }
    compare(
        benchmark,
        row=f"wire.{what}, {held.partition_count:,} partitions × 3",
        ours=ours[what],
        peer=lambda: zlib.crc32(held.copy_nodes.data),
        peer_name="`zlib.crc32` of the map's node numbers",
        rounds=5,
        note=f"snapshot {len(sent):,} bytes, delta of a node's failure {len(change):,}",
    )
