"""Placing copies afresh within a number of peers.

Several ways to begin are tried in turn, each mended by moves and exchanges of copies: a sweep
around a ring of nodes, which serves places of about equal sizes; copies laid end to end, for any;
cells of nodes, where there are very few peers. The first that has everything is taken, else the
best. No randomness: the same problem gives the same placement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peers
from mapcore.planning.peers.lines import cells, lines
from mapcore.planning.peers.problem import PeersProblem, limits_of
from mapcore.planning.peers.rings import sweep_rings
from mapcore.planning.placing.placement import spread_excess

__all__ = ["PeersPlacement", "grade_of", "place_fresh"]


@dataclass(frozen=True, slots=True)
class PeersPlacement:
    """What came of a placement within a number of peers.

    Attributes:
        nodes: int32, partitions by copies, -1 for none; column 0 is meant to lead.
        excess_peers: peers above what was asked, summed over nodes.
        strain: copies outside the shares that could be had without peers, summed over nodes.
        peers_aimed_at: how many peers nodes were to have at the most; the rest is in reserve.
    """

    nodes: NDArray[np.int32]
    excess_peers: int
    strain: int
    peers_aimed_at: int

    @property
    def is_whole(self) -> bool:
        """Whether no node has too many peers, and balance is what it would be without peers."""
        return self.excess_peers == self.strain == 0


def place_fresh(
    problem: PeersProblem, *, interrupt: Callable[[], object] | None = None
) -> PeersPlacement:
    """Place every copy, with peers in reserve where that costs nothing else.

    Takes time about linear in the number of copies where peers suffice.

    Args:
        problem: what is to be placed.
        interrupt: called every few milliseconds; what it raises stops the plan.
    """
    best, least = None, None
    goal = grade_of(problem, problem.relaxed)
    least_peers = min(problem.max_peers, int(problem.classes.copies.max(initial=1)) - 1)
    for aim in range(max(least_peers, problem.max_peers - problem.reserve), problem.max_peers + 1):
        limits = limits_of(problem, aim)
        for rows in _beginnings(problem, aim, interrupt):
            excess, strain = _peers.mend(limits, problem.every_pair, rows, interrupt)
            found = PeersPlacement(rows, excess, strain, aim)
            grade = (*grade_of(problem, rows), excess, strain)
            if grade <= (*goal, 0, 0):
                return found
            if aim == problem.max_peers and (least is None or grade < least):
                best, least = found, grade
    assert best is not None
    return best


def _beginnings(
    problem: PeersProblem, max_peers: int, interrupt: Callable[[], object] | None
) -> Iterator[NDArray[np.int32]]:
    copies = int(problem.classes.copies.max(initial=0))
    if copies > 1 and max_peers < np.count_nonzero(problem.copies_due) - 1:
        yield from sweep_rings(problem, max_peers, interrupt)
        yield from lines(problem, max_peers)
        yield from cells(problem, max_peers)
    yield problem.relaxed.copy()


def grade_of(problem: PeersProblem, rows: NDArray[np.int32]) -> tuple[int, ...]:
    """Return what goes before peers: copies that are missing, rules broken, and the spread."""
    placement = problem.placement
    missing = int(np.count_nonzero(rows < 0))
    shares = problem.class_shares[problem.classes.numbers].astype(np.int64)
    if placement.rules is not None:
        parts = placement.rules.costs(rows, placement.levels, shares)
        return missing, *parts.sum(axis=0).tolist()
    return missing, *spread_excess(placement, rows)
