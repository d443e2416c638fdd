"""Who replicates to whom, and how much: RI, R and plans within a number of peers.

Against a sort of as many numbers, and vbmap on clusters of its size where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from bench.peers import vbmap
from mapcore import Placement, state_code
from mapcore.cluster import ClusterMap, Constraints, MaxPeers

MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)
PEERS, ZONES = 20, 8
SIZES = [(10_000, 65_536), (40_000, 1_048_576)]

Named = tuple[list[str], list[str]]


def even(count: int) -> Named:
    """Return nodes in eight zones of one size."""
    return [f"n{node}" for node in range(count)], [f"z{node % ZONES}" for node in range(count)]


def uneven(count: int) -> Named:
    """Return nodes in eight zones, of which the largest has about three times the least."""
    ends = np.cumsum(np.linspace(3, 1, ZONES))
    zones = np.searchsorted(ends / ends[-1], (np.arange(count) + 0.5) / count)
    return [f"n{node}" for node in range(count)], [f"z{zone}" for zone in zones]


def shares(total: int, count: int) -> NDArray[np.int64]:
    """Return as many for each as can be."""
    return np.diff(np.arange(count + 1) * total // count)


def numbers(count: int) -> NDArray[np.int64]:
    """Return random numbers to sort."""
    return np.random.default_rng(1).integers(0, 2**63 - 1, count)


@pytest.mark.parametrize("zones", [even, uneven])
@pytest.mark.parametrize("count", [size for size, _ in SIZES])
def test_graph(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    count: int,
    zones: Callable[[int], Named],
) -> None:
    nodes = zones(scale(count))
    entries = numbers(len(nodes[0]) * PEERS)
    graph = mapcore.fanout_graph(*nodes, max_peers=PEERS)
    compare(
        benchmark,
        row=f"RI, {len(nodes[0]):,} nodes in {zones.__name__} zones, {PEERS} peers",
        ours=lambda: mapcore.fanout_graph(*nodes, max_peers=PEERS),
        peer=lambda: np.argsort(entries, kind="stable"),
        peer_name="stable argsort of as many int64 as entries",
        rounds=7,
        note=f"{graph.edges_within_zones} edges within zones",
    )


@pytest.mark.parametrize("count", [size for size, _ in SIZES])
def test_one_node_more(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], count: int
) -> None:
    names, zones = even(scale(count))
    graph = mapcore.fanout_graph(names, zones, max_peers=PEERS)
    more = ([*names, "new"], [*zones, "z3"])
    changed = mapcore.fanout_graph(*more, max_peers=PEERS, previous=graph).changed
    entries = numbers(len(names) * PEERS)
    compare(
        benchmark,
        row=f"RI, one node added to {len(names):,}, {PEERS} peers",
        ours=lambda: mapcore.fanout_graph(*more, max_peers=PEERS, previous=graph),
        peer=lambda: np.argsort(entries, kind="stable"),
        peer_name="stable argsort of as many int64 as entries",
        rounds=7,
        note=f"{changed} entries changed",
    )


@pytest.mark.parametrize("zones", [even, uneven])
@pytest.mark.parametrize(("count", "partitions"), SIZES)
def test_counts(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    count: int,
    partitions: int,
    zones: Callable[[int], Named],
) -> None:
    graph = mapcore.fanout_graph(*zones(scale(count)), max_peers=PEERS)
    nodes = len(graph.names)
    masters, slaves = shares(scale(partitions), nodes), shares(2 * scale(partitions), nodes)
    entries = numbers(nodes * PEERS)
    least, most = mapcore.fanout_counts(graph, masters, slaves).cell_range
    compare(
        benchmark,
        row=f"R, {nodes:,} nodes in {zones.__name__} zones × {scale(partitions):,} × 3",
        ours=lambda: mapcore.fanout_counts(graph, masters, slaves),
        peer=lambda: np.argsort(entries, kind="stable"),
        peer_name="stable argsort of as many int64 as cells",
        rounds=5,
        note=f"cells from {least} to {most}",
    )


def limited(zone_sizes: list[int], partitions: int, max_peers: int | MaxPeers) -> mapcore.Cluster:
    """Return a cluster without a map whose plans keep to a number of peers."""
    nodes = tuple(
        mapcore.Node(name=f"n{zone}-{number}", location=f"z{zone}")
        for zone, size in enumerate(zone_sizes)
        for number in range(size)
    )
    settings = mapcore.Settings(
        num_partitions=partitions,
        constraints=Constraints(master=1, slave=2),
        levels=("zone",),
        max_peers=max_peers,
    )
    return mapcore.Cluster(
        nodes=nodes, settings=settings, maps={"map": ClusterMap(settings=settings)}
    )


@pytest.mark.parametrize("kind", ["fresh", "one node added"])
@pytest.mark.parametrize(("count", "partitions"), SIZES)
def test_plan_within_peers(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    count: int,
    partitions: int,
    kind: str,
) -> None:
    nodes = scale(count)
    cluster = limited([nodes // ZONES] * ZONES, scale(partitions), PEERS)
    changes: dict[str, Any] = {}
    if kind != "fresh":
        cluster = cluster.with_current(mapcore.plan(cluster).target)
        changes = {"add": {"new": "z3"}}
    planned = mapcore.plan(cluster, **changes)
    peers = mapcore.fanout(planned.target).scatter_width
    entries = numbers(3 * scale(partitions))
    compare(
        benchmark,
        row=f"plan with maxPeers {PEERS}, {nodes:,} nodes × {scale(partitions):,} × 3: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes),
        peer=lambda: np.argsort(entries, kind="stable"),
        peer_name="stable argsort of as many int64",
        rounds=5,
        note=(
            f"{len(planned.moves):,} moves, {planned.loads_after().min()} to "
            f"{planned.loads_after().max()} copies and at most {peers.max()} peers a node"
        ),
    )


@pytest.mark.skipif(vbmap.executable() is None, reason="vbmap is not installed")
@pytest.mark.parametrize(
    "sizes", [(5, 5), (3, 3, 2, 2), (10,) * 5, (25, 25, 25, 25), (40,) * 5, (250,) * 4]
)
def test_vbmap(benchmark: BenchmarkFixture, sizes: tuple[int, ...]) -> None:
    slaves = min(2, len(sizes) - 1)
    partitions, peers = 1_024, 10
    limit = MaxPeers(count=peers, after="plan", reserve=0)
    cluster = limited(list(sizes), partitions, limit)
    settings = replace(cluster.settings, constraints=Constraints(master=1, slave=slaves))
    cluster = cluster.with_maps({"map": ClusterMap(settings=settings)})

    def theirs() -> vbmap.Made:
        return vbmap.make(sizes, partitions, slaves, peers, most_seconds=60)

    made = theirs()
    ours = mapcore.fanout(mapcore.plan(cluster).target, after="plan")
    what = "gave up, or took more than 60 s"
    if made.rows is not None:
        nodes = [node.name for node in cluster.nodes]
        copies = [
            [(nodes[node], MASTER if place == 0 else SLAVE) for place, node in enumerate(row)]
            for row in made.rows
        ]
        found = mapcore.fanout(mapcore.PartitionMap.from_copies(copies, nodes), after="plan")
        what = "{} to {} partitions of a pair".format(*found.cell_range)
    compare(
        benchmark,
        row=f"plan with maxPeers {peers}, zones of {', '.join(map(str, sizes))}, {slaves} slaves",
        ours=lambda: mapcore.plan(cluster),
        peer=theirs,
        peer_name="vbmap",
        rounds=1,
        note="ours {} to {} partitions of a pair; vbmap ".format(*ours.cell_range) + what,
    )
