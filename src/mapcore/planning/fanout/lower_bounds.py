"""The fewest peers that nodes can have, by counting: no map of these loads has fewer.

A node v that holds t partitions needs, for S copies of each, (S - 1) t copies on its peers. A peer
that holds u partitions has at most min(t, u) of them; all peers at one place of a level together
have at most as many as spread lets stand there; and where other partitions cannot fill what a place
must hold, v's partitions have to. Peers are taken the most useful first, first those that a place
needs: no choice does with fewer.

After any failover, S - 1 peers for all are only to be had where nodes form cells of S that hold the
same partitions: then their number must be a multiple of S, and every place must fit into the cells.

A bound: a map that reaches it need not exist, as it counts for one node at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.fanout.facts import Reading
from mapcore.planning.placing.load_ranges import load_ranges
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import Bounds

__all__ = ["FewestPeers", "Loads", "fewest_peers", "loads_in_question"]

_MOST_PLACES: Final = 64
"""At how many places of a level the fullest node is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """What nodes hold in any map that is in question, and where they stand.

    Attributes:
        partitions: how many there are.
        copies: of each.
        least: int64 by node: the fewest copies that it holds.
        most: int64 by node: the most.
        masters_least: int64 by node: the fewest of these that lead.
        masters_most: int64 by node: the most.
        levels: int32, levels by nodes: the place of each node at each level to spread over.
    """

    partitions: int
    copies: int
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    masters_least: NDArray[np.int64]
    masters_most: NDArray[np.int64]
    levels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FewestPeers:
    """A bound on `maxPeers` from below.

    Attributes:
        count: no map has a smaller largest number of peers.
        node: the number of a node that needs so many; -1 where no node needs any.
        after: under which reading.
    """

    count: int
    node: int
    after: Reading


@dataclass(frozen=True, slots=True, eq=False)
class _Need:
    """What one node needs of its peers.

    Attributes:
        node: its number.
        copies: how many copies they hold of its partitions.
        gives: int64 by node: at most how many of them it holds.
        rooms: int64 by place: at most how many of them stand there.
        forced: int64 by place: at least how many of them stand there.
    """

    node: int
    copies: int
    gives: NDArray[np.int64]
    rooms: NDArray[np.int64]
    forced: NDArray[np.int64]


def fewest_peers(loads: Loads, after: Reading = "failover") -> FewestPeers:
    """Return the bound for these loads, the best over the levels.

    Of each place of a level, the fullest node needs most. Sorts the nodes once for each place, up
    to 64 places of a level.
    """
    best = FewestPeers(0, -1, after)
    everywhere = np.zeros((1, len(loads.least)), np.int32)
    for places in (*everywhere, *loads.levels):
        for need in _needs(loads, places, after):
            count = _peers_for(need, places)
            if count > best.count:
                best = FewestPeers(count, need.node, after)
        if after == "failover" and best.count == loads.copies - 1 > 0:
            sizes = np.bincount(places[loads.least > 0])
            if not _fits_into_cells(sizes, loads.copies):
                best = replace(best, count=loads.copies)
    # Whoever leads a partition has its other copies as peers, whatever loads are.
    others = min(loads.copies, int(np.count_nonzero(loads.most))) - 1
    if loads.partitions and best.count < others:
        best = FewestPeers(others, int(np.argmax(loads.most)), after)
    return best


def _fits_into_cells(sizes: NDArray[np.int64], copies: int) -> bool:
    """Whether nodes can form cells of one node a copy, spread as well as partitions can be."""
    cells, rest = divmod(int(sizes.sum()), copies)
    return rest == 0 and int(sizes.max(initial=0)) <= cells * _most_at_a_place(copies, sizes)


def _needs(loads: Loads, places: NDArray[np.int32], after: Reading) -> list[_Need]:
    """Return what the fullest node of each place needs, for the maps in question."""
    count = int(places.max(initial=-1)) + 1
    holds_any = loads.most > 0
    sizes = np.bincount(places[holds_any], minlength=count)
    cap = _most_at_a_place(loads.copies, sizes)
    if after == "failover":
        return [
            _need_of(loads, places, sizes, cap, node, int(loads.least[node]), loads.most)
            for node in _fullest(loads.least, places)
        ]
    slaves_most = loads.most - loads.masters_least
    slaves_least = np.maximum(loads.least - loads.masters_most, 0)
    sending = [
        _need_of(loads, places, sizes, cap, node, int(loads.masters_least[node]), slaves_most)
        for node in _fullest(loads.masters_least, places)
    ]
    receiving = []
    for node in _fullest(slaves_least, places):
        slaves = int(slaves_least[node])
        rooms = np.full(count, slaves, np.int64)
        if cap == 1:
            rooms[places[node]] = 0
        gives = np.minimum(loads.masters_most, slaves)
        receiving.append(_Need(node, slaves, gives, rooms, np.zeros(count, np.int64)))
    return sending + receiving


def _need_of(
    loads: Loads,
    places: NDArray[np.int32],
    sizes: NDArray[np.int64],
    cap: int,
    node: int,
    partitions: int,
    most: NDArray[np.int64],
) -> _Need:
    """Return what a node needs for the other copies of `partitions` that it holds or leads."""
    itself = np.zeros(len(sizes), np.int64)
    itself[places[node]] = partitions
    rooms = np.minimum(cap, sizes) * partitions - itself
    others = np.minimum(cap, sizes) * (loads.partitions - partitions)
    due = np.bincount(places, weights=loads.least, minlength=len(sizes)).astype(np.int64)
    return _Need(
        node,
        (min(loads.copies, int(sizes.sum())) - 1) * partitions,
        np.minimum(most, partitions),
        rooms,
        np.clip(due - others - itself, 0, np.maximum(rooms, 0)),
    )


def _fullest(load: NDArray[np.int64], places: NDArray[np.int32]) -> list[int]:
    """Return the node of each place with most, those with most over all first."""
    order = np.lexsort((np.arange(len(load)), -load))
    firsts = order[np.sort(np.unique(places[order], return_index=True)[1])]
    return [node for node in firsts[:_MOST_PLACES].tolist() if load[node] > 0]


def _most_at_a_place(copies: int, sizes: NDArray[np.int64]) -> int:
    """Return how many copies of a partition may stand at one place: as few as will do."""
    used = sizes[sizes > 0]
    if not len(used):
        return copies
    cap = -(-copies // len(used))
    while cap < copies and np.minimum(used, cap).sum() < copies:
        cap += 1
    return cap


def _peers_for(need: _Need, places: NDArray[np.int32]) -> int:
    """Return the fewest peers that hold what a node needs."""
    gives = need.gives.copy()
    gives[need.node] = 0
    order = np.lexsort((-gives, places))
    place, gives = places[order], gives[order]
    before = np.cumsum(gives) - gives
    first = np.searchsorted(place, np.arange(len(need.rooms)))
    before -= np.append(before, 0)[first][place]  # within its place
    useful = np.clip(need.rooms[place] - before, 0, gives)
    is_forced = (before < need.forced[place]) & (useful > 0)
    left = need.copies - int(useful[is_forced].sum())
    count = int(np.count_nonzero(is_forced))
    if left <= 0:
        return count
    rest = np.sort(useful[~is_forced & (useful > 0)])[::-1]
    return count + min(len(rest), int(np.searchsorted(np.cumsum(rest), left)) + 1)


def loads_in_question(problem: PlacementProblem, held: NDArray[np.int64], masters: Bounds) -> Loads:
    """Return between which loads all balanced maps lie.

    Spread counts where it is kept for certain: where all partitions are alike, and there are no
    rules. Where partitions are of unequal size, nodes may hold any number.

    Args:
        problem: what is asked of a placement.
        held: int64 by node: the loads of a best one without regard to peers.
        masters: floors and ceilings of shares of masters.
    """
    counts = problem.copy_counts[problem.copy_counts > 0]
    ranges = load_ranges(problem)
    least, most = np.minimum(held, problem.lower), np.maximum(held, problem.upper)
    levels = problem.levels
    if ranges is not None:
        least, most = ranges.least, ranges.most
    if ranges is None or problem.rules is not None:
        levels = np.empty((0, len(held)), np.int32)
    if problem.measures is not None:
        least, most = np.zeros_like(held), np.where(problem.eligible, len(counts), 0)
    return Loads(
        partitions=len(counts),
        copies=int(counts.min(initial=problem.copy_counts.max(initial=0))),
        least=least,
        most=most,
        masters_least=np.minimum(masters[0], most),
        masters_most=masters[1],
        levels=levels,
    )
