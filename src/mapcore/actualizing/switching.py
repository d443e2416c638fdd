"""The one step in which new ranges take over the keys of old ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import NodeFlag, RowFlag, Situation
from mapcore.actualizing.repartition import Group
from mapcore.actualizing.steps import End
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["switch_changes"]


def switch_changes(
    situation: Situation, group: Group, row_flags: NDArray[np.uint8]
) -> tuple[End, ...] | None:
    """Return the copies that change when a group switches over; None while it cannot.

    Args:
        situation: the map as it is.
        group: the ranges.
        row_flags: of all partitions, with what is in flight.
    """
    in_flight = RowFlag.ADDITIVE_IN_FLIGHT | RowFlag.EXCLUSIVE_IN_FLIGHT
    if (row_flags[[*group.old, *group.new]] & in_flight).any():
        return None
    changes = []
    for row in group.old:
        for node, placement in _cells(situation.current, row):
            if placement >= Placement.PENDING_SLAVE:
                return None
            if placement > Placement.DEAD:
                changes.append(_end(situation, row, node, placement, Placement.DEAD))
    for row in group.new:
        now = dict(_cells(situation.current, row))
        for node, goal in _cells(situation.target, row):
            if goal <= Placement.DEAD:
                continue
            lost = situation.node_flags[node] & (NodeFlag.GONE | NodeFlag.UNREACHABLE)
            if lost or now.get(node) != Placement.SLAVE:
                return None
            if goal == Placement.MASTER:
                changes.append(_end(situation, row, node, Placement.SLAVE, Placement.MASTER))
    return tuple(changes)


def _cells(held: Any, row: int) -> Iterator[tuple[int, int]]:
    span = slice(int(held.offsets[row]), int(held.offsets[row + 1]))
    codes = held.copy_codes[span] & PLACEMENT_MASK
    return zip(held.copy_nodes[span].tolist(), codes.tolist(), strict=True)


def _end(situation: Situation, row: int, node: int, before: int, after: Placement) -> End:
    return End(
        node=situation.current.nodes.names[node],
        before=Placement(before).label,
        after=after.label,
        partition=situation.current.keys.name(row),
    )
