"""In which order proposals are looked at.

By priority; the partitions with the fewest copies in sync first; then by the largest of what
remains to be done at either end of the move, over its limit, and in the partition, which is what
makes the whole shortest (longest remaining path first; Graham 1969). Maps take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import Action, Priority, Situation
from mapcore.actualizing.starting.sources import Fills, are_moves
from mapcore.actualizing.throttles import Limits

__all__ = ["most_urgent_first", "take_turns"]

_UNLIMITED: Final = np.iinfo(np.int32).max


def most_urgent_first(
    limits: Limits, situation: Situation, rows: NDArray[Any], fills: Fills
) -> NDArray[np.int64]:
    """Return the candidates, the most urgent first."""
    moves = are_moves(rows)
    sizes = situation.current.sizes
    weights = np.ones(len(rows)) if sizes is None else sizes[rows["partition"]] + 1.0
    weights[~moves] = 0.0
    incoming = np.bincount(rows["node"], weights=weights, minlength=len(situation.node_flags))
    in_partition = np.bincount(
        rows["partition"], weights=weights, minlength=len(situation.row_flags)
    )
    remaining = np.maximum(
        incoming[rows["node"]] / (limits.streams_in or _UNLIMITED),
        in_partition[rows["partition"]],
    )
    outgoing = np.where(np.isfinite(fills.least), fills.least, 0.0) * weights
    np.maximum(remaining, outgoing / (limits.streams_out or _UNLIMITED), out=remaining)
    in_sync = np.where(rows["priority"] == Priority.REDUNDANCY, rows["in_sync"], 0)
    return np.lexsort(
        (
            rows["partition"],
            -remaining,
            rows["action"] == Action.CREATE,
            in_sync,
            rows["priority"],
        )
    )


def take_turns(
    orders: Sequence[NDArray[np.int64]], bases: NDArray[np.int64], rows: NDArray[Any]
) -> NDArray[np.int64]:
    """Merge the orders of the maps: within one priority, one of each in turn.

    Args:
        orders: of each map, over its own candidates.
        bases: the first candidate of each map in `rows`.
        rows: the candidates of all maps.
    """
    if len(orders) == 1:
        return orders[0]
    merged = np.concatenate(
        [order + base for order, base in zip(orders, bases[:-1].tolist(), strict=True)]
    )
    priorities = rows["priority"][merged]
    turns = np.empty(len(merged), dtype=np.int64)
    for order, base in zip(orders, bases[:-1].tolist(), strict=True):
        own = slice(base, base + len(order))
        levels = priorities[own]
        turns[own] = np.arange(len(levels)) - np.searchsorted(levels, levels)
    return merged[np.lexsort((turns, priorities))]
