"""Who replicates to whom, and how much: RI and R, against a sort of as many numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare

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
