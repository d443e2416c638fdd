"""What makes nodes no placement at all, good or bad: half of the checker of placements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["placement_faults"]


def placement_faults(
    problem: PlacementProblem,
    nodes: NDArray[np.int32],
    usable: NDArray[np.bool_],
    of: NDArray[Any],
    pins: NDArray[Any],
    limit: NDArray[np.int64],
) -> Iterator[str]:
    """Find what is wrong with the nodes of each partition's copies.

    Args:
        problem: what was asked.
        nodes: what is to be judged, -1 at the end of rows.
        usable: by class of partitions and node, one more that may hold nothing at the end.
        of: the class of each partition.
        pins: pinned nodes, any number by partition, -1 for none.
        limit: the most copies of each node.
    """
    count, held = len(limit), nodes >= 0
    if nodes.ndim != 2 or len(nodes) != len(of):
        yield "not a row for each partition"
    elif nodes.min(initial=0) < -1 or nodes.max(initial=-1) >= count:
        yield "a node that there is not"
    elif np.any(held[:, 1:] & ~held[:, :-1]):
        yield "a hole in a row"
    elif np.any(held.sum(axis=1) > problem.copy_counts):
        yield "more copies than asked for"
    elif np.any(~usable[of[:, None], nodes] & held):
        yield "a copy on a node that may not hold it"
    elif any(((a == b) & (a >= 0)).any() for a, b in combinations(nodes.T, 2)):
        yield "two copies of a partition on a node"
    elif np.any(np.bincount(nodes[held], minlength=count) > limit):
        yield "a node above its limit"
    elif any(np.any((nodes != pin[:, None]).all(axis=1) & (pin >= 0)) for pin in pins):
        yield "a pinned copy that is not there"
    for outer, inner in pairwise(problem.levels[:, problem.eligible]):
        if len(np.unique([outer, inner], axis=1).T) > len(np.unique(inner)):
            yield "a value of a level in two values of the level above"
