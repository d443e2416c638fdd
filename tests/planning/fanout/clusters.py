"""Clusters in zones without a map."""

from __future__ import annotations

from collections.abc import Sequence

import mapcore
from mapcore.cluster import ClusterMap, Constraints, MaxPeers

__all__ = ["cluster_in_zones"]


def cluster_in_zones(
    sizes: Sequence[int],
    *,
    copies: int = 3,
    partitions: int = 1_024,
    max_peers: int | MaxPeers | None = None,
) -> mapcore.Cluster:
    """Return nodes `n0-0`, `n0-1`, ..., `n1-0`, ... in zones of these sizes."""
    nodes = tuple(
        mapcore.Node(name=f"n{zone}-{number}", location=f"z{zone}")
        for zone, size in enumerate(sizes)
        for number in range(size)
    )
    settings = mapcore.Settings(
        num_partitions=partitions,
        constraints=Constraints(master=1, slave=copies - 1),
        levels=("zone",),
        max_peers=max_peers,
    )
    return mapcore.Cluster(
        nodes=nodes, settings=settings, maps={"map": ClusterMap(settings=settings)}
    )
