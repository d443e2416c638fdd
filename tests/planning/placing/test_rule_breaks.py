"""Plans under rules: who leads, what is broken, why, and what explains it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore.cluster import Cluster, Constraints, Mode, Node, Rule, Settings, SpreadLevel
from mapcore.errors import PlanError
from mapcore.planning.plans import Plan
from tests.planning.clusters import MASTER, SLAVE, cluster, holders, masters
from tests.twins import rules as twin

LEVELS = ("zone", "rack")


def settings(*rules: Rule, slave: int = 2, partitions: int = 12, **more: Any) -> Settings:
    """One master, some slaves, rules over zones and racks."""
    return Settings(
        constraints=Constraints(slave=slave),
        num_partitions=partitions,
        levels=LEVELS,
        rules={"slave": rules},
        **more,
    )


def racks(zones: int = 2, racks: int = 3, nodes: int = 2) -> dict[str, str]:
    """Nodes by name, in racks of zones."""
    return {
        f"z{z}r{r}n{n}": f"z{z}/r{r}"
        for z in range(zones)
        for r in range(racks)
        for n in range(nodes)
    }


def recount(plan: Plan) -> list[int]:
    """The slaves of each partition that match no rule, word by word."""
    given_settings = plan.work.asked.settings
    rules = twin.slave_rules(given_settings.rules["slave"], given_settings.constraints.slave)
    places = {node.name: tuple(node.location.split("/")) for node in plan.cluster.nodes}
    return [
        twin.broken(
            [places[name] for name in held - led], [places[name] for name in led], rules, LEVELS
        )
        for held, led in zip(holders(plan.target), masters(plan.target), strict=True)
    ]


def test_who_leads_follows_the_rules_before_the_balance_of_masters() -> None:
    near_and_far = (Rule(same="rack"), Rule(different="zone"))
    nodes = {"a": "z0/r0", "b": "z0/r0", "c": "z1/r0"}
    plan = mapcore.plan(cluster(nodes, settings(*near_and_far, partitions=6)))
    assert recount(plan) == [0] * 6
    assert {name for led in masters(plan.target) for name in led} == {"a", "b"}
    assert plan.certificate.is_optimal
    assert not plan.warnings


def test_a_failover_keeps_the_masters_that_are_left() -> None:
    rows = [{"a": MASTER, "b": SLAVE, "c": SLAVE}, {"c": MASTER, "a": SLAVE, "b": SLAVE}]
    nodes = {"a": "z0/r0", "b": "z0/r0", "c": "z1/r0", "d": "z1/r1"}
    given_settings = settings(Rule(same="zone"), partitions=2)
    plan = mapcore.plan(cluster(nodes, given_settings, rows), fail=["d"])
    assert masters(plan.target) == [{"a"}, {"c"}]
    assert plan.broken_rules.tolist() == [1, 2]


def test_a_plan_without_moves_says_that_rules_wait_for_one_with_moves() -> None:
    rows = [{"a": MASTER, "b": SLAVE}]
    given_settings = settings(Rule(same="zone"), slave=1, partitions=1)
    nodes = {"a": "z0/r0", "b": "z1/r0", "c": "z0/r1"}
    plan = mapcore.plan(cluster(nodes, given_settings, rows), fail=["c"])
    (warning,) = (text for text in plan.warnings if "settings.rules" in text)
    assert "no data moves in this plan" in warning


def test_spread_by_default_covers_the_levels_inside_of_a_shared_one() -> None:
    assert settings(Rule(same="zone", different="rack")).spread_levels == ("rack",)
    assert settings(Rule(different="rack")).spread_levels == LEVELS
    assert settings(Rule(same="zone"), Rule(same="rack")).spread_levels == ()
    explicit = (SpreadLevel(level="zone"),)
    assert settings(Rule(same="zone"), spread=explicit).spread_levels == ("zone",)


def test_rules_that_no_placement_can_meet_are_named_with_the_change_that_would_do() -> None:
    nodes = {"a": "z0/r0", "b": "z0/r1", "c": "z1/r0", "d": "z1/r1"}
    plan = mapcore.plan(cluster(nodes, settings(Rule(same="zone", different="rack"))))
    assert plan.certificate.objectives[1].bound == 12
    (warning,) = (text for text in plan.warnings if "settings.rules" in text)
    assert "no placement has fewer than 12" in warning
    assert "add 1 in the same zone as a, but another rack" in warning
    assert "lower constraints.slave to 1" in warning
    better = mapcore.plan(
        cluster({**nodes, "e": "z0/r2"}, settings(Rule(same="zone", different="rack")))
    )
    assert better.certificate.objectives[1].bound == 0


def test_a_rule_that_contradicts_itself_is_named() -> None:
    plan = mapcore.plan(cluster(racks(), settings(Rule(same="rack", different="zone"))))
    assert plan.broken_rules.tolist() == [2] * 12
    assert any("slave[0] contradicts itself" in text for text in plan.warnings)


def test_a_node_without_a_location_is_an_error_once_data_moves() -> None:
    nodes = {"a": "z0/r0", "b": "z0"}
    given_settings = settings(Rule(different="rack"), slave=1, spread=())
    with pytest.raises(PlanError, match="node 'b': found location 'z0', expected zone/rack"):
        mapcore.plan(cluster(nodes, given_settings))
    rows = [{"a": MASTER, "b": SLAVE}] * 12
    assert mapcore.plan(cluster(nodes, given_settings, rows), fail=["a"]).role_changes


def test_explain_names_the_rule_against_a_node() -> None:
    nodes = {"a": "z0/r0", "b": "z0/r1", "c": "z1/r0"}
    given_settings = settings(Rule(same="zone"), slave=1, partitions=1)
    plan = mapcore.plan(cluster(nodes, given_settings, [{"a": MASTER, "b": SLAVE}]))
    (rejection,) = plan.explain(partition=0).rejections
    assert (rejection.name, rejection.is_hard, rejection.nodes) == ("rules", False, ("c",))


def test_the_report_counts_breaks_before_and_after() -> None:
    nodes = {"a": "z0/r0", "b": "z1/r0"}
    rows = [{"a": MASTER, "b": SLAVE}] * 3
    given_settings = settings(Rule(same="zone"), slave=1, partitions=3)
    plan = mapcore.plan(cluster(nodes, given_settings, rows))
    assert "rules: 3 slaves stood against them before, 3 after" in plan.report()
    document = json.loads(json.dumps(plan.to_dict()))
    assert document["rules"] == {
        "brokenBefore": 3,
        "brokenAfter": 3,
        "brokenByPartition": {"0": 1, "1": 1, "2": 1},
    }


@st.composite
def ruled_clusters(draw: st.DrawFn) -> Cluster:
    """Small clusters under any rules, with nodes of all modes."""
    level = st.none() | st.sampled_from(LEVELS)
    rule = st.builds(Rule, same=level, different=level).filter(lambda r: r.same or r.different)
    rules = draw(st.lists(rule, min_size=1, max_size=3))
    mode = st.sampled_from([Mode.ACTIVE] * 5 + list(Mode))
    place = st.sampled_from(["z0/r0", "z0/r1", "z1/r0", "z1/r1"])
    nodes = [Node(name="n0", location=draw(place))] + [
        Node(name=f"n{number}", location=draw(place), mode=draw(mode))
        for number in range(1, draw(st.integers(1, 7)))
    ]
    partitions = draw(st.integers(1, 6))
    codes = st.sampled_from([MASTER, SLAVE, SLAVE])
    row = st.dictionaries(st.sampled_from([node.name for node in nodes]), codes, max_size=4)
    current = draw(st.none() | st.lists(row, min_size=partitions, max_size=partitions))
    slave = draw(st.integers(1, 3))
    return cluster(nodes, settings(*rules, slave=slave, partitions=partitions), current)


@given(ruled_clusters(), st.booleans())
def test_plans_count_their_breaks_right_and_never_below_the_bound(
    given_cluster: Cluster, moves: bool
) -> None:
    plan = mapcore.plan(given_cluster, rebuild=moves)
    assert plan.broken_rules.tolist() == recount(plan)
    assert not plan.certificate.faults
    for objective in plan.certificate.objectives:
        assert objective.bound is None or objective.bound <= objective.value
    for partition in range(plan.target.partition_count):
        assert str(plan.explain(partition=partition))
    assert plan.report()
