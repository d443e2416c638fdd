"""Which node may replicate to which: RI, a sparse directed graph with even degrees.

    graph = fanout_graph(nodes, zones, max_peers=10)
    graph.targets[x]            # the nodes that x may replicate to, by number
    graph = fanout_graph(more_nodes, more_zones, max_peers=10, previous=graph)

**Fresh.** Nodes stand on a circle, and each replicates to those a few steps further on, the same
steps for every node and evenly apart: that gives exact row and column sums, and steps without a
common divisor make it strongly connected. Zones take turns along the circle, so that every node has
peers in all other zones alike; between zones of one size, steps that are no multiple of the number
of zones leave every zone. Where one zone has nearly half of the nodes or more, each zone is one arc
instead: steps of at least as many places as the largest has nodes, and of at most as many as all
the others have, leave every zone.

Edges that still stay within a zone are exchanged away: a -> b within a zone and c -> d outside it
become a -> d and c -> b, directly or along a path of several such exchanges. Without a path there
are as few edges within zones as any graph of these degrees has.

**From a previous graph.** A node that goes leaves a loose end at each of its peers: those before it
are joined to those after it. A node that comes is put into the middle of `max_peers` edges. So one
node changes three entries for each peer, however many nodes there are; one that takes the place of
another in the same zone takes its peers, too.

The matrices RI and R are those of vbmap, Couchbase's generator of maps
(https://github.com/couchbase/vbmap); how they are found here is not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _fanout
from mapcore.errors import PlanError

__all__ = ["FanoutGraph", "fanout_graph"]

_MOST_DENSE: Final = 2_000
_MOST_IN_TURN: Final = 0.4
"""Up to which share of the nodes in one zone exchanges are quickly found."""
_STEPS_TRIED: Final = 64
"""How many steps near another one are tried in its place."""


@dataclass(frozen=True, eq=False)
class FanoutGraph:
    """Who may replicate to whom.

    Attributes:
        names: of the nodes.
        zones: int32, the zone of each node.
        targets: int32, nodes by peers: those that each may replicate to, in order.
        max_peers: what was asked for.
        bound: how many edges within zones a graph with these degrees must have; there is one that
            has no more.
        changed: how many entries of RI differ from the previous graph's, over the nodes of both.
    """

    names: tuple[str, ...]
    zones: NDArray[np.int32]
    targets: NDArray[np.int32]
    max_peers: int
    bound: int
    changed: int | None = None

    @property
    def degree(self) -> int:
        """To and from how many others each node replicates: `max_peers`, or all other nodes."""
        return int(self.targets.shape[1])

    @property
    def edges_within_zones(self) -> int:
        """How many edges do not leave their zone."""
        return int((self.zones[self.targets] == self.zones[:, None]).sum())

    @property
    def is_strongly_connected(self) -> bool:
        """Whether every node is reached from every other one along the edges."""
        return len(self.names) <= 1 or _fanout.count_parts(self.targets) == 1

    def dense(self) -> NDArray[np.uint8]:
        """Return RI as zeros and ones, nodes by nodes.

        Raises:
            PlanError: more than 2,000 nodes.
        """
        count = len(self.names)
        if count > _MOST_DENSE:
            raise PlanError(
                f"found {count:,} nodes, expected at most {_MOST_DENSE:,} for a dense matrix"
            )
        matrix = np.zeros((count, count), np.uint8)
        np.put_along_axis(matrix, self.targets.astype(np.int64), 1, axis=1)
        return matrix

    def report(self) -> str:
        """Return as text what was reached, and what could not be had."""
        lines = [
            f"{len(self.names):,} nodes, each replicates to {self.degree} and from {self.degree}"
        ]
        if self.degree < self.max_peers:
            lines.append(f"found {self.degree} other nodes, expected {self.max_peers} peers")
        within = self.edges_within_zones
        if within:
            how = "no graph has fewer" if within <= self.bound else f"the bound is {self.bound:,}"
            lines.append(f"{within:,} edges stay within their zone; {how}")
        if not self.is_strongly_connected:
            lines.append("not every node is reached from every other one")
        if self.changed is not None:
            lines.append(f"{self.changed:,} entries differ from the previous graph")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<FanoutGraph of {len(self.names):,} nodes, {self.degree} peers each>"


def fanout_graph(
    nodes: Iterable[str],
    zones: Sequence[Hashable],
    max_peers: int,
    *,
    previous: FanoutGraph | None = None,
) -> FanoutGraph:
    """Say which node may replicate to which, each to and from the same number of others.

    Same arguments, same graph.

    Args:
        nodes: their names.
        zones: the zone of each; anything that can be told apart.
        max_peers: to how many others a node replicates, and from how many; all of them, where
            there are fewer.
        previous: the graph so far, from which as little as need be is changed.

    Raises:
        PlanError: a name is there twice, a zone is missing, or `max_peers` is below 1.

    Linear in nodes and peers where zones leave room; where they do not, each edge that can leave
    its zone by a path only takes a search of the graph.
    """
    names = tuple(nodes)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PlanError(f"nodes: found {twice!r} twice, expected different names")
    if len(zones) != len(names):
        raise PlanError(
            f"zones: found {len(zones):,}, expected one for each of {len(names):,} nodes"
        )
    if max_peers < 1:
        raise PlanError(f"max_peers: found {max_peers}, expected at least 1")
    numbers = {zone: number for number, zone in enumerate(dict.fromkeys(zones))}
    zone_of = np.fromiter(map(numbers.__getitem__, zones), np.int32, len(names))
    degree = min(max_peers, max(0, len(names) - 1))
    bound = _fewest_within(np.bincount(zone_of), degree) if len(names) else 0
    targets = None if previous is None else _changed(previous, names, zone_of, degree, bound)
    if targets is None:
        targets = _fresh(zone_of, degree, bound)
    graph = FanoutGraph(names, zone_of, targets, max_peers, bound)
    if previous is None:
        return graph
    return FanoutGraph(names, zone_of, targets, max_peers, bound, _entries_changed(previous, graph))


def _fewest_within(sizes: NDArray[np.int64], degree: int) -> int:
    """Return the fewest edges within zones of graphs with this degree, by the sizes of zones.

    What the edges that leave their zone cannot carry: the most that flows from nodes to nodes of
    other zones, `degree` from and to each. Its least cut takes whole zones, on both sides the same
    largest ones, or all nodes on one side.
    """
    total = int(sizes.sum())
    alone = np.maximum(degree - (total - sizes), 0) * sizes
    largest = np.sort(sizes)[::-1]
    nodes = np.cumsum(largest)
    together = degree * (2 * nodes - total) - nodes**2 + np.cumsum(largest**2)
    return max(0, int(alone.sum()), int(together.max()))


def _fresh(zones: NDArray[np.int32], degree: int, bound: int) -> NDArray[np.int32]:
    circle = _circulant(zones, degree)
    targets = np.empty_like(circle)
    _fanout.arrange(circle, np.arange(len(zones), dtype=np.int32), zones, bound, targets)
    return targets


def _circulant(zones: NDArray[np.int32], degree: int) -> NDArray[np.int32]:
    """Return targets, nodes by peers: the same steps along the circle from every node."""
    count = len(zones)
    sizes = np.bincount(zones) if count else np.zeros(1, np.int64)
    largest = int(sizes.max())
    is_even = largest == int(sizes.min())
    if len(sizes) > 1 and (is_even or largest <= _MOST_IN_TURN * count):
        circle = _in_turn(zones, sizes)
        steps = _steps_between_zones(count, len(sizes), degree)
    else:
        # The largest zone first; then places of a zone are one after the other.
        rank = np.empty(len(sizes), np.int64)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
        circle = np.argsort(rank[zones], kind="stable") if count else np.zeros(0, np.int64)
        steps = _steps_across(count, largest, degree)
    place = np.empty(count, np.int64)
    place[circle] = np.arange(count)
    along = np.array(steps, dtype=np.int64)
    targets: NDArray[np.int32] = circle[(place[:, None] + along) % max(1, count)].astype(np.int32)
    return targets


def _in_turn(zones: NDArray[np.int32], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the nodes along a circle on which those of each zone are evenly apart."""
    by_zone = np.argsort(zones, kind="stable")
    in_zone = np.arange(len(zones)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order: NDArray[np.int64] = by_zone[
        np.argsort((2 * in_zone + 1) / (2 * sizes[zones[by_zone]]), kind="stable")
    ]
    return order


def _steps_between_zones(count: int, zone_count: int, degree: int) -> list[int]:
    """Return steps about evenly apart, as many to the next zone as to the one after that, ...

    Not quite evenly, so that few steps are the sum of two others: when a node goes, those before it
    are joined to those after it, which should not be joined yet.
    """
    allowed = [step for step in range(1, count) if step % zone_count]
    if len(allowed) < degree:
        return list(range(1, degree + 1))
    steps: dict[int, None] = {}
    width = max(1, count // max(1, degree))
    for i in range(degree):
        first = (i * count // degree + i * i % width) // zone_count * zone_count
        step = first + 1 + i % (zone_count - 1)  # never a multiple of the number of zones
        if step < count:
            steps.setdefault(step)
    free = (step for step in allowed if step not in steps)
    while len(steps) < degree:
        steps.setdefault(next(free))
    return _coprime(sorted(steps), count, allowed)


def _steps_across(count: int, largest: int, degree: int) -> list[int]:
    """Return the steps of a circle: those that leave every zone first, evenly apart."""
    first, last = largest, count - largest
    allowed = last - first + 1
    if allowed >= degree > 0:
        steps = [first + i * (allowed - 1) // max(1, degree - 1) for i in range(degree)]
        return _coprime(steps, count, range(first, last + 1))
    # Those nearest to half way round keep the fewest edges within zones.
    by_distance = sorted(range(1, count), key=lambda step: (abs(2 * step - count), step))
    return _coprime(sorted(by_distance[:degree]), count, range(1, count))


def _coprime(steps: list[int], count: int, allowed: Sequence[int]) -> list[int]:
    """Return steps that reach every place, by turns of forward and back, too, if one step does it.

    Forward and back: what a node sends and others receive can then be evened out among all.
    """
    wanted = (1, count if len(steps) == 1 else 1)
    if not steps or _common(steps, count) == wanted:
        return steps
    taken = set(steps)
    best = (_common(steps, count), steps)
    for position, step in enumerate(steps):
        free = (other for other in allowed if other not in taken)
        for other in sorted(free, key=lambda other: (abs(other - step), other))[:_STEPS_TRIED]:
            found = sorted([*steps[:position], other, *steps[position + 1 :]])
            best = min(best, (_common(found, count), found), key=lambda candidate: candidate[0])
            if best[0] == wanted:
                return best[1]
    return best[1]


def _common(steps: list[int], count: int) -> tuple[int, int]:
    """Return the common divisor of all steps, and that of the differences of any two."""
    return gcd(count, *steps), gcd(count, *(step - steps[0] for step in steps))


def _changed(
    previous: FanoutGraph,
    names: tuple[str, ...],
    zones: NDArray[np.int32],
    degree: int,
    bound: int,
) -> NDArray[np.int32] | None:
    """Return the targets of the previous graph with nodes taken out and put in, or None."""
    targets = np.empty((len(names), degree), np.int32)
    known = _succeeded(_numbers_now(previous, names), previous.zones, zones)
    return targets if _fanout.arrange(previous.targets, known, zones, bound, targets) else None


def _numbers_now(previous: FanoutGraph, names: tuple[str, ...]) -> NDArray[np.int32]:
    """Return the number in `names` of each node of a graph, -1 for those that are gone."""
    if names[: len(previous.names)] == previous.names:
        return np.arange(len(previous.names), dtype=np.int32)
    numbers = {name: number for number, name in enumerate(names)}
    found = (numbers.get(name, -1) for name in previous.names)
    return np.fromiter(found, np.int32, len(previous.names))


def _succeeded(
    known: NDArray[np.int32], zones_before: NDArray[np.int32], zones: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return `known` with nodes that come put in the places of nodes of the same zone that go."""
    gone = np.flatnonzero(known < 0)
    is_new = np.ones(len(zones), np.bool_)
    is_new[known[known >= 0]] = False
    if not len(gone) or not is_new.any():
        return known
    # A zone is known again by the nodes in it that stay.
    zone_now = np.full(int(zones_before.max()) + 1, -1, np.int32)
    zone_now[zones_before[known >= 0]] = zones[known[known >= 0]]
    known = known.copy()
    for zone in np.unique(zone_now[zones_before[gone]]).tolist():
        leaving = gone[zone_now[zones_before[gone]] == zone]
        coming = np.flatnonzero(is_new & (zones == zone))
        pairs = min(len(leaving), len(coming))
        known[leaving[:pairs]] = coming[:pairs]
    return known


def _entries_changed(previous: FanoutGraph, graph: FanoutGraph) -> int:
    """Return how many entries differ, nodes matched by name."""
    known = _numbers_now(previous, graph.names)
    gone = np.flatnonzero(known < 0)
    known[gone] = np.arange(len(graph.names), len(graph.names) + len(gone))
    rows = np.sort(known[previous.targets], axis=1)
    if rows.shape[1] == graph.targets.shape[1]:
        at_both = known < len(graph.names)
        same = np.zeros(len(rows), np.bool_)
        same[at_both] = (rows[at_both] == graph.targets[known[at_both]]).all(axis=1)
    else:
        same = np.zeros(len(rows), np.bool_)
    differs = np.ones(len(graph.names), np.bool_)
    differs[known[same]] = False
    count = len(graph.names) + len(gone)
    before = known[~same, None].astype(np.int64) * count + rows[~same]
    after = np.flatnonzero(differs)[:, None] * count + graph.targets[differs]
    return len(np.setxor1d(before, after, assume_unique=True))
