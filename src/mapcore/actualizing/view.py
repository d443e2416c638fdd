"""The nodes as the actualizing layer sees them: numbered through for all maps, with flags."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.volumes import Volumes
from mapcore.cluster import Cluster, Health, Mode, Node
from mapcore.maps import NodeIndex, PartitionMap

__all__ = ["NodeView"]


class NodeView:
    """The nodes of a cluster and of its maps.

    A node is gone if its mode says so, or if it is in `gone`: fenced by its lease, or declared so.
    A node whose health is red is unreachable until it is gone. Nodes that only a map names are
    taken to be well.

    Attributes:
        index: numbers all nodes.
        nodes: what is known of each by number; None for nodes that only a map names.
        flags: uint8 `NodeFlag` of each.
    """

    def __init__(
        self, nodes: Iterable[Node], maps: Iterable[PartitionMap], gone: Collection[str] = ()
    ) -> None:
        listed = tuple(nodes)
        self.index = _common_index([held.nodes for held in maps], listed)
        known = {node.name: node for node in listed}
        self.nodes: tuple[Node | None, ...] = tuple(map(known.get, self.index.names))
        self.flags: NDArray[np.uint8] = np.zeros(len(self.index), np.uint8)
        for node in listed:
            number = self.index.number(node.name)
            if node.mode is Mode.GONE:
                self.flags[number] |= NodeFlag.GONE
            elif node.health is Health.RED:
                self.flags[number] |= NodeFlag.UNREACHABLE
            if node.mode in (Mode.LEAVING, Mode.MAINTENANCE):
                self.flags[number] |= NodeFlag.RELEASED
        for name in gone:
            if name in self.index:
                self.flags[self.index.number(name)] |= NodeFlag.GONE

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def of(
        cls,
        nodes: Iterable[Node] | Cluster | NodeView,
        maps: Iterable[PartitionMap],
        gone: Collection[str] = (),
    ) -> NodeView:
        """Return a view of the nodes and of those of the maps: the same one, if it covers them."""
        held = tuple(maps)
        if isinstance(nodes, NodeView):
            if nodes.covers(held, gone):
                return nodes
            return cls((node for node in nodes.nodes if node is not None), held, gone)
        return cls(nodes.nodes if isinstance(nodes, Cluster) else nodes, held, gone)

    def covers(self, maps: Iterable[PartitionMap], gone: Collection[str]) -> bool:
        """Whether this view has all nodes of some maps, and knows what is gone."""
        numbers = self.index.numbers
        return all(
            held.nodes is self.index or all(name in numbers for name in held.nodes.names)
            for held in maps
        ) and all(name not in numbers or self.flags[numbers[name]] & NodeFlag.GONE for name in gone)

    @cached_property
    def _known_flags(self) -> list[int]:
        return [int(flags) for flags in self.flags]

    @cached_property
    def volumes(self) -> Volumes:
        """The volumes of all nodes."""
        return Volumes((node for node in self.nodes if node is not None), self.index)

    @cached_property
    def zones(self) -> NDArray[np.int32]:
        """A number for the outermost place of each node; nodes without a location share one."""
        return self._places(1)

    @cached_property
    def depth(self) -> int:
        """The number of levels of the deepest location."""
        return max((len(node.path) for node in self.nodes if node is not None), default=0)

    def _places(self, level: int) -> NDArray[np.int32]:
        paths = [() if node is None else node.path[:level] for node in self.nodes]
        numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
        return np.array([numbers[path] for path in paths], dtype=np.int32)

    @cached_property
    def _levels(self) -> list[NDArray[np.int32]]:
        return [self._places(level) for level in range(1, self.depth + 1)]

    def distances(self, a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return how many levels each two nodes stand apart; 0 in the same innermost place."""
        apart = np.zeros(len(a), dtype=np.int32)
        for places in self._levels:
            apart += places[a] != places[b]
        return apart

    def describe(self, number: int) -> str:
        """Return why copies go from a node, or an empty text."""
        flags = self._known_flags[number]
        if not flags:
            return ""
        node = self.nodes[number]
        name = self.index.names[number]
        if flags & NodeFlag.GONE:
            return f"{name} is gone"
        if node is not None and node.mode is Mode.LEAVING:
            return f"{name} is leaving"
        if node is not None and node.mode is Mode.MAINTENANCE:
            return f"{name} is in maintenance"
        return ""


def _common_index(indexes: list[NodeIndex], listed: tuple[Node, ...]) -> NodeIndex:
    first = indexes[0] if indexes else NodeIndex(())
    names = dict.fromkeys(first.names)
    for index in indexes[1:]:
        if index is not first:
            names.update(dict.fromkeys(index.names))
    names.update(dict.fromkeys(node.name for node in listed))
    return first if len(names) == len(first) else NodeIndex(names)
