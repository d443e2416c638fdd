"""The copies from which each copy could be filled, and how busy their nodes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import Action, NodeFlag, Priority, RowFlag, Situation
from mapcore.actualizing.view import NodeView
from mapcore.states import PLACEMENT_MASK, REPLICATION_PAUSED, RUNNING_MASK, Placement

__all__ = ["Fills", "are_moves", "sources_of"]


@dataclass(frozen=True, slots=True)
class Fills:
    """The copies that each fill could be made from, one row a pair.

    `least` has a row for each candidate: what the source that gives least gives in the end.
    """

    offsets: NDArray[np.int64]
    nodes: NDArray[np.int32]
    partitions: NDArray[np.int64]
    ranks: NDArray[np.int32]
    loads: NDArray[np.float64]
    owners: NDArray[np.int64]
    least: NDArray[np.float64]


def sources_of(situation: Situation, rows: NDArray[Any], view: NodeView, *, nearest: bool) -> Fills:
    """Return the copies that each fill among the candidates could be made from.

    A source is as busy as it is expected to become: by what it gives, should all sources of a copy
    share in it, and by what it takes. Copies that are only created now count too. Nodes with less
    than half as much to do as the busiest one hold nobody up: among them counts what starts now.
    """
    current = situation.current
    node_count = len(situation.node_flags)
    moves = np.flatnonzero(are_moves(rows))
    own = rows["partition"][moves]
    has_source = (situation.row_flags[own] & RowFlag.HAS_SOURCE) > 0
    from_rows = own
    if has_source.any():
        assert situation.source_rows is not None
        from_rows = np.where(has_source, situation.source_rows[own], own)
    starts = current.offsets[from_rows]
    counts = current.offsets[from_rows + 1] - starts
    owners = np.repeat(moves, counts)
    places = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    places += np.repeat(starts, counts)
    nodes, codes = current.copy_nodes[places], current.copy_codes[places]
    placements = codes & PLACEMENT_MASK
    lost = situation.node_flags[nodes] & (NodeFlag.GONE | NodeFlag.UNREACHABLE)
    streams = (lost == 0) & (codes & RUNNING_MASK != 0)
    streams &= (placements == Placement.SLAVE) | (placements == Placement.MASTER)
    if situation.merged:
        streams &= _is_local_where_merged(situation, rows, owners, nodes)
    streams &= _follow_where_any_does(owners, codes, streams)
    owners, nodes = owners[streams], nodes[streams]
    partitions = np.repeat(from_rows, counts)[streams]
    gives = _shared_out(owners, nodes, len(rows), node_count)
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, owners, gives[nodes])
    is_fill = rows["action"][owners] == Action.FILL
    owners, nodes = owners[is_fill], nodes[is_fill]
    ranks = -(nodes == rows["node"][owners]).astype(np.int32)
    if nearest:
        ranks += view.distances(nodes, rows["node"][owners])
    busy = gives + np.bincount(rows["node"][moves], minlength=node_count)
    busy = np.maximum(busy, busy.max(initial=0.0) / 2)
    busy += _shared_out(owners, nodes, len(rows), node_count)
    per_fill = np.bincount(owners, minlength=len(rows))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(per_fill)])
    return Fills(offsets, nodes, partitions[is_fill], ranks, busy[nodes], owners, least)


def _follow_where_any_does(
    owners: NDArray[np.int64], codes: NDArray[np.uint8], streams: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether the replication of each copy goes on, or that of none that could be read instead."""
    follows = codes & REPLICATION_PAUSED == 0
    has_following = np.zeros(int(owners.max(initial=-1)) + 1, dtype=bool)
    has_following[owners[streams & follows]] = True
    allowed: NDArray[np.bool_] = follows | ~has_following[owners]
    return allowed


def _shared_out(
    owners: NDArray[np.int64], nodes: NDArray[np.int32], move_count: int, node_count: int
) -> NDArray[np.float64]:
    """Return how many copies each node gives where all sources of a copy share in it."""
    shares = np.bincount(owners, minlength=move_count)
    given: NDArray[np.float64] = np.bincount(
        nodes, weights=1.0 / shares[owners], minlength=node_count
    ).astype(np.float64)
    return given


def are_moves(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether proposals fill a copy, or create one that is to be filled."""
    found: NDArray[np.bool_] = (rows["action"] == Action.FILL) | (
        (rows["action"] == Action.CREATE) & (rows["priority"] != Priority.CLEAN_UP)
    )
    return found


def _is_local_where_merged(
    situation: Situation, rows: NDArray[Any], owners: NDArray[np.int64], nodes: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Whether each source is allowed by what a merged range is filled from."""
    allowed = np.ones(len(owners), dtype=bool)
    merged = np.array(list(situation.merged), dtype=np.int64)
    places = np.flatnonzero(np.isin(rows["partition"][owners], merged))
    for place in places.tolist():
        row, node = rows[owners[place]], int(nodes[place])
        allowed[place] = node == row["node"] and all(
            situation.current.state(part, node) & PLACEMENT_MASK
            in (Placement.SLAVE, Placement.MASTER)
            for part in situation.merged[int(row["partition"])]
        )
    return allowed
