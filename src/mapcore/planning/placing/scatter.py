"""How the masters of a node fall on the others if it fails.

Each master of a failed node passes to another copy of its partition. The nodes that hold those
copies are the node's scatter width: the more there are, the less each has to take, and the more
sets of nodes there are whose loss together loses data (Cidon and others, "Copysets", USENIX ATC
2013). How much the one that takes most has to take, when masters pass as evenly as they can, is
found exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _roles
from mapcore.maps import PartitionMap
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["Scatter", "measure_scatter", "scatter_of"]


@dataclass(frozen=True, slots=True)
class Scatter:
    """What the failure of any one node would mean for the masters.

    Attributes:
        widths: int32 by node: the other nodes that could take over a master of it.
        increases: int32 by node: the masters more that one other node has to take, at the least,
            if this one fails.
        lost: int32 by node: its masters that nobody could take over.
    """

    widths: NDArray[np.int32]
    increases: NDArray[np.int32]
    lost: NDArray[np.int32]

    @property
    def worst_increase(self) -> int:
        """The most masters that one node takes over after the failure of any one node."""
        return int(self.increases.max(initial=0))

    @property
    def worst_node(self) -> int | None:
        """The first node whose failure has the worst increase; None where there are no nodes."""
        return int(self.increases.argmax()) if len(self.increases) else None

    @property
    def least_width(self) -> int:
        """The least scatter width of the nodes whose masters somebody could take over."""
        heirs = self.widths[self.widths > 0]
        return int(heirs.min()) if len(heirs) else 0


def measure_scatter(
    placed: NDArray[np.int32],
    is_master: NDArray[np.bool_],
    may_lead: NDArray[np.bool_],
    *,
    interrupt: Callable[[], object] | None = None,
) -> Scatter:
    """Measure how masters fall on other nodes after the failure of each node alone.

    Takes time about linear in the number of copies.

    Args:
        placed: int32, partitions by the most copies: nodes that hold one, -1 for none.
        is_master: as `placed`.
        may_lead: by node: whether it may take over.
        interrupt: called every few milliseconds; what it raises ends the work.
    """
    widths, increases, lost = (np.zeros(len(may_lead), np.int32) for _ in range(3))
    _roles.measure_scatter(
        np.ascontiguousarray(placed),
        np.ascontiguousarray(is_master).view(np.uint8),
        np.ascontiguousarray(may_lead).view(np.uint8),
        widths,
        increases,
        lost,
        interrupt,
    )
    return Scatter(widths, increases, lost)


def scatter_of(copies: PartitionMap, may_lead: NDArray[np.bool_] | None = None) -> Scatter:
    """Measure the scatter of a map; dead copies take nothing over.

    Args:
        copies: the map.
        may_lead: by node of the map: whether it may take over; all may unless said.
    """
    placements = copies.copy_codes & PLACEMENT_MASK
    is_live = placements != Placement.DEAD
    rows = np.repeat(np.arange(copies.partition_count), np.diff(copies.offsets))[is_live]
    counts = np.bincount(rows, minlength=copies.partition_count)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    placed = np.full((copies.partition_count, max(1, int(counts.max(initial=0)))), -1, np.int32)
    placed[rows, columns] = copies.copy_nodes[is_live]
    is_master = np.zeros(placed.shape, np.bool_)
    is_master[rows, columns] = np.isin(placements[is_live], LEADING)
    able = np.ones(copies.node_count, np.bool_) if may_lead is None else may_lead
    return measure_scatter(placed, is_master, able)
