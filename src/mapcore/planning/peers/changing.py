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
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peer_changes, _peers
from mapcore.planning.peers.fresh import PeersPlacement, place_fresh
from mapcore.planning.peers.grading import grade_of, peer_counts
from mapcore.planning.peers.matching import matched
from mapcore.planning.peers.problem import PeersProblem, limits_of
from mapcore.planning.placing.placement import spread_excess

__all__ = ["change_peers", "rows_that_stay"]

_EXCESS_MOST: Final = 1  # peers above the limit, for each node, that few moves may bring down


def change_peers(
    problem: PeersProblem,
    masters: NDArray[np.int32],
    *,
    interrupt: Callable[[], object] | None = None,
) -> PeersPlacement:
    """Place every copy, from the placement that there is.

    Counts, spread and rules go first. It is placed afresh, as near to what there is as that goes,
    where nodes have far more peers than they may have, as in a map that was made without a limit;
    and where that does better than moves that leave peers above the limit, or more copies outside
    shares than there are nodes.

    Args:
        problem: what is asked.
        masters: int32, partitions by any width: who is master now, -1 for none.
        interrupt: called now and then; what it raises ends the work.

    Complexity: a pass over all copies, and for each move a search among the peers of a few nodes.
    """
    rows = rows_that_stay(problem, masters)
    degrees = peer_counts(rows, len(problem.may_lead), every_pair=problem.every_pair)
    if np.maximum(degrees - problem.max_peers, 0).sum() > _EXCESS_MOST * len(degrees):
        return _afresh(problem, interrupt)
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
        is_short = grade_of(problem, rows) > grade_of(problem, problem.relaxed)
        if excess or strain or is_short:
            rows = rows.copy()
            left = _peers.mend(limits, problem.every_pair, rows, interrupt)
            mended = PeersPlacement(rows, *left, problem.max_peers)
            if _grade(problem, mended) < _grade(problem, found):
                found = mended
    if found.excess_peers or found.strain > np.count_nonzero(problem.most):
        fresh = _afresh(problem, interrupt)
        if _grade(problem, fresh) < _grade(problem, found):
            return fresh
    return found


def _afresh(problem: PeersProblem, interrupt: Callable[[], object] | None) -> PeersPlacement:
    fresh = place_fresh(problem, interrupt=interrupt)
    if problem.placement.pinned is not None:
        return fresh
    rows = matched(fresh.nodes, problem.placement.current, problem.classes.numbers)
    return replace(fresh, nodes=rows)


def _grade(problem: PeersProblem, placed: PeersPlacement) -> tuple[int, ...]:
    return *grade_of(problem, placed.nodes), placed.excess_peers, placed.strain


def rows_that_stay(problem: PeersProblem, masters: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the copies that may stay as rows, the master's in column 0; -1 for those to be had.

    Of more copies than asked for, those go that a best placement without peers gives up, as do
    those that stand in the way of spread.
    """
    placement, classes = problem.placement, problem.classes
    current, width = placement.current, problem.relaxed.shape[1]
    is_held = current >= 0
    stays = is_held & _usable(problem, current)
    wanted = classes.copies[classes.numbers]
    in_way = np.count_nonzero(stays, axis=1) > wanted
    kept = np.where(stays, current, np.int32(-1))
    if spread_excess(placement, kept) > spread_excess(placement, problem.relaxed):
        in_way |= _excess(problem, kept) > _excess(problem, problem.relaxed)
    rows = np.flatnonzero(in_way)
    if len(rows):
        stays[rows] &= (current[rows][:, :, None] == problem.relaxed[rows][:, None, :]).any(axis=2)
    found = np.full((len(current), width), -1, np.int32)
    found[:, : min(width, current.shape[1])] = current[:, :width]
    # Masters first, then who may lead; those that go are last, and fall away.
    leads_well = (current[:, 0] == masters[:, 0]) | ~(masters >= 0).any(axis=1)
    rows = np.flatnonzero(~(stays.all(axis=1) & leads_well))
    held = current[rows]
    leads = (held[:, :, None] == masters[rows][:, None, :]).any(axis=2)
    rank = np.where(leads, 0, np.where(problem.may_lead[held], 1, 2))
    order = np.argsort(np.where(stays[rows], rank, 3), axis=1, kind="stable")[:, :width]
    found[rows] = -1
    found[rows[:, None], np.arange(order.shape[1])] = np.take_along_axis(
        np.where(stays[rows], held, np.int32(-1)), order, axis=1
    )
    return found


def _usable(problem: PeersProblem, nodes: NDArray[np.int32]) -> NDArray[np.bool_]:
    classes = problem.classes
    if len(classes.group_nodes) == 1:
        return np.asarray(classes.group_nodes[0][nodes])
    return np.asarray(classes.group_nodes[classes.groups[classes.numbers][:, None], nodes])


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
