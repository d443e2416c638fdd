"""Masters that need not move: of moves that are as good, those that take slaves.

Placement knows no roles, so a node that gives a copy away may give up one that is master. Where
another partition could give up a slave of the same node instead, the two trade: moves, loads and
spread stay what they are, and its proof holds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _placement, _rules
from mapcore.planning.placing.placement import Placement, even_shares, row_classes
from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["keep_masters"]


def keep_masters(
    problem: PlacementProblem,
    placement: Placement,
    masters: NDArray[np.int32],
    may_lead: NDArray[np.bool_],
) -> Placement:
    """Return a placement as good as this one, in which fewer masters have to move.

    Args:
        problem: what was asked, for partitions that are alike in size and weight.
        placement: what came of it.
        masters: int32, partitions by the most masters: nodes that are master now, -1 for none.
        may_lead: bool by node.

    Complexity: linear in copies.
    """
    if not placement.moves or not placement.nodes.size:
        return placement
    nodes = placement.nodes.copy()
    classes = row_classes(problem)
    pinned = problem.pinned
    if pinned is None:
        pinned = np.empty((len(nodes), 0), np.int32)
    traded = _rules.keep_masters(
        np.ascontiguousarray(problem.current),
        np.ascontiguousarray(masters),
        nodes,
        classes.numbers,
        np.ascontiguousarray(classes.group_nodes[classes.groups]).view(np.uint8),
        np.ascontiguousarray(may_lead).view(np.uint8),
        np.ascontiguousarray(pinned),
        np.ascontiguousarray(problem.levels),
        even_shares(problem, classes).astype(np.int64),
    )
    if not traded:
        return placement
    loads = np.zeros(len(problem.eligible), np.int64)
    _placement.order_rows(np.ascontiguousarray(problem.current), nodes, loads)
    return replace(placement, nodes=nodes)
