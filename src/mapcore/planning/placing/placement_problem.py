"""What is to be placed, as arrays: partitions, nodes, limits, and loads where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placing.rules import CompiledRules

__all__ = ["Measures", "PlacementProblem", "Room", "summed"]


@dataclass(frozen=True, slots=True)
class PlacementProblem:
    """What is to be placed, as arrays; nodes and partitions are numbers.

    Attributes:
        current: int32, partitions by any width: the nodes that hold a live copy now, -1 for none.
            May name nodes that are not eligible; no node stands twice in a row.
        copy_counts: int32 by partition: copies asked for.
        eligible: bool by node: may hold copies at all.
        lower: int64 by node: floor of its weighted share.
        upper: int64 by node: ceiling of its weighted share.
        levels: int32, levels by nodes: number of each node's value at each spread level, outermost
            first; a value of an inner level lies in one value of the outer one. May have no rows.
        partition_class: int32 by partition, or None where all are of one class.
        class_eligible: bool, classes by nodes: narrower eligibility, in addition to `eligible`.
        pinned: int32, partitions by any width, -1 for none: nodes that must hold a copy.
        node_limit: int64 by node: the most copies it may hold; pinned ones stand whatever it is.
        rules: where slaves stand relative to their master; `place` itself does not look at them.
        sum_lower: int64 by node, or None where no other maps count: the floor of its share of all
            maps in sum, less what the others hold there; may be below 0.
        sum_upper: int64 by node, or None: the ceiling of the same.
        measures: loads and sizes of partitions, where they differ; `place` looks at copies alone.
    """

    current: NDArray[np.int32]
    copy_counts: NDArray[np.int32]
    eligible: NDArray[np.bool_]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    levels: NDArray[np.int32]
    partition_class: NDArray[np.int32] | None = None
    class_eligible: NDArray[np.bool_] | None = None
    pinned: NDArray[np.int32] | None = None
    node_limit: NDArray[np.int64] | None = None
    rules: CompiledRules | None = None
    sum_lower: NDArray[np.int64] | None = None
    sum_upper: NDArray[np.int64] | None = None
    measures: Measures | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What the volumes of each node hold.

    Attributes:
        capacity: int64 by node: bytes in sum; the largest int64 where a volume does not say.
        largest: int64 by node: bytes of the largest volume, which one copy must fit on.
    """

    capacity: NDArray[np.int64]
    largest: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Loads and bytes of partitions, and what nodes are due and can hold.

    Attributes:
        unit: what loads are: `bytes`, `weight` or `copies`.
        load: int64 by partition: what balance counts.
        bytes: int64 by partition: what moves cost and volumes hold; 1 where sizes are not known.
        low: int64 by node: the least load that is even.
        fair: int64 by node: the fair share.
        high: int64 by node: the most load that is even.
        room: what volumes hold, in the unit of `bytes`; None where nothing is known of it.
        scale: bytes of one unit of `bytes`, and of `load` where it is bytes; 1 unless sums of them
            would not fit int64.
    """

    unit: Literal["bytes", "weight", "copies"]
    load: NDArray[np.int64]
    bytes: NDArray[np.int64]
    low: NDArray[np.int64]
    fair: NDArray[np.int64]
    high: NDArray[np.int64]
    room: Room | None
    scale: int = 1

    def loads_of(self, nodes: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the load of each node; `nodes` are partitions by copies, -1 for none."""
        return summed(nodes, self.load, len(self.fair))

    def bytes_of(self, nodes: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the bytes on each node; `nodes` are partitions by copies, -1 for none."""
        return summed(nodes, self.bytes, len(self.fair))

    def outside(self, loads: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how far each node's load is from what is even."""
        far: NDArray[np.int64] = np.abs(loads - np.clip(loads, self.low, self.high))
        return far


def summed(
    nodes: NDArray[np.int32], amounts: NDArray[np.int64], node_count: int
) -> NDArray[np.int64]:
    """Return the sum of amounts by partition on each node; `nodes` are partitions by copies."""
    rows, places = np.nonzero(nodes >= 0)
    sums = np.zeros(node_count, np.int64)
    np.add.at(sums, nodes[rows, places], amounts[rows])
    return sums
