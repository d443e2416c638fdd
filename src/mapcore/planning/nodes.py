"""Nodes as columns: what planning needs to know of 40,000 nodes without touching 40,000 objects.

The columns of a cluster are made once and kept with it; those of a changed cluster are derived
from them. Weights and locations are kept as numbers of distinct values, because there are few:
what is computed from them is computed once a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Cluster, Health, Mode, Node

__all__ = ["ACTIVE", "GONE", "LEAVING", "MAINTENANCE", "NodeTable", "node_table"]

ACTIVE: Final = 0
MAINTENANCE: Final = 1
LEAVING: Final = 2
GONE: Final = 3
_MODES: Final = (Mode.ACTIVE, Mode.MAINTENANCE, Mode.LEAVING, Mode.GONE)

_Value = TypeVar("_Value")
_Dtype = TypeVar("_Dtype", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class NodeTable:
    """The nodes of a cluster as columns, one entry a node.

    Attributes:
        modes: uint8: `ACTIVE`, `MAINTENANCE`, `LEAVING` or `GONE`.
        weight_numbers: int32 into `weights`.
        weights: the distinct weights, in the order of the nodes.
        location_numbers: int32 into `locations`.
        locations: the distinct locations, in the order of the nodes.
        special: by number, the nodes of which weight and location do not say everything.
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
        return cls(np.empty(0, np.uint8), none, (), none, (), {}).changed({}, nodes)

    def __len__(self) -> int:
        return len(self.modes)

    def changed(self, replaced: Mapping[int, Node], added: Sequence[Node]) -> NodeTable:
        """Return the table of these nodes with some replaced, by number, and some added."""
        numbers = [*replaced, *range(len(self), len(self) + len(added))]
        changing = [*replaced.values(), *added]
        weights, weight_numbers = _encode(self.weights, [node.weight for node in changing])
        locations, location_numbers = _encode(self.locations, [node.location for node in changing])
        modes = np.zeros(len(changing), np.int32)
        special = {number: node for number, node in self.special.items() if number not in replaced}
        for position, node in enumerate(changing):
            if node.mode is not Mode.ACTIVE or node.tags or node.extra or node.health is Health.RED:
                special[numbers[position]] = node
                modes[position] = _MODES.index(node.mode)
        where = np.array(numbers, np.int64)
        return NodeTable(
            _set(self.modes, where, modes, len(added)),
            _set(self.weight_numbers, where, weight_numbers, len(added)),
            weights,
            _set(self.location_numbers, where, location_numbers, len(added)),
            locations,
            special,
        )

    @property
    def weight_column(self) -> NDArray[np.float64]:
        """The weight of each node."""
        return np.array(self.weights, np.float64)[self.weight_numbers]

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Whether each node has a weight above 0."""
        return (np.array(self.weights, np.float64) > 0)[self.weight_numbers]

    def level_values(self, depth: int) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Number the values of one level of the location.

        Args:
            depth: how many parts of the location say the value: 1 for the outermost level.

        Returns:
            int32, the number of each node's value, and the values: the first `depth` parts of the
            locations, so that rack `r1` of zone `z1` is `z1/r1`.
        """
        prefixes = ["/".join(location.split("/")[:depth]) for location in self.locations]
        values, numbers = _encode((), prefixes)
        return numbers[self.location_numbers], values

    def shallow(self, depth: int) -> NDArray[np.bool_]:
        """Whether each node's location has fewer than `depth` parts."""
        short = [
            not all(parts := location.split("/")[:depth]) or len(parts) < depth
            for location in self.locations
        ]
        return np.array(short, np.bool_)[self.location_numbers]


def node_table(cluster: Cluster) -> NodeTable:
    """Return the columns of a cluster's nodes; made once for each cluster."""
    table = cluster.memo.get("node_table")
    if table is None:
        table = cluster.memo["node_table"] = NodeTable.of(cluster.nodes)
    assert isinstance(table, NodeTable)
    return table


def _encode(
    known: tuple[_Value, ...], values: Sequence[_Value]
) -> tuple[tuple[_Value, ...], NDArray[np.int32]]:
    """Return the distinct values, known ones first, and the number of each value."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys((*known, *values)))}
    return tuple(numbers), np.fromiter(map(numbers.__getitem__, values), np.int32, len(values))


def _set(
    column: NDArray[_Dtype], where: NDArray[np.int64], values: NDArray[np.int32], added: int
) -> NDArray[_Dtype]:
    longer = np.empty(len(column) + added, column.dtype)
    longer[: len(column)] = column
    longer[where] = values
    longer.flags.writeable = False
    return longer
