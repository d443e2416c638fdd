from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from mapcore.actualizing.deriving.derived import Feed, next_derived_steps
from mapcore.actualizing.view import NodeView
from mapcore.cluster import Node, Volume
from mapcore.maps import PartitionMap

CODES = [
    mapcore.state_code(placement)
    for placement in (mapcore.Placement.MASTER, mapcore.Placement.SLAVE, mapcore.Placement.SLAVE)
]
PEER = "numpy.argsort(kind='stable') of as many int64"


class Change:
    """Two maps of three copies a partition, of which some partitions get another slave."""

    def __init__(self, nodes: int, partitions: int, moves: int) -> None:
        random = np.random.default_rng(1)
        table = np.stack([random.permutation(partitions) % nodes for _ in range(3)], axis=1)
        table = table[(np.diff(np.sort(table, axis=1), axis=1) > 0).all(axis=1)]
        wanted = table.copy()
        moving = random.choice(len(table), moves, replace=False)
        wanted[moving, 2] = (wanted[moving, 2] + 1) % nodes
        clashes = (wanted[:, :2] == wanted[:, 2:]).any(axis=1)
        wanted[clashes] = table[clashes]
        index = mapcore.NodeIndex(f"node{number}" for number in range(nodes))
        self.current, self.target = (
            PartitionMap.from_table(each, CODES, index) for each in (table, wanted)
        )
        volumes = (Volume(type="ssd", path="/a"), Volume(type="hdd", path="/b"))
        self.view = NodeView(
            [
                Node(name=name, location=f"z{number % 8}", volumes=volumes)
                for number, name in enumerate(index.names)
            ],
            [self.current],
        )
        self.numbers: NDArray[np.int64] = random.integers(0, 1 << 62, table.size)


@pytest.mark.parametrize("share", [0.0, 0.01], ids=["nothing to do", "1 % of partitions move"])
def test_next_steps(benchmark: BenchmarkFixture, scale: Callable[[int], int], share: float) -> None:
    partitions, nodes = scale(65_536), scale(40_000)
    change = Change(nodes, partitions, int(share * partitions))
    compare(
        benchmark,
        row=f"next_steps, {nodes:,} × {partitions:,} × 3, {share:.0%} of partitions move",
        ours=lambda: mapcore.next_steps(change.current, change.target, nodes=change.view),
        peer=lambda: np.argsort(change.numbers, kind="stable"),
        peer_name=PEER,
    )


@pytest.mark.parametrize("is_started", [False, True], ids=["at rest", "under way"])
def test_next_steps_of_a_large_map(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], is_started: bool
) -> None:
    partitions, nodes, moves = scale(1_048_576), scale(1_000), scale(10_000)
    change = Change(nodes, partitions, moves)
    live = mapcore.LiveMap(change.current)
    started = 0
    if is_started:
        for step in mapcore.next_steps(live, change.target, nodes=change.view):
            live.start(step)
            started += 1
    compare(
        benchmark,
        row=f"next_steps, {nodes:,} × {partitions:,} × 3, {moves:,} moves, {started:,} under way",
        ours=lambda: mapcore.next_steps(live, change.target, nodes=change.view),
        peer=lambda: np.argsort(change.numbers, kind="stable"),
        peer_name=PEER,
    )


@pytest.mark.parametrize("fed", [True, False], ids=["all fed", "nothing fed yet"])
def test_next_derived_steps(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], fed: bool
) -> None:
    partitions, count = scale(16_384), scale(1_024)
    random = np.random.default_rng(2)
    places = np.arange(partitions)[:, None] + np.array([0, 1, 2])
    shift = random.permutation(count)
    of_source, of_index = (
        mapcore.NodeIndex(f"{kind}{number}" for number in range(count)) for kind in ("kv", "idx")
    )
    source = mapcore.PartitionMap.from_table(shift[places % count], CODES, of_source)
    table = shift[places[:, :1] % count]
    codes = [mapcore.state_code(mapcore.Placement.MASTER)]
    names = {number: f"users/{number}" for number in range(partitions)}
    target = mapcore.PartitionMap.from_table(table, codes, of_index).replace(sources=names)
    current = target
    feeds = {}
    if fed:
        masters = of_source.names
        feeds = {
            (str(number), of_index.names[node]): Feed(
                "users", str(number), masters[int(shift[number % count])], 100
            )
            for number, node in enumerate(table[:, 0].tolist())
        }
    numbers = random.integers(0, 1 << 60, partitions)
    steps = next_derived_steps(current, target, {"users": source}, feeds=feeds)
    compare(
        benchmark,
        row=f"next_derived_steps, {partitions:,} partitions, {'all' if fed else 'none'} fed",
        ours=lambda: next_derived_steps(current, target, {"users": source}, feeds=feeds),
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="numpy.argsort(kind='stable') of as many int64",
        rounds=3,
        note=f"{len(steps):,} steps",
    )
