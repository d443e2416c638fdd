"""Why a plan changes what it changes: one reason for each move, drop and change of master.

A new copy stands for one that is given up. It is there because that one could not stay (its node
leaves, is gone, has weight 0, is swapped), else because it stood badly (spread), else for balance:
its node held too much, or the new one too little; else because nodes had, or would have, too many
peers with it; else it was passed on from one to the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.maps import PartitionMap
from mapcore.planning.moves import Drops, Moves, Names, Reason, RoleChanges
from mapcore.planning.nodes import MAINTENANCE
from mapcore.planning.peers.planned import Peers
from mapcore.planning.peers.streams import sources_among_peers
from mapcore.planning.placing.measures import room_to_share
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import RolesProblem
from mapcore.planning.problem import Asked, Flag, Start
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["list_drops", "list_moves", "list_role_changes"]


def list_moves(
    start: Start,
    target: PartitionMap,
    asked: Asked,
    problem: PlacementProblem | None,
    peers: Peers | None = None,
) -> Moves:
    """Return the copies of the target that must be filled with data."""
    current = start.current
    arguments = (
        current.offsets,
        current.copy_nodes,
        current.copy_codes,
        target.offsets,
        target.copy_nodes,
        start.flags,
        start.successors,
        np.zeros(current.copy_count, np.uint8),
    )
    count = _planning.list_moves(*arguments, np.empty((0, 4), np.int32))
    found = np.empty((count, 4), np.int32)
    _planning.list_moves(*arguments, found)
    partitions, nodes, sources, replaced = map(np.ascontiguousarray, found.T)
    if peers is not None:
        index = (current.offsets, current.copy_nodes, current.copy_codes)
        lost = (start.flags & Flag.LOST) > 0
        sources = sources_among_peers(peers, index, lost, partitions, nodes, sources)
    names = Names(current.keys, target.nodes, _Places(start, asked).name)
    reasons = _move_reasons(start, asked, problem, peers, partitions, nodes, replaced)
    return Moves(partitions, nodes, reasons, names, sources, replaced)


def list_drops(start: Start, target: PartitionMap, moves: Moves) -> Drops:
    """Return the copies of the current map that the target does not have."""
    current = start.current
    arguments = (current.offsets, current.copy_nodes, target.offsets, target.copy_nodes)
    found = np.empty((_planning.list_drops(*arguments, np.empty((0, 3), np.int32)), 3), np.int32)
    _planning.list_drops(*arguments, found)
    partitions, nodes, positions = map(np.ascontiguousarray, found.T)
    codes = current.copy_codes[positions] & PLACEMENT_MASK

    successors = np.full(len(nodes), -1, np.int32)
    reasons = np.full(len(nodes), Reason.SURPLUS, np.uint8)
    paired = moves.replaced >= 0
    width = np.int64(len(start.table) + 1)
    drop_cells = partitions * width + nodes
    order = np.argsort(drop_cells)
    cells = moves.partitions[paired] * width + moves.replaced[paired]
    at = order[np.searchsorted(drop_cells, cells, sorter=order)]
    successors[at] = moves.nodes[paired]
    reasons[at] = moves.reasons[paired]
    flags = start.flags[nodes]
    reasons[(flags & Flag.RELEASED) > 0] = Reason.LEAVING
    reasons[(flags & Flag.LOST) > 0] = Reason.GONE
    reasons[codes == Placement.DEAD] = Reason.DEAD
    swapped = (start.successors[nodes] >= 0) & (successors == start.successors[nodes])
    reasons[swapped & (successors >= 0)] = Reason.SWAP
    return Drops(partitions, nodes, reasons, moves.names, successors)


def list_role_changes(
    start: Start, target: PartitionMap, problem: RolesProblem, returning: tuple[int, ...]
) -> RoleChanges:
    """Return the changes of master."""
    current = start.current
    arguments = (
        current.offsets,
        current.copy_nodes,
        current.copy_codes,
        target.offsets,
        target.copy_nodes,
        target.copy_codes,
        start.flags,
    )
    count = _planning.list_role_changes(*arguments, np.empty((0, 3), np.int32))
    found = np.empty((count, 3), np.int32)
    _planning.list_role_changes(*arguments, found)
    partitions, nodes, previous = map(np.ascontiguousarray, found.T)

    table, before = start.table, current.loads(*LEADING)
    before = _padded(before, len(table))
    is_back = np.zeros(len(table), np.bool_)
    is_back[list(returning)] = True
    above_sum = below_sum = np.zeros(len(table), np.bool_)
    if problem.sum_lower is not None and problem.sum_upper is not None:
        above_sum, below_sum = before > problem.sum_upper, before < problem.sum_lower
    reasons = np.select(
        [
            previous < 0,
            (start.flags[previous] & Flag.LOST) > 0,
            (start.flags[previous] & Flag.RELEASED) > 0,
            table.modes[previous] == MAINTENANCE,
            is_back[nodes],
            nodes < 0,
            ~_holds(target, partitions, previous),
            before[previous] > problem.upper[previous],
            before[nodes] < problem.lower[nodes],
            above_sum[previous],
            below_sum[nodes],
        ],
        [
            Reason.MASTERLESS,
            Reason.GONE,
            Reason.LEAVING,
            Reason.MAINTENANCE,
            Reason.RESTORED,
            Reason.SURPLUS,
            Reason.COPY_MOVED,
            Reason.ABOVE_LEAD,
            Reason.BELOW_LEAD,
            Reason.LEAD_ABOVE_SUM,
            Reason.LEAD_BELOW_SUM,
        ],
        Reason.LEAD_PASSED_ON,
    ).astype(np.uint8)
    swapped = (nodes >= 0) & (start.successors[previous] == nodes) & (previous >= 0)
    reasons[swapped] = Reason.SWAP
    names = Names(current.keys, target.nodes, lambda partition, node: "")
    return RoleChanges(partitions, nodes, reasons, names, previous)


def _move_reasons(
    start: Start,
    asked: Asked,
    problem: PlacementProblem | None,
    peers: Peers | None,
    partitions: NDArray[np.int32],
    nodes: NDArray[np.int32],
    replaced: NDArray[np.int32],
) -> NDArray[np.uint8]:
    """Return the reason of each move; where several would do, the first in this order."""
    table = start.table
    flags = start.flags[replaced]
    known = replaced >= 0
    held_before = (start.held[partitions] == nodes[:, None]).any(axis=1)
    cases = [
        (known & (start.successors[replaced] == nodes), Reason.SWAP),
        (held_before & ((start.flags[nodes] & Flag.RECOVERING) > 0), Reason.BACK),
        (~known, Reason.NEW),
        ((flags & Flag.LOST) > 0, Reason.GONE),
        ((flags & Flag.RELEASED) > 0, Reason.LEAVING),
        (~table.positive[replaced], Reason.WEIGHTLESS),
    ]
    if problem is not None:
        below, to_ceiling = room_to_share(problem, start.held)
        cases += [
            (~_may_hold(problem, partitions, replaced), Reason.UNFIT),
            (_Places(start, asked).are_crowded(partitions, replaced), Reason.SPREAD),
            (to_ceiling[replaced] < 0, Reason.ABOVE_SHARE),
            (below[nodes] > 0, Reason.BELOW_SHARE),
        ]
        if problem.sum_lower is not None and problem.sum_upper is not None:
            held = np.bincount(start.held[start.held >= 0], minlength=len(table))
            cases += [
                (held[replaced] > problem.sum_upper[replaced], Reason.ABOVE_SUM),
                (held[nodes] < problem.sum_lower[nodes], Reason.BELOW_SUM),
            ]
    if peers is not None:
        undecided = np.flatnonzero(known & ~np.any([case for case, _ in cases], axis=0))
        for_peers = np.zeros(len(nodes), np.bool_)
        for_peers[undecided] = _have_too_many_peers(
            start, asked, peers, partitions[undecided], nodes[undecided], replaced[undecided]
        )
        cases.append((for_peers, Reason.PEERS))
    conditions, reasons = zip(*cases, strict=True)
    chosen: NDArray[np.uint8] = np.select(conditions, reasons, Reason.PASSED_ON).astype(np.uint8)
    return chosen


def _have_too_many_peers(
    start: Start,
    asked: Asked,
    peers: Peers,
    partitions: NDArray[np.int32],
    nodes: NDArray[np.int32],
    replaced: NDArray[np.int32],
) -> NDArray[np.bool_]:
    """Whether nodes have too many peers now, or would have in the target, with a copy replaced."""
    now = Peers.of(start.current, asked) if len(nodes) else None
    if now is None:
        return np.zeros(len(nodes), np.bool_)
    exceeds = peers.would_exceed(replaced, peers.others_of(partitions, nodes))
    return exceeds | (now.degrees[replaced] > peers.limit)


def _may_hold(
    problem: PlacementProblem, partitions: NDArray[np.int32], nodes: NDArray[np.int32]
) -> NDArray[np.bool_]:
    may: NDArray[np.bool_] = problem.eligible[nodes]
    if problem.partition_class is not None and problem.class_eligible is not None:
        may = may & problem.class_eligible[problem.partition_class[partitions], nodes]
    return may


class _Places:
    """The values of the spread levels, and which of them held too many copies of a partition."""

    def __init__(self, start: Start, asked: Asked) -> None:
        self._start = start
        self._asked = asked

    def are_crowded(
        self, partitions: NDArray[np.int32], nodes: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """Whether each node stood in a place with more copies of the partition than its share."""
        crowded = np.zeros(len(partitions), np.bool_)
        for depth in self._asked.depths:
            crowded |= self._counts(depth, partitions, nodes) > self._cap(depth)
        return crowded

    def name(self, partition: int, node: int) -> str:
        """Return the name of the outermost crowded place that a node stands in."""
        one, at = np.array([partition]), np.array([node])
        for depth, level in zip(
            self._asked.depths, self._asked.settings.spread_levels, strict=True
        ):
            if self._counts(depth, one, at)[0] > self._cap(depth):
                numbers, values = self._start.table.level_values(depth)
                return f"{level} {values[numbers[node]]}"
        return "one place"

    def _counts(
        self, depth: int, partitions: NDArray[np.integer], nodes: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        numbers, _ = self._start.table.level_values(depth)
        rows = self._start.held[partitions]
        alike = (rows >= 0) & (numbers[rows] == numbers[nodes][:, None])
        counts: NDArray[np.int64] = np.count_nonzero(alike, axis=1)
        return counts

    def _cap(self, depth: int) -> int:
        table = self._start.table
        numbers, _ = table.level_values(depth)
        values = len(np.unique(numbers[(table.modes <= MAINTENANCE) & table.positive]))
        return -(-self._asked.copies // max(1, values))


def _holds(
    target: PartitionMap, partitions: NDArray[np.int32], nodes: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Whether each node holds a copy of the partition in the target."""
    found = np.zeros(len(partitions), np.bool_)
    starts = target.offsets[partitions]
    counts = target.offsets[partitions + 1] - starts
    for column in range(int(counts.max(initial=0))):
        reach = np.flatnonzero(counts > column)
        found[reach] |= target.copy_nodes[starts[reach] + column] == nodes[reach]
    return found


def _padded(values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.concatenate([values, np.zeros(count - len(values), values.dtype)])
