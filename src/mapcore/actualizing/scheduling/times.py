"""When each stream starts and ends, where streams take different times.

    found = find_times(moves, limits, sizes, rates)
    found.end_seconds, found.bound_seconds

A stream moves the bytes of its partition at the slower rate of its two nodes; a copy that has just
been filled may serve as a source. `bound_seconds` says how short the time line can be, `time_lines`
how it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.bound_seconds import TimeReason, least_seconds
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.rounds import has_siblings, with_filled_copies
from mapcore.actualizing.scheduling.time_lines import TimeLines

__all__ = ["Times", "find_times"]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Times:
    """Times and sources of all moves.

    Attributes:
        starts: float64 seconds.
        finishes: float64 seconds.
        sources: int32, the volume from which each move is filled.
        filled_by: int32, the move that fills this source first; -1 if it is live.
        end_seconds: when the last stream ends.
        bound_seconds: no schedule ends earlier.
        reasons: what the bound comes from, strongest first.
    """

    starts: NDArray[np.float64]
    finishes: NDArray[np.float64]
    sources: NDArray[np.int32]
    filled_by: NDArray[np.int32]
    end_seconds: float
    bound_seconds: float
    reasons: tuple[TimeReason, ...]

    @property
    def is_optimal(self) -> bool:
        """Whether the last stream ends when the bound says, but for rounding."""
        return self.end_seconds <= self.bound_seconds * (1 + _ROUNDING)


def find_times(
    moves: Moves,
    limits: StreamLimits,
    sizes: NDArray[np.float64],
    rates: NDArray[np.float64],
    *,
    effort: float = 1.0,
) -> Times:
    """Find sources and times for moves, so that the last ends as early as can be found.

    Args:
        moves: what is to be scheduled.
        limits: on its streams.
        sizes: float64 bytes of each move, above 0.
        rates: float64 bytes a second that a stream into or out of each node moves, above 0.
        effort: how long to try where the bound is hard to reach; the time grows in proportion.

    Raises:
        ScheduleError: arrays that do not fit each other, or a move without a copy to fill it from.
        KeyboardInterrupt: on Ctrl-C, within some milliseconds.
    """
    limits.check()
    moves.check(limits)
    if not len(moves):
        nothing, none = np.zeros(0), np.zeros(0, dtype=np.int32)
        return Times(nothing, nothing, none, none, 0.0, 0.0, ())
    reasons = least_seconds(moves, limits, sizes, rates)
    bound = reasons[0].seconds
    wider = with_filled_copies(moves, "others") if has_siblings(moves) else moves
    best = TimeLines(wider, limits, sizes, rates, bound).shortest(effort)
    return Times(
        best.starts,
        best.finishes,
        wider.candidates[best.choice],
        wider.filled_by[best.choice],
        best.end_seconds,
        bound,
        tuple(reasons),
    )
