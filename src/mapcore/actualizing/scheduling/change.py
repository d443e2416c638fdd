"""What has to happen to each copy on the way from one map to another, as arrays.

`Change` takes the cells that differ and the masters of each partition apart into: copies to fill,
masterships to hand over, copies to give up and to collect, and what cannot be done and why. When
each of it happens is for `mapcore.actualizing.scheduling.schedule` to say.

Running states and pauses follow from it (`mapcore.actualizing.scheduling.conditions`).
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.view import NodeView
from mapcore.differences import MapDiff
from mapcore.errors import ScheduleError
from mapcore.maps import PartitionMap
from mapcore.states import (
    PLACEMENT_MASK,
    REPLICATION_PAUSED,
    RUNNING_MASK,
    Placement,
)

__all__ = ["Cells", "Change", "Handovers", "Sources", "any_of", "devolved"]

_DEVOLVED: Final[NDArray[np.uint8]] = np.array(
    [kind.devolved for kind in Placement], dtype=np.uint8
)
_NO_NODE: Final = -1


class Cells(NamedTuple):
    """Some cells: int64 partitions, int32 nodes, uint8 placements before and after."""

    partitions: NDArray[np.int64]
    nodes: NDArray[np.int32]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]

    def where(self, mask: NDArray[np.bool_]) -> Cells:
        """Return the cells that a mask picks."""
        return Cells(self.partitions[mask], self.nodes[mask], self.before[mask], self.after[mask])


class Handovers(NamedTuple):
    """Changes of master, one a row.

    Attributes:
        partitions: int64.
        leaders: int32, the node that is master; -1 where nobody is.
        heirs: int32, the node that becomes master.
        is_forced: the leader is gone, or there is none: nobody is asked, and nothing is waited for.
    """

    partitions: NDArray[np.int64]
    leaders: NDArray[np.int32]
    heirs: NDArray[np.int32]
    is_forced: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> Handovers:
        """Return the rows that a mask picks."""
        return Handovers(
            self.partitions[mask], self.leaders[mask], self.heirs[mask], self.is_forced[mask]
        )


_NO_HANDOVERS: Final = Handovers(
    np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.bool_)
)


class Sources(NamedTuple):
    """The copies from which each of some partitions can be filled.

    Attributes:
        begin: int64, one more than partitions.
        nodes: int32.
        is_paused: bool, copies whose replication is paused: taken where there is no other.
    """

    begin: NDArray[np.int64]
    nodes: NDArray[np.int32]
    is_paused: NDArray[np.bool_]


class Change:
    """The difference of two maps, taken apart.

    Attributes:
        current: what is, over all nodes of the view.
        target: what shall be, likewise.
        view: the nodes.
        is_single_master: whether a partition has at most one master.
        cells: all cells whose placement changes; pending copies count as what they devolve to.
        pending: cells whose copy is pending now.
        stuck_pending: those on nodes that are unreachable: nobody can settle them.
    """

    def __init__(
        self,
        current: PartitionMap,
        target: PartitionMap,
        view: NodeView,
        *,
        is_single_master: bool,
    ) -> None:
        if current.keys != target.keys:
            raise ScheduleError(
                f"found a current map over {current.keys!r} and a target over {target.keys!r}, "
                "expected the same partitions"
            )
        self.view = view
        self.current = current.on_nodes(view.index)
        self.target = target.on_nodes(view.index)
        self.is_single_master = is_single_master
        self._check_target()
        self.is_gone = (view.flags & NodeFlag.GONE) != 0
        self.is_unreachable = (view.flags & NodeFlag.UNREACHABLE) != 0
        self.cells = self._changed_cells()
        pending = self._pending_cells()
        is_out_of_reach = self.is_unreachable[pending.nodes]
        self.pending = pending.where(~is_out_of_reach)
        self.stuck_pending = pending.where(is_out_of_reach)

    def _check_target(self) -> None:
        wrong = np.flatnonzero((self.target.copy_codes & PLACEMENT_MASK) > Placement.MASTER)
        if wrong.size:
            partition = int(np.searchsorted(self.target.offsets, wrong[0], side="right")) - 1
            raise ScheduleError(
                f"target map, partition {self.target.keys.name(partition)}: found a pending copy, "
                "expected masters, slaves and dead copies"
            )
        if not self.is_single_master:
            return
        is_master = (self.target.copy_codes & PLACEMENT_MASK) == Placement.MASTER
        counts = np.bincount(self._target_owners[is_master])
        if counts.max(initial=0) > 1:
            raise ScheduleError(
                f"target map, partition {self.target.keys.name(int(counts.argmax()))}: found "
                f"{counts.max()} masters, expected at most one in masterSlave"
            )

    @cached_property
    def difference(self) -> MapDiff:
        """All cells that differ, in whatever."""
        return MapDiff(self.current, self.target)

    def _changed_cells(self) -> Cells:
        found = self.difference
        before = devolved(found.before)
        after = (found.after & PLACEMENT_MASK).astype(np.uint8)
        cells = Cells(found.partitions, found.node_numbers, before, after)
        return cells.where(before != after)

    def _pending_cells(self) -> Cells:
        placements = (self.current.copy_codes & PLACEMENT_MASK).astype(np.uint8)
        chosen = placements > Placement.MASTER
        return Cells(
            self.owners[chosen],
            self.current.copy_nodes[chosen],
            placements[chosen],
            devolved(placements[chosen]),
        )

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The partition of each copy of the current map."""
        return _owners(self.current)

    @cached_property
    def _target_owners(self) -> NDArray[np.int64]:
        return _owners(self.target)

    @cached_property
    def placements(self) -> NDArray[np.uint8]:
        """The placement of each copy of the current map, pending ones devolved."""
        return devolved(self.current.copy_codes)

    @property
    def partition_count(self) -> int:
        """The number of partitions."""
        return self.current.partition_count

    @cached_property
    def in_sync(self) -> NDArray[np.int64]:
        """How many copies of each partition are in sync, on nodes that are not gone."""
        chosen = (self.placements >= Placement.SLAVE) & ~self.is_gone[self.current.copy_nodes]
        return np.bincount(self.owners[chosen], minlength=self.partition_count)

    @cached_property
    def asked(self) -> NDArray[np.int64]:
        """How many copies of each partition shall be in sync."""
        chosen = (self.target.copy_codes & PLACEMENT_MASK) >= Placement.SLAVE
        return np.bincount(self._target_owners[chosen], minlength=self.partition_count)

    @cached_property
    def _is_within_reach(self) -> NDArray[np.bool_]:
        """Whether each copy of the current map is in sync on a node that can be asked."""
        nodes = self.current.copy_nodes
        found: NDArray[np.bool_] = (
            (self.placements >= Placement.SLAVE)
            & ~self.is_gone[nodes]
            & ~self.is_unreachable[nodes]
        )
        return found

    @cached_property
    def may_stream(self) -> NDArray[np.bool_]:
        """Whether others may be filled from each copy: all that run, else those that can start."""
        runs = self._is_within_reach & (self.current.copy_codes & RUNNING_MASK != 0)
        has_running = any_of(self.owners[runs], self.partition_count)
        found: NDArray[np.bool_] = runs | self._is_within_reach & ~has_running[self.owners]
        return found

    @cached_property
    def has_source(self) -> NDArray[np.bool_]:
        """Whether each partition has a copy to fill others from."""
        return any_of(self.owners[self.may_stream], self.partition_count)

    @cached_property
    def is_new(self) -> NDArray[np.bool_]:
        """Whether each partition has no copy at all, not even a dead one: there is no data yet."""
        found: NDArray[np.bool_] = np.diff(self.current.offsets) == 0
        return found

    @cached_property
    def fills(self) -> Cells:
        """Copies to fill that can be filled, or founded where there is no data yet."""
        cells = self._all_fills
        return cells.where(~self._is_fill_blocked(cells))

    @cached_property
    def _all_fills(self) -> Cells:
        cells = self.cells
        return cells.where((cells.before <= Placement.DEAD) & (cells.after >= Placement.SLAVE))

    def _is_fill_blocked(self, cells: Cells) -> NDArray[np.bool_]:
        lost = self.is_gone | self.is_unreachable
        blocked: NDArray[np.bool_] = lost[cells.nodes] | ~(
            self.has_source[cells.partitions] | self.is_new[cells.partitions]
        )
        return blocked

    @cached_property
    def lacks_a_copy(self) -> NDArray[np.bool_]:
        """Whether a copy that each partition shall have is lost, so that no other is given up."""
        cells = self._all_fills
        unfilled = cells.partitions[self._is_fill_blocked(cells)]
        placements = self.target.copy_codes & PLACEMENT_MASK
        gone = (placements >= Placement.SLAVE) & self.is_gone[self.target.copy_nodes]
        return any_of(np.concatenate([unfilled, self._target_owners[gone]]), self.partition_count)

    def sources(self, partitions: NDArray[np.int64]) -> Sources:
        """Return the copies from which partitions can be filled now."""
        counts = np.diff(self.current.offsets)[partitions]
        owner = np.repeat(np.arange(len(partitions)), counts)
        places = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        places += np.repeat(self.current.offsets[partitions], counts)
        chosen = self.may_stream[places]
        owner, places = owner[chosen], places[chosen]
        sizes = np.bincount(owner, minlength=len(partitions))
        return Sources(
            np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
            self.current.copy_nodes[places],
            self.current.copy_codes[places] & REPLICATION_PAUSED != 0,
        )

    @cached_property
    def leaders(self) -> NDArray[np.int32]:
        """The node that is master of each partition now, be it gone; -1 for none.

        Of several, where there may be one only, that of the target, or else the first.
        """
        places = np.flatnonzero(self.placements == Placement.MASTER)
        owners, nodes = self.owners[places], self.current.copy_nodes[places]
        rank = 2 * self.is_gone[nodes] + (self.goals[owners] != nodes)
        order = np.lexsort((rank, owners))
        return _first_of(owners[order], nodes[order], self.partition_count)

    @cached_property
    def goals(self) -> NDArray[np.int32]:
        """The node that shall be master of each partition, the first of several; -1 for none."""
        places = np.flatnonzero((self.target.copy_codes & PLACEMENT_MASK) == Placement.MASTER)
        return _first_of(
            self._target_owners[places], self.target.copy_nodes[places], self.partition_count
        )

    @cached_property
    def rescues(self) -> Handovers:
        """Who becomes master at once of the partitions whose master is gone, or that have none.

        The master of the target where it is in sync, else a slave that stays, else any slave.
        Where a partition may have several masters, those of the target do not wait for each other.
        """
        if not self.is_single_master:
            return _NO_HANDOVERS
        partitions = np.flatnonzero(
            (self.leaders == _NO_NODE) | self.is_gone[np.maximum(self.leaders, 0)]
        )
        needed = np.zeros(self.partition_count, dtype=bool)
        needed[partitions] = self.goals[partitions] != _NO_NODE
        nodes = self.current.copy_nodes
        chosen = (
            needed[self.owners]
            & (self.placements == Placement.SLAVE)
            & ~self.is_gone[nodes]
            & ~self.is_unreachable[nodes]
        )
        owners, nodes = self.owners[chosen], nodes[chosen]
        stays = self._stays(owners, nodes)
        order = np.lexsort((~stays, self.goals[owners] != nodes, owners))
        heirs = _first_of(owners[order], nodes[order], self.partition_count)
        found = partitions[heirs[partitions] != _NO_NODE]
        return Handovers(
            found, self.leaders[found], heirs[found], np.ones(len(found), dtype=np.bool_)
        )

    @cached_property
    def leaders_after_rescue(self) -> NDArray[np.int32]:
        """The master of each partition once those that had none, or a lost one, are rescued."""
        leaders = self.leaders.copy()
        leaders[self.rescues.partitions] = self.rescues.heirs
        return leaders

    def _stays(self, partitions: NDArray[np.int64], nodes: NDArray[np.int32]) -> NDArray[np.bool_]:
        leaving = self._all_given_up
        keys = self.cell_keys(leaving.partitions, leaving.nodes)
        return ~np.isin(self.cell_keys(partitions, nodes), keys)

    @cached_property
    def takeovers(self) -> Handovers:
        """The planned changes of master in partitions that may have one only."""
        if not self.is_single_master:
            return _NO_HANDOVERS
        leaders = self.leaders_after_rescue
        lost = self.is_gone | self.is_unreachable
        partitions = np.flatnonzero(
            (leaders != _NO_NODE) & (self.goals != _NO_NODE) & (leaders != self.goals)
        )
        able = ~lost[leaders[partitions]] & ~lost[self.goals[partitions]]
        able &= self._becomes_slave(partitions)
        found = partitions[able]
        return Handovers(
            found, leaders[found], self.goals[found], np.zeros(len(found), dtype=np.bool_)
        )

    def _becomes_slave(self, partitions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the next master of each partition is in sync or can be filled."""
        cells = self._all_fills
        blocked = cells.where(self._is_fill_blocked(cells))
        keys = self.cell_keys(partitions, self.goals[partitions])
        return ~np.isin(keys, self.cell_keys(blocked.partitions, blocked.nodes))

    @cached_property
    def lonely_promotions(self) -> Cells:
        """Slaves and new copies that become master on their own: nobody led the partition."""
        cells = self.cells
        rises = cells.where(cells.after == Placement.MASTER)
        if self.is_single_master:
            handed = any_of(
                np.concatenate([self.rescues.partitions, self.takeovers.partitions]),
                self.partition_count,
            )
            rises = rises.where(~handed[rises.partitions] & self.is_new[rises.partitions])
        return rises.where(self._may_rise(rises))

    def _may_rise(self, rises: Cells) -> NDArray[np.bool_]:
        lost = self.is_gone | self.is_unreachable
        able: NDArray[np.bool_] = ~lost[rises.nodes] & (
            (rises.before == Placement.SLAVE)
            | self.has_source[rises.partitions]
            | self.is_new[rises.partitions]
        )
        return able

    @cached_property
    def demotions(self) -> Cells:
        """Masters that step down on their own: one of several, or of a partition given up."""
        cells = self.cells
        falls = cells.where((cells.before == Placement.MASTER) & (cells.after != Placement.MASTER))
        falls = falls.where(~(self.is_gone | self.is_unreachable)[falls.nodes])
        if self.is_single_master:
            is_leader = self.leaders[falls.partitions] == falls.nodes
            given_up = self.goals[falls.partitions] == _NO_NODE
            falls = falls.where(~is_leader | given_up)
        return falls.where(~self._waits(falls))

    @cached_property
    def _all_given_up(self) -> Cells:
        cells = self.cells
        return cells.where((cells.before >= Placement.SLAVE) & (cells.after <= Placement.DEAD))

    @cached_property
    def drops(self) -> Cells:
        """Copies in sync that are given up, and copies on nodes that are gone."""
        cells = self._all_given_up
        cells = cells.where(~self.is_unreachable[cells.nodes])
        return cells.where(~self._waits(cells))

    @cached_property
    def collections(self) -> Cells:
        """Dead copies that are collected."""
        cells = self.cells
        found = cells.where((cells.before >= Placement.DEAD) & (cells.after == Placement.NULL))
        found = found.where(~self.is_unreachable[found.nodes])
        return found.where(~self._waits(found) | (found.before == Placement.DEAD))

    @cached_property
    def burials(self) -> Cells:
        """Cells that are to hold a dead copy and hold none."""
        cells = self.cells
        found = cells.where((cells.before == Placement.NULL) & (cells.after == Placement.DEAD))
        return found.where(~(self.is_gone | self.is_unreachable)[found.nodes])

    def _waits(self, cells: Cells) -> NDArray[np.bool_]:
        """Whether a copy is kept because another cannot be filled, or nobody else may lead."""
        waits = self.lacks_a_copy[cells.partitions] & ~self.is_gone[cells.nodes]
        if self.is_single_master:
            leads = self.leaders_after_rescue[cells.partitions] == cells.nodes
            handed = any_of(self.takeovers.partitions, self.partition_count)
            shall_be_led = self.goals[cells.partitions] != _NO_NODE
            waits |= leads & ~handed[cells.partitions] & shall_be_led
        else:
            rises = self.cells.where(self.cells.after == Placement.MASTER)
            stuck = rises.partitions[~self._may_rise(rises)]
            is_master = cells.before == Placement.MASTER
            waits |= is_master & any_of(stuck, self.partition_count)[cells.partitions]
        kept: NDArray[np.bool_] = waits
        return kept

    def cell_keys(
        self, partitions: NDArray[np.int64], nodes: NDArray[np.int32]
    ) -> NDArray[np.int64]:
        """Return a number for each cell, -1 where there is no node."""
        return np.where(nodes >= 0, partitions * len(self.view) + nodes, -1)


def devolved(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return placements, pending ones as what they devolve to."""
    found: NDArray[np.uint8] = _DEVOLVED[codes & PLACEMENT_MASK]
    return found


def _owners(held: PartitionMap) -> NDArray[np.int64]:
    return np.repeat(np.arange(held.partition_count), np.diff(held.offsets))


def any_of(partitions: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Return a mask of partitions."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[partitions] = True
    return mask


def _first_of(owners: NDArray[np.int64], nodes: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Return the first node of each owner, -1 for none; equal owners stand together."""
    found = np.full(count, _NO_NODE, dtype=np.int32)
    found[owners[::-1]] = nodes[::-1]
    return found
