"""Placing copies afresh within a number of peers.

Several ways to begin are tried in turn, each mended by moves and exchanges of copies: a sweep
around a ring of nodes, which serves places of about equal sizes; copies laid end to end, for any;
cells of nodes, where there are very few peers. The first that has everything is taken, else the
best. No randomness: the same problem gives the same placement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peers
from mapcore.planning.fanout.lower_bounds import Loads, fewest_peers
from mapcore.planning.peers.grading import grade_of, peer_counts, uneven_masters
from mapcore.planning.peers.lines import cells, lines
from mapcore.planning.peers.problem import PeersProblem, limits_of
from mapcore.planning.peers.rings import sweep_rings
from mapcore.planning.placing.roles import RolesProblem, assign_roles

_LEAST_STEPS: Final = 1_000_000
_STEPS_A_COPY: Final = 12
_MOST_PROMISING: Final = 3
_MOST_LATER: Final = 6
_LITTLE: Final = 64  # a part of the copies
_LITTLE_COPIES: Final = 1000
_FEW_COPIES: Final = 50_000  # of which all placements are looked at

__all__ = ["PeersPlacement", "place_fresh"]


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
    goal = (*grade_of(problem, problem.relaxed), 0, 0, 0)
    fewest = max(_fewest_peers(problem), problem.max_peers - problem.reserve)
    for aim in range(min(fewest, problem.max_peers), problem.max_peers + 1):
        found, grade = _best_of_beginnings(problem, aim, goal, interrupt)
        if grade <= goal:
            break
    return found


def _best_of_beginnings(
    problem: PeersProblem,
    max_peers: int,
    goal: tuple[int, ...],
    interrupt: Callable[[], object] | None,
) -> tuple[PeersPlacement, tuple[int, ...]]:
    """Return a placement that has everything, or the best, and its grade.

    Of few copies, all beginnings are looked at, and that with the most peers is taken.

    Beginnings that lack little are mended at once, the others when those do not do: all a little,
    then the most promising ones for longer.
    """
    limits = limits_of(problem, max_peers)
    tried: list[tuple[tuple[int, ...], int, int, NDArray[np.int32]]] = []
    is_small = problem.relaxed.size <= _FEW_COPIES

    def mend(rows: NDArray[np.int32], most_steps: int, most_lacking: int = -1) -> int:
        steps = (most_steps, most_lacking)
        left = _peers.mend(limits, problem.every_pair, rows, interrupt, *steps)
        if most_lacking < 0 or sum(left) <= most_lacking:
            uneven = uneven_masters(problem, rows, max_peers)
            used = _used_peers(problem, rows, max_peers) if is_small else 0
            grade = (*grade_of(problem, rows), *left, uneven)
            tried.append((grade, -used, len(tried), rows))
        return sum(left)

    def is_whole() -> bool:
        return bool(tried) and tried[-1][0] <= goal

    few_steps = _LEAST_STEPS + _STEPS_A_COPY * problem.relaxed.size
    later: list[tuple[int, int, NDArray[np.int32]]] = []
    little = max(_LITTLE_COPIES, problem.relaxed.size // _LITTLE)
    for rows in _beginnings(problem, max_peers, interrupt):
        lacking = mend(rows, few_steps, little)
        if is_whole() and not is_small:
            break
        if lacking > little:
            later.append((lacking, len(later), rows))
    is_found = any(grade <= goal for grade, *_ in tried)
    for _, _, rows in [] if is_found else sorted(later)[:_MOST_LATER]:
        mend(rows, few_steps)
        if is_whole():
            break
    is_in_reserve = max_peers < problem.max_peers  # which is not worth the longest searches
    is_found = is_found or is_whole() or is_in_reserve
    for *_, rows in [] if is_found else sorted(tried)[:_MOST_PROMISING]:
        mend(rows.copy(), -1)
        if is_whole():
            break
    grade, *_, rows = min(tried)
    return PeersPlacement(rows, grade[-3], grade[-2], max_peers), grade


def _used_peers(problem: PeersProblem, rows: NDArray[np.int32], max_peers: int) -> int:
    """Return how many quarters of the peers that there may be are used: more are better.

    The more peers a node has, the less falls on each of them when it fails.
    """
    peers = peer_counts(rows, len(problem.may_lead), every_pair=problem.every_pair)
    most = max_peers * int(np.count_nonzero(peers))
    return 4 * int(peers.sum()) // max(1, most)


def _fewest_peers(problem: PeersProblem) -> int:
    """Return a number of peers below which no placement has the loads that are asked for."""
    placement, classes = problem.placement, problem.classes
    if len(classes.copies) != 1 or placement.rules is not None or placement.pinned is not None:
        return min(problem.max_peers, int(classes.copies.max(initial=1)) - 1)
    loads = Loads(
        partitions=len(placement.copy_counts),
        copies=int(classes.copies[0]),
        least=problem.least,
        most=problem.most,
        masters_least=problem.masters_least,
        masters_most=problem.masters_most,
        levels=placement.levels,
    )
    return fewest_peers(loads, "failover" if problem.every_pair else "plan").count


def _beginnings(
    problem: PeersProblem, max_peers: int, interrupt: Callable[[], object] | None
) -> Iterator[NDArray[np.int32]]:
    copies = int(problem.classes.copies.max(initial=0))
    if copies > 1 and max_peers < np.count_nonzero(problem.copies_due) - 1:
        yield from sweep_rings(problem, max_peers, interrupt)
        yield from lines(problem, max_peers)
        yield from cells(problem, max_peers)
    yield _with_leaders_first(problem)


def _with_leaders_first(problem: PeersProblem) -> NDArray[np.int32]:
    """Return the placement without regard to peers, its masters balanced and in column 0."""
    rows = problem.relaxed.copy()
    if problem.every_pair or not rows.size:
        return rows
    partitions = len(rows)
    roles = assign_roles(
        RolesProblem(
            placed=rows,
            current_masters=np.full((partitions, 1), -1, np.int32),
            master_counts=np.ones(partitions, np.int32),
            may_lead=problem.may_lead,
            lower=problem.masters_least,
            upper=problem.masters_most,
        )
    )
    order = np.argsort(~roles.is_master, axis=1, kind="stable")
    return np.ascontiguousarray(np.take_along_axis(rows, order, axis=1))
