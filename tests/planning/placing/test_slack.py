"""Slack: nodes may stray from their shares where that saves moves."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore.cluster import SOLE_MAP, Balance, Cluster, ClusterMap
from tests.planning.clusters import MASTER, cluster, clusters, settings


def slackened(given_cluster: Cluster, slack: int) -> Cluster:
    """The cluster with this slack."""
    entry = given_cluster.map()
    asked = msgspec.structs.replace(entry.settings, balance=Balance(slack=slack))
    return given_cluster.with_maps({SOLE_MAP: ClusterMap(settings=asked, current=entry.current)})


def uneven(slack: int) -> Cluster:
    """Three nodes that hold 5, 4 and 3 partitions."""
    rows = [{name: MASTER} for name in "aaaaabbbbccc"]
    nodes = {"a": "", "b": "", "c": ""}
    asked = settings(slave=0, partitions=12, zones=False)
    return slackened(cluster(nodes, asked, rows), slack)


def test_what_is_within_the_slack_stays() -> None:
    assert len(mapcore.plan(uneven(0)).moves) == 1
    plan = mapcore.plan(uneven(1))
    assert len(plan.moves) == 0
    assert plan.certificate.is_optimal
    assert not plan.warnings


def test_what_is_beyond_it_moves_only_as_far_as_it_must() -> None:
    plan = mapcore.plan(uneven(1), add={"d": ""})
    assert len(plan.moves) == 2
    assert all(2 <= load <= 4 for load in plan.loads_after().tolist())
    assert plan.certificate.is_optimal


def test_a_first_plan_is_even() -> None:
    nodes = {"a": "", "b": "", "c": ""}
    empty = cluster(nodes, settings(slave=0, partitions=12, zones=False))
    assert mapcore.plan(slackened(empty, 3)).loads_after().tolist() == [4, 4, 4]


@given(clusters(), st.integers(1, 3))
def test_slack_never_costs_moves_and_is_proven_as_well(given_cluster: Cluster, slack: int) -> None:
    strict, loose = mapcore.plan(given_cluster), mapcore.plan(slackened(given_cluster, slack))
    by_name = [{each.name: each for each in p.certificate.objectives} for p in (strict, loose)]
    for name in by_name[0]:
        if name.startswith(("copies missing", "spread")):
            assert by_name[0][name].value == by_name[1][name].value
    assert len(loose.moves) <= len(strict.moves) or (
        by_name[1]["imbalance of copies"].value < by_name[0]["imbalance of copies"].value
    )
    assert loose.certificate.is_optimal == strict.certificate.is_optimal
    again = mapcore.plan(loose.cluster.with_current(loose.target))
    assert len(again.moves) == 0
