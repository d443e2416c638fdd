"""Small problems of placing within a number of peers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.peers.problem import PeersProblem, peers_problem
from mapcore.planning.placing.placement import place
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import share_bounds, widened


def problem_of(
    zone_sizes: Sequence[int],
    partitions: int,
    copies: int,
    max_peers: int,
    *,
    reserve: int = 0,
    every_pair: bool = True,
    weights: Sequence[float] = (1.0,),
) -> PeersProblem:
    """Ask for a first map over zones of these sizes; weights alternate from node to node."""
    zones = np.repeat(np.arange(len(zone_sizes), dtype=np.int32), zone_sizes)
    nodes = len(zones)
    numbers = (np.arange(nodes) % len(weights)).astype(np.int32)
    able = np.ones(nodes, np.bool_)
    total = partitions * min(copies, nodes)
    placement = PlacementProblem(
        np.full((partitions, 1), -1, np.int32),
        np.full(partitions, copies, np.int32),
        able,
        *share_bounds(total, list(weights), numbers, able, partitions),
        zones[None, :].copy(),
    )
    return peers_problem(
        placement,
        place(placement).nodes,
        max_peers=max_peers,
        reserve=reserve,
        every_pair=every_pair,
        may_lead=able,
        masters=share_bounds(partitions, list(weights), numbers, able, partitions),
    )


def changed_problem(
    rows: NDArray[np.int32],
    zones: Sequence[int],
    max_peers: int,
    *,
    gone: Sequence[int] = (),
    every_pair: bool = True,
    weights: Sequence[float] | None = None,
    slack: int = 0,
) -> PeersProblem:
    """Ask for the next map after one with these rows; nodes beyond theirs are new.

    Args:
        rows: nodes by partition and copy, as they are now.
        zones: by node, those that are gone included.
        max_peers: the most peers of a node.
        gone: nodes that may hold nothing any more.
        every_pair: whether all copies of a partition are peers.
        weights: by node, all alike if not given.
        slack: how far loads may be outside shares.
    """
    partitions, copies = rows.shape
    able = np.ones(len(zones), np.bool_)
    able[list(gone)] = False
    distinct = [1.0] if weights is None else sorted(set(weights))
    numbers = np.zeros(len(zones), np.int32)
    if weights is not None:
        numbers = np.array([distinct.index(weight) for weight in weights], np.int32)
    total = partitions * min(copies, int(able.sum()))
    bounds = share_bounds(total, distinct, numbers, able, partitions)
    placement = PlacementProblem(
        rows,
        np.full(partitions, copies, np.int32),
        able,
        *(bounds if not slack else widened(bounds, slack, partitions, able)),
        np.array(zones, np.int32)[None, :],
    )
    return peers_problem(
        placement,
        place(placement).nodes,
        max_peers=max_peers,
        reserve=0,
        every_pair=every_pair,
        may_lead=able,
        masters=share_bounds(partitions, distinct, numbers, able, partitions),
    )
