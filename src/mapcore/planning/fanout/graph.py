"""Which node may replicate to which: RI, a sparse directed graph with even degrees.

    graph = fanout_graph(nodes, zones, max_peers=10)
    graph.targets[x]            # the nodes that x may replicate to, by number
    graph = fanout_graph(more_nodes, more_zones, max_peers=10, previous=graph)

**Fresh.** Nodes stand on a circle, zone after zone. An edge that goes on by at least as many places
as the largest zone has nodes, and by no more than all the others have, leaves its zone wherever it
starts. So `max_peers` such steps, the same for every node and evenly apart, give exact row and
column sums, peers in several other zones, and no edge within a zone; steps without a common
divisor make it strongly connected. Where the allowed steps are too few, shorter and longer ones are
added, and edges within zones are then exchanged away: a -> b within a zone and c -> d outside it
become a -> d and c -> b, as long as there is such a pair, directly or by way of a third edge.

**From a previous graph.** A node that goes leaves a loose end at each of its peers: those before it
are joined to those after it. A node that comes is put into the middle of `max_peers` edges. So one
node changes three entries for each peer, however many nodes there are.

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

from mapcore.errors import PlanError
from mapcore.planning.fanout.edges import Edges

__all__ = ["FanoutGraph", "fanout_graph"]

_MOST_DENSE: Final = 2_000


@dataclass(frozen=True, eq=False)
class FanoutGraph:
    """Who may replicate to whom.

    Attributes:
        names: of the nodes.
        zones: int32, the zone of each node.
        targets: int32, nodes by peers: those that each may replicate to, in order.
        max_peers: what was asked for.
        bound: no graph with these degrees has fewer edges within zones.
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
        return len(_components(self.targets)) <= 1

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
        previous: the graph so far, from which as little as need be is changed. Another number of
            peers, or fewer nodes left than that, starts afresh.

    Raises:
        PlanError: a name is there twice, a zone is missing, or `max_peers` is below 1.

    Linear in nodes and peers where zones leave room; a node that comes or goes takes time in
    proportion to its peers, and a copy of the graph.
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
    zone_of = np.array([numbers[zone] for zone in zones], dtype=np.int32)
    degree = min(max_peers, max(0, len(names) - 1))
    bound = _bound(np.bincount(zone_of), degree) if len(names) else 0
    edges = None
    if previous is not None and previous.degree == degree and degree:
        edges = _changed(previous, names, zone_of, degree)
    if edges is None:
        edges = Edges(_circulant(zone_of, degree), zone_of)
    edges.leave_zones(bound)
    _connect(edges)
    targets = edges.targets()
    graph = FanoutGraph(names, zone_of, targets, max_peers, bound)
    if previous is None:
        return graph
    return FanoutGraph(names, zone_of, targets, max_peers, bound, _entries_changed(previous, graph))


def _bound(sizes: NDArray[np.int64], degree: int) -> int:
    """Return how many edges must stay within zones, at the least.

    Of a zone with n of N nodes, each has N - n others outside, and those take no more than
    `degree` edges each.
    """
    total = int(sizes.sum())
    inside = np.maximum(degree - (total - sizes), 0) * sizes
    return int(np.maximum(inside, degree * (2 * sizes - total)).sum())


def _circulant(zones: NDArray[np.int32], degree: int) -> NDArray[np.int32]:
    """Return targets, nodes by peers: the same steps along the circle from every node."""
    count = len(zones)
    sizes = np.bincount(zones) if count else np.zeros(1, np.int64)
    # The largest zone first; then places of a zone are one after the other.
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    circle = np.argsort(rank[zones], kind="stable") if count else np.zeros(0, np.int64)
    place = np.empty(count, np.int64)
    place[circle] = np.arange(count)
    steps = np.array(_steps(count, int(sizes.max(initial=0)), degree), dtype=np.int64)
    targets: NDArray[np.int32] = circle[(place[:, None] + steps) % max(1, count)].astype(np.int32)
    return targets


def _steps(count: int, largest: int, degree: int) -> list[int]:
    """Return the steps of a circle: those that leave every zone first, evenly apart."""
    first, last = largest, count - largest
    allowed = last - first + 1
    if allowed >= degree > 0:
        steps = [first + i * (allowed - 1) // max(1, degree - 1) for i in range(degree)]
        return _coprime(steps, count, range(first, last + 1))
    # Those nearest to half way round keep the fewest edges within zones.
    by_distance = sorted(range(1, count), key=lambda step: (abs(2 * step - count), step))
    return _coprime(sorted(by_distance[:degree]), count, range(1, count))


def _coprime(steps: list[int], count: int, allowed: range) -> list[int]:
    """Return steps that reach every place: if need be, one of them is another one."""
    if not steps or gcd(count, *steps) == 1:
        return steps
    taken = set(steps)
    for position, step in enumerate(steps):
        others = gcd(count, *steps[:position], *steps[position + 1 :])
        for other in sorted(allowed, key=lambda other: (abs(other - step), other)):
            if other not in taken and gcd(others, other) == 1:
                return sorted([*steps[:position], other, *steps[position + 1 :]])
    return steps


def _changed(
    previous: FanoutGraph, names: tuple[str, ...], zones: NDArray[np.int32], degree: int
) -> Edges | None:
    """Return the edges of the previous graph with nodes taken out and put in, or None."""
    numbers = {name: number for number, name in enumerate(names)}
    known = np.array([numbers.get(name, -1) for name in previous.names], dtype=np.int64)
    stay = int((known >= 0).sum())
    if stay <= 2 * degree:
        return None
    edges = Edges.over(len(names), zones, previous.targets, known)
    for before, after in edges.loose_ends():
        if not edges.join(before, after):
            return None
    fresh = np.setdiff1d(np.arange(len(names)), known[known >= 0])
    for node in fresh.tolist():
        if not edges.insert(node):
            return None
    return edges


def _connect(edges: Edges) -> None:
    """Exchange edges between parts that do not reach each other, until there is one part."""
    if edges.degree == 0:
        return
    parts = _components(edges.targets())
    while len(parts) > 1:
        if not edges.unite(parts[0], parts[1]):
            return
        parts = _components(edges.targets())


def _components(targets: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """Return the parts of a graph with even degrees; in such a graph, connected is strongly so.

    Every node is entered as often as it is left, so every set of nodes is, too: a walk that can
    leave a part can come back to it.
    """
    count = len(targets)
    label = np.arange(count)
    while True:
        least = np.minimum(label, label[targets].min(axis=1, initial=count))
        np.minimum.at(least, targets.ravel(), np.repeat(least, targets.shape[1]))
        # Halve the way to the label's own label, so that long chains do not take long.
        least = least[least]
        if np.array_equal(least, label):
            break
        label = least
    return [np.flatnonzero(label == root) for root in np.unique(label).tolist()]


def _entries_changed(previous: FanoutGraph, graph: FanoutGraph) -> int:
    """Return how many entries differ, nodes matched by name."""
    numbers = {name: number for number, name in enumerate(graph.names)}
    extra = len(graph.names)
    for name in previous.names:
        if name not in numbers:
            numbers[name] = extra
            extra += 1
    known = np.array([numbers[name] for name in previous.names], dtype=np.int64)
    before = (known[:, None] * extra + known[previous.targets]).ravel()
    after = (np.arange(len(graph.names))[:, None] * extra + graph.targets).ravel()
    return len(np.setxor1d(before, after))
