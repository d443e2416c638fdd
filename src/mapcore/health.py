"""How well nodes, partitions and the cluster are: green, yellow or red.

- A node is what its document says; at least yellow in maintenance, red when gone.
- A partition is green with the masters and slaves that its settings ask for, yellow where it is
  served but has fewer copies than asked or too many masters, red without a master.
- A map is as its worst partition, a cluster as its worst map.

A copy counts if it is online and its node is not red. Pending copies count as what they devolve to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Cluster, Health, Mode, Node, Settings
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, RUNNING_MASK, RUNNING_SHIFT, Placement, Running

__all__ = ["ClusterHealth", "MapHealth", "cluster_health", "map_health", "node_health"]

LEVELS: Final = (Health.GREEN, Health.YELLOW, Health.RED)
"""From best to worst; arrays hold the positions in it."""

_IS_ONLINE: Final = np.array([running.is_online for running in Running])
_DEVOLVED: Final = np.array([placement.devolved for placement in Placement] + [0, 0], np.uint8)


@dataclass(frozen=True, eq=False)
class MapHealth:
    """The health of a map's partitions.

    Attributes:
        settings: what the map is asked to be.
        levels: uint8, a position in `LEVELS` for each partition.
        masters: int64, the masters that serve each partition.
        slaves: int64, its live slaves.
    """

    settings: Settings
    levels: NDArray[np.uint8]
    masters: NDArray[np.int64]
    slaves: NDArray[np.int64]

    @cached_property
    def counts(self) -> dict[Health, int]:
        """How many partitions are green, yellow and red."""
        counted = np.bincount(self.levels, minlength=len(LEVELS)).tolist()
        return dict(zip(LEVELS, counted, strict=True))

    @property
    def overall(self) -> Health:
        """The health of the worst partition."""
        return LEVELS[int(self.levels.max())]

    def of(self, partition: int) -> Health:
        """Return the health of a partition by number."""
        return LEVELS[self.levels[partition]]

    def describe(self, partition: int) -> str:
        """Return the health of a partition and what it has of what it is asked to have."""
        asked = self.settings.constraints
        return (
            f"{self.of(partition).value}: {self.masters[partition]} of {asked.master} masters, "
            f"{self.slaves[partition]} of {asked.slave} slaves live"
        )


@dataclass(frozen=True, eq=False)
class ClusterHealth:
    """The health of a cluster: of its nodes, and of each map.

    Attributes:
        nodes: how many nodes are green, yellow and red.
        maps: the health of each map that has copies to look at, by name.
    """

    nodes: dict[Health, int]
    maps: dict[str, MapHealth]

    @property
    def overall(self) -> Health:
        """The health of the worst partition of any map; green where there is none."""
        return max(
            (held.overall for held in self.maps.values()), key=LEVELS.index, default=LEVELS[0]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as a JSON-ready document."""
        return {
            "overall": self.overall.value,
            "nodes": {level.value: count for level, count in self.nodes.items()},
            "partitions": {
                name: {level.value: count for level, count in held.counts.items()}
                for name, held in self.maps.items()
            },
        }


def node_health(node: Node) -> Health:
    """Return the health of a node, its mode included."""
    if node.mode is Mode.GONE:
        return Health.RED
    if node.mode is Mode.MAINTENANCE and node.health is Health.GREEN:
        return Health.YELLOW
    return node.health


def map_health(held: PartitionMap, settings: Settings, nodes: Iterable[Node]) -> MapHealth:
    """Return the health of each partition of a map; linear in its copies.

    Args:
        held: the map.
        settings: the copies that it is asked to have.
        nodes: the nodes of the cluster; copies on others do not count.
    """
    reachable = {node.name for node in nodes if node_health(node) is not Health.RED}
    serves = np.array([name in reachable for name in held.nodes], dtype=bool)
    codes = held.copy_codes
    live = serves[held.copy_nodes] & _IS_ONLINE[(codes & RUNNING_MASK) >> RUNNING_SHIFT]
    roles = _DEVOLVED[codes & PLACEMENT_MASK]
    rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))
    masters, slaves = (
        np.bincount(rows[live & (roles == role)], minlength=held.partition_count)
        for role in (Placement.MASTER, Placement.SLAVE)
    )
    asked = settings.constraints
    too_few = masters + slaves < asked.copy_count
    levels = (too_few | (masters != asked.master)).astype(np.uint8)
    if asked.master:
        levels[masters == 0] = LEVELS.index(Health.RED)
    return MapHealth(settings, levels, masters, slaves)


def cluster_health(cluster: Cluster) -> ClusterHealth:
    """Return the health of a cluster: of its nodes, and of its current maps.

    A map that has no current form is judged by its target.
    """
    nodes = dict.fromkeys(LEVELS, 0)
    for node in cluster.nodes:
        nodes[node_health(node)] += 1
    maps = {}
    for name, entry in cluster.maps.items():
        held = entry.target if entry.current is None else entry.current
        if held is not None:
            maps[name] = map_health(held, entry.settings, cluster.nodes)
    return ClusterHealth(nodes, maps)
