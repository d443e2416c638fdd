from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits
from mapcore.actualizing.scheduling.rounds import find_rounds
from mapcore.actualizing.scheduling.times import find_times
from mapcore.cluster import Config

CODES = [
    mapcore.state_code(placement)
    for placement in (mapcore.Placement.MASTER, mapcore.Placement.SLAVE, mapcore.Placement.SLAVE)
]


def shuffle(moves: int, nodes: int, copies: int) -> Moves:
    """Return moves of every copy of every partition to another node, loads even within one."""
    random = np.random.default_rng(1)
    partitions = moves // copies
    holders = np.stack(
        [random.permutation(partitions) % nodes for _ in range(2 * copies)], axis=1
    ).astype(np.int32)
    ordered = np.sort(holders, axis=1)
    holders = holders[(np.diff(ordered, axis=1) > 0).all(axis=1)]
    count = len(holders)
    return Moves(
        partitions=np.repeat(np.arange(count, dtype=np.int32), copies),
        partition_count=count,
        targets=holders[:, copies:].ravel(),
        target_volumes=holders[:, copies:].ravel(),
        candidates_begin=np.arange(count * copies + 1) * copies,
        candidates=np.repeat(holders[:, :copies], copies, axis=0).ravel(),
    )


def limits_of(nodes: int, joint: int | None, scans: int) -> StreamLimits:
    return StreamLimits(
        out_of_node=np.full(nodes, joint or 2, dtype=np.int32),
        into_node=np.full(nodes, joint or 2, dtype=np.int32),
        of_node=None if joint is None else np.full(nodes, joint, dtype=np.int32),
        node_of_volume=np.arange(nodes, dtype=np.int32),
        scans=np.full(nodes, scans, dtype=np.int32),
    )


@pytest.mark.parametrize(
    ("what", "joint", "scans"),
    [
        ("2 streams in, 2 out", None, UNLIMITED),
        ("4 in and out together", 4, UNLIMITED),
        ("3 in and out together", 3, UNLIMITED),
        ("2 in, 2 out, 1 scan a volume", None, 1),
    ],
)
def test_rounds_of_a_million_moves(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    what: str,
    joint: int | None,
    scans: int,
) -> None:
    nodes = max(64, scale(40_000))
    moves = shuffle(scale(1 << 20), nodes, copies=3)
    limits = limits_of(nodes, joint, scans)
    random = np.random.default_rng(2).integers(0, 1 << 60, len(moves))
    found = find_rounds(moves, limits)
    compare(
        benchmark,
        row=f"schedule, {len(moves):,} moves, {nodes:,} nodes, {what}",
        ours=lambda: find_rounds(moves, limits),
        peer=lambda: np.argsort(random, kind="stable"),
        peer_name="stable argsort of as many int64",
        target=10,
        rounds=3,
        note=f"{found.rounds} rounds, the lower bound is {found.bound}",
    )


@pytest.mark.parametrize(
    ("what", "joint", "scans"),
    [
        ("2 streams in, 2 out", None, UNLIMITED),
        ("4 in and out together", 4, UNLIMITED),
        ("1 in and out together", 1, UNLIMITED),
        ("2 in, 2 out, 1 scan a volume", None, 1),
    ],
)
def test_time_lines_of_streams_of_unequal_length(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    what: str,
    joint: int | None,
    scans: int,
) -> None:
    nodes = max(16, scale(128))
    moves = shuffle(scale(4_096), nodes, copies=3)
    limits = limits_of(nodes, joint, scans)
    random = np.random.default_rng(3)
    sizes = np.exp(random.normal(0, 0.5, moves.partition_count))[moves.partitions]
    rates, numbers = np.ones(nodes), random.integers(0, 1 << 60, len(moves))
    found = find_times(moves, limits, sizes, rates)
    compare(
        benchmark,
        row=f"time line, {len(moves):,} streams of log-normal length, {nodes} nodes, {what}",
        ours=lambda: find_times(moves, limits, sizes, rates),
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="stable argsort of as many int64",
        rounds=3,
        note=f"{found.end_seconds / found.bound_seconds:.3f} of the lower bound",
    )


@pytest.mark.parametrize("by", ["rounds", "time"])
def test_verifying(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], by: Literal["rounds", "time"]
) -> None:
    partitions, count = scale(32_768), scale(4_096)
    random = np.random.default_rng(4)
    shift = random.permutation(count)
    index = mapcore.NodeIndex(f"node{number}" for number in range(count))
    places = np.arange(partitions)[:, None] + np.array([0, 1, 2])
    sizes = random.integers(1, 1 << 30, partitions)
    current, target = (
        mapcore.PartitionMap.from_table(nodes.astype(np.int64), CODES, index).replace(sizes=sizes)
        for nodes in (shift[places % count], shift[(places + np.array([0, 0, 5])) % count])
    )
    config = Config(max_bytes_per_second_per_stream=1 << 20)
    schedule = mapcore.schedule(current, target, config, by=by)
    steps = list(schedule.to_json_lines())
    assert mapcore.verify(current, target, steps, config)
    compare(
        benchmark,
        row=f"verify, {len(steps) - 1:,} steps by {by}, read from lines of JSON",
        ours=lambda: mapcore.verify(current, target, steps, config),
        peer=lambda: [msgspec.json.decode(line) for line in steps],
        peer_name="msgspec.json.decode of each line",
        rounds=3,
    )
