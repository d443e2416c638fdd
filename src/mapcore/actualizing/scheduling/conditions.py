"""Running states and pauses on the way: which copies start, rest, pause and resume, and when.

| copy | before | after |
| --- | --- | --- |
| that is filled | warms until it runs; replication goes on | becomes what the target says |
| that the only copies to fill from are stopped | starts | becomes what the target says |
| that stays | starts, and goes on, at once | stops, and pauses, once its partition is whole |
| that is collected, where `warmsUp` asks for it | | cools and stops |

Before and after are those of the streams of its partition. Persistence changes at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.change import Cells, Change, any_of, devolved
from mapcore.states import (
    PERSISTENCE_PAUSED,
    REPLICATION_PAUSED,
    RUNNING,
    RUNNING_MASK,
    RUNNING_SHIFT,
    Placement,
    Running,
)

__all__ = ["ConditionTimes", "Conditions", "Hops"]

_MOST_HOPS: Final = 3
_RUNS: Final = Running.RUNNING << RUNNING_SHIFT
_PAUSES: Final = PERSISTENCE_PAUSED | REPLICATION_PAUSED
_CONDITIONS: Final = RUNNING_MASK | _PAUSES


class ConditionTimes(NamedTuple):
    """When the copies of a change are worked on: one time for each of its cells, or partitions.

    Attributes:
        filling: float64, when the copy of each cell of `change.fills` begins to be filled.
        filled: float64, when it is.
        whole: float64, when all streams of each partition have ended.
        dropped: float64, when each cell of `change.drops` is given up.
    """

    filling: NDArray[np.float64]
    filled: NDArray[np.float64]
    whole: NDArray[np.float64]
    dropped: NDArray[np.float64]


class Hops(NamedTuple):
    """Single changes of running states and pauses.

    Attributes:
        partitions: int64.
        nodes: int32.
        before: uint8, the bits of running state and pauses before.
        after: uint8, those after; they differ in one of the three.
        when: float64.
        ranks: int32, the order of those that a copy makes at one time.
        is_late: bool, whether they follow what else happens at that time, or precede it.
    """

    partitions: NDArray[np.int64]
    nodes: NDArray[np.int32]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    when: NDArray[np.float64]
    ranks: NDArray[np.int32]
    is_late: bool


class Conditions:
    """The copies of a change whose running states or pauses change."""

    def __init__(self, change: Change, *, warms_up: bool) -> None:
        """Look at a change.

        Args:
            change: what is to happen.
            warms_up: whether copies warm when they are created, and cool and stop before they go.
        """
        self._change = change
        self.warms_up = warms_up
        self._created = (Running.WARMING if warms_up else Running.RUNNING) << RUNNING_SHIFT

    @cached_property
    def are_plain(self) -> bool:
        """Whether all copies run, before and after, and nothing is paused."""
        return not self.warms_up and all(
            bool((held.copy_codes & _CONDITIONS == _RUNS).all())
            for held in (self._change.current, self._change.target)
        )

    def hops(self, times: ConditionTimes) -> Iterator[Hops]:
        """Yield the hops of running states and pauses, given when else copies are worked on."""
        if not self.are_plain:
            yield from self._of_fills(times)
            yield from self._of_kept(times)
            yield from self._of_lost(times)
            yield from self._of_dead()

    @cached_property
    def _woken(self) -> NDArray[np.int64]:
        """The keys of stopped copies that start because no other can fill those to be filled."""
        change = self._change
        is_filled = any_of(change.fills.partitions, change.partition_count)
        is_stopped = change.current.copy_codes & RUNNING_MASK == 0
        places = np.flatnonzero(change.may_stream & is_stopped & is_filled[change.owners])
        return change.cell_keys(change.owners[places], change.current.copy_nodes[places])

    def _is_woken(self, cells: Cells) -> NDArray[np.bool_]:
        return np.isin(self._change.cell_keys(cells.partitions, cells.nodes), self._woken)

    @cached_property
    def _changing(self) -> Cells:
        """Copies that are there before and after, and whose running state or pauses change.

        Before and after are whole state codes.
        """
        found = self._change.difference
        chosen = (found.before ^ found.after) & _CONDITIONS != 0
        chosen &= (found.before != 0) & (found.after != 0)
        return Cells(found.partitions, found.node_numbers, found.before, found.after).where(chosen)

    @cached_property
    def stuck(self) -> Cells:
        """Those whose node cannot be asked; before and after are whole state codes.

        Where the placement cannot change either, that alone is named.
        """
        change, cells = self._change, self._changing
        places = devolved(cells.before), devolved(cells.after)
        is_gone, is_unreachable = (
            lost[cells.nodes] for lost in (change.is_gone, change.is_unreachable)
        )
        stays = places[0] == places[1]
        return cells.where(
            (is_gone | is_unreachable) & (stays | is_gone & (places[1] == Placement.DEAD))
        )

    @cached_property
    def _kept(self) -> Cells:
        """Copies that stay and change, with those that start for a while only."""
        change, cells = self._change, self._changing
        is_dead = devolved(cells.before) == Placement.DEAD, devolved(cells.after) == Placement.DEAD
        lost = (change.is_unreachable | change.is_gone)[cells.nodes]
        cells = cells.where((is_dead[0] == is_dead[1]) & ~lost)
        known = [change.cell_keys(each.partitions, each.nodes) for each in (cells, change.drops)]
        extra = self._woken[~np.isin(self._woken, np.concatenate(known))]
        partitions, nodes = np.divmod(extra, len(change.view))
        rest = Cells(partitions, nodes.astype(np.int32), *np.zeros((2, len(extra)), np.uint8))
        return Cells(*(np.concatenate([a, b]) for a, b in zip(cells, rest, strict=True)))

    def _of_fills(self, times: ConditionTimes) -> Iterator[Hops]:
        fills = self._change.fills
        before, after = self._conditions(fills)
        before = np.where(fills.before == Placement.NULL, self._created, before)
        ready = before & PERSISTENCE_PAUSED | _RUNS
        yield from _hops(fills, before, ready, times.filling, is_late=False)
        yield from _rest(fills, ready, after, times.filled, times.whole)

    def _of_kept(self, times: ConditionTimes) -> Iterator[Hops]:
        """Copies that are in sync before and after, and those that others are filled from."""
        kept = self._kept
        before, after = self._conditions(kept)
        at_once = np.zeros(len(before))
        # What starts, goes on or has to do with persistence; what stops and pauses comes later.
        starts = (after & RUNNING_MASK == _RUNS) | self._is_woken(kept)
        first = np.where(starts, _RUNS, before & RUNNING_MASK)
        first |= before & after & REPLICATION_PAUSED | after & PERSISTENCE_PAUSED
        yield from _hops(kept, before, first, at_once, is_late=False)
        yield from _rest(kept, first, after, at_once, times.whole)

    def _of_lost(self, times: ConditionTimes) -> Iterator[Hops]:
        """Copies that are given up: they cool and stop, or become what dead ones shall be."""
        is_there = ~self._change.is_gone[self._change.drops.nodes]
        drops, dropped = self._change.drops.where(is_there), times.dropped[is_there]
        before, after = self._conditions(drops)
        running = np.where(self._is_woken(drops), before & _PAUSES | _RUNS, before)
        yield from _hops(drops, before, running, np.zeros(len(dropped)), is_late=False)
        goal = np.where(drops.after == Placement.NULL, self._at_end(running), after)
        yield from _hops(drops, running, goal, dropped, is_late=True)

    def _of_dead(self) -> Iterator[Hops]:
        """Copies that are collected, or that are created dead."""
        change = self._change
        for cells in (change.collections, change.burials):
            cells = cells.where((cells.before <= Placement.DEAD) & ~change.is_gone[cells.nodes])
            before, after = self._conditions(cells)
            before = np.where(cells.before == Placement.NULL, self._created, before)
            goal = np.where(cells.after == Placement.NULL, self._at_end(before), after)
            yield from _hops(cells, before, goal, np.zeros(len(goal)), is_late=True)

    def _at_end(self, before: NDArray[Any]) -> NDArray[Any]:
        """Return what copies are when they are collected."""
        return before & np.uint8(_PAUSES) if self.warms_up else before

    def _conditions(self, cells: Cells) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return running states and pauses of cells in the current and in the target map."""
        wanted = cells.partitions * len(self._change.view) + cells.nodes
        before, after = (_looked_up(wanted, *known) & _CONDITIONS for known in self._sorted_cells)
        return before.astype(np.uint8), after.astype(np.uint8)

    @cached_property
    def _sorted_cells(self) -> list[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        """The keys of all copies of either map, ascending, and their codes."""
        found = []
        for held in (self._change.current, self._change.target):
            owners = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))
            keys = owners * len(self._change.view) + held.copy_nodes
            order = np.argsort(keys, kind="stable")
            found.append((keys[order], held.copy_codes[order]))
        return found


def _looked_up(
    wanted: NDArray[np.int64], keys: NDArray[np.int64], codes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    if not len(keys):
        return np.zeros(len(wanted), np.uint8)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, codes[places], np.uint8(0))


def _rest(
    cells: Cells,
    before: NDArray[Any],
    after: NDArray[Any],
    filled: NDArray[np.float64],
    whole: NDArray[np.float64],
) -> Iterator[Hops]:
    """What copies become when they serve: persistence at once, the rest when all is filled."""
    soon = before & np.uint8(RUNNING_MASK | REPLICATION_PAUSED) | after & PERSISTENCE_PAUSED
    yield from _hops(cells, before, soon, filled, is_late=True)
    yield from _hops(cells, soon, after, whole[cells.partitions], is_late=True)


def _hops(
    cells: Cells,
    before: NDArray[Any],
    after: NDArray[Any],
    when: NDArray[np.float64],
    *,
    is_late: bool,
) -> Iterator[Hops]:
    """Yield the single hops that lead from some conditions to others."""
    now, goal = before.astype(np.uint8), after.astype(np.uint8)
    for rank in range(_MOST_HOPS):
        runs = (now & RUNNING_MASK) >> RUNNING_SHIFT
        wanted = (goal & RUNNING_MASK) >> RUNNING_SHIFT
        hop = RUNNING.hops[runs, wanted] << RUNNING_SHIFT
        then = (now & np.uint8(_PAUSES) | hop).astype(np.uint8)
        yield from _differing(cells, now, then, when, rank, is_late)
        now = then
    for bit in (PERSISTENCE_PAUSED, REPLICATION_PAUSED):
        then = (now & ~np.uint8(bit) | goal & bit).astype(np.uint8)
        yield from _differing(cells, now, then, when, _MOST_HOPS, is_late)
        now = then


def _differing(
    cells: Cells,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    when: NDArray[np.float64],
    rank: int,
    is_late: bool,
) -> Iterator[Hops]:
    differ = before != after
    count = int(differ.sum())
    if count:
        yield Hops(
            cells.partitions[differ],
            cells.nodes[differ],
            before[differ],
            after[differ],
            when[differ],
            np.full(count, rank, np.int32),
            is_late,
        )
