"""Partitions that lost every copy: they stay red and are not filled from nothing.

A partition is lost if it has no live copy in reach, and a copy of it stands on a node that is gone.
Its data may be on that node still: a plan asks for no copy of it, says so, and writes down which
nodes had it, in the target map with the partition, so that the next plan knows it too:

    "17": {"lost": ["nodeA", "nodeB"]}

A node that comes back and reports its copies ends that. Who gives the data up takes the copies on
lost nodes, and this field, out of the maps: the partition is then planned as a new one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.cluster import ClusterMap
from mapcore.maps import PartitionMap

__all__ = ["FIELD", "Losses", "losses_of"]

FIELD: Final = "lost"

Losses = dict[int, list[str]]
"""By partition number: the nodes that had copies, those lost first before others."""


def losses_of(
    current: PartitionMap,
    entry: ClusterMap,
    gone: NDArray[np.bool_],
    recovering: NDArray[np.bool_],
) -> Losses:
    """Find the partitions of which no copy is in reach, but one may be out of reach.

    Args:
        current: the map as it is.
        entry: the map's documents: where the current map has no record, the last target may.
        gone: by node: it cannot be reached.
        recovering: by node: its dead copies count.
    """
    recorded = _recorded(entry)
    if not recorded and not gone.any():
        return {}
    nodes, offsets = current.copy_nodes, current.offsets
    in_reach, out_of_reach = np.empty((2, current.partition_count), np.bool_)
    _planning.find_reach(
        offsets,
        nodes,
        current.copy_codes,
        gone.view(np.uint8),
        recovering.view(np.uint8),
        in_reach.view(np.uint8),
        out_of_reach.view(np.uint8),
    )
    names = current.nodes.names
    found: Losses = {}
    for row in np.flatnonzero(out_of_reach & ~in_reach).tolist():
        held = nodes[offsets[row] : offsets[row + 1]]
        here = [names[node] for node in held.tolist() if gone[node]]
        found[row] = list(dict.fromkeys([*recorded.get(row, []), *here]))
    for row, before in recorded.items():
        if row < len(in_reach) and not in_reach[row]:
            found.setdefault(row, before)
    return dict(sorted(found.items()))


def _recorded(entry: ClusterMap) -> Losses:
    """Read what is written down in the current map, else in the target map."""
    for found in (entry.current, entry.target):
        if found is not None:
            losses = {
                partition: list(fields[FIELD])
                for partition, fields in found.extra.items()
                if _is_record(fields.get(FIELD))
            }
            if losses:
                return losses
    return {}


def _is_record(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
