"""Placing within a number of peers, until planning again would find nothing better.

Where everything can be had, the first placement has it. Else searches end where they find nothing
better, which depends on where they begin: so they begin again at what they found, and a map stays
as it is unless what they find is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.peers.changing import change_peers, rows_that_stay
from mapcore.planning.peers.fresh import PeersPlacement, place_fresh
from mapcore.planning.peers.grading import grade_of, peer_counts, uneven_masters
from mapcore.planning.peers.problem import PeersProblem
from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["settle"]

_MOST_TIMES: Final = 3

Grade = tuple[int, ...]


def settle(
    problem: PeersProblem,
    masters: NDArray[np.int32],
    relax: Callable[[PlacementProblem], NDArray[np.int32]],
    *,
    interrupt: Callable[[], object] | None = None,
) -> NDArray[np.int32]:
    """Return the nodes of each partition; int32, partitions by copies, column 0 meant to lead.

    Args:
        problem: what is asked.
        masters: int32, partitions by any width: who is master now, -1 for none.
        relax: gives a best placement without regard to peers.
        interrupt: called every few milliseconds; what it raises stops the plan.
    """
    if (problem.placement.current >= 0).any():
        best = _changed(problem, masters, interrupt)
    else:
        best = place_fresh(problem, interrupt=interrupt).nodes
    least = _grade(problem, best)
    for _ in range(_MOST_TIMES):
        if least <= (*grade_of(problem, problem.relaxed), 0, 0, 0):
            break
        placement = replace(problem.placement, current=best)
        again = replace(problem, placement=placement, relaxed=relax(placement))
        found = change_peers(again, best[:, :1], interrupt=interrupt).nodes
        if (grade := _grade(problem, found)) >= least:
            break
        best, least = found, grade
    return best


def _changed(
    problem: PeersProblem,
    masters: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> NDArray[np.int32]:
    """Return what changes make of the current copies, or these where that is no better."""
    found: PeersPlacement = change_peers(problem, masters, interrupt=interrupt)
    if found.is_whole:
        return found.nodes
    stays = rows_that_stay(problem, masters)
    is_all = np.count_nonzero(stays >= 0) == np.count_nonzero(problem.relaxed >= 0)
    if not is_all or _grade(problem, found.nodes) < _grade(problem, stays):
        return found.nodes
    return stays


def _grade(problem: PeersProblem, rows: NDArray[np.int32]) -> Grade:
    peers = peer_counts(rows, len(problem.may_lead), every_pair=problem.every_pair)
    loads = np.bincount(rows[rows >= 0], minlength=len(peers))
    return (
        *grade_of(problem, rows),
        int(np.maximum(peers - problem.max_peers, 0).sum()),
        problem.copies_outside(loads),
        uneven_masters(problem, rows, problem.max_peers),
    )
