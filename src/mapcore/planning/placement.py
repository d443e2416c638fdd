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

from mapcore._kernels import _placement
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

    The global interpreter lock is free while the engine works; signals are looked at every few
    milliseconds, and stop it.

    Args:
        problem: what is to be placed.
        interrupt: called every few milliseconds; what it raises stops the plan.

    Raises:
        PlanError: arrays that do not fit together.
    """
    _check(problem)
    if not _is_uniform(problem):
        from mapcore.planning.greedy import place_greedily

        return place_greedily(problem, interrupt)
    copies = problem.copy_counts
    node_count = len(problem.eligible)
    width = int(copies.max(initial=0))
    wanted = min(width, int(np.count_nonzero(problem.eligible)))
    chosen = np.full((len(copies), width), -1, np.int32)
    balance_prices = np.zeros(node_count, np.int64)
    move_prices = np.zeros(node_count, np.int64)
    if wanted and len(copies):
        placed = chosen if wanted == width else np.empty((len(copies), wanted), np.int32)
        limit = problem.node_limit
        if limit is None:
            limit = np.full(node_count, len(copies), np.int64)
        outcome = _placement.place_uniform(
            np.ascontiguousarray(problem.current),
            wanted,
            np.ascontiguousarray(problem.eligible).view(np.uint8),
            np.ascontiguousarray(problem.levels),
            np.ascontiguousarray(problem.lower),
            np.ascontiguousarray(problem.upper),
            limit,
            placed,
            balance_prices,
            move_prices,
            interrupt,
        )
        if outcome == _placement.Outcome.NOT_NESTED:
            raise PlanError("found a value of a spread level in two values of the level above")
        assert outcome == _placement.Outcome.DONE, outcome
        chosen[:, :wanted] = placed
    moves = _placement.order_rows(np.ascontiguousarray(problem.current), chosen)
    held = chosen[chosen >= 0] if wanted < width else chosen.reshape(-1)
    load = np.bincount(held, minlength=node_count)[problem.eligible]
    outside = np.maximum(problem.lower[problem.eligible] - load, 0)
    outside += np.maximum(load - problem.upper[problem.eligible], 0)
    imbalance = int((outside * outside).sum())
    excess = tuple(
        _excess_of_row(chosen[:1, :wanted].ravel(), level, problem.eligible) * len(copies)
        for level in problem.levels
    )
    return Placement(
        nodes=chosen,
        moves=moves,
        imbalance=imbalance,
        spread_excess=excess,
        missing=int(copies.sum()) - len(held),
        certificate=PlacementCertificate(
            np.zeros(problem.levels.shape, np.int64),
            balance_prices,
            move_prices,
            excess,
            imbalance,
            moves,
        ),
    )


def _is_uniform(problem: PlacementProblem) -> bool:
    optional = (problem.partition_class, problem.class_eligible, problem.pinned, problem.node_limit)
    same_counts = not len(problem.copy_counts) or np.ptp(problem.copy_counts) == 0
    return bool(same_counts) and all(array is None for array in optional)


def _excess_of_row(
    row: NDArray[np.int32], level: NDArray[np.int32], eligible: NDArray[np.bool_]
) -> int:
    if not len(row):
        return 0
    values = np.bincount(level[eligible]) > 0
    even_share = -(-len(row) // np.count_nonzero(values))
    return int(np.maximum(np.bincount(level[row]) - even_share, 0).sum())


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
