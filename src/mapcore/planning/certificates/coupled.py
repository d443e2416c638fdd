"""How good a placement that the flow cannot say is, checked without trusting the engine.

Everything is recounted from the problem and the nodes of the copies. Counts and spread are proven
as for equal partitions: what the flow proves without balance and capacities holds with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.certificates.copies import check_placement
from mapcore.planning.certificates.regrets import Proof
from mapcore.planning.placing.coupled import loosened
from mapcore.planning.placing.placement import Placement
from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["CoupledProof", "check_coupled"]


@dataclass(frozen=True, slots=True)
class CoupledProof:
    """What a placement of unequal partitions costs, recounted, and what none can go below.

    Attributes:
        fault: why it is no placement at all, or None.
        counts: the proof for copies missing and spread excess, which come first in it.
        imbalance: sum over nodes of the squared distance of the load from what is even.
        imbalance_bound: what no placement goes below.
        gap: the furthest that a node is from its fair share, which it would have if partitions
            could be divided, as a part of it. A partition above that share counts as one. None
            where copies are counted.
        moved: what the copies hold that are to be filled, in the unit of `Measures.bytes`.
        moved_bound: placements of as many copies that are as even move no less.
    """

    fault: str | None
    counts: Proof
    imbalance: int
    imbalance_bound: int
    gap: float | None
    moved: int
    moved_bound: int


def check_coupled(problem: PlacementProblem, placement: Placement) -> CoupledProof:
    """Recount a placement and say how good it is. Linear in the copies, but for `counts`."""
    measures = problem.measures
    assert measures is not None
    nodes, count = placement.nodes, len(problem.eligible)
    counts = check_placement(loosened(problem), placement)
    rows, places = np.nonzero(nodes >= 0)
    at = nodes[rows, places]
    loads = _sums(at, measures.load[rows], count)
    largest = np.zeros(count, np.int64)
    np.maximum.at(largest, at, measures.load[rows])
    fault = counts.fault or _overfull(problem, at, rows)
    whole = int((measures.load * problem.copy_counts).sum())
    if not fault and int(measures.fair.sum()) > whole + count:  # rounded by one a node at most
        fault = "the fair shares are more than there is to share"
    outside = loads - np.clip(loads, measures.low, measures.high)
    imbalance = sum(distance * distance for distance in outside[outside != 0].tolist())
    free = (measures.low < measures.high) & (measures.fair > 0)
    off = np.maximum(loads - np.maximum(measures.fair, largest), measures.fair - loads)[free]
    placed = np.count_nonzero(nodes >= 0, axis=1)
    least = _least_imbalance(problem, placed)
    is_new = ~(nodes[:, :, None] == problem.current[:, None, :]).any(axis=2)[rows, places]
    return CoupledProof(
        fault=fault,
        counts=counts,
        imbalance=imbalance,
        imbalance_bound=least,
        gap=None
        if measures.unit == "copies"
        else float((np.maximum(off, 0) / measures.fair[free]).max(initial=0.0)),
        moved=int(measures.bytes[rows[is_new]].sum()),
        moved_bound=_least_moved(problem, placed, max(0, imbalance - least)),
    )


def _least_imbalance(problem: PlacementProblem, placed: NDArray[np.int64]) -> int:
    """Return what partitions larger than what is even on any node add, wherever they stand.

    Two of them on one node add more than on two nodes.
    """
    measures = problem.measures
    assert measures is not None
    above = _above_all(problem)
    return sum(
        count * distance * distance
        for count, distance in zip(
            placed[above > 0].tolist(), above[above > 0].tolist(), strict=True
        )
    )


def _above_all(problem: PlacementProblem) -> NDArray[np.int64]:
    measures = problem.measures
    assert measures is not None
    most = int(measures.high[problem.eligible].max(initial=0))
    above: NDArray[np.int64] = np.maximum(measures.load - most, 0)
    return above


def _least_moved(problem: PlacementProblem, placed: NDArray[np.int64], spare: int) -> int:
    """Return what must be filled: where rows lack copies, and where nodes hold too little.

    Args:
        problem: what was asked.
        placed: copies of each partition.
        spare: the imbalance beyond the least.
    """
    measures = problem.measures
    assert measures is not None
    current = problem.current
    usable = (current >= 0) & problem.eligible[current]
    if problem.class_eligible is not None and problem.partition_class is not None:
        usable &= problem.class_eligible[problem.partition_class[:, None], current]
    lacking = np.maximum(placed - np.count_nonzero(usable, axis=1), 0)
    by_rows = int((lacking * measures.bytes).sum())
    if not np.array_equal(measures.load, measures.bytes):
        return by_rows
    rows, places = np.nonzero(usable)
    at, sizes = current[rows, places], measures.bytes[rows]
    held = _sums(at, sizes, len(measures.fair))
    # By Cauchy and Schwarz, placements as even are outside by no more than this in sum.
    outside = isqrt(spare * len(held)) + (spare > 0)
    into = int(np.maximum(measures.low - held, 0)[problem.eligible].sum()) - outside
    # Partitions that are larger than any share count as kept, the others fill shares at most.
    is_small = _above_all(problem) == 0
    small = _sums(at, np.where(is_small[rows], sizes, 0), len(held))
    total = int((placed * measures.bytes)[is_small].sum())
    kept = int(np.minimum(small, measures.high)[problem.eligible].sum()) + outside
    return max(by_rows, into, total - kept)


def _overfull(
    problem: PlacementProblem, at: NDArray[np.int32], rows: NDArray[np.int64]
) -> str | None:
    measures = problem.measures
    if measures is None or measures.room is None:
        return None
    sizes, count = measures.bytes[rows], len(problem.eligible)
    is_pinned = np.zeros(len(at), np.bool_)
    if problem.pinned is not None:
        is_pinned = (problem.pinned[rows] == at[:, None]).any(axis=1)
    held = _sums(at, sizes, count)
    pinned = _sums(at[is_pinned], sizes[is_pinned], count)
    if np.any(held > np.maximum(measures.room.capacity, pinned)):
        return "more bytes on a node than its volumes hold"
    if np.any((sizes > measures.room.largest[at]) & ~is_pinned):
        return "a copy that no volume of its node holds"
    return None


def _sums(at: NDArray[np.int32], amounts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, at, amounts)
    return sums
