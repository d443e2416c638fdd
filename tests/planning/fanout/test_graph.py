"""Which node may replicate to which: even degrees, other zones, one part, few changes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

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


@given(shapes, st.integers(1, 12), st.randoms(use_true_random=False))
def test_degrees_are_exact_and_no_graph_has_fewer_edges_within_zones(
    sizes: list[int], max_peers: int, random: Random
) -> None:
    zones = zones_of(*sizes)
    random.shuffle(zones)
    graph = fanout_graph(named(len(zones)), zones, max_peers)
    assert_is_whole(graph)
    assert graph.is_strongly_connected
    fewest = fewest_within_zones(zones, graph.degree)
    assert graph.edges_within_zones == graph.bound == fewest


def test_a_graph_in_two_parts_is_not_strongly_connected() -> None:
    targets = np.array([[1], [2], [0], [4], [5], [3]], np.int32)
    graph = FanoutGraph(tuple(named(6)), np.zeros(6, np.int32), targets, 1, 6)
    assert not graph.is_strongly_connected
    assert "not every node is reached from every other one" in graph.report()


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


@pytest.mark.parametrize(("zone_count", "max_peers"), [(3, 8), (4, 9), (5, 4), (8, 20)])
def test_peers_stand_in_all_other_zones_alike(zone_count: int, max_peers: int) -> None:
    graph = fanout_graph(named(10 * zone_count), zones_of(*[10] * zone_count), max_peers)
    for node, peers in enumerate(graph.zones[graph.targets]):
        others = np.delete(np.bincount(peers, minlength=zone_count), graph.zones[node])
        assert others.max() - others.min() <= 1


def test_peers_stand_in_all_other_zones_where_those_are_uneven() -> None:
    graph = fanout_graph(named(100), zones_of(30, 30, 20, 20), 20)
    assert graph.edges_within_zones == 0
    assert all(len(set(peers)) == 3 for peers in graph.zones[graph.targets].tolist())


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
    st.lists(st.integers(1, 9), min_size=1, max_size=4).filter(lambda sizes: sum(sizes) > 2),
    st.integers(1, 9),
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "swap"]), st.integers(0, 99)),
        min_size=1,
        max_size=8,
    ),
)
def test_whatever_comes_and_goes_the_graph_stays_whole(
    sizes: list[int], max_peers: int, changes: list[tuple[str, int]]
) -> None:
    names, zones = named(sum(sizes)), zones_of(*sizes)
    graph = fanout_graph(names, zones, max_peers)
    for number, (change, place) in enumerate(changes):
        out = place % len(names)
        if change == "swap":
            names = [*names[:out], f"new{number}", *names[out + 1 :]]
        elif change == "add" or len(names) < 4:
            names, zones = [*names, f"new{number}"], [*zones, place % len(sizes)]
        else:
            names, zones = names[:out] + names[out + 1 :], zones[:out] + zones[out + 1 :]
        following = fanout_graph(names, zones, max_peers, previous=graph)
        assert_is_whole(following)
        assert following.is_strongly_connected
        assert following.edges_within_zones == following.bound
        assert following.changed == entries_that_differ(graph, following)
        graph = following


def entries_that_differ(before: FanoutGraph, after: FanoutGraph) -> int:
    edges = [
        {
            (graph.names[node], graph.names[target])
            for node, row in enumerate(graph.targets.tolist())
            for target in row
        }
        for graph in (before, after)
    ]
    return len(edges[0] ^ edges[1])


@pytest.mark.parametrize(("size", "max_peers"), [(7, 10), (15, 10), (50, 20), (200, 30)])
@pytest.mark.parametrize(("change", "entries"), [("add", 3), ("remove", 3), ("swap", 4)])
def test_one_node_changes_entries_in_proportion_to_its_peers(
    size: int, max_peers: int, change: str, entries: int
) -> None:
    names, zones = named(3 * size), zones_of(size, size, size)
    graph = fanout_graph(names, zones, max_peers)
    if change != "add":
        names, zones = names[1:], zones[1:]
    if change != "remove":
        names, zones = [*names, "new"], [*zones, 0]
    following = fanout_graph(names, zones, max_peers, previous=graph)
    assert following.edges_within_zones == 0
    # Where peers are nearly as many as nodes, edges are joined by way of other ones.
    assert following.changed is not None
    assert following.changed <= (entries if size > 2 * max_peers else 5) * max_peers


def test_a_lost_zone_changes_entries_in_proportion_to_its_edges() -> None:
    names, zones = named(80), zones_of(20, 20, 20, 20)
    graph = fanout_graph(names, zones, 6)
    following = fanout_graph(names[20:], zones[20:], 6, previous=graph)
    assert_is_whole(following)
    assert following.edges_within_zones == 0
    assert following.changed is not None
    assert following.changed <= 4 * 20 * 6


def test_a_change_of_nothing_changes_nothing() -> None:
    names, zones = named(30), zones_of(10, 10, 10)
    graph = fanout_graph(names, zones, 5)
    assert fanout_graph(names, zones, 5, previous=graph).changed == 0


@pytest.mark.parametrize("max_peers", [4, 6])
def test_another_number_of_peers_keeps_most_edges(max_peers: int) -> None:
    names, zones = named(30), zones_of(10, 10, 10)
    graph = fanout_graph(names, zones, 5)
    following = fanout_graph(names, zones, max_peers, previous=graph)
    assert_is_whole(following)
    assert following.changed is not None
    assert following.changed <= 4 * 30


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
