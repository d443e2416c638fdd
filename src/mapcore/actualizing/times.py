"""When each stream starts and ends, where streams take different times.

    found = find_times(moves, limits, sizes, rates)
    found.end_seconds, found.bound_seconds

A stream moves the bytes of its partition at the slower rate of its two nodes. List scheduling
(`_kernels/schedule/timeline.hpp`) starts what is most pressing whenever something ends; a copy that
has just been filled may serve as a source. The result is held against a lower bound: what must go
through one partition, one node, or out of one set of nodes or volumes, over the limit there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.moves import UNLIMITED, Moves, StreamLimits
from mapcore.actualizing.rounds import has_siblings, with_filled_copies

__all__ = ["TimeReason", "Times", "find_times"]

_VARIANTS: Final = 3
_MOST_MOVES_FOR_VARIANTS: Final = 100_000
_CLOSE_ENOUGH: Final = 1.0001


class TimeReason(NamedTuple):
    """Why no schedule ends earlier: the seconds, and what needs them, as in `bound.Reason`."""

    seconds: float
    kind: str
    members: tuple[int, ...] = ()


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


def find_times(
    moves: Moves, limits: StreamLimits, sizes: NDArray[np.float64], rates: NDArray[np.float64]
) -> Times:
    """Find sources and times for moves, so that the last ends as early as can be found.

    Args:
        moves: what is to be scheduled.
        limits: on its streams.
        sizes: float64 bytes of each move, above 0.
        rates: float64 bytes a second that a stream into or out of each node moves, above 0.

    Raises:
        ScheduleError: arrays that do not fit each other, or a move without a copy to fill it from.
        KeyboardInterrupt: on Ctrl-C, within some milliseconds.
    """
    limits.check()
    moves.check(limits)
    if not len(moves):
        nothing, none = np.zeros(0), np.zeros(0, dtype=np.int32)
        return Times(nothing, nothing, none, none, 0.0, 0.0, ())
    reasons = sorted(_bounds(moves, limits, sizes, rates), key=lambda reason: -reason.seconds)
    bound = reasons[0].seconds
    wider = with_filled_copies(moves, "others") if has_siblings(moves) else moves
    given, given_limits = wider.given(), limits.given()
    best: tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]] | None = None
    for variant in range(_VARIANTS):
        starts, finishes = np.zeros(len(moves)), np.zeros(len(moves))
        choice = np.zeros(len(moves), dtype=np.int64)
        end = _schedule.schedule_times(
            given, given_limits, sizes, rates, variant, starts, finishes, choice
        )
        if best is None or end < best[0]:
            best = end, starts, finishes, choice
        if best[0] <= bound * _CLOSE_ENOUGH or len(moves) > _MOST_MOVES_FOR_VARIANTS:
            break
    assert best is not None
    end, starts, finishes, choice = best
    return Times(
        starts,
        finishes,
        wider.candidates[choice],
        wider.filled_by[choice],
        end,
        bound,
        tuple(reasons),
    )


def _bounds(
    moves: Moves, limits: StreamLimits, sizes: NDArray[np.float64], rates: NDArray[np.float64]
) -> Iterator[TimeReason]:
    best_rates = np.maximum.reduceat(
        rates[limits.node_of_volume[moves.candidates]], moves.candidates_begin[:-1]
    )
    if has_siblings(moves):
        best_rates[:] = rates.max()
    lengths = sizes / np.minimum(best_rates, rates[moves.targets])
    chains = np.bincount(moves.partitions, lengths) / limits.of_partition
    longest = int(chains.argmax())
    yield TimeReason(float(chains[longest]), "partition", (longest,))
    yield TimeReason(float(lengths.max()), "partition", (int(moves.partitions[lengths.argmax()]),))
    incoming = np.bincount(moves.targets, lengths, limits.node_count).astype(np.float64)
    for kind, limit in (("in", limits.into_node), ("joint", limits.of_node)):
        if limit is not None:
            needed = incoming / limit.astype(np.float64)
            yield TimeReason(float(needed.max()), kind, (int(needed.argmax()),))
    if limits.in_cluster < UNLIMITED:
        yield TimeReason(float(lengths.sum()) / limits.in_cluster, "cluster")
    # Of several moves of a partition, one at least comes from a live copy: the shortest, say.
    wider = (
        with_filled_copies(moves, "any but the first", lengths) if has_siblings(moves) else moves
    )
    nodes = limits.node_of_volume[wider.candidates]
    nothing = np.zeros(len(limits.scans))
    yield _of_sets(wider, lengths, nodes, limits.out_of_node, np.zeros_like(incoming), "out")
    yield _of_sets(wider, lengths, wider.candidates, limits.scans, nothing, "volumes")
    if limits.of_node is not None:
        yield _of_sets(wider, lengths, nodes, limits.of_node, incoming, "joint")


def _of_sets(
    moves: Moves,
    lengths: NDArray[np.float64],
    places: NDArray[np.int32],
    limit: NDArray[np.int32],
    own: NDArray[np.float64],
    kind: str,
) -> TimeReason:
    """Sets of the busiest nodes or volumes: what can only come from them, over what they give.

    Each set holds the busiest ones up to some point; `own` is what a node has to do besides.
    """
    share = lengths / np.diff(moves.candidates_begin)
    load = np.bincount(places, share[moves.candidate_moves], len(limit)) + own
    order = np.argsort(-load / limit, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    last = np.maximum.reduceat(rank[places], moves.candidates_begin[:-1])
    work = np.cumsum(np.bincount(last, lengths, len(limit)) + own[order])
    needed = work / np.cumsum(limit[order].astype(np.int64))
    most = int(needed.argmax())
    return TimeReason(float(needed[most]), kind, tuple(order[: most + 1].tolist()))
