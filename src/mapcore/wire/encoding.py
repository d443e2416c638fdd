"""How messages are written: the frame around them, numbers, arrays, strings.

A message is a frame around a body: the magic `mcap`, a byte for the format, a byte for the kind,
the body, and the CRC-32 of all of it; numbers are little-endian. The body is made of

- numbers: seven bits a byte, low bits first, the top bit set where more follow;
- arrays: their length, the bits of one entry (1 to 32), and the entries' bits one after the other;
- lists of byte strings: two arrays, of how many bytes each shares with the one before (255 at most)
  and how many follow; then what follows, of one after the other.

Nothing is allocated by what a message announces: only once the bytes for it are there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import VersionWindowError, WireError
from mapcore.keys import HashKeys, KeyFunction, KeyRange, RangeKeys
from mapcore.maps import Version

__all__ = ["DELTA", "SNAPSHOT", "Buffer", "Reader", "Writer", "opened"]

Buffer: TypeAlias = "bytes | bytearray | memoryview"
SNAPSHOT: Final = 0
DELTA: Final = 1
_KINDS: Final = {SNAPSHOT: "a snapshot", DELTA: "a delta"}
_MAGIC: Final = b"mcap"
_FORMAT: Final = 1
_CHUNK: Final = 1 << 16  # of entries at once; a multiple of 8, so that packed ones end on bytes
_SHARED_MOST: Final = 255


class Writer:
    """The body of a message, as it grows."""

    def __init__(self) -> None:
        self.data = bytearray()

    def framed(self, kind: int) -> bytes:
        """Return the whole message."""
        message = _MAGIC + bytes([_FORMAT, kind]) + bytes(self.data)
        return message + zlib.crc32(message).to_bytes(4, "little")

    def number(self, value: int) -> None:
        """Write a number that is not negative."""
        while value > 127:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)

    def version(self, version: Version) -> None:
        """Write epoch and revision."""
        self.number(version.epoch)
        self.number(version.revision)

    def array(self, values: NDArray[Any]) -> None:
        """Write numbers that are not negative, in as many bits each as the greatest takes."""
        bits = max(1, int(values.max()).bit_length()) if len(values) else 1
        self.number(len(values))
        self.data.append(bits)
        for first in range(0, len(values), _CHUNK):
            chunk = values[first : first + _CHUNK].astype("<u4").view(np.uint8).reshape(-1, 4)
            single = np.unpackbits(chunk, axis=1, count=bits, bitorder="little")
            self.data += np.packbits(single, bitorder="little").tobytes()

    def eights(self, values: NDArray[Any], dtype: str) -> None:
        """Write values of eight bytes each."""
        self.data += values.astype(dtype, copy=False).tobytes()

    def strings(self, items: Iterable[bytes]) -> None:
        """Write byte strings, each by what it does not share with the one before."""
        listed = list(items)
        sizes = np.fromiter(map(len, listed), np.int64, len(listed))
        shared = _shared_sizes(listed, sizes)
        self.array(shared)
        self.array(sizes - shared)
        self.data += b"".join(
            [item[size:] for item, size in zip(listed, shared.tolist(), strict=True)]
        )

    def keys(self, keys: KeyFunction) -> None:
        """Write a key function."""
        if isinstance(keys, HashKeys):
            self.number(0)
            self.number(keys.partition_count)
            return
        self.number(1)
        self.ranges(keys.ranges)

    def ranges(self, ranges: Sequence[KeyRange]) -> None:
        """Write ranges: names, starts, ends, sources."""
        self.strings(item.name.encode() for item in ranges)
        self.strings(item.start for item in ranges)
        # A byte of 1 before an end or a source says that there is one.
        self.strings(b"" if item.end is None else b"\1" + item.end for item in ranges)
        self.strings(
            b"" if item.source is None else b"\1" + item.source.encode() for item in ranges
        )

    def sources(self, sources: Mapping[int, str]) -> None:
        """Write what partitions come from, by number."""
        listed = sorted(sources.items())
        self.array(np.array([partition for partition, _ in listed], np.int64))
        self.strings(name.encode() for _, name in listed)

    def rows(self, counts: NDArray[Any], nodes: NDArray[Any], codes: NDArray[Any]) -> None:
        """Write rows of copies."""
        self.array(counts)
        self.array(nodes)
        palette, places = np.unique(codes, return_inverse=True)
        self.array(palette)
        self.array(places)


def _shared_sizes(items: Sequence[bytes], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many bytes each string shares with the one before, `_SHARED_MOST` at most."""
    shared = np.zeros(len(items), np.int64)
    for first in range(0, len(items) - 1, _CHUNK):
        some = np.array([item[:_SHARED_MOST] for item in items[first : first + _CHUNK + 1]])
        rows = some.view(np.uint8).reshape(len(some), -1)
        differs = rows[1:] != rows[:-1]
        equal = np.where(differs.any(axis=1), differs.argmax(axis=1), rows.shape[1])
        shared[first + 1 : first + len(some)] = equal
    # What is shared beyond the end of the shorter one is padding.
    shared[1:] = np.minimum(shared[1:], np.minimum(sizes[1:], sizes[:-1]))
    return shared


def opened(data: Buffer, expected_kind: int | None) -> tuple[int, Reader]:
    """Check a frame; return its kind and its body.

    Raises:
        WireError: the bytes are no message, a damaged one, or one of another kind.
        VersionWindowError: a whole message of a format that is not known here.
    """
    message = memoryview(data).cast("B")
    if len(message) < len(_MAGIC) + 6 or bytes(message[: len(_MAGIC)]) != _MAGIC:
        raise WireError("found no message of a map, expected one that begins with 'mcap'")
    if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:], "little"):
        raise WireError("found a damaged message: its checksum does not fit")
    found_format, kind = message[len(_MAGIC)], message[len(_MAGIC) + 1]
    if found_format != _FORMAT:
        raise VersionWindowError(f"found wire format {found_format}, expected {_FORMAT}")
    if kind not in _KINDS or expected_kind not in (None, kind):
        expected = "a snapshot or a delta" if expected_kind is None else _KINDS[expected_kind]
        raise WireError(f"found {_KINDS.get(kind, f'kind {kind}')}, expected {expected}")
    return kind, Reader(message[len(_MAGIC) + 2 : -4])


class Reader:
    """The body of a message, as it is read."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> memoryview:
        """Return the next bytes."""
        if size > len(self.data) - self.at:
            raise WireError(f"found the end of the message where {size} bytes more are announced")
        self.at += size
        return self.data[self.at - size : self.at]

    def end(self) -> None:
        """Raise a `WireError` unless everything was read."""
        if self.at != len(self.data):
            raise WireError(f"found {len(self.data) - self.at} bytes after the end of the message")

    def number(self) -> int:
        """Read a number of at most 63 bits."""
        value = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise WireError("found a number of more than 63 bits")

    def version(self) -> Version:
        """Read epoch and revision."""
        return Version(self.number(), self.number())

    def array(self) -> NDArray[np.int64]:
        """Read numbers, int64; they take at most 64 times their bytes."""
        count, bits = self.number(), self.take(1)[0]
        if not 1 <= bits <= 32:
            raise WireError(f"found an array of {bits} bits an entry, expected 1 to 32")
        packed = np.frombuffer(self.take((count * bits + 7) // 8), np.uint8)
        values = np.zeros(count, np.int64)
        for first in range(0, count, _CHUNK):
            size = min(_CHUNK, count - first)
            part = packed[first * bits // 8 : (first + size) * bits // 8 + 1]
            single = np.unpackbits(part, count=size * bits, bitorder="little").reshape(size, bits)
            whole = np.zeros((size, 32), np.uint8)
            whole[:, :bits] = single
            chunk = np.packbits(whole, axis=1, bitorder="little").view("<u4")
            values[first : first + size] = chunk.reshape(-1)
        return values

    def strings(self) -> list[bytes]:
        """Read byte strings."""
        shared, sizes = self.array(), self.array()
        if len(shared) != len(sizes) or np.any(shared > _SHARED_MOST):
            raise WireError(
                f"found {len(shared)} prefixes of {len(sizes)} strings, or too long ones"
            )
        if np.any(shared > np.concatenate([np.zeros(1, np.int64), shared + sizes])[:-1]):
            raise WireError("found a string that shares more than the one before has")
        data = bytes(self.take(int(sizes.sum())))
        items: list[bytes] = []
        before, at = b"", 0
        for prefix, size in zip(shared.tolist(), sizes.tolist(), strict=True):
            before = before[:prefix] + data[at : at + size]
            at += size
            items.append(before)
        return items

    def names(self) -> list[str]:
        """Read strings as text."""
        return [text(name) for name in self.strings()]

    def keys(self) -> KeyFunction:
        """Read a key function."""
        kind = self.number()
        if kind == 0:
            return HashKeys(self.number())
        if kind != 1:
            raise WireError(f"found key function {kind}, expected 0 or 1")
        return RangeKeys(self.ranges())

    def ranges(self) -> list[KeyRange]:
        """Read ranges; `MapError` where one ends before it starts."""
        names, starts, ends, sources = (self.strings() for _ in range(4))
        if not len(names) == len(starts) == len(ends) == len(sources):
            raise WireError("found names, starts, ends and sources of ranges in unequal numbers")
        return [
            KeyRange(text(name), start, marked(end), None if source is None else text(source))
            for name, start, end, source in zip(
                names, starts, ends, map(marked, sources), strict=True
            )
        ]

    def sources(self) -> dict[int, str]:
        """Read what partitions come from, by number."""
        partitions, names = self.array().tolist(), self.names()
        if len(partitions) != len(names):
            raise WireError(
                f"found {len(names)} sources of {len(partitions)} partitions, expected one each"
            )
        return dict(zip(partitions, names, strict=True))

    def eights(self, count: int, dtype: str) -> NDArray[Any]:
        """Read `count` values of eight bytes each."""
        return np.frombuffer(self.take(count * 8), dtype)

    def rows(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Read so many rows of copies: counts, node numbers, state codes."""
        counts, nodes, palette, places = (self.array() for _ in range(4))
        if len(counts) != count or len(nodes) != len(places) or counts.sum() != len(nodes):
            raise WireError(
                f"found {len(counts)} rows of {counts.sum()} copies with {len(nodes)} nodes and "
                f"{len(places)} states, expected {count} rows and as many of each as copies"
            )
        if len(places) and (places.max() >= len(palette) or palette.max() > 127):
            raise WireError("found a state that is no state code")
        if len(nodes) and nodes.max() >= 2**31:
            raise WireError(f"found node number {nodes.max()}, expected less than 2147483648")
        return counts, nodes, palette[places] if len(places) else places


def text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"found a name that is not UTF-8: {error}") from error


def marked(item: bytes) -> bytes | None:
    """Return what stands behind the mark that something is there; None without it."""
    if item[:1] not in (b"", b"\1"):
        raise WireError(f"found mark {item[0]} before an end or a source, expected 1")
    return item[1:] if item else None
