"""Which nodes hold a copy of each partition, where the exact flow cannot say it.

Partitions of unequal size or weight, and capacities of volumes, make placement a packing problem.
The exact engine gives the start: with balance left open, what every partition can keep within
counts and spread. From there copies are placed the largest first, and moves and exchanges of
copies between two nodes improve, in this order: crowding of places, balance of loads, bytes moved,
and how near loads are to their fair shares where that costs nothing. No randomness: the same
problem gives the same placement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _coupled, _placement, _rules
from mapcore._kernels._coupled import Order
from mapcore.planning.placing.placement import (
    Placement,
    RowClasses,
    copy_limits,
    even_shares,
    place,
    row_classes,
    spread_excess,
)
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.rule_breaks import breaks_of

__all__ = ["is_coupled", "loosened", "place_coupled"]

_UNLIMITED = np.iinfo(np.int64).max


def is_coupled(problem: PlacementProblem) -> bool:
    """Whether the exact flow cannot say the problem."""
    return problem.measures is not None or problem.rules is not None


def loosened(problem: PlacementProblem) -> PlacementProblem:
    """Return the part of the problem that the exact flow can say, without balance."""
    nodes = len(problem.eligible)
    return replace(
        problem,
        lower=np.zeros(nodes, np.int64),
        upper=np.full(nodes, len(problem.copy_counts), np.int64),
        measures=None,
        sum_lower=None,
        sum_upper=None,
    )


def place_coupled(
    problem: PlacementProblem, *, interrupt: Callable[[], object] | None = None
) -> Placement:
    """Place every copy, with balance by load and within capacities.

    The global interpreter lock is free while the engines work; signals stop them.

    Args:
        problem: what is to be placed; its `measures` say what partitions weigh.
        interrupt: called every few milliseconds; what it raises stops the plan.

    Raises:
        PlanError: arrays that do not fit together.
    """
    assert problem.measures is not None
    start = place(loosened(problem), interrupt=interrupt)
    best = start.nodes
    if best.size and problem.eligible.any():
        best, is_as_good_as_flow = _best_of_starts(problem, start.nodes, interrupt)
        while not is_as_good_as_flow:  # until planning again would find nothing better
            found = replace(problem, current=best)
            flow = place(loosened(found), interrupt=interrupt)
            better, is_as_good_as_flow = _best_of_starts(found, flow.nodes, interrupt)
            if not _grade(problem, better) < _grade(problem, best):
                break
            best = better
    copies = np.zeros(len(problem.eligible), np.int64)
    moves = _placement.order_rows(np.ascontiguousarray(problem.current), best, copies)
    outside = problem.measures.outside(problem.measures.loads_of(best))
    return Placement(
        best,
        moves,
        imbalance=sum(distance * distance for distance in outside[outside > 0].tolist()),
        spread_excess=spread_excess(problem, best),
        missing=int(problem.copy_counts.sum(dtype=np.int64)) - int(copies.sum()),
        sum_imbalance=0,
        certificate=start.certificate,
    )


def _best_of_starts(
    problem: PlacementProblem,
    flow: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> tuple[NDArray[np.int32], bool]:
    """Return the best placement found, and whether its counts and spread are those of the flow.

    Mostly the first start gives that. Limits and capacities can be in its way: then what is held
    now is another start, as the flow knows nothing of capacities, and so are other orders.
    """
    missing, empty, _, *excess = _grade(problem, flow)
    goal = (missing, empty, 0, *excess)
    best = _improved(problem, flow, Order.LARGEST_FIRST, interrupt)
    least = _grade(problem, best)
    if _reaches(least, goal):
        return best, True
    held = _held_legally(problem)
    if held is not None:
        found = _improved(problem, held, Order.LARGEST_FIRST, interrupt)
        if (grade := _grade(problem, found)) <= least:
            best, least = found, grade
    for order in (Order.SMALLEST_FIRST, Order.KEPT):
        if _reaches(least, goal):
            break
        found = _improved(problem, flow, order, interrupt)
        if (grade := _grade(problem, found)) < least:
            best, least = found, grade
    return best, _reaches(least, goal)


def _reaches(grade: tuple[int, ...], goal: tuple[int, ...]) -> bool:
    return all(found <= asked for found, asked in zip(grade, goal, strict=True))


def _grade(problem: PlacementProblem, nodes: NDArray[np.int32]) -> tuple[int, ...]:
    """Return what counts more than balance.

    These are missing copies, rows without any, rules broken, and the excess by level.
    """
    is_missing = nodes < 0
    missing = int(np.count_nonzero(is_missing))
    empty = int(np.count_nonzero(is_missing.all(axis=1))) if missing else 0
    classes = row_classes(problem)
    shares = even_shares(problem, classes).astype(np.int64)[classes.numbers]
    parts = np.zeros((len(nodes), 1 + len(problem.levels)), np.int64)
    levels = np.ascontiguousarray(problem.levels)
    _rules.row_costs(np.ascontiguousarray(nodes), *_rule_arrays(problem), levels, shares, parts)
    return missing, empty, *parts.sum(axis=0).tolist()


def _least_broken(problem: PlacementProblem, classes: RowClasses) -> NDArray[np.int32]:
    """Return how many slaves break rules in each class wherever they stand; int32."""
    if problem.rules is None:
        return np.zeros(len(classes.copies), np.int32)
    return np.array(
        [
            breaks_of(problem.rules, classes.group_nodes[group], copies)
            for copies, group in zip(classes.copies.tolist(), classes.groups.tolist(), strict=True)
        ],
        np.int32,
    )


def _rule_arrays(
    problem: PlacementProblem,
) -> tuple[NDArray[np.int32], NDArray[np.int32], int, NDArray[np.uint8]]:
    rules, nodes = problem.rules, len(problem.eligible)
    if rules is None:
        none = np.empty((nodes, 0), np.int32)
        return none, np.empty((0, 3), np.int32), 0, np.zeros(nodes, np.uint8)
    may_lead = np.ascontiguousarray(rules.may_lead).view(np.uint8)
    return np.ascontiguousarray(rules.ancestors), rules.intervals, rules.masters, may_lead


def _held_legally(problem: PlacementProblem) -> NDArray[np.int32] | None:
    """Return the copies that are held now, as rows; None where not all of them may stay."""
    current, classes = problem.current, row_classes(problem)
    usable = classes.group_nodes[classes.groups[classes.numbers][:, None], current]
    is_held = current >= 0
    counts = np.count_nonzero(is_held, axis=1)
    if (is_held & ~usable).any() or (counts > classes.copies[classes.numbers]).any():
        return None
    if (
        np.bincount(current[is_held], minlength=len(problem.eligible)) > copy_limits(problem)
    ).any():
        return None
    if problem.pinned is not None:
        there = (problem.pinned[:, :, None] == current[:, None, :]).any(axis=2)
        if (~there & (problem.pinned >= 0)).any():
            return None
    width = int(problem.copy_counts.max())
    rows = np.full((len(current), max(width, current.shape[1])), -1, np.int32)
    order = np.argsort(~is_held, axis=1, kind="stable")
    rows[:, : current.shape[1]] = np.take_along_axis(current, order, axis=1)
    return np.ascontiguousarray(rows[:, :width])


def _improved(
    problem: PlacementProblem,
    start: NDArray[np.int32],
    order: Order,
    interrupt: Callable[[], object] | None,
) -> NDArray[np.int32]:
    measures = problem.measures
    assert measures is not None
    classes = row_classes(problem)
    pinned = problem.pinned
    if pinned is None:
        pinned = np.empty((len(start), 0), np.int32)
    unlimited = np.full(len(problem.eligible), _UNLIMITED, np.int64)
    room = measures.room
    chosen = np.ascontiguousarray(start.copy())
    _coupled.improve(
        np.ascontiguousarray(problem.current),
        np.ascontiguousarray(pinned),
        classes.numbers,
        classes.copies,
        classes.groups,
        np.ascontiguousarray(even_shares(problem, classes)),
        _least_broken(problem, classes),
        np.ascontiguousarray(classes.group_nodes).view(np.uint8),
        np.ascontiguousarray(problem.levels),
        measures.load,
        measures.bytes,
        measures.low,
        measures.fair,
        measures.high,
        copy_limits(problem),
        unlimited if room is None else room.capacity,
        unlimited if room is None else room.largest,
        *_rule_arrays(problem),
        chosen,
        order,
        interrupt,
    )
    return chosen
