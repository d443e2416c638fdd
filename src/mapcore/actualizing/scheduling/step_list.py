"""The steps of a schedule as values, made from its rows when they are asked for.

`StepList` knows in which map a row belongs, and what each step waits for; `_Maker` makes the steps
of one map.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.parts import Part
from mapcore.actualizing.scheduling.sequence import ROW, Phase, dependencies
from mapcore.actualizing.scheduling.streams import volumes_of
from mapcore.actualizing.steps import PAUSES, End, Kind, Step
from mapcore.states import RUNNING_MASK, Placement, Running, running_of

__all__ = ["StepList"]

_LABELS: Final = tuple(placement.label for placement in Placement)
_CHUNK_ROWS: Final = 4096


class StepList(Sequence[Step]):
    """Steps in an order in which they may run; one takes microseconds to make.

    What a step waits for, and its number within its partition, is worked out for all steps of a
    partition at once, when the first of them is asked for.
    """

    def __init__(self, parts: Sequence[Part], rows: NDArray[Any], *, is_timed: bool) -> None:
        self._parts = parts
        self._firsts = [part.first_partition for part in parts]
        self._partition_count = sum(part.change.partition_count for part in parts)
        self._rows = rows
        self._is_timed = is_timed
        self._makers = [_Maker(part, rows) for part in parts]
        self._after: dict[int, list[tuple[int, ...]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, position: int) -> Step: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Step]: ...
    def __getitem__(self, position: int | slice) -> Step | Sequence[Step]:
        if isinstance(position, slice):
            return [self[number] for number in range(*position.indices(len(self)))]
        number = range(len(self))[position]
        return self._step(int(self._number[number]), self._rows[number].item())

    def __iter__(self) -> Iterator[Step]:
        for begin in range(0, len(self), _CHUNK_ROWS):
            chunk = slice(begin, begin + _CHUNK_ROWS)
            numbers, rows = self._number[chunk].tolist(), self._rows[chunk].tolist()
            yield from map(self._step, numbers, rows)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The steps sorted by partition."""
        return np.argsort(self._rows["partition"], kind="stable")

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """Where the steps of each partition begin in `_order`."""
        counts = np.bincount(self._rows["partition"], minlength=self._partition_count)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])

    @cached_property
    def _number(self) -> NDArray[np.int64]:
        """The place of each step among those of its partition, from 0."""
        numbers = np.empty(len(self), dtype=np.int64)
        partitions = self._rows["partition"][self._order]
        numbers[self._order] = np.arange(len(self)) - self._first[partitions]
        return numbers

    def _waits_for(self, partition: int, number: int) -> tuple[int, ...]:
        if partition not in self._after:
            chosen = self._order[self._first[partition] : self._first[partition + 1]]
            part = self._parts[bisect_right(self._firsts, partition) - 1]
            found = dependencies(
                self._rows[chosen].tolist(), waits_for_slaves=bool(part.settings.rules)
            )
            self._after[partition] = [tuple(after) for after in found]
        return self._after[partition][number]

    def _depends_on(self, place: int, partition: int, number: int, phase: int) -> Iterator[str]:
        """Yield the ids of the steps that a step waits for."""
        part = self._parts[place]
        switch = f"{part.name}/switch"
        if phase == Phase.SPLIT:
            return
        if phase == Phase.JOIN:
            yield from self._last_ids(part)
            return
        stem = f"{part.name}/{part.change.current.keys.name(partition - part.first_partition)}/"
        earlier = self._waits_for(partition, number)
        if not earlier and part.resize is not None and part.resize.comes_first:
            yield switch
        yield from (f"{stem}{each + 1}" for each in earlier)

    def _last_ids(self, part: Part) -> Iterator[str]:
        """Yield the ids of the steps of a map that no other step of it waits for."""
        for number in range(part.change.partition_count):
            partition = part.first_partition + number
            count = int(self._first[partition + 1] - self._first[partition])
            phases = self._rows["phase"][
                self._order[self._first[partition] : self._first[partition] + count]
            ]
            count -= int((phases == Phase.JOIN).sum())
            if not count:
                continue
            self._waits_for(partition, 0)
            awaited = {each for after in self._after[partition][:count] for each in after}
            stem = f"{part.name}/{part.change.current.keys.name(number)}/"
            yield from (f"{stem}{each + 1}" for each in range(count) if each not in awaited)

    def _step(self, number: int, row: tuple[Any, ...]) -> Step:
        entry = dict(zip(_FIELDS, row, strict=True))
        partition = entry["partition"]
        place = bisect_right(self._firsts, partition) - 1
        part = self._parts[place]
        entry["partition"] = partition - part.first_partition
        name = part.change.current.keys.name(entry["partition"])
        phase = entry["phase"]
        is_switch = phase in (Phase.SPLIT, Phase.JOIN)
        common: dict[str, Any] = {
            "id": f"{part.name}/switch" if is_switch else f"{part.name}/{name}/{number + 1}",
            "map": part.name,
            "partition": name,
            "depends_on": tuple(self._depends_on(place, partition, number, phase)),
        }
        if entry["wait"]:
            common["wait_seconds"] = entry["wait"]
        if not self._is_timed:
            common["round"] = int(entry["start"]) + 1
        return self._makers[place].step(entry, common)


class _Maker:
    """Makes the steps of one map."""

    def __init__(self, part: Part, rows: NDArray[Any]) -> None:
        self._part = part
        self._change = part.change
        self._rows = rows

    def step(self, entry: dict[str, Any], common: dict[str, Any]) -> Step:
        """Return the step of a row, whose partition is numbered within the map."""
        common["reason"] = self._reason(entry)
        if entry["phase"] == Phase.STREAM:
            return self._stream(entry, common)
        if entry["phase"] in (Phase.SPLIT, Phase.JOIN):
            return self._switch(common)
        names = self._change.view.index.names
        if entry["phase"] in (Phase.START, Phase.REST):
            return _condition(names[entry["node"]], entry["before"], entry["after"], common)
        if entry["phase"] == Phase.CREATE and self._part.conditions.warms_up:
            common["running"] = Running.WARMING.label
        before, after = _LABELS[entry["before"]], _LABELS[entry["after"]]
        if entry["other"] >= 0:
            return Step(
                kind=Kind.TAKEOVER,
                source=End(
                    node=names[entry["other"]],
                    before=_LABELS[entry["other_before"]],
                    after=_LABELS[entry["other_after"]],
                ),
                target=End(node=names[entry["node"]], before=before, after=after),
                block=("write",),
                **common,
            )
        return Step(
            kind=Kind.TRANSITION, node=names[entry["node"]], before=before, after=after, **common
        )

    def _stream(self, entry: dict[str, Any], common: dict[str, Any]) -> Step:
        change = self._change
        names, sizes = change.view.index.names, change.current.sizes
        source_volume, target_volume = self._volume_labels
        label = _LABELS[entry["other_before"]]
        return Step(
            kind=Kind.STREAM,
            size_bytes=None if sizes is None else int(sizes[entry["partition"]]),
            source=End(
                node=names[entry["other"]],
                before=label,
                after=label,
                volume=source_volume[entry["move"]],
            ),
            target=End(
                node=names[entry["node"]],
                before=_LABELS[entry["before"]],
                after=_LABELS[entry["after"]],
                volume=target_volume[entry["move"]],
            ),
            block=(),
            **common,
        )

    def _switch(self, common: dict[str, Any]) -> Step:
        resize = self._part.resize
        assert resize is not None
        return Step(
            kind=Kind.SWITCH,
            retire=(),
            serve=(),
            changes=(),
            num_partitions=resize.after,
            block=("write",),
            **common,
        )

    @cached_property
    def _volume_labels(self) -> tuple[dict[int, str | None], dict[int, str | None]]:
        """The volumes of source and target of each move."""
        change, part = self._change, self._part
        is_own = (self._rows["phase"] == Phase.STREAM) & part.owns(self._rows["partition"])
        streams = self._rows[is_own]
        partitions = streams["partition"] - part.first_partition
        labels: list[str | None] = [*change.view.volumes.labels]
        known = len(labels)
        found = []
        for column, held in (("other", change.current), ("node", change.target)):
            volumes = volumes_of(change, held, partitions, streams[column]).tolist()
            names = [labels[v] if v < known else None for v in volumes]
            found.append(dict(zip(streams["move"].tolist(), names, strict=True)))
        return found[0], found[1]

    @cached_property
    def _cause(self) -> NDArray[np.int32]:
        """For each partition a node that gives up its copies or leads no more; -1 for none."""
        change = self._change
        cause = np.full(change.current.partition_count, -1, dtype=np.int32)
        flags = change.view.flags
        for partitions, nodes in (
            (change.rescues.partitions, change.rescues.leaders),
            (change.cells.partitions, change.cells.nodes),
        ):
            losing = nodes >= 0
            if nodes is change.cells.nodes:
                losing &= change.cells.after < change.cells.before
            losing &= flags[np.maximum(nodes, 0)] != 0
            cause[partitions[losing]] = nodes[losing]
        return cause

    def _reason(self, entry: dict[str, Any]) -> str:
        change, phase = self._change, entry["phase"]
        describe = change.view.describe
        if phase in (Phase.SPLIT, Phase.JOIN):
            resize = self._part.resize
            assert resize is not None
            return f"{resize.before:,} partitions become {resize.after:,}"
        if phase == Phase.FINISH:
            return "under way"
        if phase == Phase.SETTLE:
            return "no takeover is under way"
        if phase == Phase.RESCUE:
            return describe(entry["other"]) if entry["other"] >= 0 else "no master"
        if phase == Phase.FOUND or (phase == Phase.CREATE and change.is_new[entry["partition"]]):
            return "first copy"
        if phase in (Phase.START, Phase.REST):
            is_run = (entry["before"] ^ entry["after"]) & RUNNING_MASK
            return "running state" if is_run else "pauses as in the target"
        if phase in (Phase.DROP, Phase.DEMOTE):
            return describe(entry["node"]) or "not in the target"
        if phase == Phase.COLLECT:
            return describe(entry["node"]) or "dead copy"
        cause = int(self._cause[entry["partition"]])
        if cause >= 0 and describe(cause):
            return describe(cause)
        if entry["urgent"]:
            in_sync, asked = change.in_sync[entry["partition"]], change.asked[entry["partition"]]
            return f"{in_sync} of {asked} copies in sync"
        return "balance"


_FIELDS: Final = ROW.names or ()


def _condition(node: str, before: int, after: int, common: dict[str, Any]) -> Step:
    """Return a step that changes the running state or a pause of a copy."""
    if (before ^ after) & RUNNING_MASK:
        labels = [running_of(code).label for code in (before, after)]
        return Step(kind=Kind.RUNNING, node=node, before=labels[0], after=labels[1], **common)
    what = next(what for what, bit in PAUSES.items() if (before ^ after) & bit)
    kind = Kind.PAUSE if after & PAUSES[what] else Kind.RESUME
    return Step(kind=kind, node=node, what=what, **common)
