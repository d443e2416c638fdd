"""Key functions: which partition a key belongs to.

There are two. `HashKeys` (`hash-crc32` in documents) takes zlib's CRC-32 of the key's bytes modulo
the number of partitions. `RangeKeys` (`range`) gives each partition an interval of keys in
bytewise order. Text is taken as UTF-8 in both.

A key function also names the partitions and fixes their numbers: a hash partition's name is its
number; ranges are numbered in the order of their starts, a source before the ranges that come
from it.

`RangeKeys.segments` cuts the ranges into pieces that do not overlap; that is what is searched.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _ranges
from mapcore.errors import KeyNotCovered, MapError, RangeError

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

Key: TypeAlias = "bytes | bytearray | memoryview | str"


def key_bytes(key: Key) -> bytes:
    """Return the bytes of a key: text as UTF-8, anything else as it is."""
    return key.encode() if isinstance(key, str) else bytes(key)


def prefix_successor(prefix: bytes) -> bytes | None:
    """Return the least byte string above every string that starts with `prefix`.

    None if there is none, that is, if `prefix` is empty or holds nothing but 0xff.
    """
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


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


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys of one partition: `start` inclusive, `end` exclusive, None for no end.

    Attributes:
        name: the partition's name.
        start: the least key.
        end: the least key above the range, or None.
        source: the name of the range that this one is split from, or None.

    Raises:
        RangeError: the end is not above the start.
    """

    name: str
    start: bytes
    end: bytes | None
    source: str | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            raise RangeError(
                self.name, f"end {self.end!r} at or below start {self.start!r}", "an end above it"
            )

    @classmethod
    def from_name(cls, name: str, source: str | None = None) -> KeyRange:
        """Return the range that a name such as `a-c` spells out.

        It runs from `a` to every key whose first characters are at most `c`. An empty first part
        is the least key; an empty last part is no end.

        Raises:
            RangeError: the name does not have exactly one hyphen, or its parts are out of order.
        """
        first, hyphen, last = name.partition("-")
        if not hyphen or "-" in last:
            raise RangeError(
                name,
                "no start and end in the name",
                'one hyphen between two prefixes as in "a-c", or "start" and "end"',
            )
        return cls(name, first.encode(), prefix_successor(last.encode()), source)

    @property
    def is_spelled_by_name(self) -> bool:
        """Whether the name alone says where the range starts and ends."""
        try:
            spelled = KeyRange.from_name(self.name, self.source)
        except RangeError:
            return False
        return spelled == self

    def __contains__(self, key: Key) -> bool:
        key = key_bytes(key)
        return self.start <= key and (self.end is None or key < self.end)

    def covers(self, other: KeyRange) -> bool:
        """Whether every key of `other` is also a key of this range."""
        return self.start <= other.start and (
            self.end is None or (other.end is not None and other.end <= self.end)
        )


class PackedNames:
    """Many names in one string: what is left of a million names when nobody asks for them.

    Attributes:
        text: the names, one after the other.
        offsets: int64, where each begins, one more.
    """

    __slots__ = ("offsets", "text")

    def __init__(self, text: str, offsets: NDArray[np.int64]) -> None:
        self.text = text
        self.offsets = offsets

    @classmethod
    def of(cls, names: Iterable[str]) -> PackedNames:
        """Pack names."""
        listed = list(names)
        return cls("".join(listed), _offsets(map(len, listed)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> str:
        return self.text[self.offsets[number] : self.offsets[number + 1]]

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, PackedNames)
            and self.text == other.text
            and np.array_equal(self.offsets, other.offsets)
        )

    __hash__ = None  # type: ignore[assignment]


class PackedRanges:
    """Ranges without an object for each: what a router keeps to go on from.

    Attributes:
        names: the names, in order.
        starts: the starts, one after the other.
        start_offsets: int64, where each begins, one more.
        ends: by number, the ends that are not the next range's start.
        sources: by number, the sources that are not None.
    """

    __slots__ = ("ends", "names", "sources", "start_offsets", "starts")

    def __init__(self, ranges: Sequence[KeyRange]) -> None:
        starts = [item.start for item in ranges]
        self.names = PackedNames.of(item.name for item in ranges)
        self.starts = b"".join(starts)
        self.start_offsets = _offsets(map(len, starts))
        following: list[bytes | None] = [*starts[1:], None]
        self.ends = {
            number: item.end for number, item in enumerate(ranges) if item.end != following[number]
        }
        self.sources = {
            number: item.source for number, item in enumerate(ranges) if item.source is not None
        }

    @property
    def byte_count(self) -> int:
        """The bytes that starts take."""
        return len(self.starts) + self.start_offsets.nbytes

    @property
    def fingerprint(self) -> int:
        """A checksum of all of it, 32 bits."""
        crc = zlib.crc32(self.names.text.encode(), len(self.names))
        for data in (
            self.names.offsets.astype("<i8", copy=False).data,
            self.starts,
            self.start_offsets.astype("<i8", copy=False).data,
            repr((self.ends, self.sources)).encode(),
        ):
            crc = zlib.crc32(data, crc)
        return crc

    def unpacked(self) -> list[KeyRange]:
        """Return the ranges."""
        bounds = self.start_offsets.tolist()
        starts = [self.starts[a:b] for a, b in pairwise(bounds)]
        following: list[bytes | None] = [*starts[1:], None]
        return [
            KeyRange(
                self.names[number], start, self.ends.get(number, end), self.sources.get(number)
            )
            for number, (start, end) in enumerate(zip(starts, following, strict=True))
        ]


class Segments:
    """Ranges cut at each of their starts and ends, so that no two pieces share a key.

    Segment i holds the keys from the i-th start up to the next one; `index.rank(key) - 1` is the
    segment of a key, and -1 stands for the keys below the first.

    Attributes:
        index: the starts, laid out for searching.
        partitions: int32, by segment: the number of the range that covers it, -1 in a gap; of
            several ranges the outermost, which the others come from.
        nested: by segment, where several ranges cover it: their numbers, outermost first.
    """

    __slots__ = ("index", "nested", "partitions")

    def __init__(
        self,
        index: _ranges.RangeIndex,
        partitions: NDArray[np.int32],
        nested: Mapping[int, tuple[int, ...]],
    ) -> None:
        self.index = index
        self.partitions = partitions
        self.nested = nested

    @classmethod
    def of(cls, ranges: Iterable[KeyRange]) -> Segments:
        """Cut ranges that are in the order of `RangeKeys`.

        Raises:
            MapError: there are more of them, or more bytes in their starts, than an index takes.
        """
        starts: list[bytes] = []
        covering: list[tuple[int, ...]] = []

        def cut(start: bytes | None, open_numbers: Iterable[int]) -> None:
            if starts and starts[-1] == start:
                covering[-1] = tuple(open_numbers)
            elif start is not None:
                starts.append(start)
                covering.append(tuple(open_numbers))

        ends: list[bytes | None] = []
        numbers: list[int] = []
        for number, item in enumerate(ranges):
            while ends and (end := ends[-1]) is not None and end <= item.start:
                ends.pop()
                numbers.pop()
                cut(end, numbers)
            ends.append(item.end)
            numbers.append(number)
            cut(item.start, numbers)
        while ends:
            numbers.pop()
            cut(ends.pop(), numbers)
        try:
            index = _ranges.RangeIndex(b"".join(starts), _offsets(map(len, starts)))
        except OverflowError as error:
            raise MapError(f"found {error}, expected fewer") from error
        return cls(
            index,
            np.array([numbers[0] if numbers else -1 for numbers in covering], np.int32),
            {i: numbers for i, numbers in enumerate(covering) if len(numbers) > 1},
        )

    def covering(self, key: bytes) -> tuple[int, ...]:
        """Return the numbers of all ranges that hold the key, outermost first."""
        segment = self.index.rank(key) - 1
        if segment < 0 or self.partitions[segment] < 0:
            return ()
        return self.nested.get(segment) or (int(self.partitions[segment]),)


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


def _offsets(sizes: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(accumulate(sizes, initial=0), np.int64)
