"""One map on its way to its target, as it is at the moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.proposals import RowFlag, Situation
from mapcore.actualizing.repartition import Group, unite
from mapcore.actualizing.steps import Step
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import Assignment, Config
from mapcore.keys import KeyFunction
from mapcore.maps import PartitionMap

__all__ = ["Picture"]


class Picture:
    """One map as it is at the moment.

    Attributes:
        work: the map and its target.
        current: what is.
        underway: the steps under way.
        epochs: of each partition, where they are known.
        dead_since: as in `LiveMap`.
        groups: ranges that switch over together; known once its situation is.
        resize: the number of hash partitions that there shall be, where it differs; likewise.
        is_resizing: whether the step that changes it is under way.
        unknown: steps under way in partitions that neither map has any more.
    """

    def __init__(self, work: Work) -> None:
        """Look at a map."""
        self.work = work
        self.current = work.snapshot()
        self.underway = work.underway()
        if isinstance(work.current, LiveMap):
            self.epochs: NDArray[np.int64] | None = work.current.epochs
            self.dead_since: Mapping[tuple[str, str], float] = work.current.dead_since
        else:
            self.epochs = None
            self.dead_since = work.dead_since
        self.groups: tuple[Group, ...] = ()
        self.resize: int | None = None
        self.is_resizing = any(entry.step.num_partitions for entry in self.underway)
        self.unknown: tuple[Step, ...] = ()

    @property
    def maps(self) -> tuple[PartitionMap, PartitionMap]:
        """The current and the target map."""
        return self.current, self.work.target

    def situation(self, view: NodeView, config: Config, now: float) -> Situation:
        """Return what proposals depend on, over the partitions of both maps.

        Raises:
            MapError: the target's partitions cannot be had from the current ones.
        """
        work = self.work
        united = unite(self.current.on_nodes(view.index), work.target.on_nodes(view.index))
        keys, numbers = united.current.keys, view.index.numbers
        self.groups, self.resize = united.groups, united.resize
        if self.epochs is not None and len(self.epochs) != len(keys):
            self.epochs = np.where(united.rows >= 0, self.epochs[united.rows], 0)
        row_flags = united.row_flags.copy()
        for partition in _known_rows(keys, work.accept_loss).values():
            row_flags[partition] |= RowFlag.LOSS_ACCEPTED
        source_rows = united.source_rows
        if work.is_derived:
            # Their own copies are their only sources here; the first one comes from elsewhere.
            derived = self._derived_rows(keys)
            row_flags[derived] |= np.uint8(RowFlag.HAS_SOURCE)
            source_rows = source_rows.copy()
            source_rows[derived] = derived
        preferred = np.full(len(keys), -1, dtype=np.int32)
        for name, row in _known_rows(keys, work.preferred).items():
            preferred[row] = numbers.get(work.preferred[name], -1)
        early = now - config.dead_grace_seconds
        fresh = [cell for cell, since in self.dead_since.items() if since > early]
        rows = _known_rows(keys, (partition for partition, _ in fresh))
        too_early = tuple(
            (rows[partition], numbers[node])
            for partition, node in fresh
            if partition in rows and node in numbers
        )
        known = self._known_steps(keys)
        return Situation(
            united.current,
            united.target,
            known,
            view.flags,
            row_flags,
            preferred,
            single_master=work.settings.assignment is Assignment.MASTER_SLAVE,
            warms_up=config.warms_up,
            too_early=too_early,
            source_rows=source_rows,
            merged=united.merged,
        )

    def _derived_rows(self, keys: KeyFunction) -> NDArray[np.int64]:
        """Return the partitions whose source is in another map."""
        names = {
            held.keys.name(number)
            for held in self.maps
            for number, source in held.sources.items()
            if "/" in source
        }
        known = names.intersection(keys.names())
        return np.array(sorted(keys.number(name) for name in known), dtype=np.int64)

    def _known_steps(self, keys: KeyFunction) -> tuple[Step, ...]:
        """Return the steps under way whose partitions there are; note the others."""
        steps = tuple(entry.step for entry in self.underway)
        names = {name for step in steps for name in step.partitions}
        missing = names.difference(_known_rows(keys, names))
        if not missing:
            return steps
        self.unknown = tuple(step for step in steps if not missing.isdisjoint(step.partitions))
        return tuple(step for step in steps if missing.isdisjoint(step.partitions))

    def stuck(self, now: float) -> list[Step]:
        """Return the steps under way for longer than they should take."""
        return [
            entry.step
            for entry in self.underway
            if entry.step.stuck_after_seconds is not None
            and now - entry.started_seconds > entry.step.stuck_after_seconds
        ]


def _known_rows(keys: KeyFunction, names: Iterable[str]) -> dict[str, int]:
    """Return the numbers of partitions by name; names that there are not are passed over."""
    found = {}
    for name in names:
        try:
            found[name] = keys.number(name)
        except KeyError:
            continue
    return found
