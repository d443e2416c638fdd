"""Nodes as columns: what planning needs to know of 40,000 nodes without touching 40,000 objects.

The columns of a cluster are made once and kept with it; those of a changed cluster are derived
from them. Weights and locations are kept as numbers of distinct values, because there are few:
what is computed from them is computed once a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Cluster, Mode, Node

__all__ = ["ACTIVE", "GONE", "LEAVING", "MAINTENANCE", "MODES", "NodeTable", "node_table"]

ACTIVE: Final = 0
MAINTENANCE: Final = 1
LEAVING: Final = 2
GONE: Final = 3
MODES: Final = (Mode.ACTIVE, Mode.MAINTENANCE, Mode.LEAVING, Mode.GONE)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, eq=False)
class NodeTable:
    """The nodes of a cluster as columns, one entry a node.

    Attributes:
        modes: uint8: `ACTIVE`, `MAINTENANCE`, `LEAVING` or `GONE`.
        weight_numbers: int32 into `weights`.
        weights: the distinct weights, in the order of the nodes.
        location_numbers: int32 into `locations`.
        locations: the distinct locations, in the order of the nodes.
        special: by number, the nodes that have tags or fields that mapcore does not know.
    """

    modes: NDArray[np.uint8]
    weight_numbers: NDArray[np.int32]
    weights: tuple[float, ...]
    location_numbers: NDArray[np.int32]
    locations: tuple[str, ...]
    special: Mapping[int, Node]

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> NodeTable:
        """Make the table of these nodes."""
        none = np.empty(0, np.int32)
        return cls(np.empty(0, np.uint8), none, (), none, (), {}).with_added(nodes)

    def __len__(self) -> int:
        return len(self.modes)

    def with_modes(self, modes: Mapping[int, NDArray[np.int64]]) -> NodeTable:
        """Return this table with other modes: numbers of nodes by the mode that they get."""
        if not any(map(len, modes.values())):
            return self
        column = self.modes.copy()
        for mode, numbers in modes.items():
            column[numbers] = mode
        return replace(self, modes=column)

    def with_weights(self, weights: Mapping[int, float]) -> NodeTable:
        """Return this table with other weights, by number."""
        if not weights:
            return self
        values, numbers = _encode(self.weights, list(weights.values()))
        column = self.weight_numbers.copy()
        column[list(weights)] = numbers
        return replace(self, weights=values, weight_numbers=column)

    def with_added(self, added: Sequence[Node]) -> NodeTable:
        """Return this table with more nodes at its end."""
        if not added:
            return self
        active = Mode.ACTIVE
        modes = [0 if node.mode is active else MODES.index(node.mode) for node in added]
        weights, weight_numbers = _encode(self.weights, [node.weight for node in added])
        locations, location_numbers = _encode(self.locations, [node.location for node in added])
        special = {
            number: node for number, node in enumerate(added, len(self)) if node.tags or node.extra
        }
        return NodeTable(
            np.append(self.modes, np.array(modes, np.uint8)),
            np.append(self.weight_numbers, np.array(weight_numbers, np.int32)),
            weights,
            np.append(self.location_numbers, np.array(location_numbers, np.int32)),
            locations,
            {**self.special, **special} if special else self.special,
        )

    def at(self, numbers: NDArray[np.int64]) -> NodeTable:
        """Return the table of some of these nodes, by number."""
        renumbered = {old: new for new, old in enumerate(numbers.tolist())}
        return replace(
            self,
            modes=self.modes[numbers],
            weight_numbers=self.weight_numbers[numbers],
            location_numbers=self.location_numbers[numbers],
            special={
                renumbered[old]: node for old, node in self.special.items() if old in renumbered
            },
        )

    @property
    def weight_column(self) -> NDArray[np.float64]:
        """The weight of each node."""
        return np.array(self.weights, np.float64)[self.weight_numbers]

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Whether each node has a weight above 0."""
        if min(self.weights, default=1.0) > 0:
            return np.ones(len(self), np.bool_)
        return (np.array(self.weights, np.float64) > 0).take(self.weight_numbers)

    def level_values(self, depth: int) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Number the values of one level of the location.

        Args:
            depth: how many parts of the location say the value: 1 for the outermost level.

        Returns:
            int32, the number of each node's value, and the values: the first `depth` parts of the
            locations, so that rack `r1` of zone `z1` is `z1/r1`.
        """
        prefixes = ["/".join(location.split("/", depth)[:depth]) for location in self.locations]
        values, numbers = _encode((), prefixes)
        return np.array(numbers, np.int32).take(self.location_numbers), values

    def shallow(self, depth: int) -> NDArray[np.int64]:
        """Return the numbers of the nodes whose location does not name its value at a level."""
        short = [
            number
            for number, location in enumerate(self.locations)
            if not all(parts := location.split("/", depth)[:depth]) or len(parts) < depth
        ]
        return np.flatnonzero(np.isin(self.location_numbers, short)) if short else np.empty(0, int)


def node_table(cluster: Cluster) -> NodeTable:
    """Return the columns of a cluster's nodes; made once for each cluster."""
    table = cluster.memo.get("node_table")
    if table is None:
        table = cluster.memo["node_table"] = NodeTable.of(cluster.nodes)
    assert isinstance(table, NodeTable)
    return table


def _encode(
    known: tuple[_Value, ...], values: Sequence[_Value]
) -> tuple[tuple[_Value, ...], list[int]]:
    """Return the distinct values, known ones first, and the number of each value."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys((*known, *values)))}
    return tuple(numbers), [numbers[value] for value in values]
