from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare

MASTER, SLAVE = (
    mapcore.state_code(placement)
    for placement in (mapcore.Placement.MASTER, mapcore.Placement.SLAVE)
)
CHANGED_CELLS = 32


@pytest.fixture(scope="module")
def matrices(
    scale: Callable[[int], int],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], mapcore.NodeIndex]:
    """Return two matrices that differ in a few cells, and their nodes."""
    partitions, nodes = 1440, scale(40_000)
    random = np.random.default_rng(1)
    before = np.zeros((partitions, nodes), dtype=np.uint8)
    for column in range(3):
        before[np.arange(partitions), random.integers(0, nodes, partitions)] = (
            SLAVE if column else MASTER
        )
    after = before.copy()
    after.flat[random.choice(after.size, CHANGED_CELLS, replace=False)] ^= SLAVE
    before.flags.writeable = after.flags.writeable = False
    return before, after, mapcore.NodeIndex(f"node{number}" for number in range(nodes))


@pytest.mark.parametrize(
    "call", [mapcore.diff, mapcore.validate_transitions], ids=["diff", "validate_transitions"]
)
def test_matrices_with_few_changes(
    benchmark: BenchmarkFixture,
    matrices: tuple[NDArray[np.uint8], NDArray[np.uint8], mapcore.NodeIndex],
    call: Callable[[mapcore.PartitionMap, mapcore.PartitionMap], object],
) -> None:
    before, after, nodes = matrices
    a, b = (mapcore.PartitionMap.from_dense(states, nodes) for states in (before, after))
    compare(
        benchmark,
        row=f"{call.__name__}, {before.shape[0]:,} × {before.shape[1]:,} dense, few changes",
        ours=lambda: call(a, b),
        peer=lambda: np.count_nonzero(before != after),
        peer_name="numpy.count_nonzero(a != b)",
        target=0.5,
    )


@pytest.mark.parametrize("share", [0.01, 1.0], ids=["few changes", "all rows change"])
def test_indexes(benchmark: BenchmarkFixture, scale: Callable[[int], int], share: float) -> None:
    partitions, nodes = scale(1 << 20), scale(40_000)
    rows = np.arange(partitions)
    table = np.stack([(rows * 3 + column * 17) % nodes for column in range(3)], axis=1)
    names = mapcore.NodeIndex(f"node{number}" for number in range(nodes))
    before = mapcore.PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], names)
    changed = rows[: max(1, round(partitions * share))]
    table[changed, 2] = (table[changed, 2] + 5) % nodes
    after = mapcore.PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], names)
    compare(
        benchmark,
        row=f"diff, {partitions:,} × 3 compact, {share:.0%} of rows change",
        ours=lambda: mapcore.diff(before, after),
        peer=lambda: np.flatnonzero(before.copy_nodes != after.copy_nodes),
        peer_name="numpy.flatnonzero(a != b) of the node numbers",
    )
