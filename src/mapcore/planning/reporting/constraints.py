"""What speaks against a copy of a partition on a node: hard constraints, then wishes.

One class each, numbered from the most final to the least. A hard one rules a node out; a wish may
be broken where nothing better is to be had, and says why the copy is rather elsewhere. Each judges
all nodes at once, so that 40,000 candidates are explained as fast as four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.nodes import GONE, LEAVING, MAINTENANCE, NodeTable
from mapcore.planning.peers.planned import Peers
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.rules import CompiledRules, match
from mapcore.planning.problem import Asked

__all__ = ["CONSTRAINTS", "Constraint", "Situation"]


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """A partition as planned, in which further candidates are judged.

    Attributes:
        asked: what the settings ask.
        table: the nodes.
        problem: what was asked of the placement; None where no data moves.
        partition: the partition's number.
        row: int64, the nodes that hold it in the target.
        before: int64, the nodes that hold it now.
        loads: int64 by node: copies in the target.
        to_ceiling: int64 by node: the load that it lacks to the ceiling of its share.
        free_bytes: int64 by node: what its volumes have left; None where sizes do not matter.
        rules: where slaves stand relative to their master, if any rule is in force.
        leaders: int64, the nodes of the row that are master.
        peers: who exchanges data with whom in the target; None where that is not limited.
    """

    asked: Asked
    table: NodeTable
    problem: PlacementProblem | None
    partition: int
    row: NDArray[np.int64]
    before: NDArray[np.int64]
    loads: NDArray[np.int64]
    to_ceiling: NDArray[np.int64] | None = None
    free_bytes: NDArray[np.int64] | None = None
    rules: CompiledRules | None = None
    leaders: NDArray[np.int64] | None = None
    peers: Peers | None = None

    @property
    def nobody(self) -> NDArray[np.bool_]:
        """A mask of no node."""
        return np.zeros(len(self.table), np.bool_)

    @property
    def new(self) -> list[int]:
        """The nodes that get a copy: another node could have got it instead at the same cost."""
        return [node for node in self.row.tolist() if node not in self.before]

    def crowded(self, without: int | None = None) -> NDArray[np.bool_]:
        """Return the nodes whose place has its even share already, at one spread level at least.

        Args:
            without: a node of the row whose copy is not counted.
        """
        crowded = self.nobody
        if self.problem is None:
            return crowded
        row = self.row[self.row != (-1 if without is None else without)]
        for level in self.problem.levels:
            used = np.unique(level[self.problem.eligible])
            even = -(-self.asked.copies // max(1, len(used)))
            counts = np.bincount(level[row], minlength=int(level.max(initial=0)) + 1)
            crowded |= (counts >= even)[level]
        return crowded


class Constraint:
    """A reason against a copy on a node.

    Attributes:
        name: short and stable.
        sentence: what it asks for.
        is_hard: whether no plan breaks it.
    """

    name: ClassVar[str]
    sentence: ClassVar[str]
    is_hard: ClassVar[bool] = True

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that it speaks against; bool by node."""
        raise NotImplementedError


class InReach(Constraint):
    """A node that is gone holds nothing."""

    name = "gone"
    sentence = "the node must be in reach"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that are gone."""
        return np.equal(situation.table.modes, GONE)


class Stays(Constraint):
    """A node that is leaving holds nothing."""

    name = "leaving"
    sentence = "the node must not be leaving"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that are leaving."""
        return np.equal(situation.table.modes, LEAVING)


class HasWeight(Constraint):
    """A node of weight 0 holds nothing."""

    name = "weight-0"
    sentence = "the node must have a weight above 0"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes of weight 0."""
        return ~situation.table.positive


class TakesNew(Constraint):
    """A node in maintenance gets nothing new."""

    name = "maintenance"
    sentence = "a node in maintenance gets no new copy"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes in maintenance that do not hold the partition."""
        resting: NDArray[np.bool_] = situation.table.modes == MAINTENANCE
        resting[situation.before] = False
        return resting


class Fits(Constraint):
    """Tags, forbidden nodes: the partition may only stand on nodes of its class."""

    name = "unfit"
    sentence = "the node must have the tags that the partition requires, and not be forbidden to it"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that are not eligible for this partition."""
        problem = situation.problem
        if problem is None or problem.partition_class is None or problem.class_eligible is None:
            return situation.nobody
        unfit: NDArray[np.bool_] = ~problem.class_eligible[
            problem.partition_class[situation.partition]
        ]
        return unfit


class HasRoom(Constraint):
    """A node holds no more copies than its limit."""

    name = "full"
    sentence = "the node must hold fewer copies than its limit"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that are at their limit."""
        if situation.problem is None or situation.problem.node_limit is None:
            return situation.nobody
        return situation.loads >= situation.problem.node_limit


class HasSpace(Constraint):
    """The volumes of a node hold what is on it."""

    name = "space"
    sentence = "the volumes of the node must have room for the partition"

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes whose volumes are too full, or too small."""
        problem = situation.problem
        if problem is None or problem.measures is None or situation.free_bytes is None:
            return situation.nobody
        size, room = problem.measures.bytes[situation.partition], problem.measures.room
        full: NDArray[np.bool_] = situation.free_bytes < size
        return full if room is None else full | (room.largest < size)


class MovesNoData(Constraint):
    """A plan without data moves fills no copy."""

    name = "no-data"
    sentence = (
        "this plan moves no data: failover, maintenance and swaps leave copies where they are"
    )

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return all nodes, where no data moves."""
        return situation.nobody | (situation.problem is None)


class KeepsRules(Constraint):
    """Slaves stand relative to their master as the rules ask."""

    name = "rules"
    sentence = "a slave here must stand to the master as settings.rules ask"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that could take no slave's place without more rules broken."""
        rules, leaders = situation.rules, situation.leaders
        if rules is None or leaders is None or not len(leaders):
            return situation.nobody
        slaves = np.setdiff1d(situation.row, leaders)
        against = ~situation.nobody
        for leader in leaders.tolist():
            closeness = rules.closeness_to(leader)
            row = np.bincount(closeness[slaves], minlength=rules.ancestors.shape[1] + 1)
            against &= ~_keeping(rules, row.tolist())[closeness]
        return against


def _keeping(rules: CompiledRules, row: list[int]) -> NDArray[np.bool_]:
    """Return how close a node may be to take the place of a slave and break no more rules."""
    intervals = rules.intervals.tolist()
    kept = match(intervals, row.copy())
    keeping = np.zeros(len(row), np.bool_)
    for leaving in np.flatnonzero(row).tolist():
        for coming in range(len(row)):
            changed = row.copy()
            changed[leaving] -= 1
            changed[coming] += 1
            keeping[coming] |= match(intervals, changed) >= kept
    return keeping


class SpreadsOut(Constraint):
    """Copies stand evenly over the values of a level."""

    name = "spread"
    sentence = "its place must have fewer copies of the partition than an even share"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes whose place has its even share, also without any one new copy."""
        crowded = situation.crowded()
        for node in situation.new:
            crowded &= situation.crowded(without=node)
        return crowded


class HasFewPeers(Constraint):
    """A node exchanges data with no more others than asked, and has no others do so."""

    name = "peers"
    sentence = "no node may have more peers than settings.maxPeers with a copy here"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that could take the place of no copy, of the new ones if there are."""
        peers = situation.peers
        if peers is None or situation.problem is None:
            return situation.nobody
        against = ~situation.nobody
        everyone = np.arange(len(against))
        for node in situation.new or situation.row.tolist():
            others = peers.others_of(np.array([situation.partition]), np.array([node]))
            against &= peers.would_exceed(everyone, np.repeat(others, len(against), axis=0))
        return against


class HoldsItsShare(Constraint):
    """A node holds no more than the ceiling of its share, in copies, bytes or weight."""

    name = "balance"
    sentence = "the node must hold less than the ceiling of its share"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that hold their share."""
        if situation.to_ceiling is None:
            return situation.nobody
        return situation.to_ceiling <= 0


class HoldsItsShareInSum(Constraint):
    """A node holds no more of all maps than the ceiling of its share of them."""

    name = "balance in sum"
    sentence = "the node must hold less of all maps than the ceiling of its share"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that hold their share of all maps."""
        if situation.problem is None or situation.problem.sum_upper is None:
            return situation.nobody
        return np.asarray(situation.loads >= situation.problem.sum_upper)


class StaysPut(Constraint):
    """A copy moves only where something is gained."""

    name = "move"
    sentence = "a copy here would be one more move, and nothing would be gained by it"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return the nodes that do not hold the partition now, and could not have a new copy."""
        free = ~situation.nobody
        free[situation.before] = False
        for node in situation.new:
            free &= situation.crowded(without=node)
        return free


class OthersServe(Constraint):
    """Of several nodes that would serve, some are taken."""

    name = "equal"
    sentence = "others serve as well, and the copies asked for are placed"
    is_hard = False

    def against(self, situation: Situation) -> NDArray[np.bool_]:
        """Return all nodes."""
        return ~situation.nobody


CONSTRAINTS: Final[tuple[Constraint, ...]] = (
    InReach(),
    Stays(),
    HasWeight(),
    TakesNew(),
    Fits(),
    HasRoom(),
    HasSpace(),
    MovesNoData(),
    KeepsRules(),
    SpreadsOut(),
    HasFewPeers(),
    HoldsItsShare(),
    HoldsItsShareInSum(),
    StaysPut(),
    OthersServe(),
)
"""All constraints, the most final first; the number of one is its place, from 1."""
