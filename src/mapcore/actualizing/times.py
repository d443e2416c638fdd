"""When each stream starts and ends, where streams take different times.

    found = find_times(moves, limits, sizes, rates)
    found.end_seconds, found.bound_seconds

A stream moves the bytes of its partition at the slower rate of its two nodes. List scheduling
(`_kernels/schedule/timeline.hpp`) starts what is most pressing whenever something ends; a copy that
has just been filled may serve as a source. Where that ends later than the lower bound
(`mapcore.actualizing.bound_seconds`), streams are taken out and put back so that it ends earlier
(`_kernels/schedule/tightening.hpp`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.bound_seconds import TimeReason, least_seconds
from mapcore.actualizing.moves import Moves, StreamLimits
from mapcore.actualizing.rounds import has_siblings, with_filled_copies

__all__ = ["Times", "find_times"]

_VARIANTS: Final = 3
_MOST_MOVES_TO_IMPROVE: Final = 100_000
_MOST_CANDIDATES_TO_EVEN: Final = 500_000
_CLOSE_ENOUGH: Final = 1.0001
_ROUNDING: Final = 1e-9
_LEAST_WORK: Final = 200_000
_WORK_PER_MOVE: Final = 20_000
_MOST_WORK: Final = 40_000_000


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
    lines = _Lines(wider, limits, sizes, rates)
    best = lines.shortest_list(bound)
    if best.end_seconds > bound * _CLOSE_ENOUGH and len(moves) <= _MOST_MOVES_TO_IMPROVE:
        work = int(min(_MOST_WORK, _LEAST_WORK + _WORK_PER_MOVE * len(moves)) * effort)
        best = lines.tightened(best, bound, work)
    return Times(
        best.starts,
        best.finishes,
        wider.candidates[best.choice],
        wider.filled_by[best.choice],
        best.end_seconds,
        bound,
        tuple(reasons),
    )


class _Line(NamedTuple):
    """Times of all moves, and the places of their sources among all candidates."""

    end_seconds: float
    starts: NDArray[np.float64]
    finishes: NDArray[np.float64]
    choice: NDArray[np.int64]


class _Lines:
    """Makes time lines of moves."""

    def __init__(
        self,
        moves: Moves,
        limits: StreamLimits,
        sizes: NDArray[np.float64],
        rates: NDArray[np.float64],
    ) -> None:
        self.moves, self.limits, self.sizes, self.rates = moves, limits, sizes, rates

    def shortest_list(self, bound: float) -> _Line:
        """The shortest time line of several rules: sources chosen as they get free, or before."""
        best: _Line | None = None
        for variant in range(_VARIANTS):
            for moves, places in self._choices():
                line = self._listed(moves, places, variant)
                if best is None or line.end_seconds < best.end_seconds:
                    best = line
                if best.end_seconds <= bound * _CLOSE_ENOUGH:
                    return best
            if len(self.moves) > _MOST_MOVES_TO_IMPROVE:
                break
        assert best is not None
        return best

    def _choices(self) -> Iterator[tuple[Moves, NDArray[np.int64]]]:
        """Moves with all their sources, and with one; and where these stand among all."""
        yield self.moves, np.arange(len(self.moves.candidates))
        if len(self.moves) < len(self.moves.candidates) <= _MOST_CANDIDATES_TO_EVEN:
            yield self.with_even_sources

    @cached_property
    def with_even_sources(self) -> tuple[Moves, NDArray[np.int64]]:
        """Moves with one source each, so that all sources have about as much to do."""
        moves = self.moves
        choice = moves.candidates_begin[:-1].copy()
        _schedule.even_sources(moves.given(), self.limits.given(), self.sizes, self.rates, choice)
        chosen = replace(
            moves,
            candidates_begin=np.arange(len(moves) + 1),
            candidates=moves.candidates[choice],
            filled_by=moves.filled_by[choice],
        )
        return chosen, choice

    def _listed(self, moves: Moves, places: NDArray[np.int64], variant: int) -> _Line:
        starts, finishes = np.zeros(len(moves)), np.zeros(len(moves))
        choice = np.zeros(len(moves), dtype=np.int64)
        end = _schedule.schedule_times(
            moves.given(),
            self.limits.given(),
            self.sizes,
            self.rates,
            variant,
            starts,
            finishes,
            choice,
        )
        return _Line(end, starts, finishes, places[choice])

    def tightened(self, line: _Line, bound: float, work: int) -> _Line:
        """A time line that ends earlier, if one is found by so much work; else the same."""
        end = _schedule.tighten_times(
            self.moves.given(),
            self.limits.given(),
            self.sizes,
            self.rates,
            bound,
            work,
            line.starts,
            line.finishes,
            line.choice,
        )
        return line._replace(end_seconds=end)
