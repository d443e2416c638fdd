"""Which ranges to split for all to weigh about the same, by keys that were sampled.

    target = split_evenly(cluster.current, sampled_keys, 64)             # 64 ranges in all
    target = split_evenly(cluster.current, sampled_keys, 4, name="a-h")  # 4 in place of one

Parts go one by one to the range whose parts weigh most (the highest averages of Jefferson and
D'Hondt): no other sharing out of as many parts has a lighter heaviest part.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mapcore.errors import MapError
from mapcore.keys import Key, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import plan_ranges, split_ranges, weigh

__all__ = ["map_of_ranges", "split_evenly", "weights_of_ranges"]


def split_evenly(
    held: PartitionMap,
    keys: Iterable[Key] | Mapping[Any, float],
    parts: int,
    *,
    name: str | None = None,
    slack: float = 0.1,
) -> PartitionMap:
    """Return the map with some ranges split, so that all weigh about the same.

    Args:
        held: a map of ranges.
        keys: sampled keys, as often as they occur; or the weight of each.
        parts: how many ranges there are to be in all; or, with `name`, in place of that one.
        name: the range to split; the heaviest ones unless given.
        slack: as in `plan_ranges`.

    Raises:
        MapError: there is no such range, the map has more ranges than `parts`, or there are too few
            different keys to cut between.
    """
    ranges = _ranges_of(held, name)
    if parts < len(ranges):
        raise MapError(f"found {len(ranges)} ranges, expected at most {parts}; merge some first")
    distinct, weights = weigh(keys)
    pieces = []
    for item in ranges:
        rows = _rows_within(distinct, item)
        pieces.append(dict(zip(distinct[rows], weights[rows].tolist(), strict=True)))
    counts = _share_out(parts, [sum(piece.values()) for piece in pieces], list(map(len, pieces)))
    cuts = {}
    for item, piece, count in zip(ranges, pieces, counts, strict=True):
        if count > 1:
            planned = plan_ranges(piece, count, within=item, slack=slack)
            cuts[item.name] = [part.start for part in planned[1:]]
    return split_ranges(held, cuts)


def map_of_ranges(keys: Iterable[Key] | Mapping[Any, float], parts: int) -> PartitionMap:
    """Return an empty map with so many ranges over all keys, which weigh about the same.

    It is for a cluster without a map: `plan` puts copies into it. Errors as in `plan_ranges`.
    """
    range_keys = RangeKeys(plan_ranges(keys, parts))
    nothing = (np.zeros(parts + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.uint8))
    return PartitionMap(nodes=(), keys=range_keys, index=nothing)


def weights_of_ranges(
    held: PartitionMap, keys: Iterable[Key] | Mapping[Any, float]
) -> dict[str, float]:
    """Return what the sampled keys in each range weigh together; MapError where it has none."""
    distinct, weights = weigh(keys)
    return {
        item.name: float(weights[_rows_within(distinct, item)].sum())
        for item in _ranges_of(held, None)
    }


def _ranges_of(held: PartitionMap, name: str | None) -> tuple[KeyRange, ...]:
    keys = held.keys
    if not isinstance(keys, RangeKeys):
        raise MapError(f"found a map over {keys!r}, expected ranges")
    if name is None:
        return keys.ranges
    found = tuple(item for item in keys.ranges if item.name == name)
    if not found:
        raise MapError(f"found no range {name!r}, expected one of the map")
    return found


def _rows_within(distinct: list[bytes], item: KeyRange) -> slice:
    end = len(distinct) if item.end is None else bisect_left(distinct, item.end)
    return slice(bisect_left(distinct, item.start), end)


def _share_out(parts: int, weights: list[float], most: list[int]) -> list[int]:
    """Return how many parts each range is split into: at least one, at most `most`."""
    counts = [1] * len(weights)
    heaviest = [(-weight, n) for n, weight in enumerate(weights) if most[n] > 1]
    heapq.heapify(heaviest)
    for _ in range(parts - len(weights)):
        if not heaviest:
            raise MapError(
                f"found keys for {sum(counts)} ranges, expected at least {parts} different ones"
            )
        _, n = heapq.heappop(heaviest)
        counts[n] += 1
        if counts[n] < most[n]:
            heapq.heappush(heaviest, (-weights[n] / counts[n], n))
    return counts
