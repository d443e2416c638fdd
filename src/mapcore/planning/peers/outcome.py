"""What a plan is told of a placement within a number of peers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.peers.fresh import place_fresh
from mapcore.planning.peers.grading import peer_counts
from mapcore.planning.peers.problem import PeersProblem
from mapcore.planning.placing.roles import RolesProblem

__all__ = ["PeersOutcome", "sufficient_peers"]

_MOST_TRIED: Final = 12  # numbers of peers, in search of one that suffices
_MOST_COPIES: Final = 1_000_000  # up to which that is searched


@dataclass(frozen=True)
class PeersOutcome:
    """A placement within a number of peers, as far as that could be had.

    Attributes:
        problem: what was asked.
        leaders: int32 by partition: the copy meant to lead, -1 for none.
        only_leaders: whether no other copy may lead without new peers.
    """

    problem: PeersProblem
    leaders: NDArray[np.int32]
    only_leaders: bool

    @classmethod
    def of(cls, problem: PeersProblem, rows: NDArray[np.int32]) -> PeersOutcome:
        """Describe rows of which column 0 is meant to lead."""
        only_leaders = False
        if not problem.every_pair:
            most = int(peer_counts(rows, len(problem.may_lead), every_pair=True).max(initial=0))
            only_leaders = most > problem.max_peers
        leaders = rows[:, 0].copy() if rows.shape[1] else np.full(len(rows), -1, np.int32)
        return cls(problem, leaders, only_leaders)

    def with_leaders(self, wanted: RolesProblem) -> RolesProblem:
        """Ask for the masters that were meant: among equals, or where others have new peers."""
        if not wanted.placed.size or wanted.current_masters.shape[1] != 1:
            return wanted
        leaders = self.leaders[:, None]
        if not self.only_leaders:
            return replace(wanted, preferred=leaders)
        is_leader = (wanted.placed == leaders) & (wanted.placed >= 0)
        return replace(wanted, candidates=is_leader)


def sufficient_peers(problem: PeersProblem, at_least: int, at_most: int) -> int | None:
    """Search for the smallest number of peers with which a fresh placement has everything.

    Args:
        problem: what is asked.
        at_least: where to begin.
        at_most: where to end.

    Returns:
        The number; None where none was found, or copies are so many that it would take too long.
    """
    if problem.relaxed.size > _MOST_COPIES:
        return None
    for peers in range(at_least, min(at_most, at_least + _MOST_TRIED - 1) + 1):
        if place_fresh(replace(problem, max_peers=peers, reserve=0)).is_whole:
            return peers
    return None
