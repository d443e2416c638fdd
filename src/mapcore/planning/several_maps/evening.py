"""Shifting ceilings between maps, so that what nodes hold of all maps in sum is even.

Each map by itself leaves open which of its nodes take the ceiling of their share. A copy may pass
from a node to another of its group wherever one is above its least and the other below its most;
a path of such passes, each in any map, moves one copy of the sum from its first node to its last.
As long as there is a path that lowers the sum of squares, the nearest is taken, so that few loads
change (Ford and Fulkerson's paths, found breadth first for all nodes of one slope together).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placing.shares import Bounds

__all__ = ["Loads", "even_out"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """The loads of several maps, and how far they may change.

    Attributes:
        held: int64, maps by nodes.
        least: int64, maps by nodes.
        most: int64, maps by nodes.
        group: int64, maps by nodes: copies pass within a group; numbers differ between maps.
    """

    held: Ints
    least: Ints
    most: Ints
    group: Ints


def even_out(loads: Loads, share: Bounds) -> None:
    """Change `loads.held` so that the sum over maps has the least squares outside of its share.

    Takes a pass over maps by nodes for each length of path, and some more.
    """
    for number in range(len(loads.held)):
        _shift_directly(loads, number, share)
    settled = np.zeros(loads.held.shape[1], np.bool_)
    while True:
        total = loads.held.sum(axis=0)
        gain, cost = _slopes(total - 1, share), _slopes(total, share)
        gain[settled] = np.iinfo(np.int64).min
        steepest = int(gain.max(initial=np.iinfo(np.int64).min))
        if steepest <= int(cost.min(initial=steepest)):
            return
        origins = np.flatnonzero(gain == steepest)
        paths = _paths(loads, origins, cost < steepest)
        taken = [_take(loads, path, share) for path in paths]
        if not any(taken):
            settled[origins] = True


def _slopes(total: Ints, share: Bounds) -> Ints:
    """What one copy more adds to the squares, by node."""
    lower, upper = share
    below, above = np.minimum(total - lower, 0), np.maximum(total - upper, 0)
    slopes: Ints = np.where(total >= upper, 2 * above + 1, np.where(below < 0, 2 * below + 1, 0))
    return slopes


def _shift_directly(loads: Loads, number: int, share: Bounds) -> None:
    """Pass copies of one map from the fullest nodes of a group to its emptiest, pair by pair."""
    held, group = loads.held[number], loads.group[number]
    while True:
        total = loads.held.sum(axis=0)
        gain, cost = _slopes(total - 1, share), _slopes(total, share)
        givers = np.flatnonzero((held > loads.least[number]) & (gain > 0))
        takers = np.flatnonzero((held < loads.most[number]) & (cost <= 0))
        givers = givers[np.lexsort([-gain[givers], group[givers]])]
        takers = takers[np.lexsort([cost[takers], group[takers]])]
        rank = np.arange(len(givers)) - np.searchsorted(group[givers], group[givers])
        partner = np.searchsorted(group[takers], group[givers]) + rank
        partner = np.minimum(partner, len(takers) - 1)
        if not len(takers) or not len(givers):
            return
        takers = takers[partner]
        paired = (group[takers] == group[givers]) & (gain[givers] > cost[takers])
        givers, takers = givers[paired], takers[paired]
        _, first = np.unique(takers, return_index=True)
        givers, takers = givers[first], takers[first]
        if not len(givers):
            return
        held[givers] -= 1
        held[takers] += 1


def _paths(
    loads: Loads, origins: NDArray[np.int64], is_end: NDArray[np.bool_]
) -> list[list[tuple[int, int]]]:
    """Find shortest paths to the nearest ends: of each, map and node by step, the end first.

    The first node of a path stands last, with no map.
    """
    nodes = loads.held.shape[1]
    came = np.full((2, nodes), -1, np.int64)  # the map and the node before, by node
    seen = np.zeros(nodes, np.bool_)
    seen[origins] = True
    frontier = origins
    groups = int(loads.group.max(initial=0)) + 1
    may_take = loads.held < loads.most
    while len(frontier):
        number, at = np.nonzero(loads.held[:, frontier] > loads.least[:, frontier])
        via = np.full(groups, -1, np.int64)
        via[loads.group[number, frontier[at]]] = frontier[at]
        number, node = np.nonzero(may_take & ~seen & (via[loads.group] >= 0))
        node, first = np.unique(node, return_index=True)
        came[0, node] = number[first]
        came[1, node] = via[loads.group[number[first], node]]
        seen[node] = True
        ends = node[is_end[node]]
        if len(ends):
            return [_trace(came, int(end)) for end in ends]
        frontier = node
    return []


def _trace(came: NDArray[np.int64], end: int) -> list[tuple[int, int]]:
    path, node = [], end
    while came[1, node] >= 0:
        path.append((int(came[0, node]), node))
        node = int(came[1, node])
    return [*path, (-1, node)]


def _take(loads: Loads, path: list[tuple[int, int]], share: Bounds) -> bool:
    """Pass a copy along a path, unless other paths have used it up."""
    steps = [(number, path[i + 1][1], node) for i, (number, node) in enumerate(path[:-1])]
    ends = np.array([path[-1][1], path[0][1]])
    total = loads.held[:, ends].sum(axis=0)
    within = share[0][ends], share[1][ends]
    if _slopes(total - 1, within)[0] <= _slopes(total, within)[1]:
        return False
    for number, giver, taker in steps:
        is_free = loads.held[number, giver] > loads.least[number, giver]
        if not is_free or loads.held[number, taker] >= loads.most[number, taker]:
            return False
    for number, giver, taker in steps:
        loads.held[number, giver] -= 1
        loads.held[number, taker] += 1
    return True
