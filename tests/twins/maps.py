"""What maps mean, cell by cell, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap

RANK = {3: 0, 2: 1, 5: 2, 4: 3, 1: 4}


def dense_from_copies(
    offsets: Iterable[int], nodes: Iterable[int], codes: Iterable[int], node_count: int
) -> NDArray[np.uint8]:
    starts, numbers, states = list(offsets), list(nodes), list(codes)
    dense = np.zeros((len(starts) - 1, node_count), dtype=np.uint8)
    for partition in range(len(starts) - 1):
        for position in range(starts[partition], starts[partition + 1]):
            dense[partition, numbers[position]] = states[position]
    return dense


def copies_from_dense(dense: NDArray[np.uint8]) -> list[list[tuple[int, int]]]:
    """Return (node, code) pairs of each partition, masters first, ties by node."""
    return [
        sorted(
            ((node, int(code)) for node, code in enumerate(row) if code),
            key=lambda copy: (RANK[copy[1] & 7], copy[0]),
        )
        for row in dense
    ]


def cells(held: PartitionMap) -> dict[tuple[str, str], int]:
    """Return the state code of each copy by the names of its partition and node."""
    return {
        (held.keys.name(partition), copy.node): copy.code
        for partition in range(held.partition_count)
        for copy in held.copies(partition)
    }


def changed_cells(
    before: PartitionMap, after: PartitionMap
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the codes before and after of each cell that differs."""
    old, new = cells(before), cells(after)
    return {
        cell: (old.get(cell, 0), new.get(cell, 0))
        for cell in old.keys() | new.keys()
        if old.get(cell, 0) != new.get(cell, 0)
    }
