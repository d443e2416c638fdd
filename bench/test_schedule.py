from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.comparison import compare
from mapcore.actualizing.moves import UNLIMITED, Moves, StreamLimits
from mapcore.actualizing.rounds import find_rounds


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
