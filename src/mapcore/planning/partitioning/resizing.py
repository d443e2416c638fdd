"""Another number of hash partitions: from one map to the map with so many times more or fewer.

CRC-32 modulo twice the number of partitions, modulo that number, is what it was before: the keys of
partition p of P are those of p and p + P of 2P. So each copy is split, or two are joined, where it
stands; no data moves between nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.differences import MapDiff
from mapcore.errors import MapError
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap

__all__ = ["copies_to_gather", "expanded", "resized"]


def resized(held: PartitionMap, partition_count: int, *, gather: bool = False) -> PartitionMap:
    """Return the map with another number of hash partitions, its copies where they are.

    Sizes and weights are shared out evenly, or added up.

    Args:
        held: a map of hash partitions.
        partition_count: how many there shall be.
        gather: whether partitions that become one may have copies on different nodes or in
            different states: the copies then stand where the first of them has its own. Such a map
            is a target, to which copies are moved first.

    Raises:
        MapError: the map has ranges, neither number is a multiple of the other, more than 2**31 - 1
            are asked for, or partitions that become one differ and are not to be gathered.
    """
    if not isinstance(held.keys, HashKeys):
        raise MapError(f"found a map over {held.keys!r}, expected hash partitions")
    before = len(held.keys)
    if not held.keys.can_become(partition_count):
        raise MapError(
            f"found {before:,} partitions and {partition_count:,} wanted, "
            "expected one to be a multiple of the other"
        )
    if partition_count >= before:
        return expanded(held, partition_count)
    first = _rows(held, np.arange(partition_count), HashKeys(partition_count))
    if not gather and expanded(first, before) != held:
        raise MapError(
            f"found partitions that share a number modulo {partition_count:,} with copies on "
            "different nodes or in different states, expected the same: move them together first"
        )
    sums = {
        name: values.reshape(-1, partition_count).sum(axis=0)
        for name, values in (("sizes", held.sizes), ("weights", held.weights))
        if values is not None
    }
    return first.replace(**sums)


def copies_to_gather(held: PartitionMap, target: PartitionMap) -> int:
    """Return how many copies must be filled before partitions can become those of the target."""
    if target.partition_count >= held.partition_count:
        return 0
    return MapDiff(held, expanded(target, held.partition_count)).copies_moved


def expanded(held: PartitionMap, partition_count: int) -> PartitionMap:
    """Return the map with so many times more partitions, its copies where they are."""
    keys, parts = HashKeys(partition_count), partition_count // held.partition_count
    grown = _rows(held, np.arange(partition_count) % held.partition_count, keys)
    shares: dict[str, Any] = {}
    if grown.sizes is not None:
        shares["sizes"] = grown.sizes // parts
    if grown.weights is not None:
        shares["weights"] = grown.weights / parts
    return grown.replace(**shares)


def _rows(held: PartitionMap, rows: NDArray[np.int64], keys: HashKeys) -> PartitionMap:
    return held.on_keys(
        keys,
        rows,
        sizes=None if held.sizes is None else held.sizes[rows],
        weights=None if held.weights is None else held.weights[rows],
    )
