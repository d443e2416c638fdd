"""Key functions: which partition a key belongs to.

There are two. `HashKeys` (`hash-crc32` in documents) takes zlib's CRC-32 of the key's bytes modulo
the number of partitions. `RangeKeys` (`range`) gives each partition an interval of keys in
bytewise order. Text is taken as UTF-8 in both.

A key function also names the partitions and fixes their numbers: a hash partition's name is its
number; ranges are numbered in the order of their starts, a source before the ranges that come
from it.

`mapcore.key_ranges` has the ranges: one as a value, many as what is searched.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from mapcore.errors import KeyNotCovered, MapError, RangeError
from mapcore.key_ranges import (
    Key,
    KeyRange,
    PackedNames,
    PackedRanges,
    Segments,
    key_bytes,
    prefix_successor,
)

__all__ = [
    "HashKeys",
    "Key",
    "KeyFunction",
    "KeyRange",
    "PackedNames",
    "PackedRanges",
    "RangeKeys",
    "Segments",
    "key_bytes",
    "prefix_successor",
]

# A split within a split is rare, a third level unheard of; far beyond that, ranges come from
# somebody who wants them to take long.
NESTED_MOST: Final = 64


class HashKeys:
    """CRC-32 of the key modulo the number of partitions.

    Raises:
        MapError: `partition_count` is not between 1 and 2**31 - 1.
    """

    __slots__ = ("partition_count",)

    label: Final = "hash-crc32"

    def __init__(self, partition_count: int) -> None:
        if not 1 <= partition_count < 2**31:
            raise MapError(f"found {partition_count} partitions, expected 1 to 2147483647")
        self.partition_count = partition_count

    def __len__(self) -> int:
        return self.partition_count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HashKeys) and other.partition_count == self.partition_count

    def __hash__(self) -> int:
        return hash(self.partition_count)

    def __repr__(self) -> str:
        return f"HashKeys({self.partition_count})"

    @property
    def fingerprint(self) -> int:
        """A number that says what these keys are, 32 bits."""
        return self.partition_count

    def can_become(self, partition_count: int) -> bool:
        """Whether a map can change to this number of partitions.

        Then one number is a multiple of the other, so that partitions are split or joined whole.
        """
        many, few = (
            max(self.partition_count, partition_count),
            min(self.partition_count, partition_count),
        )
        return few > 0 and many % few == 0

    def name(self, partition: int) -> str:
        """Return the name of a partition, its number as text."""
        if not 0 <= partition < self.partition_count:
            raise IndexError(f"partition {partition} of {self.partition_count}")
        return str(partition)

    def names(self) -> Iterator[str]:
        """Iterate over the names of all partitions, in order."""
        return map(str, range(self.partition_count))

    def number(self, name: str) -> int:
        """Return the number of the partition called `name`.

        Raises:
            KeyError: there is none. Only the plain decimal form is a name: `7`, not `07`.
        """
        if name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0"):
            partition = int(name)
            if partition < self.partition_count:
                return partition
        raise KeyError(name)

    def partition(self, key: Key) -> int:
        """Return the number of the partition that `key` belongs to."""
        return zlib.crc32(key_bytes(key)) % self.partition_count


class RangeKeys:
    """Intervals of keys in bytewise order.

    `ranges` may be given in any order; they are kept, and numbered, by start. Two ranges may share
    keys only if one is the source of the other, directly or by way of others, at most 64 deep: the
    picture in the middle of a split. Keys that no range covers are gaps.

    Raises:
        MapError: there are no ranges.
        RangeError: two have one name, or two overlap.
    """

    __slots__ = ("_fingerprint", "_numbers", "_packed", "_segments", "ranges")

    label: Final = "range"

    def __init__(self, ranges: Iterable[KeyRange]) -> None:
        ordered = tuple(_in_order(ranges))
        if not ordered:
            raise MapError("found no ranges, expected at least one")
        self.ranges: tuple[KeyRange, ...] = ordered
        self._segments: Segments | None = None
        self._packed: PackedRanges | None = None
        self._fingerprint: int | None = None
        self._numbers = {item.name: i for i, item in enumerate(ordered)}
        if len(self._numbers) != len(ordered):
            twice = next(
                item.name
                for number, item in enumerate(ordered)
                if self._numbers[item.name] != number
            )
            raise RangeError(twice, "this name twice", "every name once")
        self._check_overlap()

    def __len__(self) -> int:
        return len(self.ranges)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, RangeKeys) and self.ranges == other.ranges)

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        first, last = self.ranges[0].name, self.ranges[-1].name
        return f"RangeKeys({len(self):,} ranges, {first!r} to {last!r})"

    def _check_overlap(self) -> None:
        open_ranges: list[KeyRange] = []
        for current in self.ranges:
            while open_ranges and not _reaches(open_ranges[-1], current):
                open_ranges.pop()
            if open_ranges and not self._is_source(open_ranges[-1], current):
                other = open_ranges[-1]
                raise RangeError(
                    current.name,
                    f"keys from {current.start!r} that are also in range {other.name!r}",
                    "ranges that share no key, or one the source of the other",
                )
            open_ranges.append(current)
            if len(open_ranges) > NESTED_MOST:
                raise RangeError(
                    current.name,
                    f"keys that are in {len(open_ranges)} ranges at once",
                    f"at most {NESTED_MOST}, each split from the one before",
                )

    def _is_source(self, outer: KeyRange, inner: KeyRange) -> bool:
        if not outer.covers(inner):
            return False
        ancestor: str | None = inner.source
        for _ in range(NESTED_MOST):
            if ancestor is None or ancestor == outer.name:
                break
            number = self._numbers.get(ancestor)
            ancestor = None if number is None else self.ranges[number].source
        return ancestor == outer.name

    def name(self, partition: int) -> str:
        """Return the name of a partition."""
        if not 0 <= partition < len(self.ranges):
            raise IndexError(f"partition {partition} of {len(self.ranges)}")
        return self.ranges[partition].name

    def names(self) -> Iterator[str]:
        """Iterate over the names of all partitions, in order."""
        return (item.name for item in self.ranges)

    def number(self, name: str) -> int:
        """Return the number of the partition called `name`; KeyError if there is none."""
        return self._numbers[name]

    def gaps(self) -> list[tuple[bytes, bytes | None]]:
        """Return the intervals (start, end) of keys that no range covers, in order."""
        found: list[tuple[bytes, bytes | None]] = []
        covered: bytes | None = b""
        for item in self.ranges:
            if covered is None:
                break
            if item.start > covered:
                found.append((covered, item.start))
            covered = None if item.end is None else max(covered, item.end)
        if covered is not None:
            found.append((covered, None))
        return found

    @property
    def segments(self) -> Segments:
        """The ranges, cut into pieces that do not overlap; made when first asked for."""
        if self._segments is None:
            self._segments = Segments.of(self.ranges)
        return self._segments

    @property
    def packed(self) -> PackedRanges:
        """The ranges without an object for each; made when first asked for."""
        if self._packed is None:
            self._packed = PackedRanges(self.ranges)
        return self._packed

    @property
    def fingerprint(self) -> int:
        """A checksum of the ranges, 32 bits; made when first asked for."""
        if self._fingerprint is None:
            self._fingerprint = self.packed.fingerprint
        return self._fingerprint

    def covering(self, key: Key) -> tuple[int, ...]:
        """Return the numbers of all ranges that hold `key`: a source before those split from it."""
        return self.segments.covering(key_bytes(key))

    def partition(self, key: Key) -> int:
        """Return the number of the partition that `key` belongs to.

        In the middle of a split this is the source, which answers until the ranges that come from
        it serve.

        Raises:
            KeyNotCovered: no range covers the key.
        """
        numbers = self.covering(key)
        if not numbers:
            raise KeyNotCovered(key_bytes(key))
        return numbers[0]


KeyFunction: TypeAlias = HashKeys | RangeKeys


def _in_order(ranges: Iterable[KeyRange]) -> list[KeyRange]:
    """Order by start; of several with one start the longest first, so that a source leads."""
    ordered = list(ranges)
    if any(item.source is not None for item in ordered):
        sources = {item.name: item.source for item in ordered}
        ordered.sort(key=lambda item: _generation(item, sources))
    ordered.sort(key=lambda item: (item.end is None, item.end or b""), reverse=True)
    ordered.sort(key=lambda item: item.start)
    return ordered


def _generation(item: KeyRange, sources: Mapping[str, str | None]) -> int:
    """How many of the ranges this one comes from, one by way of the other."""
    source, generation = item.source, 0
    while source is not None and source in sources and generation < NESTED_MOST:
        source = sources[source]
        generation += 1
    return generation


def _reaches(earlier: KeyRange, later: KeyRange) -> bool:
    """Whether `earlier`, which starts no later, still runs where `later` starts."""
    return earlier.end is None or later.start < earlier.end
