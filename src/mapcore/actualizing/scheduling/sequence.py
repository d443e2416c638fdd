"""All steps of a change in an order in which they may run, as an array.

Once it is known when each stream runs, everything else follows: a copy is created when its stream
starts; a takeover goes when its heir is in sync and no node gets more masters than at its present
peak (`_kernels/schedule/takeovers.hpp`); a copy is given up when all new copies of its partition
are in sync and nothing needs it any more, and then collected. Times are rounds from 0, or seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.scheduling.change import Cells, Change
from mapcore.actualizing.scheduling.conditions import Conditions, ConditionTimes
from mapcore.actualizing.scheduling.moves import Moves
from mapcore.states import Placement

__all__ = ["ROW", "Phase", "StreamTimes", "Timed", "dependencies", "in_order", "sequences_of"]


class Phase(IntEnum):
    """What a step is for; steps of one moment run in this order."""

    FINISH = 0
    SPLIT = 1
    SETTLE = 2
    RESCUE = 3
    CREATE = 4
    START = 5
    FOUND = 6
    PROMOTE = 7
    TAKEOVER = 8
    DEMOTE = 9
    DROP = 10
    REST = 11
    COLLECT = 12
    JOIN = 13
    STREAM = 14


ROW: Final = np.dtype(
    [
        ("partition", "i8"),
        ("node", "i4"),
        ("other", "i4"),
        ("phase", "u1"),
        ("before", "u1"),
        ("after", "u1"),
        ("other_before", "u1"),
        ("other_after", "u1"),
        ("urgent", "u1"),
        ("rank", "i4"),
        ("move", "i4"),
        ("start", "f8"),
        ("finish", "f8"),
        ("wait", "f8"),
    ]
)
"""A step: `other` is the source of a stream, or the leader that a takeover ends; -1 for none.

Before and after are placements; those of `START` and `REST` are running states and pauses. `wait`
is how many seconds a step waits once those before it are done.
"""

_SINGLE: Final = (Phase.DEMOTE, Phase.DROP)


class StreamTimes(NamedTuple):
    """When each move runs and where it comes from: float64 starts and finishes, int32 nodes."""

    starts: NDArray[np.float64]
    finishes: NDArray[np.float64]
    sources: NDArray[np.int32]

    def take(self, moves: NDArray[np.int64]) -> StreamTimes:
        """Return those of some moves."""
        return StreamTimes(self.starts[moves], self.finishes[moves], self.sources[moves])


class Timed(NamedTuple):
    """One map whose streams have their times.

    Attributes:
        change: what is to happen.
        moves: the copies that streams fill.
        times: of the moves.
        conditions: the running states and pauses that change.
        waits: float64, how many seconds each copy of `change.collections` is kept once it is dead.
        collects_from: dead copies that are kept are not collected earlier.
        is_timed: whether times are seconds. Then roles change when all copies of a partition are in
            sync, not only the one that rises, so that no stream of it runs meanwhile.
        waits_for_slaves: whether a mastership is handed over when all copies are in sync, although
            the heir was before: so that slaves stand right relative to it.
    """

    change: Change
    moves: Moves
    times: StreamTimes
    conditions: Conditions
    waits: NDArray[np.float64]
    collects_from: float
    is_timed: bool = False
    waits_for_slaves: bool = False


def sequences_of(parts: Iterable[Timed]) -> list[NDArray[Any]]:
    """Return the steps of each of several maps as rows, in an order in which they may run.

    The masters of a node are those of all maps: which takeover goes when is found for all together.
    """
    sequences = [_Sequence(part) for part in parts]
    _hand_over([sequence for sequence in sequences if sequence.change.is_single_master])
    return [sequence.rows() for sequence in sequences]


def in_order(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows in an order in which they may run."""
    order = np.lexsort(
        (rows["partition"], rows["rank"], 1 - rows["urgent"], rows["phase"], rows["start"])
    )
    found: NDArray[Any] = rows[order]
    return found


def _hand_over(sequences: Sequence[_Sequence]) -> None:
    """Find when masterships are handed over, in maps whose partitions have one master each."""
    if not any(len(sequence.handed) for sequence in sequences):
        return
    planned = [sequence.change.takeovers for sequence in sequences]
    leaders, heirs = (
        np.concatenate([getattr(each, name) for each in planned]) for name in ("leaders", "heirs")
    )
    change = sequences[0].change
    masters, goals = (
        np.sum([counts[place] for counts in map(_Sequence.loads, sequences)], axis=0)
        for place in range(2)
    )
    is_urgent = change.view.flags[leaders] & NodeFlag.RELEASED != 0
    when, rank = np.zeros(len(leaders)), np.zeros(len(leaders), dtype=np.int32)
    _schedule.spread_takeovers(
        np.concatenate([sequence.ready() for sequence in sequences]),
        leaders,
        heirs,
        np.asarray(is_urgent).astype(np.uint8),
        masters.astype(np.int32),
        goals.astype(np.int32),
        when,
        rank,
    )
    ends = np.cumsum([len(each.partitions) for each in planned])[:-1]
    for sequence, mine, places in zip(
        sequences, np.split(when, ends), np.split(rank, ends), strict=True
    ):
        sequence.hand_over(mine, places)


class _Sequence:
    def __init__(self, part: Timed) -> None:
        change, moves, times = part.change, part.moves, part.times
        self.change = change
        self.conditions = part.conditions
        self.moves = moves
        self.times = times
        self.width = len(change.view)
        self.is_timed, self.collects_from = part.is_timed, part.collects_from
        self.waits = part.waits
        self.waits_for_slaves = part.waits_for_slaves
        self.filled = np.zeros(change.partition_count)
        np.maximum.at(self.filled, moves.partitions, times.finishes)
        rises = self.filled[moves.partitions] if part.is_timed else times.finishes
        self.filled_cells = _CellTimes(
            moves.partitions.astype(np.int64) * self.width + moves.targets, rises
        )
        count = len(change.takeovers.partitions)
        self.handed, self.handover_rank = np.zeros(count), np.zeros(count, dtype=np.int32)
        self.led_from = np.zeros(change.partition_count)

    def ready(self) -> NDArray[np.float64]:
        """Return when the heir of each takeover is in sync, or all slaves are.

        On a time line a takeover that waits for others could fall into a stream of its partition.
        """
        planned = self.change.takeovers
        all_filled = self.filled[planned.partitions]
        if self.waits_for_slaves:
            return all_filled
        filled = self.filled_cells.of(planned.partitions * self.width + planned.heirs)
        if not self.is_timed:
            return filled
        is_urgent = self.change.view.flags[planned.leaders] & NodeFlag.RELEASED != 0
        return np.where(is_urgent, filled, all_filled)

    def loads(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many partitions each node leads at first, and in the end."""
        leaders, goals = self.change.leaders_after_rescue, self.change.goals
        return (
            np.bincount(leaders[leaders >= 0], minlength=self.width),
            np.bincount(goals[goals >= 0], minlength=self.width),
        )

    def hand_over(self, when: NDArray[np.float64], rank: NDArray[np.int32]) -> None:
        """Say when each takeover goes, and in which order those of one moment."""
        self.handed, self.handover_rank = when, rank
        self.led_from[self.change.takeovers.partitions] = when

    def rows(self) -> NDArray[Any]:
        parts = [
            *self._at_once(),
            *self._founded(),
            self._streams(),
            self._creations(),
            self._takeovers(),
            self._promotions(),
            *self._farewells(),
            *self._conditions(),
        ]
        return in_order(np.concatenate(parts))

    def _at_once(self) -> list[NDArray[Any]]:
        """What waits for nothing: pending copies, partitions without a master, dead cells."""
        change, rescues = self.change, self.change.rescues
        rows = _rows(len(rescues.partitions), Phase.RESCUE)
        rows["partition"], rows["node"], rows["other"] = (
            rescues.partitions,
            rescues.heirs,
            rescues.leaders,
        )
        rows["before"], rows["after"] = Placement.SLAVE, Placement.MASTER
        rows["other_before"], rows["other_after"] = Placement.MASTER, Placement.DEAD
        return [
            self._of_cells(change.pending, Phase.SETTLE),
            self._of_cells(change.burials, Phase.CREATE),
            rows,
        ]

    def _founded(self) -> list[NDArray[Any]]:
        """The copies of partitions that hold no data yet: nothing has to be streamed."""
        cells = self.change.fills
        cells = cells.where(self.change.is_new[cells.partitions])
        created = self._of_cells(cells, Phase.CREATE, after=Placement.DEAD)
        founded = self._of_cells(cells, Phase.FOUND, before=Placement.DEAD, after=Placement.SLAVE)
        return [created, founded]

    def _streams(self) -> NDArray[Any]:
        moves, times = self.moves, self.times
        rows = _rows(len(moves), Phase.STREAM)
        rows["partition"], rows["node"], rows["other"] = (
            moves.partitions,
            moves.targets,
            times.sources,
        )
        rows["before"], rows["after"] = Placement.DEAD, Placement.SLAVE
        leads = self._leads(rows["partition"], times.sources, times.starts)
        rows["other_before"] = np.where(leads, Placement.MASTER, Placement.SLAVE)
        rows["other_after"] = rows["other_before"]
        rows["urgent"] = moves.is_urgent
        rows["move"] = np.arange(len(moves))
        rows["start"], rows["finish"] = times.starts, times.finishes
        return rows

    def _leads(
        self, partitions: NDArray[np.int64], nodes: NDArray[np.int32], at: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Whether a node is master of a partition at some time."""
        change = self.change
        if not change.is_single_master:
            promoted = change.lonely_promotions
            masters = _CellTimes(*self._present_masters())
            since = _CellTimes(
                promoted.partitions * self.width + promoted.nodes,
                self.filled_cells.of(promoted.partitions * self.width + promoted.nodes),
                missing=np.inf,
            )
            keys = partitions * self.width + nodes
            found: NDArray[np.bool_] = (masters.of(keys) < 0) | (since.of(keys) <= at)
            return found
        leaders = change.leaders_after_rescue
        later = np.full(change.partition_count, np.inf)
        later[change.takeovers.partitions] = self.handed
        leader = np.where(later[partitions] <= at, change.goals[partitions], leaders[partitions])
        return np.asarray(leader == nodes)

    def _present_masters(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        change = self.change
        leads = change.placements == Placement.MASTER
        keys = change.owners[leads] * self.width + change.current.copy_nodes[leads]
        return keys, np.full(len(keys), -1.0)

    def _creations(self) -> NDArray[Any]:
        held = self.change.fills
        held = held.where(~self.change.is_new[held.partitions])
        fresh = held.before == Placement.NULL
        rows = self._of_cells(held.where(fresh), Phase.CREATE, after=Placement.DEAD)
        rows["start"] = rows["finish"] = self.times.starts[fresh]
        rows["urgent"] = self.moves.is_urgent[fresh]
        return rows

    def _takeovers(self) -> NDArray[Any]:
        planned = self.change.takeovers
        rows = _rows(len(planned.partitions), Phase.TAKEOVER)
        rows["partition"], rows["node"], rows["other"] = (
            planned.partitions,
            planned.heirs,
            planned.leaders,
        )
        rows["before"], rows["after"] = Placement.SLAVE, Placement.MASTER
        rows["other_before"], rows["other_after"] = Placement.MASTER, Placement.SLAVE
        rows["rank"] = self.handover_rank
        rows["start"] = rows["finish"] = self.handed
        return rows

    def _promotions(self) -> NDArray[Any]:
        cells = self.change.lonely_promotions
        rows = self._of_cells(cells, Phase.PROMOTE, before=Placement.SLAVE)
        rows["start"] = rows["finish"] = self.filled_cells.of(
            cells.partitions * self.width + cells.nodes
        )
        return rows

    def _farewells(self) -> list[NDArray[Any]]:
        """Copies that step down, are given up and are collected."""
        change = self.change
        demoted = self._of_cells(change.demotions, Phase.DEMOTE, after=Placement.SLAVE)
        demoted["start"] = demoted["finish"] = self._when_free(change.demotions)
        kept = change.drops.where(~self._is_dead_by_rescue(change.drops))
        literal = change.is_gone[kept.nodes]
        dropped = self._of_cells(kept, Phase.DROP, after=Placement.DEAD)
        dropped["before"] = np.where(literal, kept.before, Placement.SLAVE)
        dropped["start"] = dropped["finish"] = self._when_free(kept)
        collected = self._of_cells(
            change.collections, Phase.COLLECT, before=Placement.DEAD, after=Placement.NULL
        )
        was_live = change.collections.before >= Placement.SLAVE
        died = np.where(was_live, self._when_free(change.collections), 0.0)
        collected["wait"] = self.waits
        # Not while a stream of its partition runs.
        at_rest = np.maximum(died + self.waits * self.is_timed, self.collects_from)
        at_rest = np.maximum(at_rest, self.filled[change.collections.partitions])
        when = np.where(self.waits > 0, at_rest, died)
        collected["start"] = collected["finish"] = when
        return [demoted, dropped, collected]

    def _conditions(self) -> Iterator[NDArray[Any]]:
        """Running states and pauses."""
        change, fills = self.change, self.change.fills
        filling, filled = np.zeros((2, len(fills.partitions)))
        is_moved = ~change.is_new[fills.partitions]
        filling[is_moved], filled[is_moved] = self.times.starts, self.times.finishes
        dropped = self._when_free(change.drops)
        times = ConditionTimes(filling, filled, self.filled, dropped)
        for hops in self.conditions.hops(times):
            rows = _rows(len(hops.partitions), Phase.REST if hops.is_late else Phase.START)
            rows["partition"], rows["node"] = hops.partitions, hops.nodes
            rows["before"], rows["after"] = hops.before, hops.after
            rows["start"] = rows["finish"] = hops.when
            rows["rank"] = hops.ranks
            yield rows

    def _is_dead_by_rescue(self, cells: Cells) -> NDArray[np.bool_]:
        rescued = self.change.rescues
        rescued = rescued.where(rescued.leaders >= 0)
        return np.isin(
            cells.partitions * self.width + cells.nodes,
            rescued.partitions * self.width + rescued.leaders,
        )

    def _when_free(self, cells: Cells) -> NDArray[np.float64]:
        """When all new copies are in sync and the mastership, if there is one, is handed over."""
        change = self.change
        when = self.filled[cells.partitions]
        leaders = np.full(change.partition_count, -1, dtype=np.int32)
        leaders[change.takeovers.partitions] = change.takeovers.leaders
        leads = leaders[cells.partitions] == cells.nodes
        when = np.where(leads, np.maximum(when, self.led_from[cells.partitions]), when)
        return np.where(change.is_gone[cells.nodes], 0.0, when)

    def _of_cells(
        self,
        cells: Cells,
        phase: Phase,
        before: Placement | None = None,
        after: Placement | None = None,
    ) -> NDArray[Any]:
        rows = _rows(len(cells.partitions), phase)
        rows["partition"], rows["node"] = cells.partitions, cells.nodes
        rows["before"] = cells.before if before is None else before
        rows["after"] = cells.after if after is None else after
        return rows


class _CellTimes:
    """A time for some cells, and one for all others."""

    def __init__(
        self, keys: NDArray[np.int64], times: NDArray[np.float64], missing: float = 0.0
    ) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._times, self._missing = keys[order], times[order], missing

    def of(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        if not len(self._keys):
            return np.full(len(keys), self._missing)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, self._times[places], self._missing)


def _rows(count: int, phase: Phase) -> NDArray[Any]:
    rows = np.zeros(count, dtype=ROW)
    rows["phase"], rows["other"], rows["move"] = phase, -1, -1
    return rows


def dependencies(
    rows: Sequence[tuple[Any, ...]], *, waits_for_slaves: bool = False
) -> list[list[int]]:
    """Return, for each step of one partition, the steps before it that it must wait for.

    A step waits for what changes a copy that it names, and for the streams that read a copy which
    it changes; a copy is given up after all streams. What follows from other steps is left out.

    Args:
        rows: the steps of one partition as tuples of `ROW`, in order.
        waits_for_slaves: as in `Timed`.
    """
    found: list[list[int]] = []
    implied: list[set[int]] = []
    for number, row in enumerate(rows):
        mine: list[int] = []
        known: set[int] = set()
        for earlier in range(number - 1, -1, -1):
            if earlier in known:
                continue
            if _must_follow(row, rows[earlier]) or (
                waits_for_slaves and _waits_for_slaves(row, rows[earlier])
            ):
                mine.append(earlier)
                known |= implied[earlier] | {earlier}
        found.append(mine[::-1])
        implied.append(known)
    return found


def _must_follow(later: tuple[Any, ...], earlier: tuple[Any, ...]) -> bool:
    node, other, phase = later[1], later[2], later[3]
    changed = {earlier[1]} if earlier[3] == Phase.STREAM else {earlier[1], earlier[2]} - {-1}
    if node in changed or other in changed:
        return True
    if earlier[3] == Phase.STREAM:
        changes = {node} if phase == Phase.STREAM else {node, other}
        return earlier[2] in changes or phase in _SINGLE
    return bool(phase == Phase.DEMOTE and earlier[3] in (Phase.PROMOTE, Phase.FOUND))


def _waits_for_slaves(later: tuple[Any, ...], earlier: tuple[Any, ...]) -> bool:
    """Whether slaves would stand wrong relative to their master if the later step came first."""
    pair = earlier[3], later[3]
    return pair == (Phase.STREAM, Phase.TAKEOVER) or pair == (Phase.TAKEOVER, Phase.DROP)
