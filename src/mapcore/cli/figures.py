"""The numbers behind `show` and `demo`: how copies lie over nodes, zones, racks and shelves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Cluster, Mode, Node
from mapcore.maps import PartitionMap
from mapcore.states import Placement

__all__ = ["Balance", "NodeLoads", "balance_of", "level_groups", "node_loads", "sharing_nodes"]


class Balance(NamedTuple):
    """The least, mean and most of a count over nodes, and its standard deviation."""

    least: int
    mean: float
    most: int
    deviation: float

    def to_dict(self) -> dict[str, Any]:
        """Return the four numbers as a JSON-ready document."""
        return {
            "min": self.least,
            "mean": round(self.mean, 6),
            "max": self.most,
            "deviation": round(self.deviation, 6),
        }

    def __str__(self) -> str:
        return f"{self.least:,} to {self.most:,} a node, mean {self.mean:,.2f}"


class NodeLoads(NamedTuple):
    """How many copies each node of a cluster holds, in the order of the cluster's nodes."""

    copies: NDArray[np.int64]
    masters: NDArray[np.int64]
    slaves: NDArray[np.int64]


def balance_of(counts: NDArray[np.int64]) -> Balance:
    """Return the balance of a count over nodes; zeros for no nodes."""
    if not counts.size:
        return Balance(0, 0.0, 0, 0.0)
    return Balance(int(counts.min()), float(counts.mean()), int(counts.max()), float(counts.std()))


def node_loads(cluster: Cluster, held: PartitionMap) -> NodeLoads:
    """Return the loads of the cluster's nodes, nodes that the map does not list included."""
    numbers = cluster.node_index.numbers
    order = np.array([numbers.get(name, -1) for name in held.nodes], dtype=np.int64)

    def counted(*placements: Placement) -> NDArray[np.int64]:
        loads = np.zeros(len(cluster.nodes), dtype=np.int64)
        loads[order[order >= 0]] = held.loads(*placements)[order >= 0]
        return loads

    return NodeLoads(counted(), counted(Placement.MASTER), counted(Placement.SLAVE))


def sharing_nodes(cluster: Cluster) -> NDArray[np.bool_]:
    """Return a mask of the nodes that are due a share of copies: active, of a weight above 0."""
    return np.array(
        [node.mode is Mode.ACTIVE and node.weight > 0 for node in cluster.nodes], dtype=bool
    )


def level_groups(
    nodes: Sequence[Node], levels: Sequence[str]
) -> Mapping[str, dict[str, list[int]]]:
    """Return, for each level, the numbers of the nodes in each of its values.

    A value is named by its whole path from the outermost level, as in `z1/r2`, as racks of two
    zones may have one name.
    """
    groups: dict[str, dict[str, list[int]]] = {level: {} for level in levels}
    for number, node in enumerate(nodes):
        path = node.path
        for depth, level in enumerate(levels[: len(path)], start=1):
            groups[level].setdefault("/".join(path[:depth]), []).append(number)
    return {level: dict(sorted(values.items())) for level, values in groups.items() if values}
