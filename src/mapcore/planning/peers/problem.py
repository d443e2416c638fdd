"""What is asked of a placement in which nodes have few peers.

Two nodes are peers where one has to send data to the other. After any single failover every copy of
a partition may be its master, so all nodes that hold a copy of it are peers of each other; as
planned, only its master and each of its slaves are. Peers count once, in whichever direction data
goes, so neither fan-out nor fan-in is above the number of peers.

Counts, spread and rules go before peers, and peers before balance. What the loads would be without
peers is known exactly: shares are taken from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels._peers import DUE_ONE, PeerLimits
from mapcore.planning.placing.load_ranges import load_ranges
from mapcore.planning.placing.placement import (
    RowClasses,
    copy_limits,
    even_shares,
    place,
    row_classes,
)
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import Bounds

__all__ = ["DUE_ONE", "PeersProblem", "limits_of", "open_nodes", "peers_problem"]


@dataclass(frozen=True)
class PeersProblem:
    """What is to be placed, and how many peers nodes may have.

    Attributes:
        placement: counts, spread and shares, as without peers.
        relaxed: int32, partitions by copies: a best placement without regard to peers.
        max_peers: the most peers of a node.
        reserve: how many of these a fresh placement leaves unused, if it can.
        every_pair: whether all copies of a partition are peers, as after any failover; else the
            master and each slave are.
        may_lead: bool by node.
        least: int64 by node: the fewest copies that it holds in a best placement without peers.
        most: int64 by node: the most of the same.
        copies_due: int64 by node: its fair share between these, in units of 1 / DUE_ONE.
        masters_least: int64 by node: floor of its share of masters.
        masters_most: int64 by node: ceiling of the same.
    """

    placement: PlacementProblem
    relaxed: NDArray[np.int32]
    max_peers: int
    reserve: int
    every_pair: bool
    may_lead: NDArray[np.bool_]
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    copies_due: NDArray[np.int64]
    masters_least: NDArray[np.int64]
    masters_most: NDArray[np.int64]

    @cached_property
    def classes(self) -> RowClasses:
        """Partitions that ask for as many copies and may use the same nodes."""
        return row_classes(self.placement)

    @cached_property
    def class_shares(self) -> NDArray[np.int32]:
        """The even share of a value of each level; int32, classes by levels."""
        return even_shares(self.placement, self.classes)

    def copies_outside(self, loads: NDArray[np.int64]) -> int:
        """Return how many copies stand outside the shares of nodes, for these loads by node."""
        outside = np.maximum(loads - self.most, self.least - loads)
        return int(outside.clip(min=0).sum())

    @cached_property
    def masters_due(self) -> NDArray[np.int64]:
        """The fair share of masters of each node, in units of 1 / DUE_ONE; int64 by node."""
        total = len(self.placement.copy_counts)
        return _fair(self.masters_least, self.masters_most, total)


def peers_problem(
    placement: PlacementProblem,
    relaxed: NDArray[np.int32],
    *,
    max_peers: int,
    reserve: int,
    every_pair: bool,
    may_lead: NDArray[np.bool_],
    masters: Bounds,
) -> PeersProblem:
    """Ask for a placement within a number of peers.

    Args:
        placement: what is asked without.
        relaxed: a best placement for that.
        max_peers: the most peers of a node.
        reserve: how many of these a fresh placement leaves unused, if it can.
        every_pair: whether all copies of a partition are peers.
        may_lead: bool by node.
        masters: floors and ceilings of shares of masters.
    """
    nodes = len(placement.eligible)
    loads = np.bincount(relaxed[relaxed >= 0], minlength=nodes).astype(np.int64)
    ranges = None
    is_unequal = placement.measures is not None and placement.measures.unit != "copies"
    if is_unequal and not (placement.current >= 0).any():  # loads are balanced afterwards
        even = replace(placement, measures=None, rules=None)
        loads = np.bincount(place(even).nodes.ravel() + 1, minlength=nodes + 1)[1:]
        ranges = load_ranges(even)
    elif not is_unequal and placement.sum_lower is None:
        ranges = load_ranges(placement)
    if placement.sum_lower is not None or (is_unequal and ranges is None):
        least, most, due = loads, loads, loads * DUE_ONE  # what is balanced, or in sum over maps
    elif ranges is None:
        inside = (loads >= placement.lower) & (loads <= placement.upper)
        least = np.where(inside, np.minimum(loads, placement.lower), loads)
        most = np.where(inside, placement.upper, loads)
        most = np.minimum(most, np.maximum(copy_limits(placement), loads))
        due = loads * DUE_ONE
    else:
        least, most = ranges.least, ranges.most
        due = np.zeros(nodes, np.int64)
        for group in np.unique(ranges.group):
            among = ranges.group == group
            due[among] = _fair(least[among], most[among], int(loads[among].sum()))
    return PeersProblem(
        placement=placement,
        relaxed=relaxed,
        max_peers=max_peers,
        reserve=reserve,
        every_pair=every_pair,
        may_lead=may_lead,
        least=least,
        most=most,
        copies_due=due,
        masters_least=masters[0],
        masters_most=masters[1],
    )


def limits_of(problem: PeersProblem, max_peers: int) -> PeerLimits:
    """Return what the kernels are to keep to, with this number of peers."""
    placement, classes = problem.placement, problem.classes
    partitions, nodes = len(placement.copy_counts), len(placement.eligible)
    pinned = placement.pinned
    if pinned is None:
        pinned = np.empty((partitions, 0), np.int32)
    rules = placement.rules
    ancestors, closeness = np.empty((nodes, 0), np.int32), np.empty((0, 2), np.int32)
    if rules is not None:
        columns = np.repeat(rules.intervals[:, :2], rules.intervals[:, 2], axis=0)
        ancestors = np.ascontiguousarray(rules.ancestors)
        closeness = np.ascontiguousarray(np.vstack([columns[:1], columns]), np.int32)
    return PeerLimits(
        max_peers,
        np.ascontiguousarray(placement.levels),
        np.ascontiguousarray(classes.numbers),
        np.ascontiguousarray(classes.group_nodes[classes.groups] & open_nodes(placement)).view(
            np.uint8
        ),
        np.ascontiguousarray(problem.class_shares),
        np.ascontiguousarray(pinned),
        ancestors,
        closeness,
        np.ascontiguousarray(problem.may_lead).view(np.uint8),
        np.stack([problem.least, problem.most, problem.masters_least, problem.masters_most]),
    )


def open_nodes(placement: PlacementProblem) -> NDArray[np.bool_]:
    """Which nodes may get copies that they do not keep anyway: not those in maintenance."""
    kept = np.zeros(len(placement.eligible), np.int64)
    if placement.pinned is not None:
        kept = np.bincount(placement.pinned[placement.pinned >= 0], minlength=len(kept))
    is_open: NDArray[np.bool_] = copy_limits(placement) > kept
    return is_open


def _fair(least: NDArray[np.int64], most: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Share what is above the floors out by the room to the ceilings, in units of 1 / DUE_ONE."""
    room = most - least
    extra, whole = total - int(least.sum()), max(1, int(room.sum()))
    fair: NDArray[np.int64] = least * DUE_ONE + room * (extra * DUE_ONE // whole)
    return fair
