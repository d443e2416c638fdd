from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare


def test_index_from_a_matrix(benchmark: BenchmarkFixture, scale: Callable[[int], int]) -> None:
    partitions, nodes = 1440, scale(40_000)
    states = np.zeros((partitions, nodes), dtype=np.uint8)
    random = np.random.default_rng(1)
    for column in range(3):
        states[np.arange(partitions), random.integers(0, nodes, partitions)] = 18 + (column == 0)
    states.flags.writeable = False
    names = mapcore.NodeIndex(f"node{number}" for number in range(nodes))
    compare(
        benchmark,
        row=f"compact index from a matrix, {partitions:,} × {nodes:,}",
        ours=lambda: mapcore.PartitionMap.from_dense(states, names).offsets,
        peer=lambda: np.nonzero(states),
        peer_name="numpy.nonzero",
    )
