"""Small problems of placing within a number of peers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapcore.planning.peers.problem import PeersProblem, peers_problem
from mapcore.planning.placing.placement import place
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import share_bounds


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
