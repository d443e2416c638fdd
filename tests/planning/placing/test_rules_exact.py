"""Plans under rules against the exact optimum, on tiny clusters with tags, limits and pins.

What places copies under rules is a search, so it may fall short of the optimum. Here it is held to
what was found of it: of 900 such clusters 95 % are optimal in everything, and all others break as
few rules as can be wherever no copy is missing.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

import mapcore
from mapcore.cluster import Cluster, Constraints, Mode, Node, Rule, Settings, SpreadLevel
from tests.planning.clusters import MASTER, SLAVE, cluster
from tests.twins.rules_oracle import Costs, best_costs

LEVELS = ("zone", "rack")
SEEDS = range(1000, 1090)


def tiny_cluster(seed: int) -> Cluster:
    """Two to seven nodes, up to five partitions, one or two rules, and much that stands against."""
    rng = random.Random(seed)
    slave, level = rng.randint(1, 3), [None, *LEVELS]
    drawn = [(rng.choice(level), rng.choice(level)) for _ in range(rng.randint(1, 2))]
    rules = [Rule(same=same, different=other) for same, other in drawn if same or other]
    partitions, count = rng.randint(1, 5), rng.randint(2, 7)
    nodes = [
        Node(
            name=f"n{number}",
            location=f"z{rng.randrange(2)}/r{rng.randrange(2)}",
            weight=rng.choice([1, 1, 2]),
            tags=("ssd",) if rng.random() < 0.7 else (),
            mode=Mode.LEAVING if number and rng.random() < 0.1 else Mode.ACTIVE,
        )
        for number in range(count)
    ]
    extra: dict[str, Any] = {}
    if rng.random() < 0.3:
        extra["require"] = {rng.choice("*0"): ["ssd"]}
    if rng.random() < 0.3:
        extra["maxCopiesPerNode"] = rng.randint(1, partitions)
    if rng.random() < 0.3:
        extra["forbidden"] = {"0": [rng.choice(nodes).name]}
    if rng.random() < 0.2:
        extra["pinned"] = {"0": [rng.choice(nodes).name]}
    asked = Settings(
        constraints=Constraints(slave=slave),
        num_partitions=partitions,
        levels=LEVELS,
        rules={"slave": tuple(rules) or (Rule(same="zone"),)},
        spread=rng.choice([None, (), (SpreadLevel(level="zone"),)]),
        extra=extra,
    )
    rows = [
        {
            node.name: MASTER if position == 0 else SLAVE
            for position, node in enumerate(rng.sample(nodes, rng.randint(0, min(4, count))))
        }
        for _ in range(partitions)
    ]
    return cluster(nodes, asked, rows)


def costs_of(found: Cluster) -> tuple[Costs, Costs]:
    """What the plan costs, and what a best one does; the certificate promises no more."""
    plan = mapcore.plan(found, rebuild=True)
    problem, placement = plan.work.placement_problem, plan.work.placement
    assert problem is not None
    assert placement is not None
    ours = Costs(
        placement.missing,
        int(plan.broken_rules.sum()),
        tuple(placement.spread_excess),
        placement.imbalance,
        placement.moves,
    )
    best = best_costs(problem)
    assert ours >= best
    assert plan.certificate.faults == ()
    (rules,) = (o for o in plan.certificate.objectives if o.name == "slaves against the rules")
    assert rules.bound is not None
    assert rules.bound <= best.broken
    return ours, best


@pytest.fixture(scope="module")
def costs() -> list[tuple[Costs, Costs]]:
    return [costs_of(tiny_cluster(seed)) for seed in SEEDS]


def test_no_copy_more_is_missing_than_must_be(costs: list[tuple[Costs, Costs]]) -> None:
    assert [ours.missing for ours, _ in costs] == [best.missing for _, best in costs]


def test_rules_are_broken_as_little_as_can_be_where_no_copy_is_missing(
    costs: list[tuple[Costs, Costs]],
) -> None:
    whole = [(ours.broken, best.broken) for ours, best in costs if not best.missing]
    assert len(whole) > 40
    assert all(ours == best for ours, best in whole)


def test_most_plans_are_optimal_in_everything(costs: list[tuple[Costs, Costs]]) -> None:
    assert sum(ours == best for ours, best in costs) >= 0.9 * len(costs)
