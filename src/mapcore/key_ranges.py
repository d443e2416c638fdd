"""Ranges of keys: one as a value, many as arrays and as what is searched.

Ranges are intervals in bytewise order. A range's name says its keys where it can; where it cannot,
start and end do. `Segments` cuts ranges into pieces that do not overlap: that is what is searched.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _ranges
from mapcore.errors import MapError, RangeError

__all__ = [
    "Key",
    "KeyRange",
    "PackedNames",
    "PackedRanges",
    "Segments",
    "key_bytes",
    "prefix_successor",
]

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


def _offsets(sizes: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(accumulate(sizes, initial=0), np.int64)
