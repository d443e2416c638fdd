"""Which partition takes which row of a fresh placement, so that much stays where it is.

Partitions of one class may change rows: loads, spread and peers are those of the rows. A partition
takes one with as many nodes as possible that hold it now: first rows that have all of them, then
those that have one fewer, and so on, each taken by the first partition that has use for it.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["matched"]

_MOST_SETS: Final = 400  # of nodes, by which one partition and one row are compared


def matched(
    rows: NDArray[np.int32], current: NDArray[np.int32], classes: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the rows in another order, near to those that there are.

    Args:
        rows: int32, partitions by copies, -1 for none.
        current: int32, partitions by any width: who holds a copy now, -1 for none.
        classes: int32 by partition; rows stay within their class.

    Complexity: a sort of the partitions for each set of columns of both that are compared.
    """
    width = min(rows.shape[1], current.shape[1])
    nodes = int(max(rows.max(initial=0), current.max(initial=0))) + 1
    have, want = np.sort(rows, axis=1), np.sort(current, axis=1)
    taker = np.full(len(rows), -1, np.int64)  # by row: the partition that takes it
    free, open_rows = np.arange(len(rows)), np.arange(len(rows))
    for size in range(width, 0, -1):
        ours = list(combinations(range(current.shape[1]), size))
        theirs = list(combinations(range(rows.shape[1]), size))
        if len(ours) * len(theirs) > _MOST_SETS or nodes**size > 2**40:
            continue
        for mine in ours:
            for other in theirs:
                at, row_at = _joined(
                    _keys(want[free], mine, nodes, classes[free]),
                    _keys(have[open_rows], other, nodes, classes[open_rows]),
                )
                taker[open_rows[row_at]] = free[at]
                free, open_rows = np.delete(free, at), np.delete(open_rows, row_at)
    # What is left is alike for everyone, within its class.
    free = free[np.argsort(classes[free], kind="stable")]
    open_rows = open_rows[np.argsort(classes[open_rows], kind="stable")]
    taker[open_rows] = free
    found = np.empty_like(rows)
    found[taker] = rows
    return found


def _keys(
    rows: NDArray[np.int32], columns: tuple[int, ...], nodes: int, classes: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Return a number for the nodes in some columns, and the class; -1 where one is missing."""
    key = classes.astype(np.int64)
    for column in columns:
        key = key * nodes + rows[:, column]
    return np.where((rows[:, list(columns)] >= 0).all(axis=1), key, -1)


def _joined(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair places of equal keys, each place once; keys below 0 have no partner."""
    left_at, right_at = (np.argsort(keys, kind="stable") for keys in (left, right))
    left_at = left_at[np.searchsorted(left[left_at], 0) :]
    ours, theirs = left[left_at], right[right_at]
    # The nth of a key goes with the nth of the same key on the other side.
    rank = np.arange(len(ours)) - np.searchsorted(ours, ours)
    begin, end = np.searchsorted(theirs, ours), np.searchsorted(theirs, ours, side="right")
    has_partner = rank < end - begin
    return left_at[has_partner], right_at[(begin + rank)[has_partner]]
