"""From one placement within a number of peers to the next, with few moves.

Copies that may stay where they are do. What is gone is filled from among the peers of a partition's
other nodes, a new node joins a community of nodes that are peers already, and loads are evened out
by the shortest chains of moves, or by moving whole partitions to where others stand. Of several
ways to do that the best is kept: fewest missing copies, then loads, then moves.

With K peers a node reaches about K(K - 1) / 2 others directly; load that has farther to go moves
more than once, so with few peers there are more moves than without limit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peer_changes, _peers
from mapcore.planning.peers.fresh import PeersPlacement, grade_of, place_fresh
from mapcore.planning.peers.problem import PeersProblem, limits_of

__all__ = ["change_peers", "rows_that_stay"]


def change_peers(
    problem: PeersProblem,
    masters: NDArray[np.int32],
    *,
    interrupt: Callable[[], object] | None = None,
) -> PeersPlacement:
    """Place every copy, from the placement that there is.

    Counts, spread and rules go first. Where few moves do not bring the nodes within the number of
    peers, as where a map was made without one, it is placed afresh if that does.

    Args:
        problem: what is asked.
        masters: int32, partitions by any width: who is master now, -1 for none.
        interrupt: called now and then; what it raises ends the work.

    Complexity: a pass over all copies, and for each move a search among the peers of a few nodes.
    """
    rows = rows_that_stay(problem, masters)
    found = PeersPlacement(rows, 0, 0, problem.max_peers)
    if rows.size:
        limits = limits_of(problem, problem.max_peers)
        excess, strain = _peer_changes.change(
            limits,
            problem.every_pair,
            np.ascontiguousarray(problem.placement.current),
            np.ascontiguousarray(problem.classes.copies[problem.classes.numbers]),
            rows,
            interrupt,
        )
        found = PeersPlacement(rows, excess, strain, problem.max_peers)
        if excess or strain or grade_of(problem, rows) > grade_of(problem, problem.relaxed):
            mended = rows.copy()
            left = _peers.mend(limits, problem.every_pair, mended, interrupt)
            if (*grade_of(problem, mended), *left) < (*grade_of(problem, rows), excess, strain):
                found = PeersPlacement(mended, *left, problem.max_peers)
    if found.excess_peers:
        fresh = place_fresh(problem, interrupt=interrupt)
        grade = (*grade_of(problem, found.nodes), found.excess_peers)
        if (*grade_of(problem, fresh.nodes), fresh.excess_peers) < grade:
            return fresh
    return found


def rows_that_stay(problem: PeersProblem, masters: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the copies that may stay as rows, the master's in column 0; -1 for those to be had.

    Of more copies than asked for, those go that a best placement without peers gives up, as do
    those that stand in the way of spread.
    """
    placement, classes = problem.placement, problem.classes
    current = placement.current
    width = problem.relaxed.shape[1]
    group = classes.groups[classes.numbers]
    stays = (current >= 0) & classes.group_nodes[group[:, None], current]
    copies = classes.copies[classes.numbers]
    in_way = np.count_nonzero(stays, axis=1) > copies
    in_way |= _excess(problem, np.where(stays, current, -1)) > _excess(problem, problem.relaxed)
    rows = np.flatnonzero(in_way)
    if len(rows):
        is_kept = (current[rows][:, :, None] == problem.relaxed[rows][:, None, :]).any(axis=2)
        stays[rows] &= is_kept
    # Masters first, then who may lead; those that go are last, and fall away.
    leads = (current[:, :, None] == masters[:, None, :]).any(axis=2)
    rank = np.where(leads, 0, np.where(problem.may_lead[current], 1, 2))
    order = np.argsort(np.where(stays, rank, 3), axis=1, kind="stable")[:, :width]
    found = np.full((len(current), width), -1, np.int32)
    found[:, : order.shape[1]] = np.take_along_axis(
        np.where(stays, current, np.int32(-1)), order, axis=1
    )
    return found


def _excess(problem: PeersProblem, rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many copies of each row are above even shares; outer levels count far more."""
    shares = problem.class_shares[problem.classes.numbers].astype(np.int64)
    excess = np.zeros(len(rows), np.int64)
    for level, values in enumerate(problem.placement.levels):
        at = np.where(rows >= 0, values[rows], -1)
        excess *= rows.shape[1] + 1
        for column in range(rows.shape[1]):
            # The copies from an even share on are the crowding ones, counted from the left.
            before = np.count_nonzero(at[:, :column] == at[:, column : column + 1], axis=1)
            excess += (at[:, column] >= 0) & (before >= shares[:, level])
    return excess
