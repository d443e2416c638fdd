"""Why a copy stands somewhere, or does not: every node gets a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

import mapcore
from mapcore.cluster import Cluster, Mode, Node
from mapcore.errors import PlanError
from mapcore.planning.reporting.constraints import CONSTRAINTS
from tests.planning.clusters import MASTER, SLAVE, cluster, clusters, even, settings


@given(clusters())
def test_every_node_has_a_copy_or_a_reason_against_it(found: Cluster) -> None:
    plan = mapcore.plan(found)
    explained = plan.explain(partition=0)
    held = {copy.node for copy in plan.target.copies(0)}
    rejected = [name for rejection in explained.rejections for name in rejection.nodes]
    assert sorted([*held, *rejected]) == sorted(plan.cluster.node_index.names)


def test_reasons_are_numbered_from_the_most_final_to_the_least() -> None:
    nodes = (
        Node(name="a", location="z1"),
        Node(name="b", location="z2"),
        Node(name="gone", location="z3", mode=Mode.GONE),
        Node(name="out", location="z3", mode=Mode.LEAVING),
        Node(name="zero", location="z3", weight=0),
        Node(name="rest", location="z3", mode=Mode.MAINTENANCE),
    )
    plan = mapcore.plan(cluster(nodes, settings(1, 1, 1), [{"a": MASTER, "b": SLAVE}]))
    found = [(r.number, r.name, r.nodes) for r in plan.explain(partition=0).rejections]
    assert found == [
        (1, "gone", ("gone",)),
        (2, "leaving", ("out",)),
        (3, "weight-0", ("zero",)),
        (4, "maintenance", ("rest",)),
    ]


def test_a_crowded_place_and_a_full_share_are_wishes() -> None:
    plan = mapcore.plan(
        cluster({"a": "z1", "b": "z1", "c": "z2"}, settings(1, 1, 1), [{"a": MASTER, "c": SLAVE}])
    )
    explained = plan.explain(partition="0")
    assert [(r.name, r.is_hard, r.nodes) for r in explained.rejections] == [
        ("spread", False, ("b",))
    ]
    assert "wish: its place must have fewer copies" in str(explained)


def test_nodes_that_a_new_copy_could_have_gone_to_as_well_are_told_from_costlier_ones() -> None:
    nodes = {"a": "z1", "old": "z2", "b": "z2", "c": "z2", "d": "z1"}
    plan = mapcore.plan(
        cluster(nodes, settings(1, 1, 1), [{"a": MASTER, "old": SLAVE}]), remove=["old"]
    )
    (taken,) = (copy.node for copy in plan.target.copies(0) if copy.node != "a")
    assert taken in {"b", "c"}
    found = {r.name: r.nodes for r in plan.explain(partition=0).rejections}
    assert found == {
        "leaving": ("old",),
        "spread": ("d",),
        "equal": tuple({"b", "c"} - {taken}),
    }


def test_a_plan_without_data_moves_says_so() -> None:
    before = mapcore.plan(cluster(even(), settings()))
    plan = mapcore.plan(before.cluster.with_current(before.target), maintain=["n0"])
    assert [r.name for r in plan.explain(partition=0).rejections][-1] == "no-data"


def test_a_partition_tells_what_became_of_each_copy() -> None:
    before = mapcore.plan(cluster(even(), settings()))
    plan = mapcore.plan(before.cluster.with_current(before.target), swap={"n3": "new"})
    move = plan.moves[0]
    copies = {name: rest for name, *rest in plan.explain(partition=move.partition).copies}
    assert copies["n3"][1:] == ["null", "swap of n3 by new"]
    assert copies["new"][0] == "null"


def test_a_node_tells_what_it_is_due_and_what_changes() -> None:
    before = mapcore.plan(cluster(even(), settings(partitions=27)))
    plan = mapcore.plan(before.cluster.with_current(before.target), remove=["n3"])
    explained = plan.explain(node="n3")
    assert explained.copies == (9, 0)
    assert explained.copy_share == (0, 0)
    assert len(explained.losses) == 9
    assert {reason for _, reason in explained.losses} == {"n3 is leaving"}
    assert str(explained).startswith("node n3 at z0, leaving, weight 1\n  copies   9 -> 0")


def test_explanations_are_documents_too() -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    assert json.loads(json.dumps(plan.explain(partition=3).to_dict()))["partition"] == "3"
    found = json.loads(json.dumps(plan.explain(node="n1").to_dict()))
    assert found["copies"] == {"before": 0, "after": 8}


def test_every_constraint_has_a_name_of_its_own_and_a_sentence() -> None:
    assert len({constraint.name for constraint in CONSTRAINTS}) == len(CONSTRAINTS)
    assert all(constraint.sentence for constraint in CONSTRAINTS)
    hard = [constraint.is_hard for constraint in CONSTRAINTS]
    assert hard == sorted(hard, reverse=True)


@pytest.mark.parametrize("wrong", [{"partition": 24}, {"partition": "x"}, {"node": "x"}, {}])
def test_what_is_not_there_cannot_be_explained(wrong: dict[str, str]) -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    with pytest.raises(PlanError, match="explain: "):
        plan.explain(**wrong)
