"""What is scheduled together: one part for each map, and the streams of all as one problem.

Partitions are numbered on from map to map, so that limits on nodes, volumes and zones hold for all
maps together, and the streams of a partition still run one after the other. The maps take turns in
the list of streams: engines take those that stand first first where nothing else decides, so that a
map with many streams does not push those of a map with few to the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.blocked import blocked_cells
from mapcore.actualizing.scheduling.change import Change
from mapcore.actualizing.scheduling.conditions import Conditions
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.resizes import Resize, check_reachable, without_resize
from mapcore.actualizing.scheduling.runs import Run, run_of
from mapcore.actualizing.scheduling.sequence import (
    Phase,
    StreamTimes,
    Timed,
    in_order,
    sequences_of,
)
from mapcore.actualizing.scheduling.streams import Underway, streams_of
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import Assignment, Config, Settings
from mapcore.errors import ScheduleError
from mapcore.states import Placement

__all__ = ["Part", "join", "parts_of", "rows_of"]


@dataclass(frozen=True, eq=False)
class Part:
    """One map of a schedule.

    Attributes:
        name: of the map.
        change: what has to happen, taken apart.
        settings: of the map.
        conditions: the running states and pauses that change.
        waits: float64, how many seconds each copy of `change.collections` is kept once it is dead.
        moves: the copies that streams fill, partitions numbered within the map.
        first_partition: the number of its first partition among those of all maps.
        places: int64, the number of each of its moves among those of all maps.
        resize: the change of the number of partitions before or after all that.
        run: what was under way when it began.
    """

    name: str
    change: Change
    settings: Settings
    conditions: Conditions
    waits: NDArray[np.float64]
    moves: Moves
    first_partition: int
    places: NDArray[np.int64]
    resize: Resize | None = None
    run: Run | None = None

    @property
    def is_resized(self) -> bool:
        """Whether its number of partitions changes, and can: not if copies cannot be made alike."""
        if self.resize is None or self.resize.comes_first:
            return self.resize is not None
        return not len(blocked_cells(self.change).partitions) and not len(
            self.conditions.stuck.partitions
        )

    def owns(self, partitions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether partitions, numbered among those of all maps, are of this map."""
        last = self.first_partition + self.change.partition_count
        found: NDArray[np.bool_] = (partitions >= self.first_partition) & (partitions < last)
        return found


def parts_of(
    works: Mapping[str, Work], view: NodeView, limits: StreamLimits, config: Config, now: float
) -> tuple[Part, ...]:
    """Take the change of each map apart.

    Raises:
        ScheduleError: the maps have different partitions, or the target is no valid target.
    """
    underway, first, parts = Underway(limits), 0, []
    for name, given in works.items():
        run = run_of(given, view)
        whole = run.work
        work, resize = without_resize(whole)
        if resize is not None:
            check_reachable(whole.snapshot(), view)
        change = Change(
            work.snapshot(),
            work.target,
            view,
            is_single_master=work.settings.assignment is Assignment.MASTER_SLAVE,
        )
        _check_sources(name, change)
        moves = streams_of(
            change,
            underway,
            is_nearest=config.source_choice == "nearest",
            in_flight=[entry.step for entry in work.underway()],
        )
        conditions = Conditions(change, warms_up=config.warms_up)
        waits = _waits(change, work, config.dead_grace_seconds, now)
        places = np.arange(len(moves))
        parts.append(
            Part(name, change, work.settings, conditions, waits, moves, first, places, resize, run)
        )
        first += change.partition_count
    if len(parts) == 1:
        return tuple(parts)
    turns = np.concatenate([part.places for part in parts])
    number = np.empty(len(turns), np.int64)
    number[np.argsort(turns, kind="stable")] = np.arange(len(turns))
    ends = np.cumsum([len(part.moves) for part in parts])[:-1]
    return tuple(
        replace(part, places=places)
        for part, places in zip(parts, np.split(number, ends), strict=True)
    )


def _check_sources(name: str, change: Change) -> None:
    """Raise a `ScheduleError` for a partition that would begin empty although it has a source."""
    asked = np.flatnonzero(change.is_new & (change.asked > 0))
    for number in asked[np.isin(asked, list(change.target.sources))].tolist():
        source = change.target.sources[number]
        if "/" in source:
            raise ScheduleError(
                f"partition {change.target.keys.name(number)!r} of {name!r}: found no copy yet and "
                f"{source!r} as its source, expected one that is founded; next_derived_steps says "
                "how it is filled from another map"
            )


def _waits(change: Change, work: Work, grace: float, now: float) -> NDArray[np.float64]:
    """Return how long each copy that is to be collected is kept; 0 if nobody knows since when.

    `grace` is how long dead copies are kept at least, in seconds.
    """
    cells = change.collections
    waits = np.where(cells.before >= Placement.SLAVE, grace, 0.0)
    numbers, keys = change.view.index.numbers, change.current.keys
    left = {
        keys.number(partition) * len(change.view) + numbers[node]: grace - (now - since)
        for (partition, node), since in (work.died_at().items() if grace else ())
        if node in numbers
    }
    if left:
        of_cells = change.cell_keys(cells.partitions, cells.nodes).tolist()
        known = np.array([left.get(key, 0.0) for key in of_cells])
        waits = np.maximum(waits, known)
    return waits


def join(parts: Sequence[Part]) -> Moves:
    """Return the streams of all maps, in turns."""
    moves = Moves.joined([part.moves for part in parts])
    if len(parts) == 1:
        return moves
    return moves.take(np.argsort(np.concatenate([part.places for part in parts])))


def rows_of(
    parts: Sequence[Part], times: StreamTimes, *, is_timed: bool, collects_last: bool
) -> NDArray[Any]:
    """Return the steps of all maps in an order in which they may run, as `sequence.ROW`.

    Args:
        parts: the maps.
        times: of all moves.
        is_timed: whether they are seconds.
        collects_last: whether dead copies that are kept are collected after all streams.
    """
    timed = [
        Timed(
            part.change,
            part.moves,
            times.take(part.places),
            part.conditions,
            part.waits,
            collects_from=float(times.finishes.max(initial=0.0)) if collects_last else 0.0,
            is_timed=is_timed,
            waits_for_slaves=bool(part.settings.rules),
        )
        for part in parts
    ]
    found = [
        _with_resize(part, rows) for part, rows in zip(parts, sequences_of(timed), strict=True)
    ]
    found = [
        np.concatenate([_finished(part, rows), rows])
        for part, rows in zip(parts, found, strict=True)
    ]
    if len(parts) == 1:
        return found[0]
    for part, rows in zip(parts, found, strict=True):
        rows["partition"] += part.first_partition
        is_stream = rows["move"] >= 0
        rows["move"][is_stream] = part.places[rows["move"][is_stream]]
    return in_order(np.concatenate(found))


def _with_resize(part: Part, rows: NDArray[Any]) -> NDArray[Any]:
    """Add the step that changes the number of partitions, before or after all others."""
    if part.resize is None or not part.is_resized:
        return rows
    row = np.zeros(1, dtype=rows.dtype)
    row["node"] = row["other"] = row["move"] = -1
    if part.resize.comes_first:
        row["phase"] = Phase.SPLIT
        return np.concatenate([row, rows])
    row["phase"] = Phase.JOIN
    row["start"] = row["finish"] = rows["finish"].max(initial=0.0)
    return np.concatenate([rows, row])


def _finished(part: Part, rows: NDArray[Any]) -> NDArray[Any]:
    """Return the takeovers under way, which are finished before anything else."""
    finished = () if part.run is None else part.run.finished
    found = np.zeros(len(finished), dtype=rows.dtype)
    found["phase"], found["move"] = Phase.FINISH, -1
    numbers = part.change.view.index.numbers
    for place, step in enumerate(finished):
        assert step.source is not None
        assert step.target is not None
        found["partition"][place] = part.change.current.keys.number(step.partition)
        found["node"][place] = numbers[step.target.node]
        found["other"][place] = numbers[step.source.node]
    found["before"], found["after"] = Placement.SLAVE, Placement.MASTER
    found["other_before"], found["other_after"] = Placement.MASTER, Placement.SLAVE
    return found
