"""Streams between nodes that are peers in neither map, as few at once as `maxPeers`.

A node may exchange data with its peers of the current and of the target map. A copy that leaves may
still be the best source of one that comes, on a node that is no peer: such streams count apart.
Where a schedule has too many of them at one node at once, it is made again with as few streams of
any kind at each node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.change import Change
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.rounds import Rounds
from mapcore.actualizing.scheduling.times import Times
from mapcore.cluster import MaxPeers, Settings
from mapcore.planning.fanout.measuring import fanout

__all__ = ["within_peers"]

Found = TypeVar("Found", Rounds, Times)


def within_peers(
    find: Callable[[StreamLimits], Found],
    moves: Moves,
    limits: StreamLimits,
    changes: Iterable[tuple[Change, Settings, NDArray[np.bool_]]],
) -> Found:
    """Return a schedule in which no node streams with too many strangers at once.

    Args:
        find: makes the schedule of the moves under limits.
        moves: of all maps.
        limits: on their streams.
        changes: each map with its settings and a mask of its moves.

    The bound is that of the limits as they were.
    """
    found = find(limits)
    stricter, sources = limits, limits.node_of_volume[found.sources]
    for change, settings, is_own in changes:
        if settings.max_peers is None:
            continue
        most = settings.max_peers
        peers = most if isinstance(most, MaxPeers) else MaxPeers(count=most)
        own = np.flatnonzero(is_own)
        own = own[_are_strangers(change, peers, sources[own], moves.targets[own])]
        if _most_at_once(found, own, sources, moves.targets) > peers.count:
            joint = np.full(limits.node_count, max(1, peers.count), np.int32)
            if stricter.of_node is not None:
                joint = np.minimum(joint, stricter.of_node)
            stricter = replace(stricter, of_node=joint)
    if stricter is limits:
        return found
    again = find(stricter)
    if isinstance(found, Rounds):
        return replace(again, bound=found.bound, reasons=found.reasons)
    return replace(again, bound_seconds=found.bound_seconds, reasons=found.reasons)


def _are_strangers(
    change: Change, peers: MaxPeers, sources: NDArray[np.int32], targets: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Whether the ends of each stream are peers in neither map."""
    count = len(change.view)
    known = []
    for held in (change.current, change.target):
        graph = fanout(held, after=peers.after)
        known.append(_keys(graph.sources, graph.targets, count))
    return ~np.isin(_keys(sources, targets, count), np.concatenate(known))


def _keys(a: NDArray[np.int32], b: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = np.minimum(a, b).astype(np.int64) * count + np.maximum(a, b)
    return keys


def _most_at_once(
    found: Rounds | Times,
    chosen: NDArray[np.int64],
    sources: NDArray[np.int32],
    targets: NDArray[np.int32],
) -> int:
    """Return with how many of these streams at most a node is busy at once, or a few more."""
    if not len(chosen):
        return 0
    nodes = np.concatenate([sources[chosen], targets[chosen]]).astype(np.int64)
    if isinstance(found, Rounds):
        rounds = np.tile(found.round_of_move[chosen].astype(np.int64), 2)
        _, counts = np.unique(rounds * (int(nodes.max()) + 1) + nodes, return_counts=True)
        return int(counts.max())
    starts, finishes = (np.tile(at[chosen], 2) for at in (found.starts, found.finishes))
    change = np.repeat([-1, 1], len(nodes))
    when = np.concatenate([finishes, starts])
    # What ends at a moment makes room for what starts then; each node comes to 0 in the end.
    order = np.lexsort((change, when, np.tile(nodes, 2)))
    return int(np.cumsum(change[order]).max())
