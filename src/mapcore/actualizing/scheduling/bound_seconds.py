"""How many seconds a set of moves of unequal length needs at least, and why.

A reason is a set of streams that must all pass a place where only so many run at once: out of a
node, a volume, or a set of these that no candidate lies outside of, into a node, between zones, in
a partition or in the whole cluster. The place needs at least

- the seconds of all these streams, over how many run at once;
- the longest stream; and of any m·k + 1 streams, m at once, the k + 1 shortest one after another,
  as some k + 1 of them must follow each other (Graham 1969).

Seconds are rounded down to a multiple of a power of two, so that sums are exact and no bound is
too high.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.bound import closed_sets
from mapcore.actualizing.scheduling.busy_sets import (
    busy_sets,
    zone_crossings,
    zone_pairs,
    zones_of_pairs,
)
from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits
from mapcore.actualizing.scheduling.rounds import has_siblings, with_filled_copies

__all__ = ["TimeReason", "least_seconds"]

_SETS_LOOKED_AT: Final = 8
_MOST_TURNS: Final = 64
"""Where more streams than this follow each other, it hardly counts that they are whole."""


class TimeReason(NamedTuple):
    """Why no schedule ends earlier: the seconds, and what needs them, as in `bound.Reason`."""

    seconds: float
    kind: str
    members: tuple[int, ...] = ()


def least_seconds(
    moves: Moves, limits: StreamLimits, sizes: NDArray[np.float64], rates: NDArray[np.float64]
) -> list[TimeReason]:
    """Return the strongest reason of each kind, strongest first; of at least one move.

    Args:
        moves: what is to be scheduled.
        limits: on its streams.
        sizes: float64 bytes of each move.
        rates: float64 bytes a second that a stream into or out of each node moves.

    Nearly linear in candidates; with joint limits on few nodes also in the sets of these.
    """
    lengths = _rounded_down(_shortest(moves, limits, sizes, rates))
    found = [
        _of_groups("partition", moves.partitions, lengths, limits.of_partition),
        _of_groups("in", moves.targets, lengths, limits.into_node),
    ]
    if limits.in_cluster < UNLIMITED:
        everywhere = np.zeros(len(moves), dtype=np.int32)
        cluster = _of_groups("cluster", everywhere, lengths, limits.in_cluster)
        found.append(cluster._replace(members=()))
    # Of several moves of a partition, one at least comes from a live copy: the shortest, say.
    wider = (
        with_filled_copies(moves, "any but the first", lengths) if has_siblings(moves) else moves
    )
    found += _of_sources(wider, limits, lengths)
    wide = with_filled_copies(moves, "any") if has_siblings(moves) else moves
    if limits.between_zones < UNLIMITED:
        found += _of_zones(wide, limits, lengths)
    if limits.of_node is not None:
        for closed in closed_sets(wide, limits, lengths):
            seconds = float(closed.load) / closed.at_once
            found.append(TimeReason(seconds, closed.kind, closed.members))
    strongest: dict[str, TimeReason] = {}
    for reason in sorted(found, key=lambda reason: -reason.seconds):
        strongest.setdefault(reason.kind, reason)
    return list(strongest.values())


def _shortest(
    moves: Moves, limits: StreamLimits, sizes: NDArray[np.float64], rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How long each stream takes at least."""
    best_rates = np.maximum.reduceat(
        rates[limits.node_of_volume[moves.candidates]], moves.candidates_begin[:-1]
    )
    if has_siblings(moves):
        best_rates[:] = rates.max()
    return sizes / np.minimum(best_rates, rates[moves.targets])


def _rounded_down(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    _, exponent = np.frexp(lengths.sum())
    quantum = np.ldexp(1.0, int(exponent) - 52)
    rounded: NDArray[np.float64] = np.floor(lengths / quantum) * quantum
    return rounded


def _of_groups(
    kind: str,
    group: NDArray[np.int32],
    lengths: NDArray[np.float64],
    at_once: NDArray[np.int32] | int,
) -> TimeReason:
    """The strongest reason of a group of streams, of which so many run at once."""
    order = np.lexsort((-lengths, group))
    groups, sorted_lengths = group[order].astype(np.int64), lengths[order]
    first = np.searchsorted(groups, groups)
    rank = np.arange(len(group)) - first
    limit = np.asarray(at_once, dtype=np.int64)
    limit = limit[groups] if limit.ndim else np.full(len(group), limit)
    before = np.concatenate([np.zeros(1), np.cumsum(sorted_lengths)])
    total = before[1:] - before[first]
    # Where the limit is reached once more, one stream more must follow another.
    following = rank // limit
    row = np.where(rank % limit == 0, before[1:] - before[np.arange(len(group)) - following], 0.0)
    needed = np.maximum(total / limit, row)
    most = int(needed.argmax())
    return TimeReason(float(needed[most]), kind, (int(groups[most]),))


def _of_sources(
    moves: Moves, limits: StreamLimits, lengths: NDArray[np.float64]
) -> Iterator[TimeReason]:
    """Where streams must come from, whichever copies they take."""
    nodes = limits.node_of_volume[moves.candidates]
    nothing = np.zeros(0, dtype=np.int32)
    yield from _of_sets("out", moves, lengths, nodes, limits.out_of_node, nothing)
    yield from _of_sets("volumes", moves, lengths, moves.candidates, limits.scans, nothing)
    if limits.of_node is not None:
        yield from _of_sets("joint", moves, lengths, nodes, limits.of_node, moves.targets)


def _of_zones(
    moves: Moves, limits: StreamLimits, lengths: NDArray[np.float64]
) -> Iterator[TimeReason]:
    crossing, own_lengths = zone_crossings(moves, limits, lengths)
    if len(crossing):
        pairs, limit = zone_pairs(crossing, limits)
        nothing = np.zeros(0, dtype=np.int32)
        for reason in _of_sets("zones", crossing, own_lengths, pairs, limit, nothing):
            yield reason._replace(members=zones_of_pairs(reason.members, limits))


def _of_sets(
    kind: str,
    moves: Moves,
    lengths: NDArray[np.float64],
    places: NDArray[np.int32],
    limit: NDArray[np.int32],
    taken: NDArray[np.int32],
) -> Iterator[TimeReason]:
    """Sets of places that streams cannot avoid; some pass `taken` besides, one for each move."""
    own = np.bincount(taken, lengths if len(taken) else None, len(limit)).astype(np.float64)
    order, rank, work, at_once, last = busy_sets(moves, lengths, places, limit, own)
    needed = work / at_once
    for most in np.argsort(-needed, kind="stable")[:_SETS_LOOKED_AT].tolist():
        yield TimeReason(float(needed[most]), kind, tuple(order[: most + 1].tolist()))
        if np.count_nonzero(last <= most) > _MOST_TURNS * at_once[most]:
            continue
        besides = lengths[rank[taken] <= most] if len(taken) else lengths[:0]
        inside = np.concatenate([lengths[last <= most], besides])
        if not len(inside):
            continue
        whole = np.zeros(len(inside), dtype=np.int32)
        reason = _of_groups(kind, whole, inside, min(int(at_once[most]), UNLIMITED))
        yield reason._replace(members=tuple(order[: most + 1].tolist()))
    # One place alone, if that is not among the busiest.
    first = places[moves.candidates_begin[:-1]]
    is_only = first == np.minimum.reduceat(places, moves.candidates_begin[:-1])
    is_only &= first == np.maximum.reduceat(places, moves.candidates_begin[:-1])
    groups = np.concatenate([first[is_only], taken])
    if len(groups):
        alone = np.concatenate([lengths[is_only], lengths if len(taken) else lengths[:0]])
        yield _of_groups(kind, groups, alone, limit)
