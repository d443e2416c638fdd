"""The exact optimum of placements under rules, for tiny clusters, by OR-tools' CP-SAT.

One boolean says that a node holds a partition, one that it leads it, and one for each rule that a
slave is matched to it. The objectives are minimised one after the other, each at the best of those
before.
"""

from __future__ import annotations

from typing import NamedTuple

from ortools.sat.python import cp_model

from mapcore.planning.placing.placement_problem import PlacementProblem


class Costs(NamedTuple):
    """What a placement costs, the gravest first."""

    missing: int
    broken: int
    spread_excess: tuple[int, ...]
    imbalance: int
    moves: int


def best_costs(problem: PlacementProblem) -> Costs:
    """Return the costs of a best placement; partitions have one master, and are of equal size."""
    model = cp_model.CpModel()
    partitions, nodes = range(len(problem.copy_counts)), range(len(problem.eligible))
    holds = [[model.new_bool_var("") for _ in nodes] for _ in partitions]
    usable = [[_may_hold(problem, p, n) for n in nodes] for p in partitions]
    for p in partitions:
        model.add(sum(holds[p]) <= int(problem.copy_counts[p]))
        for n in nodes:
            if not usable[p][n]:
                model.add(holds[p][n] == 0)
        for n in [] if problem.pinned is None else problem.pinned[p].tolist():
            if n >= 0:
                model.add(holds[p][n] == 1)
    loads = [sum(holds[p][n] for p in partitions) for n in nodes]
    if problem.node_limit is not None:
        for n in nodes:
            model.add(loads[n] <= int(problem.node_limit[n]))

    missing = int(problem.copy_counts.sum()) - sum(loads)
    broken = sum(_broken(model, problem, row) for row in holds)
    spread = [
        sum(_excess(model, problem, level, p, holds[p], usable[p]) for p in partitions)
        for level in problem.levels
    ]
    imbalance = sum(_outside_squared(model, problem, n, loads[n]) for n in nodes)
    held = [set(row) for row in problem.current.tolist()]
    moves = sum(holds[p][n] for p in partitions for n in nodes if n not in held[p])
    best = [_least(model, cost) for cost in (missing, broken, *spread, imbalance, moves)]
    return Costs(best[0], best[1], tuple(best[2:-2]), best[-2], best[-1])


def _least(model: cp_model.CpModel, cost: cp_model.LinearExprT) -> int:
    """Return the least cost, and keep to it."""
    model.minimize(cost)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    least = round(solver.objective_value)
    model.add(cost == least)
    return least


def _may_hold(problem: PlacementProblem, p: int, n: int) -> bool:
    if problem.class_eligible is not None and problem.partition_class is not None:
        return bool(problem.eligible[n] and problem.class_eligible[problem.partition_class[p], n])
    return bool(problem.eligible[n])


def _broken(
    model: cp_model.CpModel, problem: PlacementProblem, row: list[cp_model.IntVar]
) -> cp_model.LinearExprT:
    """The slaves that match no rule; nothing where no copy may lead."""
    rules = problem.rules
    assert rules is not None
    nodes = range(len(row))
    leads = [model.new_bool_var("") for _ in nodes]
    is_led = model.new_bool_var("")
    model.add(sum(leads) == is_led)
    for n in nodes:
        model.add(leads[n] <= row[n])
        if rules.may_lead[n]:
            model.add(is_led >= row[n])
        else:
            model.add(leads[n] == 0)
    near = [rules.closeness_to(n).tolist() for n in nodes]
    matches = []
    for begin, until, slaves in rules.intervals.tolist():
        mine = [model.new_bool_var("") for _ in nodes]
        model.add(sum(mine) <= slaves)
        for n in nodes:
            model.add(mine[n] <= row[n] - leads[n])
            fitting = [leads[m] for m in nodes if begin <= near[m][n] < until]
            model.add(mine[n] <= sum(fitting))
        matches.append(mine)
    for n in nodes:
        model.add(sum(mine[n] for mine in matches) <= 1)
    unmatched = model.new_int_var(0, len(row), "")
    slaves_of_row = sum(row) - is_led
    matched = sum(sum(mine) for mine in matches)
    model.add(unmatched >= slaves_of_row - matched - len(row) * (1 - is_led))
    return unmatched


def _excess(
    model: cp_model.CpModel,
    problem: PlacementProblem,
    level: object,
    p: int,
    row: list[cp_model.IntVar],
    usable: list[bool],
) -> cp_model.LinearExprT:
    values = [int(value) for value in level]  # type: ignore[attr-defined]
    used = {value for value, able in zip(values, usable, strict=True) if able}
    copies = min(int(problem.copy_counts[p]), sum(usable))
    share = -(-copies // max(1, len(used)))
    above = []
    for value in used:
        crowd = model.new_int_var(0, len(row), "")
        held = sum(var for var, at in zip(row, values, strict=True) if at == value)
        model.add(crowd >= held - share)
        above.append(crowd)
    return sum(above)


def _outside_squared(
    model: cp_model.CpModel, problem: PlacementProblem, n: int, load: cp_model.LinearExprT
) -> cp_model.LinearExprT:
    if not problem.eligible[n]:
        return 0
    most = max(len(problem.copy_counts), int(problem.lower[n])) + 1
    outside, square = model.new_int_var(0, most, ""), model.new_int_var(0, most**2, "")
    model.add(outside >= load - int(problem.upper[n]))
    model.add(outside >= int(problem.lower[n]) - load)
    model.add_multiplication_equality(square, [outside, outside])
    return square
