from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from mapcore.actualizing.view import NodeView
from mapcore.cluster import Node, Volume

CODES = [
    mapcore.state_code(placement)
    for placement in (mapcore.Placement.MASTER, mapcore.Placement.SLAVE, mapcore.Placement.SLAVE)
]


@pytest.mark.parametrize("share", [0.0, 0.01], ids=["nothing to do", "1 % of partitions move"])
def test_next_steps(benchmark: BenchmarkFixture, scale: Callable[[int], int], share: float) -> None:
    partitions, count = scale(65_536), scale(40_000)
    random = np.random.default_rng(1)
    table = np.stack([random.permutation(partitions) % count for _ in range(3)], axis=1)
    distinct = (np.diff(np.sort(table, axis=1), axis=1) > 0).all(axis=1)
    table = table[distinct]
    wanted = table.copy()
    moving = random.random(len(table)) < share
    wanted[moving, 2] = (wanted[moving, 2] + 1) % count
    wanted[(wanted[:, :2] == wanted[:, 2:]).any(axis=1)] = table[
        (wanted[:, :2] == wanted[:, 2:]).any(axis=1)
    ]
    index = mapcore.NodeIndex(f"node{number}" for number in range(count))
    current, target = (
        mapcore.PartitionMap.from_table(each, CODES, index) for each in (table, wanted)
    )
    volumes = (Volume(type="ssd", path="/a"), Volume(type="hdd", path="/b"))
    view = NodeView(
        [
            Node(name=name, location=f"z{number % 8}", volumes=volumes)
            for number, name in enumerate(index.names)
        ],
        [current],
    )
    numbers = random.integers(0, 1 << 62, table.size)
    compare(
        benchmark,
        row=f"next_steps, {count:,} × {partitions:,} × 3, {share:.0%} of partitions move",
        ours=lambda: mapcore.next_steps(current, target, nodes=view),
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="numpy.argsort(kind='stable') of as many int64",
    )
