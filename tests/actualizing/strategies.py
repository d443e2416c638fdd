"""Hypothesis strategies for moves and the limits on them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits

Problem = tuple[Moves, StreamLimits]


def moves_from_rows(rows: list[tuple[int, int, list[int]]], volumes_per_node: int = 1) -> Moves:
    """Return moves from (partition, target node, source nodes); a copy lies on any volume."""

    def volume(partition: int, node: int) -> int:
        return node * volumes_per_node + (partition * 7 + node) % volumes_per_node

    candidates = [volume(partition, node) for partition, _, nodes in rows for node in nodes]
    return Moves(
        partitions=np.array([partition for partition, _, _ in rows], dtype=np.int32),
        partition_count=max((partition for partition, _, _ in rows), default=-1) + 1,
        targets=np.array([target for _, target, _ in rows], dtype=np.int32),
        target_volumes=np.array([volume(p, target) for p, target, _ in rows], dtype=np.int32),
        candidates_begin=np.cumsum([0, *(len(nodes) for _, _, nodes in rows)]),
        candidates=np.array(candidates, dtype=np.int32),
    )


def even_limits(
    nodes: int,
    out: int = 2,
    into: int = 2,
    joint: int | None = None,
    volumes_per_node: int = 1,
    scans: int = UNLIMITED,
) -> StreamLimits:
    """Return the same limits for all nodes."""
    return StreamLimits(
        out_of_node=np.full(nodes, out, dtype=np.int32),
        into_node=np.full(nodes, into, dtype=np.int32),
        of_node=None if joint is None else np.full(nodes, joint, dtype=np.int32),
        node_of_volume=np.repeat(np.arange(nodes, dtype=np.int32), volumes_per_node),
        scans=np.full(nodes * volumes_per_node, scans, dtype=np.int32),
    )


@st.composite
def problems(
    draw: st.DrawFn, most_nodes: int = 7, most_partitions: int = 8, with_extras: bool = True
) -> Problem:
    """Return a few moves and limits of every kind."""
    nodes = draw(st.integers(2, most_nodes))
    rows: list[tuple[int, int, list[int]]] = []
    for partition in range(draw(st.integers(1, most_partitions))):
        order = draw(st.permutations(range(nodes)))
        holders = draw(st.integers(1, min(3, nodes - 1)))
        added = draw(st.integers(0, min(3, nodes - holders)))
        rows += [(partition, target, order[:holders]) for target in order[holders:][:added]]
    volumes = draw(st.integers(1, 3))
    limit = st.integers(1, 3)

    def of_nodes(count: int = nodes) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.array(draw(st.lists(limit, min_size=count, max_size=count)), dtype=np.int32)

    limits = StreamLimits(
        out_of_node=of_nodes(),
        into_node=of_nodes(),
        of_node=draw(st.one_of(st.none(), st.builds(of_nodes))),
        node_of_volume=np.repeat(np.arange(nodes, dtype=np.int32), volumes),
        scans=of_nodes(nodes * volumes),
        zones=np.arange(nodes, dtype=np.int32) % draw(st.integers(1, 3)),
        between_zones=draw(st.sampled_from([UNLIMITED, UNLIMITED, 1, 2]))
        if with_extras
        else UNLIMITED,
        in_cluster=draw(st.sampled_from([UNLIMITED, UNLIMITED, 2, 3]))
        if with_extras
        else UNLIMITED,
        of_partition=draw(st.sampled_from([1, 1, 1, 2])) if with_extras else 1,
    )
    return moves_from_rows(rows, volumes), limits
