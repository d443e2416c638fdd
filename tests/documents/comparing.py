"""Comparing clusters in everything that a document says, beyond the equality of maps."""

from __future__ import annotations

from typing import Any

from mapcore.cluster import Cluster
from mapcore.maps import PartitionMap


def everything(cluster: Cluster) -> list[Any]:
    """Return all that a cluster says, as plain values that can be compared."""
    return [
        cluster.nodes,
        cluster.settings,
        cluster.config,
        cluster.extra,
        cluster.node_index.names,
        {
            name: (
                entry.settings,
                entry.extra,
                entry.current_extra,
                entry.target_extra,
                _everything(entry.current),
                _everything(entry.target),
            )
            for name, entry in cluster.maps.items()
        },
    ]


def _everything(found: PartitionMap | None) -> Any:
    if found is None:
        return None
    return (
        found.nodes.names,
        found.keys,
        found.version,
        [[(copy.node, copy.code) for copy in found.copies(p)] for p in range(len(found.keys))],
        dict(found.sources),
        None if found.sizes is None else found.sizes.tolist(),
        None if found.weights is None else found.weights.tolist(),
        dict(found.extra),
    )
