"""Copies stand as rules ask, before places are spread and loads even; and stay there."""

from __future__ import annotations

import random

import numpy as np
import pytest
from msgspec.structs import replace

import mapcore
from mapcore.cluster import Cluster, Constraints, Node, Rule, Settings
from mapcore.planning.placing.rule_breaks import least_breaks
from mapcore.planning.plans import Plan
from tests.planning.clusters import MASTER, SLAVE, cluster, holders, masters
from tests.twins import rules as twin

LEVELS = ("zone", "rack")
NEAR = Rule(same="zone", different="rack")
FAR = Rule(different="zone")


def ruled(
    *rules: Rule, zones: int = 3, racks: int = 4, nodes: int = 2, partitions: int = 144
) -> Cluster:
    given = Settings(
        constraints=Constraints(slave=2),
        num_partitions=partitions,
        levels=LEVELS,
        rules={"slave": rules},
    )
    places = [f"z{z}/r{r}" for z in range(zones) for r in range(racks) for _ in range(nodes)]
    return cluster({f"n{i}": place for i, place in enumerate(places)}, given)


def random_cluster(seed: int) -> Cluster:
    """Uneven zones and racks, some weights, any rules, and any current map."""
    rng = random.Random(seed)
    slave = rng.randint(1, 3)
    values = [None, "zone", "rack"]
    rules = [
        Rule(same=same, different=different)
        for same, different in [
            (rng.choice(values), rng.choice(values)) for _ in range(rng.randint(1, slave))
        ]
        if same or different
    ] or [NEAR]
    partitions = rng.randint(1, 20)
    given = Settings(
        constraints=Constraints(slave=slave),
        num_partitions=partitions,
        levels=LEVELS,
        rules={"slave": tuple(rules)},
        spread=rng.choice([None, ()]),
    )
    nodes = [
        Node(
            name=f"n{i}",
            location=f"z{rng.randrange(3)}/r{rng.randrange(3)}",
            weight=rng.choice([1, 1, 1, 2]),
        )
        for i in range(rng.randint(1, 12))
    ]
    rows = [
        {
            node.name: MASTER if i == 0 else SLAVE
            for i, node in enumerate(rng.sample(nodes, rng.randint(0, min(4, len(nodes)))))
        }
        for _ in range(partitions)
    ]
    sizes = [rng.randint(1, 50) for _ in range(partitions)] if rng.random() < 0.5 else None
    return cluster(nodes, given, rows, sizes=sizes)


def recount(plan: Plan) -> int:
    """The slaves that match no rule, word by word."""
    given = plan.work.asked.settings
    rules = twin.slave_rules(given.rules["slave"], given.constraints.slave)
    places = {node.name: tuple(node.location.split("/")) for node in plan.cluster.nodes}
    return sum(
        twin.broken(
            [places[name] for name in held - led], [places[name] for name in led], rules, LEVELS
        )
        for held, led in zip(holders(plan.target), masters(plan.target), strict=True)
    )


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_no_plan_breaks_fewer_rules_and_none_misses_a_copy_for_them(first: int) -> None:
    for seed in range(first, first + 40):
        found = random_cluster(seed)
        plan = mapcore.plan(found, rebuild=True)
        problem, placement = plan.work.placement_problem, plan.work.placement
        assert problem is not None
        assert placement is not None
        wanted = min(len(found.nodes), found.map().settings.constraints.copy_count)
        assert all(len(row) == wanted for row in holders(plan.target)), seed
        assert plan.certificate.faults == (), seed
        assert recount(plan) == least_breaks(problem, placement.missing), seed


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_planning_again_moves_nothing(first: int) -> None:
    for seed in range(first, first + 40):
        plan = mapcore.plan(random_cluster(seed), rebuild=True)
        again = mapcore.plan(plan.cluster.with_current(plan.target), rebuild=True)
        assert len(again.moves) == 0, seed


@pytest.mark.parametrize("rules", [(NEAR,), (NEAR, FAR), (FAR,)])
def test_loads_are_even_under_rules(rules: tuple[Rule, ...]) -> None:
    plan = mapcore.plan(ruled(*rules))
    assert recount(plan) == 0
    loads = plan.target.loads()
    assert loads.max() - loads.min() <= 2
    assert np.count_nonzero(loads != 18) <= 4
    assert plan.certificate.gap is None


@pytest.mark.parametrize("rules", [(NEAR,), (NEAR, FAR)])
def test_a_zone_added_takes_whole_partitions(rules: tuple[Rule, ...]) -> None:
    before = mapcore.plan(ruled(*rules))
    new = {f"x{i}": f"z3/r{i % 4}" for i in range(8)}
    plan = mapcore.plan(before.cluster.with_current(before.target), add=new)
    assert recount(plan) == 0
    loads = plan.target.loads()
    assert loads.min() >= 13
    assert loads.max() <= 14
    assert len(plan.moves) <= 1.1 * 432 / 4


def test_rules_put_upon_a_map_that_has_none_move_two_copies_of_each_partition_at_most() -> None:
    spread = mapcore.plan(ruled())
    found = ruled(NEAR).with_current(spread.target)
    plan = mapcore.plan(found, rebuild=True)
    assert recount(plan) == 0
    assert len(plan.moves) <= 2 * 144


def test_rules_hold_with_partitions_of_unequal_size() -> None:
    sizes = np.random.default_rng(1).lognormal(10, 1, 600).astype(np.int64)
    found = ruled(NEAR, partitions=600)
    empty = mapcore.plan(found).current.replace(sizes=sizes)
    plan = mapcore.plan(found.with_current(empty))
    assert recount(plan) == 0
    assert plan.certificate.gap is not None
    assert plan.certificate.gap < 0.05


def test_copies_that_are_all_pinned_stay_where_they_are() -> None:
    found = ruled(NEAR, zones=2, racks=2, partitions=12)
    given = found.map().settings
    pinned = {str(p): ["n0", "n4", "n7"] for p in range(12)}
    nodes = {node.name: node.location for node in found.nodes}
    plan = mapcore.plan(cluster(nodes, replace(given, extra={"pinned": pinned})))
    assert all(row == {"n0", "n4", "n7"} for row in holders(plan.target))
    assert plan.certificate.faults == ()
