"""Several maps over the same nodes: one is planned so that their sum is even too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import mapcore
from mapcore.cluster import Cluster, ClusterMap, Node
from mapcore.planning.several_maps.sums import loads_on
from tests.planning.clusters import even, settings


def maps(count: int, partitions: int, nodes: int, zones: int = 0, slave: int = 1) -> Cluster:
    """Empty maps m0, m1, ... over the same nodes."""
    given = settings(1, slave, partitions, zones=zones > 0)
    listed = tuple(
        Node(name=name, location=location if zones else "")
        for name, location in even(nodes, max(1, zones)).items()
    )
    return Cluster(
        nodes=listed,
        settings=given,
        maps={f"m{number}": ClusterMap(settings=given) for number in range(count)},
    )


def planned_in_turn(cluster: Cluster, **changes: Any) -> tuple[Cluster, list[mapcore.Plan]]:
    """The cluster with every map planned, each with the others as they stand, and put in place."""
    plans = []
    for name in cluster.maps:
        plan = mapcore.plan(cluster, map=name, **changes)
        plans.append(plan)
        cluster = plan.cluster.with_current(plan.target, name)
    return cluster, plans


def sums(cluster: Cluster) -> np.ndarray:
    """Copies of all current maps by node."""
    total = np.zeros(len(cluster.nodes), np.int64)
    for entry in cluster.maps.values():
        assert entry.current is not None
        total += loads_on(entry.current, cluster.node_index)
    return total


def test_maps_with_few_partitions_do_not_all_burden_the_same_nodes() -> None:
    cluster, plans = planned_in_turn(maps(20, partitions=3, nodes=7))
    assert np.ptp(sums(cluster)) <= 1
    assert all(plan.certificate.is_optimal for plan in plans)


def test_masters_are_even_in_sum_too() -> None:
    cluster, _ = planned_in_turn(maps(14, partitions=3, nodes=6, zones=3))
    total = np.zeros(6, np.int64)
    for entry in cluster.maps.values():
        assert entry.current is not None
        total += loads_on(entry.current, cluster.node_index, mapcore.Placement.MASTER)
    assert total.tolist() == [7] * 6


def test_planning_one_map_leaves_the_others_alone() -> None:
    cluster, _ = planned_in_turn(maps(3, partitions=10, nodes=4))
    plan = mapcore.plan(cluster, map="m1", add=["n4"])
    assert plan.moves
    for name in ("m0", "m2"):
        before, after = cluster.maps[name].current, plan.cluster.maps[name].current
        assert before is not None
        assert after is not None
        assert not mapcore.diff(before, after)
        assert plan.cluster.maps[name].target is cluster.maps[name].target


def test_a_map_goes_where_the_others_left_room() -> None:
    cluster = maps(2, partitions=3, nodes=4, slave=0)
    first = mapcore.plan(cluster, map="m0")
    cluster = first.cluster.with_current(first.target, "m0")
    second = mapcore.plan(cluster, map="m1")
    empty = int(np.flatnonzero(first.target.loads() == 0)[0])
    assert second.target.loads()[empty] == 1
    values = {each.name: each.value for each in second.certificate.objectives}
    assert values["imbalance in sum"] == 0
    assert values["imbalance of masters in sum"] == 0


def test_what_a_map_is_to_become_counts_before_what_it_is() -> None:
    cluster = maps(2, partitions=3, nodes=4, slave=0)
    on_two = mapcore.plan(cluster, map="m0", remove=["n0", "n1"]).target
    cluster = cluster.with_current(on_two, "m0")
    first = mapcore.plan(cluster, map="m0")
    second = mapcore.plan(first.cluster, map="m1")
    assert (first.target.loads() + second.target.loads()).tolist().count(2) == 2


def test_planning_again_moves_nothing() -> None:
    cluster, _ = planned_in_turn(maps(6, partitions=7, nodes=5, zones=2))
    cluster, _ = planned_in_turn(cluster)
    for name in cluster.maps:
        plan = mapcore.plan(cluster, map=name)
        assert not plan.moves
        assert not plan.role_changes


def test_one_map_alone_has_no_sum() -> None:
    cluster, plans = planned_in_turn(maps(1, partitions=5, nodes=3))
    names = [each.name for each in plans[0].certificate.objectives]
    assert not any("in sum" in name for name in names)
    assert len(cluster.maps) == 1


@pytest.mark.parametrize("changes", [{"remove": ["n2"]}, {"maintain": ["n1"]}, {"fail": ["n3"]}])
def test_changes_of_nodes_are_proven_beside_other_maps(changes: dict[str, Any]) -> None:
    cluster, _ = planned_in_turn(maps(3, partitions=9, nodes=6, zones=3))
    plan = mapcore.plan(cluster, map="m2", **changes)
    assert plan.certificate.is_optimal, str(plan.certificate)


def test_weights_share_out_the_sum() -> None:
    cluster = maps(9, partitions=2, nodes=3, slave=0)
    nodes = tuple(replace_weight(node, 1 + number) for number, node in enumerate(cluster.nodes))
    cluster, _ = planned_in_turn(replace(cluster, nodes=nodes))
    assert sums(cluster).tolist() == [3, 6, 9]


def replace_weight(node: Node, weight: float) -> Node:
    return Node(name=node.name, location=node.location, weight=weight)
