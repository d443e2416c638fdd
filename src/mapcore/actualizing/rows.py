"""Maps of which some rows are replaced."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mapcore.maps import PartitionMap

__all__ = ["with_rows"]


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
        offsets,
        nodes,
        codes,
        base.nodes,
        keys=base.keys,
        version=base.version,
        memory_budget_bytes=base.memory_budget_bytes,
        sources=base.sources,
        sizes=base.sizes,
        weights=base.weights,
        extra=base.extra,
    )
