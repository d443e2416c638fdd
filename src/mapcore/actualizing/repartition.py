"""Ranges that are split and merged while they serve.

The current and the target map then have different partitions, and both are laid over the ranges of
either. A range that only the target has, and whose keys others still serve, is *staged*: its copies
are created and filled from those others, and none becomes master. Once all of them are in sync, one
step switches over: the old ranges' copies die and the new ones' masters lead, in one commit. Before
it the old ranges answer for their keys, after it the new ones do. What is left of the old ranges
is collected, and they are gone.

| | copies are filled from |
| --- | --- |
| split | any copy of the range that it is part of; first the one on the same node |
| merge | the copies of all its parts on the same node; parts that are elsewhere are copied there |

A target that changes half way is no special case: ranges that nobody wants any more are dropped as
long as they are staged, and merged back after the switch. A new range that cuts across what is left
of others waits until that is collected.

Hash partitions are split and joined in place, all at once, by one step
(`mapcore.planning.partitioning.resizing` says why no data moves): to more partitions first, then
the copies move to where the target wants them; to fewer after they have moved together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.kept_targets import brought_together, with_kept
from mapcore.actualizing.proposals import RowFlag
from mapcore.actualizing.rows import with_rows
from mapcore.errors import MapError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import expanded
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["Group", "Repartition", "unite"]


@dataclass(frozen=True, slots=True)
class Group:
    """Ranges that switch over together.

    Attributes:
        old: the numbers of the ranges that serve now.
        new: the numbers of the ranges that shall serve.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Repartition:
    """Two maps over the ranges of both.

    Attributes:
        current: what is.
        target: what shall be; ranges that others are filled from stay as they are.
        rows: int64, the number of each range in the current map as it was given, -1 for new ones.
        row_flags: uint8 `RowFlag` of each range.
        source_rows: int64, a range that each staged range can be filled from, -1 for others.
        merged: for each range that is merged, all ranges that it is filled from.
        groups: what switches over together; none where no range changes.
        resize: the number of hash partitions that there shall be, where it differs.
    """

    current: PartitionMap
    target: PartitionMap
    rows: NDArray[np.int64]
    row_flags: NDArray[np.uint8]
    source_rows: NDArray[np.int64]
    merged: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    resize: int | None = None


def unite(current: PartitionMap, target: PartitionMap) -> Repartition:
    """Lay two maps, over the same nodes, over the partitions of both.

    Ranges that the target does not have, and that hold nothing, are left out.

    Raises:
        MapError: the number of hash partitions or the key function differs, a range of the target
            is neither part of one that serves nor made of whole ones, or a name stands for
            different ranges.
    """
    if current.keys == target.keys:
        return _alike(current, target)
    if isinstance(current.keys, RangeKeys) != isinstance(target.keys, RangeKeys):
        raise MapError(
            f"found a current map over {current.keys!r} and a target over {target.keys!r}, "
            "expected the same key function"
        )
    if not isinstance(current.keys, RangeKeys) or not isinstance(target.keys, RangeKeys):
        return _in_place(current, target)
    return _Union(current, target, current.keys, target.keys).repartition()


def _alike(current: PartitionMap, target: PartitionMap, resize: int | None = None) -> Repartition:
    count = current.partition_count
    return Repartition(
        current,
        target,
        np.arange(count),
        np.zeros(count, np.uint8),
        np.full(count, -1, np.int64),
        resize=resize,
    )


def _in_place(current: PartitionMap, target: PartitionMap) -> Repartition:
    before, after = current.partition_count, target.partition_count
    if not HashKeys(before).can_become(after):
        raise MapError(
            f"found {before:,} hash partitions now and {after:,} in the target, "
            "expected one to be a multiple of the other"
        )
    if after < before:
        return _alike(current, expanded(target, before), after)
    return _alike(current, with_kept(current, current, np.ones(before, dtype=bool)), after)


class _Union:
    """The ranges of two maps."""

    def __init__(
        self, current: PartitionMap, target: PartitionMap, before: RangeKeys, after: RangeKeys
    ) -> None:
        self._current, self._target = current, target
        self._before = {item.name: number for number, item in enumerate(before.ranges)}
        self._after = {item.name: number for number, item in enumerate(after.ranges)}
        for item in after.ranges:
            number = self._before.get(item.name)
            if number is not None and not _same_keys(before.ranges[number], item):
                raise MapError(
                    f"range {item.name!r}: found other keys in the current map, "
                    "expected another name for them"
                )
        counts = np.diff(current.offsets).tolist()
        self._old = [
            item
            for item, count in zip(before.ranges, counts, strict=True)
            if count and item.name not in self._after
        ]
        self._new = after.ranges
        self._sources: dict[str, tuple[KeyRange, ...]] = {}
        self._postponed: set[str] = set()
        for item, overlapping in self._overlaps():
            serving = () if self._leads(item.name) else self._serving(overlapping)
            if serving:
                self._sources[item.name] = serving
            if item.name not in self._before and len(overlapping) > len(serving):
                self._postponed.add(item.name)
        self.keys = RangeKeys(self._ranges(before))

    def _overlaps(self) -> Iterator[tuple[KeyRange, list[KeyRange]]]:
        """Iterate over the target's ranges with the old ranges that share keys with each."""
        starts = [item.start for item in self._old]
        # No range before place i reaches beyond reach[i]; None stands for no end.
        reach = list(accumulate((item.end for item in self._old), _farther))
        for item in self._new:
            place = len(starts) if item.end is None else bisect_left(starts, item.end)
            found = []
            while place and _is_beyond(reach[place - 1], item.start):
                place -= 1
                if _is_beyond(self._old[place].end, item.start):
                    found.append(self._old[place])
            if found:
                yield item, found[::-1]

    def _placements(self, name: str) -> list[int]:
        number = self._before.get(name)
        if number is None:
            return []
        offsets = self._current.offsets
        codes = self._current.copy_codes[int(offsets[number]) : int(offsets[number + 1])]
        return [code & PLACEMENT_MASK for code in codes.tolist()]

    def _leads(self, name: str) -> bool:
        return any(placement in LEADING for placement in self._placements(name))

    def _serving(self, overlapping: Sequence[KeyRange]) -> tuple[KeyRange, ...]:
        """Return those that answer for their keys: with masters, else with copies that could."""
        leading = tuple(item for item in overlapping if self._leads(item.name))
        return leading or tuple(
            item
            for item in overlapping
            if any(placement > Placement.DEAD for placement in self._placements(item.name))
        )

    def _ranges(self, before: RangeKeys) -> Iterator[KeyRange]:
        source_of = {}
        for name, sources in self._sources.items():
            item = self._new[self._after[name]]
            if len(sources) == 1 and sources[0].covers(item):
                source_of[name] = sources[0].name
            elif all(item.covers(part) for part in sources):
                if name not in self._postponed:
                    source_of.update({part.name: name for part in sources})
            else:
                raise MapError(
                    f"range {name!r}: found {', '.join(repr(part.name) for part in sources)} "
                    "serving keys of it, expected one range that it is part of, or whole ones"
                )
        left = {item.name for item in self._old}
        for item in (*self._new, *self._old):
            if item.name in self._postponed:
                continue
            number = self._before.get(item.name)
            known = None if number is None else before.ranges[number].source
            # As long as the range that it was split from is there, it is known by that one.
            source = known if known in left else item.source
            yield replace(item, source=source_of.get(item.name, source))

    def repartition(self) -> Repartition:
        keys = self.keys
        count = len(keys)
        rows, goals = (
            np.array([numbers.get(name, -1) for name in keys.names()], np.int64)
            for numbers in (self._before, self._after)
        )
        flags, source_rows = np.zeros(count, np.uint8), np.full(count, -1, np.int64)
        merged: dict[int, tuple[int, ...]] = {}
        groups: dict[tuple[int, ...], list[int]] = {}
        waiting: set[int] = set()
        kept = np.zeros(count, dtype=bool)
        for name, sources in self._sources.items():
            old = tuple(keys.number(item.name) for item in sources)
            kept[list(old)] = True
            if name in self._postponed:
                waiting.update(old)
                continue
            number = keys.number(name)
            flags[number] |= RowFlag.STAGED | RowFlag.HAS_SOURCE
            source_rows[number] = old[0]
            if len(old) > 1 or sources[0].source == name:
                merged[number] = old
            groups.setdefault(old, []).append(number)
        loads = {name: self._loads(name, rows, goals) for name in ("sizes", "weights")}
        current = self._current.on_keys(keys, rows, **loads)
        target = self._target.on_keys(keys, goals, **loads)
        kept_target = with_kept(target, current, kept, runs=True)
        return Repartition(
            current,
            with_rows(kept_target, brought_together(kept_target, merged)),
            rows,
            flags,
            source_rows,
            merged,
            tuple(Group(old, tuple(new)) for old, new in groups.items() if waiting.isdisjoint(old)),
        )

    def _loads(
        self, name: str, rows: NDArray[np.int64], goals: NDArray[np.int64]
    ) -> NDArray[Any] | None:
        """Return the sizes or weights of all ranges, where those of the current map are known.

        New ranges have what the target says, or else their share of what they are filled from.
        """
        before, after = getattr(self._current, name), getattr(self._target, name)
        if before is None:
            return None
        values: NDArray[Any] = np.where(rows >= 0, before[rows], 0)
        new = np.flatnonzero(rows < 0)
        if after is not None:
            values[new] = after[goals[new]]
            return values
        parts = Counter(item.name for sources in self._sources.values() for item in sources)
        for number in new.tolist():
            values[number] = sum(
                before[self._before[item.name]] / parts[item.name]
                for item in self._sources.get(self.keys.name(number), ())
            )
        return values


def _same_keys(a: KeyRange, b: KeyRange) -> bool:
    return (a.start, a.end) == (b.start, b.end)


def _farther(a: bytes | None, b: bytes | None) -> bytes | None:
    return None if a is None or b is None else max(a, b)


def _is_beyond(end: bytes | None, start: bytes) -> bool:
    return end is None or end > start
