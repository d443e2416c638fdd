"""The conductor's current map: the one form of a map that changes.

Cells change only by compare-and-swap, by way of steps: a step starts, and is then completed or
fails. What a step expects is looked at both times; what does not fit is refused, and changes
nothing. Between start and end its copies are reserved for it.

    live = LiveMap(cluster.current)
    live.follow(target)
    for step in next_steps(live, target, nodes=cluster.nodes, config=cluster.config, now=now):
        live.start(step, now)
    ...
    live.complete(step.id, now)
    live.snapshot()                     # an immutable map, with a version of its own

Each partition has an epoch, which grows when its masters change, and remembers the revision at
which it last changed: a step made from an older picture of it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.repartition import unite
from mapcore.actualizing.rows import row_of, with_rows
from mapcore.actualizing.steps import CellChange, Kind, Step
from mapcore.errors import StepRefused
from mapcore.keys import RangeKeys
from mapcore.maps import NodeIndex, PartitionMap, Version
from mapcore.planning.partitioning.resizing import resized
from mapcore.states import LEADING, PLACEMENT_MASK, Placement, describe_code, placement_of

__all__ = ["LiveMap", "Underway"]

_PAUSE_KINDS = (Kind.PAUSE, Kind.RESUME)


class Underway(NamedTuple):
    """A step that has started, and when, in seconds."""

    step: Step
    started_seconds: float = 0.0


class LiveMap:
    """A map that steps change.

    Attributes:
        in_flight: the steps under way, by id.
        dead_since: when each dead copy became dead, in seconds, by (partition, node) names; copies
            that were dead from the beginning are not in it.
    """

    def __init__(
        self,
        base: PartitionMap,
        *,
        epochs: NDArray[np.int64] | None = None,
        dead_since: Mapping[tuple[str, str], float] | None = None,
        in_flight: Iterable[Underway] = (),
    ) -> None:
        """Start from `base`.

        Args:
            base: the map; its version is where revisions go on from.
            epochs: of each partition, 0 unless given.
            dead_since: as the attribute.
            in_flight: the steps under way, where somebody else started them.

        Raises:
            StepRefused: the copies of a step under way are not as its start left them.
        """
        self._base = base
        self._rows: dict[int, dict[int, int]] = {}
        self._revision = base.version.revision
        self._changed = np.zeros(base.partition_count, dtype=np.int64)
        self._epochs = np.zeros(base.partition_count, dtype=np.int64)
        if epochs is not None:
            self._epochs[:] = epochs
        self._reserved: dict[tuple[int, int], str] = {}
        self._resizing: str | None = None
        self.in_flight: dict[str, Underway] = {}
        self.dead_since: dict[tuple[str, str], float] = dict(dead_since or {})
        for entry in in_flight:
            self._take_over(entry)

    @property
    def version(self) -> Version:
        """The version now; the revision grows with every change."""
        return Version(self._base.version.epoch, self._revision)

    @property
    def epochs(self) -> NDArray[np.int64]:
        """The epoch of each partition."""
        return self._epochs.copy()

    def epoch(self, partition: str) -> int:
        """Return the epoch of a partition; KeyError if there is none."""
        return int(self._epochs[self._base.keys.number(partition)])

    def code(self, partition: str, node: str) -> int:
        """Return the state code of one cell, by names; KeyError for unknown ones."""
        keys, nodes = self._base.keys, self._base.nodes
        return self._row(keys.number(partition)).get(nodes.number(node), 0)

    def snapshot(self) -> PartitionMap:
        """Return the map as it is; linear in its copies if anything changed, else at once."""
        if self._rows:
            self._base = with_rows(self._base, self._rows)
            self._rows = {}
        if self._base.version != self.version:
            self._base = self._base.replace(version=self.version)
        return self._base

    def add_nodes(self, names: Iterable[str]) -> None:
        """Add nodes that hold nothing yet; those that are known already stay as they are."""
        known = self._base.nodes
        added = [name for name in dict.fromkeys(names) if name not in known]
        if added:
            self._base = self.snapshot().on_nodes(NodeIndex((*known.names, *added)))

    def follow(self, target: PartitionMap, now: float = 0.0) -> tuple[Step, ...]:
        """Get ready for the steps to a target: know its nodes and, for ranges, its partitions.

        To be called before steps are started; it does nothing where there is nothing to do. Ranges
        that the target does not have any more, and that hold nothing, are forgotten.

        Returns:
            The steps under way that ended without effect, as their partition is forgotten.

        Raises:
            MapError: as `next_steps`.
        """
        self.add_nodes(target.nodes)
        before = self.snapshot()
        if before.keys == target.keys or not isinstance(before.keys, RangeKeys):
            return ()
        united = unite(before, target.on_nodes(before.nodes))
        rows = united.rows
        if united.current.keys == before.keys:
            return ()
        known = set(united.current.keys.names())
        ended = tuple(
            entry.step for entry in self.in_flight.values() if entry.step.partition not in known
        )
        for step in ended:
            self.fail(step.id, now)
        numbers = {row: number for number, row in enumerate(rows.tolist()) if row >= 0}
        self._base = united.current
        self._changed, self._epochs = (
            np.where(rows >= 0, values[rows], 0) for values in (self._changed, self._epochs)
        )
        self._reserved = {
            (numbers[partition], node): step_id
            for (partition, node), step_id in self._reserved.items()
        }
        self._revision += 1
        return ended

    def start(self, step: Step, now: float = 0.0) -> None:
        """Start a step: check all that it expects, and reserve its copies.

        Raises:
            StepRefused: something is not as the step expects, or another step has its copies.
            TransitionError: no table allows the step.
        """
        step.check()
        if step.id in self.in_flight:
            raise StepRefused(step.id, "the step is under way", "a step that has not started")
        if self._resizing is not None or (step.num_partitions is not None and self.in_flight):
            other = self._resizing or next(iter(self.in_flight))
            raise StepRefused(step.id, f"step {other} under way", "none")
        self._check_version(step)
        if step.num_partitions is not None:
            resized(self.snapshot(), step.num_partitions)
        cells = self._check(step, step.on_start)
        taken = self._taken(step)
        for cell in taken:
            if cell in self._reserved:
                raise StepRefused(
                    step.id,
                    f"{self._name(cell)} reserved by step {self._reserved[cell]}",
                    "it free",
                )
        self._swap(cells, step.on_start, now)
        self._enter(Underway(step, now), taken)

    def _take_over(self, entry: Underway) -> None:
        step = entry.step
        self._check(step, step.on_complete)
        self._enter(entry, self._taken(step))

    def _enter(self, entry: Underway, taken: Iterable[tuple[int, int]]) -> None:
        step = entry.step
        self._reserved.update(dict.fromkeys(taken, step.id))
        self.in_flight[step.id] = entry
        if step.num_partitions is not None:
            self._resizing = step.id

    def complete(self, step_id: str, now: float = 0.0) -> None:
        """Commit a step that is under way: all its changes at once.

        Raises:
            StepRefused: it is not under way, or its copies are not as its start left them; it
                stays under way.
        """
        step = self._underway(step_id)
        cells = self._check(step, step.on_complete)
        self._swap(cells, step.on_complete, now)
        self._release(step_id)
        if step.num_partitions is not None:
            self._resize(step.num_partitions)

    def fail(self, step_id: str, now: float = 0.0) -> None:
        """End a step without effect: pending copies become again what they were.

        Raises:
            StepRefused: it is not under way.
        """
        step = self._underway(step_id)
        fitting = [
            (cell, change)
            for cell, change in zip(self._cells(step, step.on_fail), step.on_fail, strict=True)
            if change.fits(self._code(cell))
        ]
        self._swap([cell for cell, _ in fitting], [change for _, change in fitting], now)
        self._release(step_id)
        # A step that is made anew after a failure is another one, although nothing else changed.
        self._revision += 1

    def restart(
        self, node: str, now: float = 0.0, *, committed: Collection[str] = ()
    ) -> tuple[Step, ...]:
        """Take note that the process of a node has started anew.

        Steps under way that it takes part in fail, save those in `committed`, which the store
        shows as done. Pending copies on it devolve.

        Returns:
            The steps that ended.
        """
        ended = tuple(entry.step for entry in self.in_flight.values() if node in entry.step.nodes)
        for step in ended:
            if step.id in committed:
                self.complete(step.id, now)
            else:
                self.fail(step.id, now)
        return ended

    def cancel_all(self, now: float = 0.0) -> tuple[Step, ...]:
        """End every step under way without effect, and return them."""
        ended = tuple(entry.step for entry in self.in_flight.values())
        for step in ended:
            self.fail(step.id, now)
        return ended

    def check(self) -> None:
        """Raise an AssertionError if anything contradicts itself."""
        for step_id in self._reserved.values():
            assert step_id in self.in_flight, step_id
        for entry in self.in_flight.values():
            for cell, change in zip(
                self._cells(entry.step, entry.step.on_complete),
                entry.step.on_complete,
                strict=True,
            ):
                assert change.fits(self._code(cell)), (entry.step, describe_code(self._code(cell)))
        held = self.snapshot()
        names = held.nodes
        for partition, node in self.dead_since:
            code = held.state(held.keys.number(partition), names.number(node))
            assert placement_of(code) is Placement.DEAD, (partition, node)

    def _resize(self, partition_count: int) -> None:
        """Change the number of hash partitions; every one of them gets a new epoch."""
        before = self.snapshot()
        self._base = resized(before, partition_count)
        self._revision += 1
        rows = np.arange(max(before.partition_count, partition_count))
        epochs = np.zeros(partition_count, dtype=np.int64)
        np.maximum.at(
            epochs, rows % partition_count, self._epochs[rows % before.partition_count] + 1
        )
        self._epochs = epochs
        self._changed = np.full(partition_count, self._revision, dtype=np.int64)
        parts = max(1, partition_count // before.partition_count)
        self.dead_since = {
            (str((int(name) + part * before.partition_count) % partition_count), node): since
            for (name, node), since in self.dead_since.items()
            for part in range(parts)
        }

    def _row(self, partition: int) -> dict[int, int]:
        row = self._rows.get(partition)
        return row_of(self._base, partition) if row is None else row

    def _code(self, cell: tuple[int, int]) -> int:
        return self._row(cell[0]).get(cell[1], 0)

    def _name(self, cell: tuple[int, int]) -> str:
        return f"{self._base.keys.name(cell[0])} on {self._base.nodes.names[cell[1]]}"

    def _cells(self, step: Step, changes: Iterable[CellChange]) -> list[tuple[int, int]]:
        keys, nodes = self._base.keys, self._base.nodes
        try:
            return [
                (keys.number(change.partition), nodes.number(change.node)) for change in changes
            ]
        except KeyError as error:
            raise StepRefused(
                step.id, f"no partition or node {error}", "those of the map"
            ) from None

    def _check_version(self, step: Step) -> None:
        try:
            partition = self._base.keys.number(step.partition)
        except KeyError:
            raise StepRefused(
                step.id, f"no partition {step.partition!r}", "those of the map"
            ) from None
        if step.version is not None:
            epoch, revision = step.version
            changed = int(self._changed[partition])
            if epoch != self.version.epoch or changed > revision:
                raise StepRefused(
                    step.id,
                    f"partition {step.partition} at version {self.version.epoch}.{changed}",
                    f"{epoch}.{revision}",
                )
        if step.epoch is not None and step.epoch != self._epochs[partition]:
            raise StepRefused(
                step.id,
                f"partition {step.partition} in epoch {self._epochs[partition]}",
                f"epoch {step.epoch}",
            )

    def _check(self, step: Step, changes: Iterable[CellChange]) -> list[tuple[int, int]]:
        changes = tuple(changes)
        cells = self._cells(step, changes)
        for cell, change in zip(cells, changes, strict=True):
            code = self._code(cell)
            if not change.fits(code):
                raise StepRefused(
                    step.id,
                    f"{self._name(cell)} {describe_code(code)}",
                    describe_code(change.before) if change.mask & PLACEMENT_MASK else "another",
                )
        return cells

    def _taken(self, step: Step) -> list[tuple[int, int]]:
        """Return the cells that are reserved for a step; a pause hinders nobody."""
        if step.kind in _PAUSE_KINDS:
            return []
        keys, nodes = self._base.keys, self._base.nodes
        return [(keys.number(partition), nodes.number(node)) for partition, node in step.taken]

    def _swap(
        self, cells: list[tuple[int, int]], changes: Iterable[CellChange], now: float
    ) -> None:
        touched = [
            (cell, change)
            for cell, change in zip(cells, changes, strict=True)
            if change.before != change.after
        ]
        if not touched:
            return
        self._revision += 1
        new_epochs = set()
        for (partition, node), change in touched:
            row = self._rows[partition] = self._row(partition)
            before = row.get(node, 0)
            after = change.apply(before)
            if after:
                row[node] = after
            else:
                del row[node]
            self._changed[partition] = self._revision
            if (placement_of(before) in LEADING) != (placement_of(after) in LEADING):
                new_epochs.add(partition)
            self._note_death((partition, node), before, after, now)
        for partition in new_epochs:
            self._epochs[partition] += 1

    def _note_death(self, cell: tuple[int, int], before: int, after: int, now: float) -> None:
        names = (self._base.keys.name(cell[0]), self._base.nodes.names[cell[1]])
        if placement_of(after) is not Placement.DEAD:
            self.dead_since.pop(names, None)
        elif placement_of(before) is not Placement.DEAD:
            self.dead_since[names] = now

    def _underway(self, step_id: str) -> Step:
        entry = self.in_flight.get(step_id)
        if entry is None:
            raise StepRefused(step_id, "no such step under way", "a step that has started")
        return entry.step

    def _release(self, step_id: str) -> None:
        step = self.in_flight.pop(step_id).step
        if step_id == self._resizing:
            self._resizing = None
        for cell in self._taken(step):
            self._reserved.pop(cell, None)
