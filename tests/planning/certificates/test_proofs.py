"""A plan's certificate: what is claimed is recounted, and damage is found."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from hypothesis import given

import mapcore
from mapcore.cluster import Cluster
from mapcore.planning.certificates.proofs import PlanCertificate
from tests.planning.clusters import cluster, clusters, even, settings


@given(clusters())
def test_every_plan_is_sound_and_proven_optimal(found: Cluster) -> None:
    plan = mapcore.plan(found)
    assert plan.certificate.faults == ()
    assert plan.certificate.is_optimal


@given(clusters(modes=False))
def test_moves_are_those_that_are_counted(found: Cluster) -> None:
    plan = mapcore.plan(found)
    values = {objective.name: objective.value for objective in plan.certificate.objectives}
    assert values["moves"] == len(plan.moves)


def test_plans_that_move_no_data_prove_their_masters_alone() -> None:
    before = mapcore.plan(cluster(even(), settings()))
    start = before.cluster.with_current(before.target)
    failed = mapcore.plan(start, fail=["n1"]).certificate
    assert [objective.name for objective in failed.objectives] == [
        "changes of master",
        "imbalance of masters",
    ]
    assert failed.verify()
    assert mapcore.plan(start, maintain=["n1"]).certificate.verify()


def test_a_target_that_differs_from_what_was_proven_is_found() -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    other = mapcore.plan(cluster(even(), settings()), remove=["n3"])
    assert plan.certificate.verify()
    wrong = PlanCertificate(other.target, plan.work)
    assert not wrong.is_optimal
    assert wrong.faults == ("the target map does not hold the copies and masters that were proven",)
    assert str(wrong).startswith("the plan is WRONG")


def test_a_worse_placement_is_not_called_optimal() -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    assert plan.work.placement is not None
    nodes = plan.work.placement.nodes.copy()
    nodes[:] = nodes[0]
    wrong = replace(plan.work, placement=replace(plan.work.placement, nodes=nodes))
    values = {each.name: each for each in PlanCertificate(plan.target, wrong).objectives}
    assert not values["imbalance of copies"].is_reached
    assert np.all(nodes == nodes[0])


def test_the_certificate_is_part_of_report_and_document() -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    assert "certificate: proven optimal" in plan.report()
    assert json.loads(json.dumps(plan.to_dict()))["certificate"]["optimal"] is True
    assert "moves                                 72  no plan has less" in str(plan.certificate)
