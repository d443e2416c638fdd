"""Rows and cells of maps, looked up and replaced by numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap

__all__ = ["codes_at", "places_of", "row_of", "with_rows"]


def row_of(held: PartitionMap, partition: int) -> dict[int, int]:
    """Return the state code of each copy of a partition by node, all by numbers."""
    span = slice(int(held.offsets[partition]), int(held.offsets[partition + 1]))
    return dict(zip(held.copy_nodes[span].tolist(), held.copy_codes[span].tolist(), strict=True))


def with_rows(base: PartitionMap, rows: Mapping[int, Mapping[int, int]]) -> PartitionMap:
    """Return a map in which some rows are replaced; linear in its copies.

    Args:
        base: the map.
        rows: by partition number, the state code by node number of each copy that it shall have.
    """
    changed = np.zeros(base.partition_count, dtype=bool)
    numbers = np.array(sorted(rows), dtype=np.int64)
    changed[numbers] = True
    counts = np.diff(base.offsets)
    stays = np.repeat(~changed, counts)
    counts[numbers] = [len(rows[number]) for number in numbers.tolist()]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    is_new = np.repeat(changed, counts)
    nodes = np.empty(int(offsets[-1]), dtype=np.int32)
    codes = np.empty(len(nodes), dtype=np.uint8)
    nodes[~is_new], codes[~is_new] = base.copy_nodes[stays], base.copy_codes[stays]
    cells = [cell for number in numbers.tolist() for cell in rows[number].items()]
    if cells:
        nodes[is_new], codes[is_new] = np.array(cells, dtype=np.int64).T
    return PartitionMap.from_index(
        offsets, nodes, codes, base.nodes, keys=base.keys, **base.attributes
    )


def codes_at(
    held: PartitionMap, partitions: NDArray[np.int64], nodes: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return the state codes of some cells, by numbers; 0 where there is no copy."""
    places = places_of(held, partitions, nodes)
    codes = np.zeros(len(places), dtype=np.uint8)
    codes[places >= 0] = held.copy_codes[places[places >= 0]]
    return codes


def places_of(
    held: PartitionMap, partitions: NDArray[np.int64], nodes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where in the index of a map some cells stand; -1 where there is no copy."""
    found = np.full(len(partitions), -1, dtype=np.int64)
    starts = held.offsets[partitions]
    counts = held.offsets[partitions + 1] - starts
    for column in range(int(counts.max(initial=0))):
        reach = np.flatnonzero(counts > column)
        places = starts[reach] + column
        is_it = held.copy_nodes[places] == nodes[reach]
        found[reach[is_it]] = places[is_it]
    return found
