"""Time lines of streams, made by several rules and then shortened.

1. List scheduling (`_kernels/schedule/timeline.hpp`) starts what is most pressing whenever
   something ends, by each of three rules; the sources are chosen as they get free, or beforehand
   so that all have about as much to do (`_kernels/schedule/even_sources.hpp`).
2. The best of these are run again and again, and nodes that were done late are held to be more
   pressing the next time (squeaky wheel optimization, Joslin and Clements 1999).
3. Streams are taken out and put back until all end earlier (`_kernels/schedule/tightening.hpp`).

Each is done only where the one before ended later than the lower bound.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.even_sources import with_even_sources
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits

__all__ = ["TimeLine", "TimeLines"]

_VARIANTS: Final = 3
_CLOSE_ENOUGH: Final = 1.0001
_MOST_MOVES_TO_IMPROVE: Final = 100_000
_MOST_CANDIDATES_TO_EVEN: Final = 500_000

_RULES_REPEATED: Final = 2
_LISTED_AGAIN: Final = 60_000
"""How many streams are listed once more, for each of the best rules."""
_MOST_REPEATS: Final = 60
_LATENESS_COUNTS: Final = 0.2
_LATENESS_KEPT: Final = 0.95

_LEAST_WORK: Final = 200_000
_WORK_PER_MOVE: Final = 10_000
_MOST_WORK: Final = 20_000_000


class TimeLine(NamedTuple):
    """Times of all moves, and the places of their sources among all candidates."""

    end_seconds: float
    starts: NDArray[np.float64]
    finishes: NDArray[np.float64]
    choice: NDArray[np.int64]


class _Rule(NamedTuple):
    """Moves with all or one of their candidates, where these stand among all, and which rule."""

    moves: Moves
    places: NDArray[np.int64]
    variant: int


class TimeLines:
    """Makes time lines of moves."""

    def __init__(
        self,
        moves: Moves,
        limits: StreamLimits,
        sizes: NDArray[np.float64],
        rates: NDArray[np.float64],
        bound_seconds: float,
    ) -> None:
        """Take what is to be scheduled; no time line is shorter than `bound_seconds`."""
        self._moves, self._limits = moves, limits
        self._sizes, self._rates = sizes, rates
        self._bound = bound_seconds

    def shortest(self, effort: float) -> TimeLine:
        """Return the shortest time line found; the time it takes grows with `effort`."""
        rules = self._rules()
        no_delay = np.zeros(self._limits.node_count)
        listed: list[tuple[TimeLine, _Rule]] = []
        for rule in rules:
            line = self._listed(rule, no_delay)
            if self._is_close(line):
                return line
            listed.append((line, rule))
        listed.sort(key=lambda pair: pair[0].end_seconds)
        best = listed[0][0]
        if len(self._moves) > _MOST_MOVES_TO_IMPROVE:
            return best
        repeats = min(_MOST_REPEATS, _LISTED_AGAIN // len(self._moves))
        for line, rule in listed[:_RULES_REPEATED]:
            best = min(best, self._repeated(line, rule, int(repeats * effort)), key=_end)
            if self._is_close(best):
                return best
        work = min(_MOST_WORK, _LEAST_WORK + _WORK_PER_MOVE * len(self._moves))
        return self._tightened(best, int(work * effort))

    def _is_close(self, line: TimeLine) -> bool:
        return line.end_seconds <= self._bound * _CLOSE_ENOUGH

    def _rules(self) -> list[_Rule]:
        moves = self._moves
        choices = [(moves, np.arange(len(moves.candidates)))]
        if len(moves) < len(moves.candidates) <= _MOST_CANDIDATES_TO_EVEN:
            choices.append(with_even_sources(moves, self._limits, self._sizes, self._rates))
        variants = _VARIANTS if len(moves) <= _MOST_MOVES_TO_IMPROVE else 1
        return [
            _Rule(chosen, places, variant)
            for variant in range(variants)
            for chosen, places in choices
        ]

    def _listed(self, rule: _Rule, delay: NDArray[np.float64]) -> TimeLine:
        count = len(self._moves)
        starts, finishes = np.zeros(count), np.zeros(count)
        choice = np.zeros(count, dtype=np.int64)
        end = _schedule.schedule_times(
            rule.moves.given(),
            self._limits.given(),
            self._sizes,
            self._rates,
            delay,
            rule.variant,
            starts,
            finishes,
            choice,
        )
        return TimeLine(end, starts, finishes, rule.places[choice])

    def _repeated(self, line: TimeLine, rule: _Rule, repeats: int) -> TimeLine:
        """The shortest of several, in which nodes hurry as much as they were late before."""
        best = line
        delay = np.zeros(self._limits.node_count)
        for _ in range(repeats):
            delay *= _LATENESS_KEPT
            delay += _LATENESS_COUNTS * np.maximum(self._last_ends(line) - self._bound, 0)
            line = self._listed(rule, delay)
            best = min(best, line, key=_end)
            if self._is_close(best):
                break
        return best

    def _last_ends(self, line: TimeLine) -> NDArray[np.float64]:
        """When the last stream of each node ends."""
        last = np.zeros(self._limits.node_count)
        sources = self._limits.node_of_volume[self._moves.candidates[line.choice]]
        np.maximum.at(last, sources, line.finishes)
        np.maximum.at(last, self._moves.targets, line.finishes)
        return last

    def _tightened(self, line: TimeLine, work: int) -> TimeLine:
        end = _schedule.tighten_times(
            self._moves.given(),
            self._limits.given(),
            self._sizes,
            self._rates,
            self._bound,
            work,
            line.starts,
            line.finishes,
            line.choice,
        )
        return line._replace(end_seconds=end)


def _end(line: TimeLine) -> float:
    return line.end_seconds
