"""Partitions of unequal size or weight within a number of peers.

A first placement counts copies; then partitions are dealt out to its rows of nodes, which stay as
they are, so that nodes hold even loads. So peers and spread are what they were.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peers
from mapcore.planning.peers.problem import PeersProblem
from mapcore.planning.placing.placement_problem import Measures

__all__ = ["deal_partitions", "fits_volumes"]


def deal_partitions(
    problem: PeersProblem,
    rows: NDArray[np.int32],
    *,
    interrupt: Callable[[], object] | None = None,
) -> NDArray[np.int32]:
    """Return the rows in an order in which nodes hold about their fair shares of loads.

    Partitions change rows only with those of their class, and not where nodes are pinned.

    Args:
        problem: what was asked.
        rows: int32, partitions by copies, -1 for none.
        interrupt: called now and then; what it raises ends the work.
    """
    measures = problem.placement.measures
    if measures is None or measures.unit == "copies" or not rows.size:
        return rows
    pinned = problem.placement.pinned
    is_free: NDArray[np.bool_] = np.ones(len(rows), np.bool_)
    if pinned is not None:
        is_free &= (pinned < 0).all(axis=1)
    dealt = rows.copy()
    lacking = measures.fair - measures.loads_of(np.where(is_free[:, None], -1, rows))
    for number in range(len(problem.classes.copies)):
        partitions = np.flatnonzero(is_free & (problem.classes.numbers == number))
        partitions = partitions[np.argsort(-measures.load[partitions], kind="stable")]
        row_of = np.zeros(len(partitions), np.int32)
        _peers.deal_out(
            np.ascontiguousarray(rows[partitions]),
            np.ascontiguousarray(measures.load[partitions]),
            lacking,
            row_of,
            interrupt,
        )
        dealt[partitions] = rows[partitions[row_of]]
    return dealt


def fits_volumes(measures: Measures | None, rows: NDArray[np.int32]) -> bool:
    """Whether volumes hold all that rows put on them."""
    if measures is None or measures.room is None:
        return True
    if (measures.bytes_of(rows) > measures.room.capacity).any():
        return False
    largest = measures.room.largest[rows]
    return not ((rows >= 0) & (measures.bytes[:, None] > largest)).any()
