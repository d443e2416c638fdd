"""Edits of a list: what the nodes, or the ranges, of one map make of those of another.

An edit is a sequence of runs: so many items of the old list from some position on, or so many new
items. It is as long as what changed, and two edits one after the other make one, without the list.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import WireError
from mapcore.wire.encoding import Reader, Writer

__all__ = ["Edit"]

Item = TypeVar("Item")
NEW = -1


class Edit(Generic[Item]):
    """A new list, made of runs of an old one and of new items.

    Attributes:
        starts: int64, by run: its first position in the old list; -1 for new items.
        sizes: int64, by run: how many items.
        items: the new items, in order.
    """

    __slots__ = ("items", "sizes", "starts")

    def __init__(
        self, starts: NDArray[np.int64], sizes: NDArray[np.int64], items: Sequence[Item]
    ) -> None:
        self.starts = starts
        self.sizes = sizes
        self.items = items

    @classmethod
    def of(cls, origins: NDArray[np.int64], new: Sequence[Item]) -> Edit[Item]:
        """Make one from the old position of each new item, -1 for those that are new."""
        if not len(origins):
            return cls(origins, origins, ())
        goes_on = np.diff(origins) == np.where(origins[:-1] == NEW, 0, 1)
        first = np.flatnonzero(np.concatenate([[True], ~goes_on]))
        sizes = np.diff(np.append(first, len(origins)))
        return cls(origins[first], sizes, [new[i] for i in np.flatnonzero(origins == NEW).tolist()])

    def __len__(self) -> int:
        """The length of the new list."""
        return int(self.sizes.sum())

    def check(self, old_count: int | None) -> None:
        """Raise a `WireError` unless all runs are of a list of this length, and none twice."""
        starts, sizes, _ = self._kept()
        ends = starts + sizes
        if np.any(starts[1:] < ends[:-1]):
            raise WireError("found an item of the old list twice, expected each once at most")
        if old_count is not None and len(ends) and ends[-1] > old_count:
            raise WireError(f"found item {ends[-1] - 1} of a list of {old_count}")

    def origins(self) -> NDArray[np.int64]:
        """Return the old position of each new item, -1 for those that are new; after `check`."""
        first = np.cumsum(self.sizes) - self.sizes
        within = np.arange(len(self)) - np.repeat(first, self.sizes)
        starts = np.repeat(self.starts, self.sizes)
        return np.where(starts == NEW, NEW, starts + within)

    def moved(self, positions: NDArray[Any]) -> NDArray[np.int64]:
        """Return where items of the old list stand in the new one, -1 where they do not."""
        starts, sizes, targets = self._kept()
        if not len(starts):
            return np.full(len(positions), NEW, np.int64)
        run = np.searchsorted(starts, positions, side="right") - 1
        found = (run >= 0) & (positions < starts[run] + sizes[run])
        return np.where(found, targets[run] + positions - starts[run], NEW)

    def applied(self, old: Sequence[Item]) -> list[Item]:
        """Return the new list.

        Raises:
            WireError: this is no edit of that list.
        """
        self.check(len(old))
        items = iter(self.items)
        new: list[Item] = []
        for start, size in zip(self.starts.tolist(), self.sizes.tolist(), strict=True):
            new += islice(items, size) if start == NEW else old[start : start + size]
        return new

    def then(self, later: Edit[Item]) -> Edit[Item]:
        """Return the edit that does the work of this one and of a later one.

        Raises:
            WireError: the later one is no edit of what this one makes.
        """
        later.check(len(self))
        starts, sizes = self.starts.tolist(), self.sizes.tolist()
        first = np.cumsum([0, *sizes]).tolist()
        new_before = np.cumsum(np.where(self.starts == NEW, self.sizes, 0)) - self.sizes
        runs: list[tuple[int, int]] = []
        items: list[Item] = []
        later_items = iter(later.items)
        for begin, size in zip(later.starts.tolist(), later.sizes.tolist(), strict=True):
            if begin == NEW:
                runs.append((NEW, size))
                items += islice(later_items, size)
                continue
            at, end = begin, begin + size
            run = bisect_right(first, at) - 1
            while at < end:
                skipped, taken = at - first[run], min(end, first[run + 1]) - at
                if starts[run] == NEW:
                    known = int(new_before[run]) + skipped
                    items += self.items[known : known + taken]
                    runs.append((NEW, taken))
                else:
                    runs.append((starts[run] + skipped, taken))
                at += taken
                run += 1
        return Edit(*_joined(runs), items)

    def write(self, writer: Writer) -> None:
        """Write the runs; the items are the caller's."""
        writer.array(self.starts + 1)
        writer.array(self.sizes)

    @staticmethod
    def read(reader: Reader) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read starts and sizes of runs."""
        starts, sizes = reader.array() - 1, reader.array()
        if len(starts) != len(sizes) or not sizes.all():
            raise WireError(f"found {len(starts)} runs of {len(sizes)} sizes, some of them 0")
        return starts, sizes

    @classmethod
    def checked(
        cls, runs: tuple[NDArray[np.int64], NDArray[np.int64]], items: Sequence[Item]
    ) -> Edit[Item]:
        """Make one from what was read."""
        edit = cls(*runs, items)
        announced = int(edit.sizes[edit.starts == NEW].sum())
        if announced != len(items):
            raise WireError(f"found {len(items)} new items, expected {announced}")
        edit.check(None)
        return edit

    def _kept(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return starts, sizes and new positions of the runs of the old list, by their starts."""
        order = np.argsort(self.starts, kind="stable")
        order = order[np.searchsorted(self.starts[order], 0) :]
        return self.starts[order], self.sizes[order], (np.cumsum(self.sizes) - self.sizes)[order]


def _joined(runs: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Join runs that go on where the one before ended."""
    joined: list[list[int]] = []
    for start, size in runs:
        if joined:
            before, before_size = joined[-1]
            if start == (NEW if before == NEW else before + before_size):
                joined[-1][1] += size
                continue
        joined.append([start, size])
    array = np.array(joined, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]
