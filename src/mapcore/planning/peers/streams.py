"""From where new copies are filled where peers are limited, and which streams that takes besides.

While a plan is carried out, a node that gets a copy exchanges data with the one that it is filled
from. Mostly that is a peer: another node that has a copy of the partition after the plan as well.
A partition that moves as a whole has none, so its copies are filled by nodes that are no peers
afterwards: those streams are temporary, and are counted apart.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.peers.planned import Peers
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["TemporaryStreams", "sources_among_peers", "temporary_streams"]


@dataclass(frozen=True, slots=True, eq=False)
class TemporaryStreams:
    """Pairs of nodes that stream during a plan and are no peers after it.

    Attributes:
        sources: int32, in order with `nodes`.
        nodes: int32, what they fill copies of.
        copies: int64, how many.
        most: with how many others a node streams only for the plan, at the most.
    """

    sources: NDArray[np.int32]
    nodes: NDArray[np.int32]
    copies: NDArray[np.int64]
    most: int


def sources_among_peers(
    peers: Peers,
    held: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]],
    is_lost: NDArray[np.bool_],
    partitions: NDArray[np.int32],
    nodes: NDArray[np.int32],
    sources: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Return where each move is filled from: a peer of its node, if one has the data.

    Peers are those after the plan. What no peer has is filled by those that stream to the fewest
    others so far.

    Args:
        peers: who exchanges data with whom after the plan.
        held: the index of the current map: offsets, nodes and codes of copies.
        is_lost: bool by node.
        partitions: of the moves, ascending.
        nodes: that get the copies.
        sources: that would be taken without regard to peers, -1 where nothing has the data.
    """
    offsets, copy_nodes, codes = held
    if not len(partitions) or not len(copy_nodes):
        return sources
    sizes = (offsets[partitions + 1] - offsets[partitions])[:, None]
    columns = np.arange(max(1, int(sizes.max())))
    places = np.minimum(offsets[partitions][:, None] + columns, len(copy_nodes) - 1)
    able = copy_nodes[places]
    placements = codes[places] & PLACEMENT_MASK
    has_data = (columns < sizes) & (placements > Placement.DEAD) & ~is_lost[able]
    near = has_data & peers.are_peers(able, nodes[:, None])
    found = np.where(near.any(axis=1), able[np.arange(len(able)), near.argmax(axis=1)], sources)
    apart = np.flatnonzero(~near.any(axis=1) & has_data.any(axis=1))
    found[apart] = _few_each(
        [row[data].tolist() for row, data in zip(able[apart], has_data[apart], strict=True)],
        nodes[apart].tolist(),
    )
    return found.astype(np.int32)


def _few_each(able: list[list[int]], nodes: list[int]) -> list[int]:
    """Choose one of those that are able for each node, so that none streams to many others."""
    partners: defaultdict[int, set[int]] = defaultdict(set)
    chosen = []
    for sources, node in zip(able, nodes, strict=True):
        source = min(sources, key=lambda each: len(partners[each]) + (node not in partners[each]))
        partners[source].add(node)
        chosen.append(source)
    return chosen


def temporary_streams(
    peers: Peers, nodes: NDArray[np.int32], sources: NDArray[np.int32]
) -> TemporaryStreams:
    """Count the streams of moves between nodes that are no peers after the plan."""
    count = len(peers.degrees)
    apart = (sources >= 0) & ~peers.are_peers(sources, nodes)
    pairs, copies = np.unique(
        sources[apart].astype(np.int64) * count + nodes[apart], return_counts=True
    )
    out, into = np.divmod(pairs, max(1, count))
    both = np.unique(np.concatenate([pairs, into * count + out]))
    others = np.bincount(both // max(1, count), minlength=1)
    return TemporaryStreams(
        out.astype(np.int32), into.astype(np.int32), copies.astype(np.int64), int(others.max())
    )
