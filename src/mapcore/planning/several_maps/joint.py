"""All maps of a cluster planned together: each balanced, and the sum of them.

Each map is placed with the others as they stand: those that are placed already by their new loads,
the rest by what they hold now, as near as their own balance lets it be. What the sum is uneven by
then, `evening` shifts between maps, and the maps that it changes are placed once more: each has the
fewest moves beside the others. The order of maps decides which of them move: of two orders, the
better is taken. Masters follow, map by map, until no map can make the sum more even.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.changes import ChangedCluster, Changes
from mapcore.planning.drafting import (
    Draft,
    draft_of,
    finish,
    let_signals_in,
    masters_wanted,
    place_copies,
    with_masters_kept,
    within_peers,
)
from mapcore.planning.nodes import ACTIVE
from mapcore.planning.peers.outcome import PeersOutcome
from mapcore.planning.placing.coupled import is_coupled
from mapcore.planning.placing.load_ranges import LoadRanges, load_ranges
from mapcore.planning.placing.placement import Placement
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import Roles, RolesProblem, assign_roles
from mapcore.planning.placing.shares import Bounds, share_bounds, shares_with_fixed
from mapcore.planning.plans import Plan
from mapcore.planning.several_maps.evening import Loads, even_out
from mapcore.planning.several_maps.sums import Standing, copies_asked, masters_asked, within_sum

__all__ = ["plan_maps"]

_TRIED_TWICE = 100_000  # copies, up to which a second try costs little
_MOST_PASSES = 4  # over all maps, where each may follow a change of another

Ints = NDArray[np.int64]


def plan_maps(changed: Sequence[ChangedCluster], changes: Changes) -> list[Plan]:
    """Plan the maps of one cluster.

    Args:
        changed: the cluster with the changes applied, once for each map.
        changes: what was asked.

    Raises:
        PlanError: a map that nothing can be planned with.
    """
    drafts = [draft_of(each, changes, None) for each in changed]
    copies = _Copies(drafts) if changed[0].moves_data else None
    placements: list[Placement | None] = [None] * len(drafts)
    peers: list[PeersOutcome | None] = [None] * len(drafts)
    if copies is not None:
        copies.place_all()
        for number, draft in enumerate(drafts):
            placed = copies.placements[number]
            placed = with_masters_kept(draft, copies.problems[number], placed)
            copies.placements[number] = placed
        peers = copies.keep_to_peers()
        placements = [copies.placements[number] for number in range(len(drafts))]
    wanted = [
        masters_wanted(draft, placement, of_map)
        for draft, placement, of_map in zip(drafts, placements, peers, strict=True)
    ]
    masters = _Masters(drafts, wanted)
    masters.choose_all()
    held = masters.placed_loads() if copies is None else copies.held
    bytes_held = _bytes_now(drafts) if copies is None else copies.bytes
    partitions = [len(draft.start.held) for draft in drafts]
    total = Standing(held.sum(axis=0), masters.total, sum(partitions), bytes_held.sum(axis=0))
    plans = []
    for number, draft in enumerate(drafts):
        own = Standing(held[number], masters.held[number], partitions[number], bytes_held[number])
        others = total - own
        problem, placement = (None, None) if copies is None else copies.result(number, total.copies)
        roles = masters.result(number)
        plans.append(finish(draft, problem, placement, *roles, others, peers=peers[number]))
    return plans


def _beside(held: Ints, number: int) -> Ints:
    """What all other maps hold, by node."""
    others: Ints = held.sum(axis=0) - held[number]
    return others


class _Copies:
    """The copies of all maps.

    Attributes:
        placements: by map.
        held: int64, maps by nodes: their loads.
        bytes: int64, maps by nodes: of maps whose sizes are known.
    """

    def __init__(self, drafts: Sequence[Draft]) -> None:
        problems = [draft.problem for draft in drafts if draft.problem is not None]
        self.drafts, self.problems = drafts, problems
        self.bytes = _bytes_now(drafts)
        self.placements: dict[int, Placement] = {}
        self.held = np.stack(
            [
                np.clip(_loads(draft.start.held, problem.eligible), problem.lower, problem.upper)
                for draft, problem in zip(drafts, problems, strict=True)
            ]
        )
        self.among = np.any([problem.eligible for problem in problems], axis=0)
        self._table, resting = drafts[0].start.table, drafts[0].resting
        kept = np.sum([problem.lower for problem in problems], axis=0)
        self._fixed = np.where(resting, kept, -1)
        self._partitions = sum(len(problem.copy_counts) for problem in problems)
        self.share = self._share_of(sum(map(copies_asked, problems)))
        self._is_empty = [not (draft.start.held >= 0).any() for draft in drafts]
        self._placed_beside: dict[int, Ints] = {}
        self._now = np.sum([_loads(draft.start.held, self.among) for draft in drafts], axis=0)

    def place_all(self) -> None:
        """Place every map; where that may take too many moves, try in the other order as well."""
        order, before = range(len(self.problems)), (self.held.copy(), self.bytes.copy())
        self._place_in(order)
        if not self._may_need_fewer_moves():
            return
        first = self.placements, self._placed_beside, self.held, self.bytes
        least = self._grade()
        self.placements, self._placed_beside = {}, {}
        self.held, self.bytes = before
        self._place_in(order[::-1])
        if self._grade() >= least:
            self.placements, self._placed_beside, self.held, self.bytes = first

    def _grade(self) -> tuple[int, int]:
        """What may be better in another order: the balance of the sum, and the moves."""
        in_sum = _outside(self.held.sum(axis=0), self.share, self.among)
        return in_sum, sum(placement.moves for placement in self.placements.values())

    def _may_need_fewer_moves(self) -> bool:
        """Whether there are more moves than nodes lack in sum, in maps of no great size."""
        lacking = int(np.maximum(self.share[0] - self._now, 0)[self.among].sum())
        is_small = sum(map(copies_asked, self.problems)) <= _TRIED_TWICE
        return is_small and not all(self._is_empty) and self._grade() > (0, lacking)

    def _place_in(self, order: Sequence[int]) -> None:
        """Place every map in turn, then shift ceilings between them as far as the sum needs it."""
        total = self.held.sum(axis=0)
        for number in order:
            self._make_room(number)
            problem = self.problems[number]
            expected = int(total.sum() - self.held[number].sum()) + copies_asked(problem)
            total = self._place(number, total, self._share_of(expected))
        if _outside(total, self.share, self.among):
            total = self._even_out()
        for _ in range(_MOST_PASSES):
            before = total
            for number in order:
                if self._may_improve(number, total):
                    total = self._place(number, total)
            if np.array_equal(before, total):
                return

    def keep_to_peers(self) -> list[PeersOutcome | None]:
        """Place the maps that limit peers within them, with the loads that they have."""
        outcomes = []
        for number, draft in enumerate(self.drafts):
            problem, placement = self.result(number, self.held.sum(axis=0))
            placed, outcome = within_peers(draft, problem, placement)
            outcomes.append(outcome)
            if outcome is not None:
                self.placements[number] = placed
                self.held[number] = _loads(placed.nodes, problem.eligible)
        return outcomes

    def result(self, number: int, total: Ints) -> tuple[PlacementProblem, Placement]:
        """Return the problem and placement of a map beside all others as they are at the end."""
        problem = within_sum(self.problems[number], self.share, total - self.held[number])
        placement = self.placements[number]
        in_sum = _outside(total, self.share, problem.eligible)
        certificate = replace(placement.certificate, sum_imbalance_bound=in_sum)
        return problem, replace(placement, sum_imbalance=in_sum, certificate=certificate)

    def _make_room(self, number: int) -> None:
        """Ask anew of a map whose sizes are known: what others hold by now takes room."""
        draft, none = self.drafts[number], np.zeros_like(self.held[number])
        if draft.start.current.sizes is not None:
            others = Standing(none, none, 0, _beside(self.bytes, number))
            problem = draft_of(draft.changed, draft.changes, others).problem
            assert problem is not None
            self.problems[number] = problem

    def _share_of(self, total: int) -> Bounds:
        """The share of each node of so many copies of all maps."""
        table = self._table
        return shares_with_fixed(
            total,
            table.weights,
            table.weight_numbers,
            self.among,
            self._partitions,
            self._fixed,
        )

    def _place(self, number: int, total: Ints, share: Bounds | None = None) -> Ints:
        others = total - self.held[number]
        problem = within_sum(self.problems[number], share or self.share, others)
        placement = place_copies(problem)
        self.placements[number], self._placed_beside[number] = placement, others
        self.held[number] = _loads(placement.nodes, problem.eligible)
        sizes = self.drafts[number].start.current.sizes
        if sizes is not None:
            self.bytes[number] = _bytes(placement.nodes, sizes, len(self.among))
        changed: Ints = others + self.held[number]
        return changed

    def _may_improve(self, number: int, total: Ints) -> bool:
        """Whether a map might be better for what other maps have become since it was placed."""
        if np.array_equal(self._placed_beside[number], total - self.held[number]):
            return False
        is_uneven = bool(_outside(total, self.share, self.among))
        return is_uneven or (not self._is_empty[number] and self.placements[number].moves > 0)

    def _even_out(self) -> Ints:
        ranges = [
            None if is_coupled(problem) else load_ranges(problem) for problem in self.problems
        ]
        known = [
            LoadRanges(held, held, np.zeros(len(held), np.int32)) if found is None else found
            for found, held in zip(ranges, self.held, strict=True)
        ]
        groups = np.stack([found.group.astype(np.int64) for found in known])
        groups += (np.arange(len(known)) * (int(groups.max()) + 1))[:, None]
        loads = Loads(
            held=self.held.copy(),
            least=np.stack([found.least for found in known]),
            most=np.stack([found.most for found in known]),
            group=groups,
        )
        even_out(loads, self.share)
        changed = np.flatnonzero((loads.held != self.held).any(axis=1)).tolist()
        self.held = loads.held
        total: Ints = self.held.sum(axis=0)
        for number in changed:
            total = self._place(number, total)
        return total


class _Masters:
    """The masters of all maps.

    Attributes:
        held: int64, maps by nodes: how many they have.
        total: int64 by node: of all maps.
    """

    def __init__(self, drafts: Sequence[Draft], wanted: Sequence[RolesProblem]) -> None:
        self.wanted = wanted
        self.roles: list[Roles] = []
        table = drafts[0].start.table
        self.due = (table.modes == ACTIVE) & table.positive
        self.held = np.stack(
            [
                np.clip(_loads(draft.masters, problem.may_lead), problem.lower, problem.upper)
                for draft, problem in zip(drafts, wanted, strict=True)
            ]
        )
        self.total: Ints = self.held.sum(axis=0)
        self.share: Bounds = share_bounds(
            sum(map(masters_asked, wanted)),
            table.weights,
            table.weight_numbers,
            self.due,
            sum(len(problem.placed) for problem in wanted),
        )

    def choose_all(self) -> None:
        """Choose the masters of every map, and again while that makes the sum more even."""
        for number in range(len(self.wanted)):
            self._choose(number)
        for _ in range(_MOST_PASSES):
            uneven = _outside(self.total, self.share, self.due)
            if not uneven:
                return
            for number in range(len(self.wanted)):
                self._choose(number)
            if _outside(self.total, self.share, self.due) == uneven:
                return

    def result(self, number: int) -> tuple[RolesProblem, Roles]:
        """Return the problem and masters of a map beside all others as they are at the end."""
        problem = self._problem(number)
        in_sum = _outside(self.total, self.share, np.ones_like(self.due))
        return problem, replace(self.roles[number], sum_imbalance=in_sum)

    def placed_loads(self) -> Ints:
        """Return the copies of each map by node."""
        return np.stack([_loads(problem.placed, np.ones_like(self.due)) for problem in self.wanted])

    def _problem(self, number: int) -> RolesProblem:
        others = self.total - self.held[number]
        lower, upper = self.share
        return replace(self.wanted[number], sum_lower=lower - others, sum_upper=upper - others)

    def _choose(self, number: int) -> None:
        problem = self._problem(number)
        roles = assign_roles(problem, interrupt=let_signals_in)
        if number < len(self.roles):
            self.roles[number] = roles
        else:
            self.roles.append(roles)
        leading = np.where(roles.is_master, problem.placed, -1)
        self.total = self.total - self.held[number]
        self.held[number] = _loads(leading, np.ones_like(self.due))
        self.total += self.held[number]


def _loads(nodes: NDArray[np.int32], among: NDArray[np.bool_]) -> Ints:
    counts = np.bincount(nodes[nodes >= 0], minlength=len(among))
    loads: Ints = np.where(among, counts, 0)
    return loads


def _bytes_now(drafts: Sequence[Draft]) -> Ints:
    """The bytes of each map by node as it is now; 0 where sizes are not known."""
    nodes = len(drafts[0].start.table)
    held = np.zeros((len(drafts), nodes), np.int64)
    for number, draft in enumerate(drafts):
        sizes = draft.start.current.sizes
        if sizes is not None:
            held[number] = _bytes(draft.start.held, sizes, nodes)
    return held


def _bytes(nodes: NDArray[np.int32], sizes: Ints, count: int) -> Ints:
    row, slot = np.nonzero(nodes >= 0)
    held = np.zeros(count, np.int64)
    np.add.at(held, nodes[row, slot], sizes[row])
    return held


def _outside(total: Ints, share: Bounds, among: NDArray[np.bool_]) -> int:
    """The squares of what is outside of the share of the sum."""
    outside = (total - np.clip(total, *share))[among]
    return int((outside * outside).sum())
