"""What may be asked, and the one message that wrong use gets."""

from __future__ import annotations

from typing import Any

import pytest

import mapcore
from mapcore.cluster import Cluster, ClusterMap, Health, Mode, Node, SpreadLevel
from mapcore.errors import PlanError
from tests.planning.clusters import MASTER, SLAVE, cluster, even, holders, settings


@pytest.fixture(scope="module")
def planned() -> Cluster:
    plan = mapcore.plan(cluster(even(), settings()))
    return plan.cluster.with_current(plan.target)


def modes(found: Cluster) -> dict[str, str]:
    return {node.name: node.mode.value for node in found.nodes if node.mode is not Mode.ACTIVE}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"remove": ["n99"]}, "remove: found node 'n99', which is not in the cluster, expected"),
        ({"maintain": ["n99"]}, "maintain: found node 'n99', which is not in the cluster"),
        ({"fail": ["n99"]}, "fail: found node 'n99', which is not in the cluster"),
        ({"activate": ["n99"]}, "activate: found node 'n99', which is not in the cluster"),
        ({"swap": {"n99": "x"}}, "swap: found node 'n99', which is not in the cluster"),
        ({"weights": {"n99": 1.0}}, "weights: found node 'n99', which is not in the cluster"),
        ({"remove": "n1"}, "remove: found 'n1', expected a list of names"),
        ({"add": "n1"}, "add: found 'n1', expected names of nodes, or a mapping"),
        ({"add": ["n1"]}, "add: found node 'n1', which is in the cluster already in mode active"),
        ({"add": {"x": 3}}, r"add\['x'\]: found 3, expected a location or a Node"),
        ({"add": {"x": Node(name="y")}}, "add: found the name 'x' for"),
        ({"add": [""]}, "add: found the name ''"),
        ({"add": ["x", "x"]}, "add: found node 'x' twice"),
        ({"add": [Node(name="x", weight=-1.0)]}, r"add\['x'\]: found weight -1.0"),
        ({"swap": ["n1"]}, "swap: found \\['n1'\\], expected a mapping"),
        ({"swap": {"n1": "n2"}}, "swap: found 8 copies of map on 'n2', expected an empty node"),
        ({"swap": {"n1": "x", "n2": "x"}}, "swap: found 'x' in the place of two nodes"),
        ({"swap": {"n1": "n2"}, "remove": ["n2"]}, "swap: found 'n2' in the place of 'n1', but"),
        ({"swap": {"n1": "x"}, "remove": ["n1"]}, "found node 'n1' in both remove and swap"),
        ({"maintain": ["n1"], "fail": ["n1"]}, "found node 'n1' in both maintain and fail"),
        ({"weights": {"n1": -1}}, r"weights\['n1'\]: found -1, expected a number from 0 up"),
        ({"weights": {"n1": float("nan")}}, r"weights\['n1'\]: found nan"),
        ({"weights": {"n1": float("inf")}}, r"weights\['n1'\]: found inf"),
        ({"weights": {"n1": "2"}}, r"weights\['n1'\]: found '2'"),
        (
            {"map": "users"},
            "map: found no map called 'users', expected one of these: map",
        ),
        ({"add": {"x": ""}}, "node 'x': found location '', expected zone"),
        ({"remove": [f"n{i}" for i in range(9)]}, "found no node that may hold copies among 9"),
    ],
)
def test_wrong_use_gets_one_clear_error(
    planned: Cluster, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        mapcore.plan(planned, **change)


def test_one_of_several_maps_is_planned_by_name(planned: Cluster) -> None:
    several = planned.with_maps({"a": ClusterMap(settings()), "b": ClusterMap(settings())})
    with pytest.raises(PlanError, match=r"no map called 'c', expected one of these: a, b"):
        mapcore.plan(several, map="c")
    assert mapcore.plan(several, map="b").cluster.maps["a"].target is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (settings(1, -1), "settings.constraints.slave: found -1"),
        (settings(2).__class__(constraints=settings(2).constraints), "expected at most 1, or"),
        (settings(spread=(SpreadLevel(level="row"),)), "found level 'row', expected one of .*zone"),
        (settings(partitions=None), "found neither a map nor settings"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_nothing_can_be_planned_with(given: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        mapcore.plan(cluster(even(), given))


def test_a_document_node_with_a_short_location_is_named() -> None:
    nodes = even() | {"odd": "z1"}
    given = settings().__class__(
        constraints=settings().constraints, num_partitions=8, levels=("zone", "rack")
    )
    with pytest.raises(PlanError, match=r"node 'n0' \(and 9 other nodes\): found location 'z0'"):
        mapcore.plan(cluster(nodes, given))


def test_no_node_at_all_is_an_error() -> None:
    with pytest.raises(PlanError, match="found no node that may hold copies among 0"):
        mapcore.plan(cluster({}, settings()))


def test_a_removed_node_leaves_as_long_as_it_holds_copies(planned: Cluster) -> None:
    plan = mapcore.plan(planned, remove=["n3"])
    assert modes(plan.cluster) == {"n3": "leaving"}
    emptied = mapcore.plan(plan.cluster.with_current(plan.target), remove=["n3"])
    assert "n3" not in emptied.cluster.node_index
    assert holders(emptied.target) == holders(plan.target)


def test_each_change_sets_its_mode(planned: Cluster) -> None:
    plan = mapcore.plan(planned, swap={"n1": "x"}, maintain=["n2"], fail=["n3"])
    assert modes(plan.cluster) == {"n1": "leaving", "n2": "maintenance", "n3": "gone"}
    assert plan.cluster.node("n3").health is Health.RED
    back = mapcore.plan(plan.cluster, activate=["n1", "n2", "n3"])
    assert modes(back.cluster) == {}
    assert back.cluster.node("n3").health is Health.GREEN


def test_a_new_node_of_a_swap_stands_where_the_old_one_stood(planned: Cluster) -> None:
    plan = mapcore.plan(planned, swap={"n1": "x"}, weights={"x": 3})
    assert plan.cluster.node("x").location == planned.node("n1").location
    assert plan.cluster.node("x").weight == 3
    elsewhere = mapcore.plan(planned, swap={"n1": "x"}, add={"x": "z9"})
    assert elsewhere.cluster.node("x").location == "z9"


def test_a_node_that_is_leaving_is_not_put_into_maintenance(planned: Cluster) -> None:
    leaving = mapcore.plan(planned, remove=["n3"]).cluster
    with pytest.raises(PlanError, match="maintain: found node 'n3' in mode leaving"):
        mapcore.plan(leaving, maintain=["n3"])


def test_a_removed_node_stays_while_another_map_needs_it(planned: Cluster) -> None:
    entry = planned.map()
    both = planned.with_maps({"a": ClusterMap(settings()), "b": entry})
    plan = mapcore.plan(both, map="a", remove=["n3"])
    assert plan.cluster.node("n3").mode is Mode.LEAVING


def test_the_given_cluster_is_left_alone(planned: Cluster) -> None:
    before = (planned.nodes, dict(planned.maps), planned.node_index.names)
    mapcore.plan(planned, add={"x": "z1"}, remove=["n3"], weights={"n1": 2})
    assert (planned.nodes, dict(planned.maps), planned.node_index.names) == before


def test_columns_of_changed_nodes_are_those_of_the_nodes(planned: Cluster) -> None:
    from mapcore.planning.nodes import NodeTable, node_table

    plan = mapcore.plan(planned, add={"x": "z7"}, remove=["n3"], weights={"n1": 2.5})
    derived, made = node_table(plan.cluster), NodeTable.of(plan.cluster.nodes)
    assert derived.modes.tolist() == made.modes.tolist()
    assert derived.weight_column.tolist() == made.weight_column.tolist()
    for depth in (1, 2):
        names = [
            [values[number] for number in numbers.tolist()]
            for numbers, values in (table.level_values(depth) for table in (derived, made))
        ]
        assert names[0] == names[1]


def test_a_cluster_without_maps_gets_one() -> None:
    bare = Cluster(nodes=tuple(Node(name=name) for name in "ab"), settings=settings(zones=False))
    plan: mapcore.Plan = mapcore.plan(bare)
    assert plan.cluster.target is plan.target
    assert len(plan.target.copies(0)) == 2


def test_a_map_over_other_nodes_than_the_cluster_is_an_error() -> None:
    found = cluster({"a": "z1", "b": "z1"}, settings(partitions=1), [{"a": MASTER, "b": SLAVE}])
    with pytest.raises(PlanError, match="node 'b' holds copies"):
        mapcore.plan(found.with_nodes(found.nodes[:1]))
