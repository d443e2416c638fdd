"""The best placement of unequal partitions by an independent model, for tiny ones: CP-SAT.

One variable a partition and node; the parts of the objective are minimised one after the other,
each held at its least while the next is looked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from mapcore.planning.placing.placement_problem import PlacementProblem
from tests.twins.placement_oracle import even_shares, limits, usable


class Score(NamedTuple):
    """What a placement costs; the least is the best."""

    missing: int
    excess: tuple[int, ...]
    imbalance: int
    moved: int


def best(problem: PlacementProblem) -> Score:
    """Return the least that any placement costs."""
    measures = problem.measures
    assert measures is not None
    model = cp_model.CpModel()
    partitions, nodes = len(problem.copy_counts), len(problem.eligible)
    holds: dict[tuple[int, int], Any] = {}
    parts: list[Any] = []
    for p in range(partitions):
        pins = set() if problem.pinned is None else set(problem.pinned[p].tolist())
        for n in usable(problem, p):
            holds[p, n] = model.new_bool_var(f"{p} on {n}")
            if n in pins:
                model.add(holds[p, n] == 1)
            elif measures.room is not None and measures.bytes[p] > measures.room.largest[n]:
                model.add(holds[p, n] == 0)
        model.add(_row(holds, p) <= int(problem.copy_counts[p]))
    most = limits(problem)
    for n in range(nodes):
        model.add(sum(var for (_, at), var in holds.items() if at == n) <= int(most[n]))
        if measures.room is not None:
            fits = sum(int(measures.bytes[p]) * var for (p, at), var in holds.items() if at == n)
            model.add(fits <= min(int(measures.room.capacity[n]), 2**40))
    parts.append(int(problem.copy_counts.sum()) - sum(holds.values()))
    parts += [
        sum(_excess(model, problem, holds, p, k) for p in range(partitions))
        for k in range(len(problem.levels))
    ]
    parts.append(sum(_outside(model, problem, holds, n) for n in range(nodes)))
    current = problem.current.tolist()
    parts.append(
        sum(int(measures.bytes[p]) * var for (p, n), var in holds.items() if n not in current[p])
    )
    found = [_least(model, part) for part in parts]
    return Score(found[0], tuple(found[1:-2]), found[-2], found[-1])


def _row(holds: dict[tuple[int, int], Any], p: int) -> Any:
    return sum(var for (row, _), var in holds.items() if row == p)


def _excess(model: cp_model.CpModel, problem: PlacementProblem, holds: Any, p: int, k: int) -> Any:
    share, level = even_shares(problem, p)[k], problem.levels[k]
    above = []
    for value in set(level.tolist()):
        there = [var for (row, n), var in holds.items() if row == p and level[n] == value]
        if there:
            excess = model.new_int_var(0, len(there), "")
            model.add(excess >= sum(there) - share)
            above.append(excess)
    return sum(above)


def _outside(model: cp_model.CpModel, problem: PlacementProblem, holds: Any, n: int) -> Any:
    measures = problem.measures
    assert measures is not None
    if not problem.eligible[n]:
        return 0
    load = sum(int(measures.load[p]) * var for (p, at), var in holds.items() if at == n)
    furthest = int(measures.load.sum() + measures.high.max())
    outside, square = model.new_int_var(0, furthest, ""), model.new_int_var(0, furthest**2, "")
    model.add(outside >= load - int(measures.high[n]))
    model.add(outside >= int(measures.low[n]) - load)
    model.add_multiplication_equality(square, [outside, outside])
    return square


def _least(model: cp_model.CpModel, part: Any) -> int:
    if isinstance(part, int):
        return part
    model.minimize(part)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    assert status == cp_model.OPTIMAL, solver.status_name(status)
    least = round(solver.objective_value)
    model.add(part <= least)
    return least


def score(problem: PlacementProblem, nodes: NDArray[np.int32]) -> Score:
    """Return what a placement costs; AssertionError where it is not one."""
    from tests.twins import placement_oracle

    measures = problem.measures
    assert measures is not None
    counted = placement_oracle.score(problem, nodes)
    loads = [0] * len(problem.eligible)
    held = [0] * len(problem.eligible)
    pinned = [0] * len(problem.eligible)
    moved = 0
    for p, row in enumerate(nodes.tolist()):
        for n in (n for n in row if n >= 0):
            size = int(measures.bytes[p])
            loads[n] += int(measures.load[p])
            held[n] += size
            moved += size * (n not in problem.current[p])
            is_pinned = problem.pinned is not None and n in problem.pinned[p]
            pinned[n] += size * is_pinned
            if measures.room is not None:
                assert is_pinned or size <= measures.room.largest[n], "a copy fits on no volume"
    imbalance = 0
    for n in np.flatnonzero(problem.eligible).tolist():
        low, high = int(measures.low[n]), int(measures.high[n])
        imbalance += max(0, low - loads[n], loads[n] - high) ** 2
        if measures.room is not None:
            assert held[n] <= max(int(measures.room.capacity[n]), pinned[n]), "a node is overfull"
    return Score(counted.missing, counted.spread_excess, imbalance, moved)
