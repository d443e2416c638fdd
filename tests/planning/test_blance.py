"""Our plans are never worse than the maps that blance expects of itself in its own tests.

`blance_tables.json` has the clusters and expected maps of its test tables as documents, but for
four that ask for nothing that can be planned. Both answers are recounted here and compared in the
order in which a plan is to be good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mapcore
from mapcore.planning.plans import Plan
from tests.planning.clusters import holders, masters
from tests.twins import rules as twin

FILE = json.loads((Path(__file__).parent / "blance_tables.json").read_text())
TABLES: Mapping[str, Mapping[str, Any]] = FILE["tables"]

Row = tuple[set[str], set[str]]  # nodes that hold the partition, and that lead it


def cases() -> list[Any]:
    unmet = {
        "TestPlanNextMapVis-15": "partitions of other weights: more moves than are needed",
        "TestPlanNextMapVis-16": "partitions of other weights: more moves than are needed",
    }
    marks = {
        name: [pytest.mark.xfail(strict=True, reason=reason)] for name, reason in unmet.items()
    }
    return [
        pytest.param(case, id=f"{table}-{number}", marks=marks.get(f"{table}-{number}", []))
        for table, entries in TABLES.items()
        for number, case in entries.items()
    ]


def cost(plan: Plan, rows: Sequence[Row]) -> tuple[int, ...]:
    """What a map costs, the gravest first; shares and what is eligible are those of the plan."""
    return (*cost_of_copies(plan, rows), *cost_of_masters(plan, rows))


def cost_of_copies(plan: Plan, rows: Sequence[Row]) -> tuple[int, ...]:
    asked, problem = plan.work.asked, plan.work.placement_problem
    assert problem is not None
    levels = asked.settings.levels
    places = {node.name: tuple(node.location.split("/")) for node in plan.cluster.nodes}
    wanted = twin.slave_rules(
        asked.settings.rules.get("slave", ()), asked.settings.constraints.slave
    )
    missing = sum(asked.copies - len(held) for held, _ in rows)
    broken = sum(
        twin.broken([places[n] for n in held - led], [places[n] for n in led], wanted, levels)
        for held, led in rows
    )
    usable = {
        n.name
        for n, is_usable in zip(plan.cluster.nodes, problem.eligible, strict=True)
        if is_usable
    }
    copies = min(asked.copies, len(usable))
    crowded = []
    for depth in asked.depths:
        share = -(-copies // len({places[name][:depth] for name in usable}))
        crowded.append(
            sum(twin.excess([places[n] for n in held], depth, share) for held, _ in rows)
        )
    before = holders(plan.current)
    new = [held - was for (held, _), was in zip(rows, before, strict=True)]
    nodes = plan.target.nodes.numbers
    loads = np.zeros(len(nodes), np.int64)
    weights = np.ones(len(rows), np.int64)
    lower, upper = problem.lower, problem.upper
    if problem.measures is not None:
        weights, lower, upper = problem.measures.load, problem.measures.low, problem.measures.high
    for weight, (held, _) in zip(weights, rows, strict=True):
        for name in held:
            loads[nodes[name]] += weight
    outside = loads - np.clip(loads, lower, upper)
    imbalance = int((outside[problem.eligible] ** 2).sum())
    return (missing, broken, *crowded, imbalance, sum(map(len, new)))


def cost_of_masters(plan: Plan, rows: Sequence[Row]) -> tuple[int, int]:
    problem, nodes = plan.work.roles_problem, plan.target.nodes.numbers
    loads = np.zeros(len(nodes), np.int64)
    for _, led in rows:
        for name in led:
            loads[nodes[name]] += 1
    outside = loads - np.clip(loads, problem.lower, problem.upper)
    before = masters(plan.current)
    changes = sum(len(led - was) for (_, led), was in zip(rows, before, strict=True))
    return int((outside**2).sum()), changes


@pytest.mark.parametrize("case", cases())
def test_a_plan_is_never_worse_than_what_blance_expects(case: Mapping[str, Any]) -> None:
    plan = mapcore.plan(mapcore.loads(json.dumps(case["document"])))
    ours = list(zip(holders(plan.target), masters(plan.target), strict=True))
    theirs: list[Row] = [
        ({*row.get("master", ()), *row.get("slave", ())}, {*row.get("master", ())})
        for row in case["expected"]
    ]
    assert cost(plan, ours) <= cost(plan, theirs)
    assert not plan.certificate.faults


def test_the_tables_are_whole() -> None:
    found = {table: len(entries) for table, entries in TABLES.items()}
    left_out = [name.split()[0] for name in FILE["leftOut"]]
    assert {table: count + left_out.count(table) for table, count in found.items()} == {
        "TestPlanNextMap": 20,
        "TestPlanNextMapVis": 25,
        "TestPlanNextMapHierarchy": 5,
        "TestMultiPrimary": 5,
        "Test2Replicas": 6,
        "TestPlanNextMapHierarchyMultiRackFailureCases": 7,
    }
