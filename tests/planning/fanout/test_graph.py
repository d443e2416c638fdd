"""Which node may replicate to which: even degrees, other zones, one part, few changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import PlanError
from mapcore.planning.fanout.graph import FanoutGraph, fanout_graph

ortools = pytest.importorskip("ortools.graph.python.min_cost_flow")


def named(count: int, first: int = 0) -> list[str]:
    return [f"n{number}" for number in range(first, first + count)]


def zones_of(*sizes: int) -> list[int]:
    return [zone for zone, size in enumerate(sizes) for _ in range(size)]


def assert_is_whole(graph: FanoutGraph) -> None:
    matrix = graph.dense()
    degree = min(graph.max_peers, len(graph.names) - 1)
    assert matrix.diagonal().sum() == 0
    assert set(matrix.sum(axis=0)) == set(matrix.sum(axis=1)) == {degree}
    assert reached_from_first(matrix) == reached_from_first(matrix.T) == len(graph.names)


def reached_from_first(matrix: np.ndarray) -> int:
    seen, left = {0}, [0]
    while left:
        for node in np.flatnonzero(matrix[left.pop()]).tolist():
            if node not in seen:
                seen.add(node)
                left.append(node)
    return len(seen)


def fewest_within_zones(zones: Sequence[int], degree: int) -> int:
    """The exact minimum, as a flow: every node sends and takes `degree` units."""
    flow = ortools.SimpleMinCostFlow()
    count = len(zones)
    for node in range(count):
        flow.set_node_supply(node, degree)
        flow.set_node_supply(count + node, -degree)
        for other in range(count):
            if other != node:
                flow.add_arc_with_capacity_and_unit_cost(
                    node, count + other, 1, int(zones[node] == zones[other])
                )
    assert flow.solve() == flow.OPTIMAL
    return int(flow.optimal_cost())


shapes = st.lists(st.integers(1, 6), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 1)


@given(shapes, st.integers(1, 12))
def test_degrees_are_exact_and_no_graph_has_fewer_edges_within_zones(
    sizes: list[int], max_peers: int
) -> None:
    zones = zones_of(*sizes)
    graph = fanout_graph(named(len(zones)), zones, max_peers)
    matrix = graph.dense()
    degree = min(max_peers, len(zones) - 1)
    assert matrix.diagonal().sum() == 0
    assert set(matrix.sum(axis=0)) == set(matrix.sum(axis=1)) == {degree}
    exact = fewest_within_zones(zones, degree)
    assert graph.bound <= exact
    if degree > 1:
        assert_is_whole(graph)
        assert graph.edges_within_zones <= exact + 2
    assert graph.is_strongly_connected == (reached_from_first(matrix) == len(zones))


@pytest.mark.parametrize(
    "sizes", [(3, 3, 2, 2), (10, 10, 10), (25, 15, 10), (50, 25, 25), (1,) * 12, (5, 5)]
)
def test_where_zones_leave_room_every_edge_leaves_its_zone(sizes: tuple[int, ...]) -> None:
    zones = zones_of(*sizes)
    graph = fanout_graph(named(len(zones)), zones, 4)
    assert_is_whole(graph)
    assert graph.edges_within_zones == graph.bound == 0


def test_a_zone_larger_than_all_others_keeps_as_few_edges_as_can_be_and_says_so() -> None:
    zones = zones_of(7, 1, 1, 1)
    graph = fanout_graph(named(10), zones, 3)
    assert_is_whole(graph)
    assert graph.edges_within_zones == fewest_within_zones(zones, 3) == graph.bound
    assert "12 edges stay within their zone; no graph has fewer" in graph.report()


def test_peers_stand_in_all_other_zones() -> None:
    graph = fanout_graph(named(40), zones_of(10, 10, 10, 10), 9)
    in_zones = graph.zones[graph.targets]
    for node in range(40):
        assert set(in_zones[node].tolist()) == {0, 1, 2, 3} - {int(graph.zones[node])}


def test_fewer_nodes_than_peers_replicate_to_all_others() -> None:
    graph = fanout_graph(named(4), zones_of(2, 2), 10)
    assert graph.degree == 3
    assert "found 3 other nodes, expected 10 peers" in graph.report()


@pytest.mark.parametrize("count", [0, 1])
def test_without_others_there_are_no_edges(count: int) -> None:
    graph = fanout_graph(named(count), [0] * count, 3)
    assert graph.targets.shape == (count, 0)
    assert graph.is_strongly_connected


@given(
    st.lists(st.integers(4, 9), min_size=2, max_size=4),
    st.integers(2, 4),
    st.lists(st.tuples(st.booleans(), st.integers(0, 99)), min_size=1, max_size=8),
)
def test_one_node_more_or_less_changes_a_few_entries_for_each_peer(
    sizes: list[int], max_peers: int, changes: list[tuple[bool, int]]
) -> None:
    names, zones = named(sum(sizes)), zones_of(*sizes)
    graph = fanout_graph(names, zones, max_peers)
    for number, (is_added, place) in enumerate(changes):
        if is_added or len(names) <= 2 * max_peers + 1:
            names, zones = [*names, f"new{number}"], [*zones, place % len(sizes)]
        else:
            out = place % len(names)
            names, zones = names[:out] + names[out + 1 :], zones[:out] + zones[out + 1 :]
        following = fanout_graph(names, zones, max_peers, previous=graph)
        assert_is_whole(following)
        sizes_now = np.bincount(following.zones)
        if sizes_now.max() + max_peers <= len(names) // 2:
            assert following.edges_within_zones <= graph.edges_within_zones + following.bound
            assert following.changed is not None
            assert following.changed <= 9 * max_peers
        graph = following


def test_a_change_of_nothing_changes_nothing() -> None:
    names, zones = named(30), zones_of(10, 10, 10)
    graph = fanout_graph(names, zones, 5)
    assert fanout_graph(names, zones, 5, previous=graph).changed == 0


def test_another_number_of_peers_starts_afresh() -> None:
    names, zones = named(30), zones_of(10, 10, 10)
    graph = fanout_graph(names, zones, 5)
    following = fanout_graph(names, zones, 6, previous=graph)
    assert np.array_equal(following.targets, fanout_graph(names, zones, 6).targets)


@pytest.mark.parametrize(
    ("nodes", "zones", "max_peers", "message"),
    [
        (["a", "a"], [0, 0], 1, "nodes: found 'a' twice"),
        (["a", "b"], [0], 1, "zones: found 1, expected one for each of 2 nodes"),
        (["a", "b"], [0, 1], 0, "max_peers: found 0, expected at least 1"),
    ],
)
def test_wrong_arguments_are_named(
    nodes: list[str], zones: list[int], max_peers: int, message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        fanout_graph(nodes, zones, max_peers)
