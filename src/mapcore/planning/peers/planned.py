"""Who exchanges data with whom in a planned map, and what `maxPeers` leaves free beside that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.planning.fanout.lower_bounds import FewestPeers, fewest_peers, loads_in_question
from mapcore.planning.fanout.measuring import pairs_of
from mapcore.planning.peers.problem import PeersProblem
from mapcore.planning.problem import Asked
from mapcore.states import LEADING, PLACEMENT_MASK

__all__ = ["Peers", "fewest_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """Who exchanges data with whom in a planned map, and how many peers a node may have.

    Attributes:
        limit: the most peers of a node.
        every_pair: whether all copies of a partition are peers, not its masters and slaves alone.
        target: the planned map.
        pairs: int64, ascending: node times nodes plus its peer, both ways round.
        degrees: int64 by node: how many peers it has.
    """

    limit: int
    every_pair: bool
    target: PartitionMap
    pairs: NDArray[np.int64]
    degrees: NDArray[np.int64]

    @classmethod
    def of(cls, target: PartitionMap, asked: Asked) -> Peers | None:
        """Count the peers of a planned map; None where they are not limited."""
        limit = asked.settings.peer_limit
        if limit is None:
            return None
        every_pair = limit.after == "failover" or asked.masters != 1
        sources, targets, _ = pairs_of(target, "failover" if every_pair else "plan")
        count = target.node_count
        pairs = sources.astype(np.int64) * count + targets
        if not every_pair:
            other_way = targets.astype(np.int64) * count + sources
            pairs = np.unique(np.concatenate([pairs, other_way]))
        degrees = np.bincount(pairs // max(1, count), minlength=count).astype(np.int64)
        return cls(limit.count, every_pair, target, pairs, degrees)

    @property
    def reading(self) -> str:
        """When the limit holds, in words."""
        return "after any single failover" if self.every_pair else "as planned"

    def are_peers(
        self, nodes: NDArray[np.integer], others: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Whether nodes exchange data with others after the plan; a node is no peer of its own."""
        keys = nodes.astype(np.int64) * len(self.degrees) + others
        if not len(self.pairs):
            return np.zeros(keys.shape, np.bool_)
        at = np.minimum(np.searchsorted(self.pairs, keys), len(self.pairs) - 1)
        found: NDArray[np.bool_] = self.pairs[at] == keys
        return found

    def would_exceed(
        self, nodes: NDArray[np.integer], others: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Whether a node would have, or give, a peer too many together with others.

        Args:
            nodes: one in each place.
            others: places by those that it would exchange data with, -1 for none.
        """
        keys = nodes[:, None].astype(np.int64) * len(self.degrees) + others
        at = np.searchsorted(self.pairs, keys)
        known = self.pairs[np.minimum(at, len(self.pairs) - 1)] if len(self.pairs) else keys - 1
        is_new = (others >= 0) & (others != nodes[:, None]) & (known != keys)
        own = self.degrees[nodes] + np.count_nonzero(is_new, axis=1)
        full = self.degrees[others] >= self.limit
        exceeds: NDArray[np.bool_] = is_new.any(axis=1) & (
            (own > self.limit) | (is_new & full).any(axis=1)
        )
        return exceeds

    def others_of(
        self, partitions: NDArray[np.integer], nodes: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """Return with whom a copy in the place of one on a node would exchange data.

        Returns:
            int64, places by copies, -1 for none: the other nodes of each partition in the target,
            or, where only masters and slaves are peers, its masters, unless the node leads itself.
        """
        target = self.target
        starts = target.offsets[partitions]
        sizes = target.offsets[partitions + 1] - starts
        columns = np.arange(int(sizes.max(initial=0)))
        places = np.minimum(starts[:, None] + columns, max(0, target.copy_count - 1))
        is_copy = columns < sizes[:, None]
        rows = np.where(is_copy, target.copy_nodes[places], -1).astype(np.int64)
        is_itself = rows == nodes[:, None]
        counts = is_copy & ~is_itself
        if not self.every_pair:
            leads = is_copy & np.isin(target.copy_codes[places] & PLACEMENT_MASK, LEADING)
            counts &= leads | (leads & is_itself).any(axis=1)[:, None]
        return np.where(counts, rows, -1)


def fewest_of(problem: PeersProblem) -> FewestPeers:
    """Return how few peers any balanced map has that a plan was to choose from."""
    held = np.bincount(
        problem.relaxed[problem.relaxed >= 0], minlength=len(problem.may_lead)
    ).astype(np.int64)
    masters = (problem.masters_least, problem.masters_most)
    loads = loads_in_question(problem.placement, held, masters)
    return fewest_peers(loads, "failover" if problem.every_pair else "plan")
