"""How many peers nodes have, counted from a map alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["count_peers"]


def count_peers(copies: PartitionMap, *, after_failover: bool) -> NDArray[np.int64]:
    """Return with how many others each node exchanges data; int64 by node.

    Args:
        copies: the map; dead copies have no data to exchange.
        after_failover: whether any copy of a partition may become its master, so that all nodes
            that hold one are peers; else its masters are peers of each other and of its slaves.
    """
    placements = copies.copy_codes & PLACEMENT_MASK
    is_live = placements != Placement.DEAD
    rows = np.repeat(np.arange(copies.partition_count), np.diff(copies.offsets))[is_live]
    nodes = copies.copy_nodes[is_live].astype(np.int64)
    leads = np.isin(placements[is_live], LEADING) | after_failover
    pairs = [np.empty(0, np.int64)]
    for apart in range(1, int(np.diff(copies.offsets).max(initial=0))):
        is_pair = (rows[apart:] == rows[:-apart]) & (leads[apart:] | leads[:-apart])
        one, other = nodes[apart:][is_pair], nodes[:-apart][is_pair]
        pairs += [one * copies.node_count + other, other * copies.node_count + one]
    owners = np.unique(np.concatenate(pairs)) // max(1, copies.node_count)
    return np.bincount(owners, minlength=copies.node_count).astype(np.int64)
