"""The one step in which new partitions take over the keys of old ones.

Ranges switch in groups, as soon as all copies of the new ones are in sync; hash partitions all at
once. It waits until nothing else goes on in its partitions, and until every node with a copy that
it takes out of service can be asked to stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.building import Builder
from mapcore.actualizing.proposals import Hold, NodeFlag, RowFlag, Situation, in_flight
from mapcore.actualizing.repartition import Group
from mapcore.actualizing.starting.pictures import Picture
from mapcore.actualizing.starting.waiting import HeldBack
from mapcore.actualizing.steps import End, Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.cluster import config_field
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["Room", "Switches", "switches"]


class Room:
    """How many more steps may start in the whole cluster."""

    def __init__(self, limits: Limits, taken: int) -> None:
        """Leave what `taken` steps do not take up."""
        self._left = None if limits.max_steps is None else limits.max_steps - taken

    def take(self) -> bool:
        """Take up one step, if there is room for it."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0


class Switches(NamedTuple):
    """The switches of one map that may start now, those that wait, and those to be cancelled."""

    steps: list[Step]
    waiting: list[HeldBack]
    cancel: list[Step]


class _Obstacle(NamedTuple):
    hold: Hold
    node: int = -1


def switches(
    picture: Picture,
    situation: Situation,
    starting: NDArray[np.int64],
    builder: Builder,
    room: Room,
) -> Switches:
    """Return the switches of one map.

    Args:
        picture: the map as it is.
        situation: the same, over the partitions of both maps.
        starting: the partitions in which other steps start now.
        builder: makes the steps.
        room: what is left of the steps that there may be at once.
    """
    found = Switches([], [], _to_cancel(picture, situation))
    if picture.resize is not None and not picture.is_resizing:
        count = situation.current.partition_count
        change = f"{count:,} partitions -> {picture.resize:,}"
        obstacle = _resize_obstacle(picture, situation, starting, picture.resize)
        if obstacle is None and room.take():
            found.steps.append(builder.resize(picture.resize))
        else:
            found.waiting.append(_held_back(builder, situation, 0, change, obstacle))
    if not picture.groups:
        return found
    row_flags, _ = in_flight(situation)
    row_flags[starting] |= np.uint8(RowFlag.ADDITIVE_IN_FLIGHT)
    for group in picture.groups:
        obstacle = _obstacle(situation, group, row_flags)
        if obstacle is None and room.take():
            found.steps.append(builder.switch(group, tuple(_changes(situation, group))))
            continue
        names = [
            ", ".join(situation.current.keys.name(row) for row in rows)
            for rows in (group.old, group.new)
        ]
        change = " -> ".join(names)
        found.waiting.append(_held_back(builder, situation, group.old[0], change, obstacle))
    return found


def _to_cancel(picture: Picture, situation: Situation) -> list[Step]:
    """Return the switches under way that would not start any more."""
    underway = [step for step in situation.in_flight if step.kind is Kind.SWITCH]
    if not underway:
        return []
    keys = situation.current.keys
    groups = {
        tuple(tuple(keys.name(row) for row in rows) for rows in (group.old, group.new)): group
        for group in picture.groups
    }
    at_rest = np.zeros_like(situation.row_flags)
    cancel = []
    for step in underway:
        if step.num_partitions is not None:
            if step.num_partitions != picture.resize:
                cancel.append(step)
            continue
        group = groups.get((step.retire or (), step.serve or ()))
        if (
            group is None
            or _obstacle(situation, group, at_rest) is not None
            or tuple(_changes(situation, group)) != step.changes
        ):
            cancel.append(step)
    return cancel


def _held_back(
    builder: Builder, situation: Situation, row: int, change: str, obstacle: _Obstacle | None
) -> HeldBack:
    keys, nodes = situation.current.keys, situation.current.nodes
    if obstacle is None:
        hold, node, throttle = Hold.THROTTLE, "", config_field("max_steps")
    else:
        hold, throttle = obstacle.hold, None
        node = nodes.names[obstacle.node] if obstacle.node >= 0 else ""
    return HeldBack(builder.name, keys.name(row), node, change, hold, throttle)


def _resize_obstacle(
    picture: Picture, situation: Situation, starting: NDArray[np.int64], partition_count: int
) -> _Obstacle | None:
    is_live = (situation.current.copy_codes & PLACEMENT_MASK) > Placement.DEAD
    nodes = situation.current.copy_nodes[is_live]
    asked_in_vain = nodes[_is_unreachable(situation.node_flags[nodes])]
    if len(asked_in_vain):
        return _Obstacle(Hold.UNREACHABLE, int(asked_in_vain[0]))
    # To fewer partitions only when those that become one are alike.
    if (
        partition_count < situation.current.partition_count
        and situation.current != situation.target
    ):
        return _Obstacle(Hold.APART)
    return _Obstacle(Hold.IN_FLIGHT) if picture.underway or len(starting) else None


def _obstacle(situation: Situation, group: Group, row_flags: NDArray[np.uint8]) -> _Obstacle | None:
    """Return why a group cannot switch over now; None if it can."""
    for row in group.old:
        for node, placement in _cells(situation.current, row):
            if placement >= Placement.PENDING_SLAVE:
                return _Obstacle(Hold.IN_FLIGHT, node)
            if placement > Placement.DEAD and _is_unreachable(situation.node_flags[node]):
                return _Obstacle(Hold.UNREACHABLE, node)
    for row in group.new:
        now = dict(_cells(situation.current, row))
        for node, goal in _cells(situation.target, row):
            if goal <= Placement.DEAD:
                continue
            if situation.node_flags[node] & NodeFlag.GONE:
                return _Obstacle(Hold.GONE, node)
            if situation.node_flags[node] & NodeFlag.UNREACHABLE:
                return _Obstacle(Hold.UNREACHABLE, node)
            if now.get(node) != Placement.SLAVE:
                return _Obstacle(Hold.UNFILLED, node)
    underway = RowFlag.ADDITIVE_IN_FLIGHT | RowFlag.EXCLUSIVE_IN_FLIGHT
    if (row_flags[[*group.old, *group.new]] & underway).any():
        return _Obstacle(Hold.IN_FLIGHT)
    return None


def _is_unreachable(flags: Any) -> Any:
    """Whether nodes may still serve although they cannot be asked."""
    return (flags & NodeFlag.UNREACHABLE != 0) & (flags & NodeFlag.GONE == 0)


def _changes(situation: Situation, group: Group) -> Iterator[End]:
    """Iterate over the copies that change when a group switches over."""
    for row in group.old:
        for node, placement in _cells(situation.current, row):
            if placement > Placement.DEAD:
                yield _end(situation, row, node, placement, Placement.DEAD)
    for row in group.new:
        for node, goal in _cells(situation.target, row):
            if goal == Placement.MASTER:
                yield _end(situation, row, node, Placement.SLAVE, Placement.MASTER)


def _cells(held: PartitionMap, row: int) -> Iterator[tuple[int, int]]:
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
