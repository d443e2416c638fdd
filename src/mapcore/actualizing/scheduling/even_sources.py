"""One source for each move, chosen so that all sources have about as much to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits

__all__ = ["with_even_sources"]


def with_even_sources(
    moves: Moves, limits: StreamLimits, sizes: NDArray[np.float64], rates: NDArray[np.float64]
) -> tuple[Moves, NDArray[np.int64]]:
    """Return moves with one candidate each, and where it stands among all of `moves`.

    Args:
        moves: what is to be scheduled.
        limits: nodes, volumes and pairs of zones have the less to do the lower their limit is.
        sizes: float64 bytes of each move.
        rates: float64 bytes a second of a stream into or out of each node.
    """
    choice = moves.candidates_begin[:-1].copy()
    _schedule.even_sources(moves.given(), limits.given(), sizes, rates, choice)
    chosen = replace(
        moves,
        candidates_begin=np.arange(len(moves) + 1),
        candidates=moves.candidates[choice],
        filled_by=moves.filled_by[choice],
    )
    return chosen, choice
