"""Places that streams must pass, in sets that no stream inside can avoid.

Where streams take the places that make the busiest least busy, those as busy as the busiest are the
strongest set that there is, if parts of streams could take different places (Hall's theorem). Sets
of the busiest, one place more each time, are what bounds are made of.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits

__all__ = ["BusySets", "busy_sets", "zone_crossings", "zone_pairs", "zones_of_pairs"]


class BusySets(NamedTuple):
    """Sets of places, where set `n` has the places `order[: n + 1]`.

    Attributes:
        order: int64, the places, the busiest first.
        rank: int64, where each place stands in that order.
        work: float64, what must pass each set.
        at_once: int64, how many streams each set lets pass at once.
        smallest: int64, the first set that each move cannot avoid.
    """

    order: NDArray[np.int64]
    rank: NDArray[np.int64]
    work: NDArray[np.float64]
    at_once: NDArray[np.int64]
    smallest: NDArray[np.int64]


def busy_sets(
    moves: Moves,
    lengths: NDArray[np.float64],
    places: NDArray[np.int32],
    limit: NDArray[np.int32],
    besides: NDArray[np.float64],
) -> BusySets:
    """Return the sets of the busiest places.

    Args:
        moves: at least one.
        lengths: float64, how long each occupies its place.
        places: int32, the place that each candidate passes.
        limit: int32, how many streams each place lets pass at once.
        besides: float64, what passes each place whatever candidates are taken.
    """
    load, share = besides.copy(), np.empty(len(places))
    _schedule.balance(moves.given(), lengths, places, limit, load, share)
    order = np.argsort(-load / limit, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    smallest = np.maximum.reduceat(rank[places], moves.candidates_begin[:-1])
    inside = np.bincount(smallest, lengths, len(limit))
    return BusySets(
        order,
        rank,
        np.cumsum(inside + besides[order]),
        np.cumsum(limit[order].astype(np.int64)),
        smallest,
    )


def zone_crossings(
    moves: Moves, limits: StreamLimits, lengths: NDArray[np.float64]
) -> tuple[Moves, NDArray[np.float64]]:
    """Return moves that must come from other zones, with their candidates there, and lengths.

    Where copies filled in the same run serve as sources, one stream at least must go into each zone
    that has no copy yet of the partition: the shortest, say, from any other zone.
    """
    crosses = (
        _zones_of_candidates(moves, limits) != limits.zones[moves.targets][moves.candidate_moves]
    )
    is_live = moves.filled_by < 0
    target_zones = moves.partitions.astype(np.int64) * limits.zone_count
    target_zones += limits.zones[moves.targets]
    has_copy = np.unique(target_zones[moves.candidate_moves[is_live & ~crosses]])
    can_cross = np.logical_or.reduceat(crosses, moves.candidates_begin[:-1])
    needed = np.flatnonzero(can_cross & ~np.isin(target_zones, has_copy))
    if not is_live.all():
        needed = needed[np.argsort(lengths[needed], kind="stable")]
        needed = np.sort(needed[np.unique(target_zones[needed], return_index=True)[1]])
    is_needed = np.zeros(len(moves), dtype=np.bool_)
    is_needed[needed] = True
    kept = is_needed[moves.candidate_moves] & crosses
    counts = np.bincount(moves.candidate_moves[kept], minlength=len(moves))[needed]
    chosen = Moves(
        partitions=moves.partitions[needed],
        partition_count=moves.partition_count,
        targets=moves.targets[needed],
        target_volumes=moves.target_volumes[needed],
        candidates_begin=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        candidates=moves.candidates[kept],
    )
    return chosen, lengths[needed]


def zone_pairs(moves: Moves, limits: StreamLimits) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the pair of zones of each candidate, and how many streams each pair lets pass."""
    source = _zones_of_candidates(moves, limits)
    pairs = source * limits.zone_count + limits.zones[moves.targets[moves.candidate_moves]]
    limit = np.full(limits.zone_count**2, limits.between_zones, dtype=np.int32)
    return pairs.astype(np.int32), limit


def _zones_of_candidates(moves: Moves, limits: StreamLimits) -> NDArray[np.int32]:
    return limits.zones[limits.node_of_volume[moves.candidates]]


def zones_of_pairs(pairs: tuple[int, ...], limits: StreamLimits) -> tuple[int, ...]:
    """Return the zones of some pairs, each once."""
    zones = [zone for pair in pairs for zone in divmod(pair, limits.zone_count)]
    return tuple(dict.fromkeys(zones))
