"""How good rows of copies are that shall keep to a number of peers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peers
from mapcore.planning.peers.problem import PeersProblem
from mapcore.planning.placing.placement import spread_excess

__all__ = ["grade_of", "peer_counts", "uneven_masters"]


def peer_counts(rows: NDArray[np.int32], node_count: int, *, every_pair: bool) -> NDArray[np.int32]:
    """Return how many peers each node has; int32 by node.

    Args:
        rows: int32, partitions by copies, -1 for none; column 0 is the master's.
        node_count: how many nodes there are.
        every_pair: whether all copies of a partition are peers, not its master and slaves alone.
    """
    peers = np.zeros(node_count, np.int32)
    _peers.count_peers(np.ascontiguousarray(rows), every_pair, peers)
    return peers


def grade_of(problem: PeersProblem, rows: NDArray[np.int32]) -> tuple[int, ...]:
    """Return what goes before peers: copies that are missing, rules broken, and the spread."""
    placement = problem.placement
    missing = int(np.count_nonzero(rows < 0))
    shares = problem.class_shares[problem.classes.numbers].astype(np.int64)
    if placement.rules is not None:
        parts = placement.rules.costs(rows, placement.levels, shares)
        return missing, *parts.sum(axis=0).tolist()
    return missing, *spread_excess(placement, rows)


def uneven_masters(problem: PeersProblem, rows: NDArray[np.int32], max_peers: int) -> int:
    """Return how many masters are outside shares, where they cannot be chosen afterwards."""
    if problem.every_pair or not rows.size:
        return 0
    peers = peer_counts(rows, len(problem.may_lead), every_pair=True)
    if int(peers.max(initial=0)) <= max_peers:
        return 0
    led = np.bincount(rows[:, 0][rows[:, 0] >= 0], minlength=len(peers))
    outside = np.maximum(led - problem.masters_most, problem.masters_least - led)
    return int(outside.clip(min=0).sum())
