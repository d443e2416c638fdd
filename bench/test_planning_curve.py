"""How time and memory of `plan` grow with the number of copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from bench.memory import peak_bytes
from bench.test_planning import COPIES, changes_of, cluster_of

ADDED = "add 1 % of nodes"


@pytest.mark.parametrize("kind", ["fresh", ADDED])
@pytest.mark.parametrize("copies", [10**3, 10**4, 10**5, 10**6, 10**7])
def test_growth_with_copies(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], copies: int, kind: str
) -> None:
    partitions = scale(copies) // COPIES
    nodes = max(16, min(40_000, copies // 25))
    cluster = cluster_of(nodes, partitions)
    if kind != "fresh":
        cluster = cluster.with_current(mapcore.plan(cluster).target)
    changes = changes_of(kind, cluster)
    numbers = np.random.default_rng(1).integers(0, 2**63 - 1, partitions * COPIES)
    peak = peak_bytes(lambda: mapcore.plan(cluster, **changes))
    found = compare(
        benchmark,
        row=f"plan, {partitions * COPIES:,} copies on {nodes:,} nodes: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes),
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="stable argsort of as many int64",
        rounds=3 if copies > 10**6 else 7,
    )
    each = f"{found.ours_seconds / (partitions * COPIES) * 1e9:,.0f} ns a copy"
    memory = "" if peak is None else f", {peak / 1e6:,.1f} MB at most"
    benchmark.extra_info["note"] = each + memory


@pytest.mark.parametrize("kind", ["fresh", ADDED, "lose a zone"])
def test_memory(benchmark: BenchmarkFixture, scale: Callable[[int], int], kind: str) -> None:
    nodes, partitions = scale(40_000), scale(1_048_576)
    cluster = cluster_of(nodes, partitions)
    current = mapcore.plan(cluster).target
    if kind != "fresh":
        cluster = cluster.with_current(current)
    changes = changes_of(kind, cluster)
    arrays = (current.offsets, current.copy_nodes, current.copy_codes)
    size = sum(array.nbytes for array in arrays)
    made = []
    peak = peak_bytes(lambda: made.append(mapcore.plan(cluster, **changes)))
    memory = "peak memory not known here"
    if peak is not None:
        memory = f"{peak / 1e6:,.0f} MB at most, {peak / size:.1f} times the compact map (≤ 20)"
    compare(
        benchmark,
        row=f"memory of a plan, {nodes:,} nodes × {partitions:,} × {COPIES}: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes),
        peer=lambda: [array.copy() for array in arrays],
        peer_name="copy of the compact map",
        rounds=3,
        note=memory,
    )
