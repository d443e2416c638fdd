"""Between which loads the best placements lie, before any copy is placed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _placement
from mapcore._kernels._placement import Outcome
from mapcore.planning.placing.placement import copy_limits, is_uniform
from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["LoadRanges", "load_ranges"]


class LoadRanges(NamedTuple):
    """Between which loads all placements of least excess and imbalance lie.

    Attributes:
        least: int64 by node.
        most: int64 by node.
        group: int32 by node: single copies may pass between nodes of one group.
    """

    least: NDArray[np.int64]
    most: NDArray[np.int64]
    group: NDArray[np.int32]


def load_ranges(problem: PlacementProblem) -> LoadRanges | None:
    """Find the loads of all best placements without looking at a partition.

    None where partitions differ or limits are at odds with spread: then nothing is known.
    """
    nodes, partitions = len(problem.eligible), len(problem.copy_counts)
    if not partitions or not problem.eligible.any() or not is_uniform(problem):
        return None
    found = LoadRanges(
        np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes, np.int32)
    )
    outcome = _placement.find_loads(
        partitions,
        min(int(problem.copy_counts[0]), int(np.count_nonzero(problem.eligible))),
        np.ascontiguousarray(problem.eligible).view(np.uint8),
        np.ascontiguousarray(problem.levels),
        np.ascontiguousarray(problem.lower),
        np.ascontiguousarray(problem.upper),
        copy_limits(problem),
        *found,
    )
    return found if outcome == Outcome.DONE else None
