"""A changed cluster as arrays: what is, and what is asked for.

Everything is made from the compact index of the current map and the columns of the nodes, in a
few passes over each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.cluster import Assignment, Settings
from mapcore.errors import MapError, PlanError
from mapcore.keys import KeyFunction
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.planning.changes import ChangedCluster
from mapcore.planning.losses import Losses, losses_of
from mapcore.planning.nodes import (
    ACTIVE,
    GONE,
    LEAVING,
    MAINTENANCE,
    NodeTable,
)
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import RolesProblem
from mapcore.planning.placing.rules import CompiledRules, check_rules, compile_rules, rules_in_force
from mapcore.planning.placing.shares import share_bounds, shares_with_fixed, widened

_MOST_SPREAD_LEVELS: Final = 8

__all__ = [
    "Asked",
    "Flag",
    "Start",
    "asked_of",
    "kept_copies",
    "may_lead",
    "placement_problem",
    "roles_problem",
    "rules_of",
    "start_of",
    "with_slack",
]


class Flag:
    """What the kernels know of a node; the values are those of `_kernels._planning`."""

    LOST: Final = 1
    RECOVERING: Final = 2
    DETHRONED: Final = 4
    RELEASED: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What is, in the numbers of the changed cluster's nodes.

    Attributes:
        current: the map as it is, over the changed cluster's nodes; empty where there is none.
        table: the nodes.
        names: their names.
        flags: uint8 by node, of `Flag`.
        successors: int32 by node: the node that is swapped in for it, or -1.
        held: int32, partitions by the most copies: nodes that hold a copy, -1 for none. A node
            that is swapped in stands where the one that it succeeds would; what a returning node
            still holds of its dead copies comes last.
        masters: int32, partitions by the most masters: nodes that are master, -1 for none.
        losses: the partitions that are lost, which have no copy and get none.
    """

    current: PartitionMap
    table: NodeTable
    names: NodeIndex
    flags: NDArray[np.uint8]
    successors: NDArray[np.int32]
    held: NDArray[np.int32]
    masters: NDArray[np.int32]
    losses: Losses


@dataclass(frozen=True, slots=True)
class Asked:
    """What the settings ask of each partition.

    Attributes:
        settings: the settings.
        copies: masters and slaves together.
        masters: of these, masters.
        depths: of each spread level, how many parts of a location say its value.
    """

    settings: Settings
    copies: int
    masters: int
    depths: tuple[int, ...]

    def row_copies(self, nodes: int) -> int:
        """Return how many copies a row is made for: one more than nodes is as many as any more."""
        return min(self.copies, nodes + 1)

    def row_masters(self, nodes: int) -> int:
        """Return how many masters a row is made for, likewise."""
        return min(self.masters, nodes + 1)


def asked_of(settings: Settings) -> Asked:
    """Read the settings.

    Raises:
        PlanError: counts that contradict the assignment, levels that are unknown, or rules that
            say nothing.
    """
    constraints = settings.constraints
    for name, count in (("master", constraints.master), ("slave", constraints.slave)):
        if count < 0:
            raise PlanError(f"settings.constraints.{name}: found {count}, expected 0 or more")
    if settings.assignment is Assignment.MASTER_SLAVE and constraints.master > 1:
        raise PlanError(
            f"settings.constraints.master: found {constraints.master} with assignment masterSlave, "
            "expected at most 1, or assignment multiMaster"
        )
    for item in settings.spread or ():
        if item.level not in settings.levels:
            known = ", ".join(settings.levels) or "none"
            raise PlanError(
                f"settings.spread: found level {item.level!r}, expected one of settings.levels "
                f"({known})"
            )
    check_rules(settings)
    depths = tuple(settings.levels.index(level) + 1 for level in settings.spread_levels)
    if len(depths) > _MOST_SPREAD_LEVELS:
        raise PlanError(
            f"settings.spread: found {len(depths)} levels to spread over, expected at most "
            f"{_MOST_SPREAD_LEVELS}; name those that matter"
        )
    return Asked(settings, constraints.copy_count, constraints.master, depths)


def start_of(changed: ChangedCluster, asked: Asked) -> Start:
    """Read the current map; a cluster without one starts from an empty map.

    Raises:
        PlanError: the map names a node that the cluster does not have, or there is neither a map
            nor a number of partitions.
    """
    table = changed.table
    current = _current_map(changed)
    flags = np.zeros(len(table), np.uint8)
    flags[table.modes == LEAVING] |= Flag.RELEASED
    flags[table.modes == GONE] |= Flag.LOST
    flags[list(changed.recovering)] |= Flag.RECOVERING
    successors = np.full(len(table), -1, np.int32)
    renumbered = np.arange(len(table), dtype=np.int32)
    read_flags = flags
    if changed.successors:
        old = np.array(list(changed.successors), np.int64)
        successors[old] = renumbered[old] = list(changed.successors.values())
        # Copies of a lost node that is swapped are to be had again, elsewhere, and lead nothing.
        read_flags = flags.copy()
        read_flags[old[flags[old] & Flag.LOST > 0]] = Flag.DETHRONED
    held, masters = _tables(current, asked.row_masters(len(table)), read_flags, renumbered)
    losses = losses_of(
        current, changed.entry, (flags & Flag.LOST) > 0, (flags & Flag.RECOVERING) > 0
    )
    held[list(losses)] = masters[list(losses)] = -1
    return Start(current, table, changed.index, flags, successors, held, masters, losses)


def placement_problem(start: Start, asked: Asked) -> PlacementProblem:
    """Ask for every copy to be where the settings want it.

    Raises:
        PlanError: a node's location does not name its value at a level to spread over, or no node
            may hold anything.
    """
    table = start.table
    partitions = start.current.partition_count
    resting = table.modes == MAINTENANCE
    taking = (table.modes == ACTIVE) & table.positive
    levels = _levels(start, asked, taking | resting)
    if asked.copies and not taking.any() and not resting.any():
        raise PlanError(
            f"found no node that may hold copies among {len(table)}, expected at least one that "
            "is active and has a weight above 0"
        )
    counts = np.full(partitions, asked.row_copies(len(table)), np.int32)
    counts[list(start.losses)] = 0
    if not resting.any():
        total = (partitions - len(start.losses)) * min(asked.copies, int(np.count_nonzero(taking)))
        lower, upper = share_bounds(total, table.weights, table.weight_numbers, taking, partitions)
        return PlacementProblem(start.held, counts, taking, lower, upper, levels)

    # What a node in maintenance holds stays there, up to the count, and nothing is added to it.
    is_pinned = (start.held >= 0) & resting[start.held]
    if is_pinned.shape[1] > asked.copies:
        is_pinned &= np.cumsum(is_pinned, axis=1) <= asked.copies
    pinned = np.where(is_pinned, start.held, np.int32(-1))
    pinned_counts = np.count_nonzero(is_pinned, axis=1)
    kept = np.bincount(pinned[pinned >= 0], minlength=len(table))
    room = np.count_nonzero(taking) + pinned_counts
    total = int(np.minimum(counts, room).sum())
    lower, upper = shares_with_fixed(
        total,
        table.weights,
        table.weight_numbers,
        taking | resting,
        partitions,
        np.where(resting, kept, -1),
    )
    return PlacementProblem(
        start.held,
        counts,
        taking | resting,
        lower,
        upper,
        levels,
        pinned=pinned,
        node_limit=np.where(resting, kept, partitions),
    )


def with_slack(problem: PlacementProblem, start: Start, settings: Settings) -> PlacementProblem:
    """Return the problem in which nodes may stray from their shares by `balance.slack` copies.

    Evenness is traded for moves, so a first map, of which every copy moves, is even. Nodes in
    maintenance keep exactly what they hold.
    """
    slack = 0 if settings.balance is None else settings.balance.slack
    if not slack or not (start.held >= 0).any():
        return problem
    partitions = len(problem.copy_counts)
    most: NDArray[np.int64] | int = partitions if problem.node_limit is None else problem.node_limit
    among = problem.eligible & (start.table.modes != MAINTENANCE)
    lower, upper = widened((problem.lower, problem.upper), min(slack, partitions), most, among)
    return replace(problem, lower=lower, upper=upper)


def kept_copies(start: Start, asked: Asked) -> NDArray[np.int32]:
    """Return the copies that stay where no data moves: those that are held, none above the count.

    Where a partition has more copies than asked for, those on nodes that are leaving or have no
    weight go first, those that lead or rest in maintenance last.

    Returns:
        int32, partitions by copies, -1 for none, in the order of `Start.held`.
    """
    counts = np.count_nonzero(start.held >= 0, axis=1)
    crowded = np.flatnonzero(counts > asked.copies)
    if not len(crowded):
        return start.held
    rows = start.held[crowded]
    table = start.table
    rank = np.where((table.modes == LEAVING) | ~table.positive, 2, 1)
    rank[table.modes == MAINTENANCE] = 0
    ranks = np.where(rows >= 0, rank[rows], 3)
    ranks[(rows[:, :, None] == start.masters[crowded][:, None, :]).any(axis=2) & (rows >= 0)] = 0
    surplus = np.argsort(ranks, axis=1, kind="stable")[:, asked.copies :]
    np.put_along_axis(rows, surplus, -1, axis=1)
    rows = np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)
    kept = start.held.copy()
    kept[crowded] = rows
    return kept


def roles_problem(
    start: Start,
    asked: Asked,
    placed: NDArray[np.int32],
    *,
    current_masters: NDArray[np.int32],
    preferred: NDArray[np.int32] | None = None,
    rules: CompiledRules | None = None,
    moves_data: bool,
    keep_current: bool,
) -> RolesProblem:
    """Ask for masters among the copies that are placed; rules go before balance."""
    table = start.table
    due = (table.modes == ACTIVE) & table.positive
    able = may_lead(table, moves_data)
    partitions = len(placed)
    masters = asked.row_masters(len(table))
    total = partitions * masters
    if placed.shape[1] < masters or not due.all():
        total = _planning.count_able(placed, able.view(np.uint8), masters)
    lower, upper = share_bounds(total, table.weights, table.weight_numbers, due, partitions)
    return RolesProblem(
        placed=placed,
        current_masters=current_masters,
        master_counts=np.full(partitions, masters, np.int32),
        may_lead=able,
        lower=lower,
        upper=upper,
        preferred=preferred,
        candidates=_candidates(rules, placed, current_masters, keep_current),
        keep_current=keep_current,
    )


def may_lead(table: NodeTable, moves_data: bool) -> NDArray[np.bool_]:
    """Return the nodes that may be master.

    Where no data moves, a node that is leaving or has weight 0 may still lead what it holds; it
    is due no masters, so it does only where nobody else can.
    """
    active: NDArray[np.bool_] = table.modes == ACTIVE
    return active & table.positive if moves_data else active | (table.modes == LEAVING)


def rules_of(start: Start, asked: Asked, *, moves_data: bool) -> CompiledRules | None:
    """Return the rules in force as arrays, or None where there are none.

    Raises:
        PlanError: data moves, and the location of a node that takes part does not name its value
            at a level of a rule. Where none moves, such a node is at a place of its own.
    """
    table, settings = start.table, asked.settings
    named = {
        level: settings.levels.index(level) + 1
        for rule, _ in rules_in_force(settings)
        for level in (rule.same, rule.different)
        if level is not None
    }
    if named and moves_data:
        concerned = (table.modes == MAINTENANCE) | ((table.modes == ACTIVE) & table.positive)
        level = max(named, key=lambda name: named[name])
        _need_locations(
            start,
            settings.levels[: named[level]],
            concerned,
            f"as settings.rules name {level}; give the location, or leave the rule out",
        )
    return compile_rules(settings, table, may_lead(table, moves_data))


def _candidates(
    rules: CompiledRules | None,
    placed: NDArray[np.int32],
    current_masters: NDArray[np.int32],
    keep_current: bool,
) -> NDArray[np.bool_] | None:
    """Return the copies that may be masters, so that rules are broken least; None for all."""
    if rules is None or not placed.size:
        return None
    leads_now = np.zeros(placed.shape, np.bool_)
    for column in current_masters.T:
        leads_now |= (placed == column[:, None]) & (placed >= 0)
    candidates = rules.leaders(placed, leads_now)
    if keep_current:
        candidates[(leads_now & rules.may_lead[placed]).any(axis=1)] = True
    return None if candidates[placed >= 0].all() else candidates


def _current_map(changed: ChangedCluster) -> PartitionMap:
    index = changed.index
    current = changed.entry.current
    if current is None:
        return _empty_map(_keys(changed), index)
    if current.nodes is changed.index_before or current.nodes == index:
        return current
    try:
        return current.on_nodes(index)
    except MapError as error:
        raise PlanError(f"map {changed.map_name}: {error}") from None


def _keys(changed: ChangedCluster) -> KeyFunction:
    try:
        return changed.entry.keys
    except MapError as error:
        raise PlanError(f"map {changed.map_name}: {error}") from None


def _empty_map(keys: KeyFunction, index: NodeIndex) -> PartitionMap:
    nothing = (np.zeros(len(keys) + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.uint8))
    return PartitionMap(nodes=index, keys=keys, index=nothing)


def _tables(
    current: PartitionMap,
    master_width: int,
    flags: NDArray[np.uint8],
    renumbered: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    index = (current.offsets, current.copy_nodes, current.copy_codes)
    width = int(np.diff(current.offsets).max())
    partitions = current.partition_count
    held = np.empty((partitions, max(1, width)), np.int32)
    masters = np.empty((partitions, max(1, master_width)), np.int32)
    most = _planning.fill_tables(*index, flags, renumbered, held, masters)
    if most > masters.shape[1]:
        masters = np.empty((partitions, most), np.int32)
        _planning.fill_tables(*index, flags, renumbered, held, masters)
    return held, masters


def _levels(start: Start, asked: Asked, concerned: NDArray[np.bool_]) -> NDArray[np.int32]:
    table = start.table
    levels = np.empty((len(asked.depths), len(table)), np.int32)
    if not asked.depths:
        return levels
    _need_locations(
        start,
        asked.settings.levels[: asked.depths[-1]],
        concerned,
        f"as copies are spread by {asked.settings.spread_levels[-1]}; give the location, or set "
        '"spread" to []',
    )
    for row, depth in enumerate(asked.depths):
        levels[row] = table.level_values(depth)[0]
    return levels


def _need_locations(
    start: Start, levels: tuple[str, ...], concerned: NDArray[np.bool_], why: str
) -> None:
    """Ask that the locations of the nodes concerned name their values at all these levels."""
    table = start.table
    short = table.shallow(len(levels))
    short = short[concerned[short]]
    if len(short):
        node = int(short[0])
        location = table.locations[table.location_numbers[node]]
        others = f" (and {len(short) - 1} other nodes)" if len(short) > 1 else ""
        raise PlanError(
            f"node {start.names.names[node]!r}{others}: found location {location!r}, expected "
            f"{'/'.join(levels)}, {why}"
        )
