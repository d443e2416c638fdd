"""Where partitions may stand: tags, forbidden and pinned nodes, most copies a node."""

from __future__ import annotations

from typing import Any

import pytest

import mapcore
from mapcore.cluster import Cluster, Node
from mapcore.errors import PlanError
from mapcore.planning.plans import Plan
from tests.planning.clusters import MASTER, SLAVE, cluster, counts, holders, settings

NODES = tuple(
    Node(name=f"n{number}", location="z1", tags=("ssd",) if number < 4 else ("hdd",))
    for number in range(8)
)


def restricted(**extra: Any) -> Cluster:
    return cluster(NODES, settings(1, 1, 12, extra=extra))


def planned(**extra: Any) -> Plan:
    return mapcore.plan(restricted(**extra))


def test_partitions_stand_only_on_nodes_with_their_tags() -> None:
    plan = planned(require={"*": ["ssd"], "3": ["hdd"]})
    for partition, row in enumerate(holders(plan.target)):
        able = {"n4", "n5", "n6", "n7"} if partition == 3 else {"n0", "n1", "n2", "n3"}
        assert row <= able
        assert len(row) == 2


def test_forbidden_nodes_do_not_hold_the_partition() -> None:
    plan = planned(forbidden={"5": ["n0", "n1", "n2", "n3", "n4"]})
    assert holders(plan.target)[5] < {"n5", "n6", "n7"}


def test_pinned_nodes_hold_the_partition() -> None:
    plan = planned(pinned={"5": ["n6"], "7": ["n1", "n2"]})
    assert "n6" in holders(plan.target)[5]
    assert holders(plan.target)[7] == {"n1", "n2"}
    assert plan.warnings == ()
    assert plan.certificate.is_optimal


def test_no_node_holds_more_than_its_limit() -> None:
    plan = planned(maxCopiesPerNode=3)
    held = counts(holders(plan.target), [node.name for node in NODES])
    assert set(held.values()) == {3}
    nodes = (Node(name="n0", location="z1", extra={"maxCopies": 1}), *NODES[1:])
    own = mapcore.plan(cluster(nodes, settings(1, 1, 12)))
    assert counts(holders(own.target), ["n0"]) == {"n0": 1}
    assert {len(row) for row in holders(own.target)} == {2}


def test_a_copy_on_a_node_that_does_not_fit_moves_and_says_why() -> None:
    given = settings(1, 1, 1, extra={"require": {"*": ["ssd"]}})
    plan = mapcore.plan(cluster(NODES, given, [{"n0": MASTER, "n5": SLAVE}]))
    assert [move.reason for move in plan.moves] == ["n5 may not hold this partition"]
    rejected = {r.name: r.nodes for r in plan.explain(partition=0).rejections}
    assert set(rejected["unfit"]) == {"n4", "n5", "n6", "n7"}


def test_too_few_nodes_that_fit_are_reported() -> None:
    nodes = (*NODES[4:], NODES[0])
    plan = mapcore.plan(cluster(nodes, settings(1, 1, 2, extra={"require": {"*": ["ssd"]}})))
    assert [len(row) for row in holders(plan.target)] == [1, 1]
    assert "2 copies found no node that may hold them" in plan.warnings[0]


def test_a_pin_on_a_node_that_is_leaving_is_reported() -> None:
    before = planned(pinned={"5": ["n6"]})
    plan = mapcore.plan(before.cluster.with_current(before.target), remove=["n6"])
    assert plan.warnings[-1].startswith("settings.pinned is not met for 5 on n6")


def test_nodes_in_maintenance_keep_what_they_hold() -> None:
    before = planned(require={"*": ["ssd"]})
    start = before.cluster.with_current(before.target)
    plan = mapcore.plan(start, maintain=["n0"], remove=["n1"])
    assert [row & {"n0"} for row in holders(plan.target)] == [
        row & {"n0"} for row in holders(before.target)
    ]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"require": ["ssd"]}, "settings.require: found .*expected lists by partition"),
        ({"require": {"*": "ssd"}}, r'settings.require."\*": found \'ssd\', expected a list'),
        ({"forbidden": {"99": ["n1"]}}, 'found partition "99", expected'),
        ({"forbidden": {"1": ["x"]}}, "settings.forbidden: found node 'x', which is not in"),
        ({"pinned": {"1": ["x"]}}, "settings.pinned: found node 'x', which is not in"),
        ({"pinned": {"*": ["n1"]}}, 'settings.pinned: found "\\*"'),
        ({"pinned": {"1": ["n1", "n2", "n3"]}}, "found 3 nodes, expected at most 2"),
        ({"maxCopiesPerNode": -1}, "settings.maxCopiesPerNode: found -1"),
    ],
)
def test_wrong_fields_are_errors(extra: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        planned(**extra)


def test_a_pin_yields_to_a_copy_that_rests_in_maintenance() -> None:
    rows = [{"n0": MASTER, "n1": SLAVE}] * 12
    found = cluster(NODES, settings(1, 1, 12, extra={"pinned": {"5": ["n6"]}}), rows)
    plan = mapcore.plan(found, maintain=["n0", "n1"], rebuild=True)
    assert holders(plan.target)[5] == {"n0", "n1"}
    assert plan.certificate.faults == ()
    assert any("settings.pinned is not met for 5 on n6" in text for text in plan.warnings)


def test_a_pin_brings_nothing_new_to_a_node_in_maintenance() -> None:
    rows = [{"n0": MASTER, "n1": SLAVE}] * 12
    found = cluster(NODES, settings(1, 1, 12, extra={"pinned": {"5": ["n6"]}}), rows)
    plan = mapcore.plan(found, maintain=["n6"], rebuild=True)
    assert "n6" not in holders(plan.target)[5]
    again = mapcore.plan(plan.cluster.with_current(plan.target), rebuild=True)
    assert len(again.moves) == 0
