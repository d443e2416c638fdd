"""Binary snapshots and deltas of a map, for processes that follow one.

A message is a frame around a body: the magic `mcap`, a byte for the format, a byte for the kind,
the body, and the CRC-32 of all of it; numbers are little-endian. The body is made of

- numbers: seven bits a byte, low bits first, the top bit set where more follow;
- arrays: their length, the bits of one entry (1 to 32), and the entries' bits one after the other;
- lists of byte strings: each as the size of the prefix that it shares with the one before (one
  byte), the size of the rest, and the rest.

A snapshot holds version, nodes, keys, sources and copies. A delta holds version and fingerprint of
its base, the new version and fingerprint, nodes and keys where they changed, and the rows that
changed. Rows keep their order. Sizes, weights and unknown fields of a map are not carried.

Whatever the bytes are, reading them ends in a map or in one of the errors below; an array is only
allocated once the bytes for its entries are there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import MapError, VersionWindowError, WireError
from mapcore.keys import HashKeys, KeyFunction, KeyRange, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap, Version

__all__ = ["apply", "delta", "load_snapshot", "snapshot"]

_MAGIC: Final = b"mcap"
_FORMAT: Final = 1
_SNAPSHOT, _DELTA = 0, 1
_CHUNK: Final = 1 << 16  # of entries packed at once; a multiple of 8, so that chunks end on bytes
_SHARED_MOST: Final = 255


def snapshot(source: PartitionMap) -> bytes:
    """Return a whole map as bytes, in time linear in its copies."""
    writer = _Writer()
    writer.version(source.version)
    writer.strings(name.encode() for name in source.nodes.names)
    writer.keys(source.keys)
    writer.sources(source)
    writer.rows(np.diff(source.offsets), source.copy_nodes, source.copy_codes)
    return writer.framed(_SNAPSHOT)


def load_snapshot(data: bytes) -> PartitionMap:
    """Return the map of a snapshot.

    Raises:
        WireError: these bytes are not a snapshot as `snapshot` writes it.
        VersionWindowError: a whole message of a format that is not known here.
    """
    reader = _opened(data, _SNAPSHOT)
    try:
        version = reader.version()
        names = reader.names()
        keys = reader.keys()
        sources = reader.sources(len(keys))
        counts, numbers, codes = reader.rows(len(keys))
        reader.end()
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        return PartitionMap.from_index(
            offsets, numbers, codes, NodeIndex(names), keys=keys, version=version, sources=sources
        )
    except MapError as error:
        raise WireError(f"found no map: {error}") from error


def delta(old: PartitionMap, new: PartitionMap) -> bytes:
    """Return what changes from one map to another, as bytes.

    As large as the rows that differ; nodes and range keys are only in it where they changed.
    """
    writer = _Writer()
    writer.version(old.version)
    writer.number(_fingerprint(old))
    writer.version(new.version)
    writer.number(_fingerprint(new))
    same_nodes, same_keys = old.nodes == new.nodes, old.keys == new.keys
    writer.number(same_nodes | same_keys << 1)
    if not same_nodes:
        writer.strings(name.encode() for name in new.nodes.names)
    if not same_keys:
        writer.keys(new.keys)
    writer.sources(new)
    changed = _changed_rows(old, new) if same_keys else np.arange(new.partition_count)
    counts = np.diff(new.offsets)[changed]
    positions = _positions(new.offsets[changed], counts)
    writer.array(np.diff(changed, prepend=0))
    writer.rows(counts, new.copy_nodes[positions], new.copy_codes[positions])
    return writer.framed(_DELTA)


def apply(old: PartitionMap, data: bytes) -> PartitionMap:
    """Return the map that a delta makes of the one it was taken from.

    Raises:
        WireError: these bytes are not a delta as `delta` writes it.
        VersionWindowError: the delta was taken from another map; or a format not known here.
    """
    reader = _opened(data, _DELTA)
    try:
        base, base_print = reader.version(), reader.number()
        if base != old.version or base_print != _fingerprint(old):
            raise VersionWindowError(
                f"found a delta from version {base}, expected one from version {old.version} "
                "with the contents of this map"
            )
        version, new_print = reader.version(), reader.number()
        same = reader.number()
        nodes = old.nodes if same & 1 else NodeIndex(reader.names())
        keys = old.keys if same & 2 else reader.keys()
        sources = reader.sources(len(keys))
        changed = np.cumsum(reader.array(), dtype=np.int64)
        counts, numbers, codes = reader.rows(len(changed))
        reader.end()
        new = _with_rows(old, nodes, keys, changed, (counts, numbers, codes), version, sources)
    except MapError as error:
        raise WireError(f"found no map: {error}") from error
    if _fingerprint(new) != new_print:
        raise WireError("found another map than the delta was made for")
    return new


def _with_rows(
    old: PartitionMap,
    nodes: NodeIndex,
    keys: KeyFunction,
    changed: NDArray[np.int64],
    rows: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    version: Version,
    sources: dict[int, str],
) -> PartitionMap:
    partitions = len(keys)
    if len(changed) and (
        changed[0] < 0 or changed[-1] >= partitions or np.any(np.diff(changed) <= 0)
    ):
        raise WireError(f"found rows out of order or beyond the {partitions} of the map")
    if keys is not old.keys and len(changed) != partitions:
        raise WireError(f"found {len(changed)} rows for other keys, expected {partitions}")
    counts = np.zeros(partitions, np.int64)
    kept = np.ones(partitions, bool)
    kept[changed] = False
    if keys is old.keys:
        counts[kept] = np.diff(old.offsets)[kept]
    counts[changed] = rows[0]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    numbers = np.empty(offsets[-1], np.int32)
    codes = np.empty(offsets[-1], np.uint8)
    is_new = np.repeat(~kept, counts)
    numbers[is_new], codes[is_new] = rows[1], rows[2]
    if keys is old.keys:
        was_kept = np.repeat(kept, np.diff(old.offsets))
        numbers[~is_new] = _renumbered(old, nodes)[was_kept]
        codes[~is_new] = old.copy_codes[was_kept]
    return PartitionMap.from_index(
        offsets, numbers, codes, nodes, keys=keys, version=version, sources=sources
    )


def _renumbered(old: PartitionMap, nodes: NodeIndex) -> NDArray[np.int32]:
    """Return the node of each copy of a map by another list of nodes, -1 where it is not there."""
    if nodes == old.nodes:
        return old.copy_nodes
    found = [nodes.numbers.get(name, -1) for name in old.nodes.names]
    renumbered: NDArray[np.int32] = np.array(found, np.int32)[old.copy_nodes]
    return renumbered


def _changed_rows(old: PartitionMap, new: PartitionMap) -> NDArray[np.int64]:
    """Return the partitions whose rows differ, order of copies included."""
    old_counts, new_counts = np.diff(old.offsets), np.diff(new.offsets)
    differs = old_counts != new_counts
    same = np.flatnonzero(~differs)
    counts = new_counts[same]
    ours, theirs = (_positions(held.offsets[same], counts) for held in (new, old))
    unequal = (new.copy_nodes[ours] != _renumbered(old, new.nodes)[theirs]) | (
        new.copy_codes[ours] != old.copy_codes[theirs]
    )
    differs[np.repeat(same, counts)[unequal]] = True
    return np.flatnonzero(differs)


def _positions(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of rows in an index, one row after the other."""
    first = np.cumsum(counts) - counts
    positions: NDArray[np.int64] = np.arange(counts.sum()) + np.repeat(starts - first, counts)
    return positions


def _fingerprint(source: PartitionMap) -> int:
    """Return a checksum of all that the wire carries, but for the version."""
    writer = _Writer()
    writer.number(len(source.nodes))
    writer.data += "\0".join(source.nodes.names).encode()
    writer.keys(source.keys)
    writer.sources(source)
    checksum = zlib.crc32(writer.data)
    for array in (
        source.offsets.astype("<i8", copy=False),
        source.copy_nodes.astype("<i4", copy=False),
        source.copy_codes,
    ):
        checksum = zlib.crc32(array.view(np.uint8).data, checksum)
    return checksum


class _Writer:
    """The body of a message, as it grows."""

    def __init__(self) -> None:
        self.data = bytearray()

    def framed(self, kind: int) -> bytes:
        message = _MAGIC + bytes([_FORMAT, kind]) + bytes(self.data)
        return message + zlib.crc32(message).to_bytes(4, "little")

    def number(self, value: int) -> None:
        while value > 127:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)

    def version(self, version: Version) -> None:
        self.number(version.epoch)
        self.number(version.revision)

    def array(self, values: NDArray[Any]) -> None:
        bits = max(1, int(values.max()).bit_length()) if len(values) else 1
        self.number(len(values))
        self.data.append(bits)
        for first in range(0, len(values), _CHUNK):
            chunk = values[first : first + _CHUNK].astype("<u4").view(np.uint8).reshape(-1, 4)
            single = np.unpackbits(chunk, axis=1, count=bits, bitorder="little")
            self.data += np.packbits(single, bitorder="little").tobytes()

    def strings(self, items: Iterable[bytes]) -> None:
        listed = list(items)
        self.number(len(listed))
        before = b""
        for item in listed:
            shared, most = 0, min(len(before), len(item), _SHARED_MOST)
            while shared < most and before[shared] == item[shared]:
                shared += 1
            self.data.append(shared)
            self.number(len(item) - shared)
            self.data += item[shared:]
            before = item

    def keys(self, keys: KeyFunction) -> None:
        if isinstance(keys, HashKeys):
            self.number(0)
            self.number(keys.partition_count)
            return
        self.number(1)
        self.strings(item.name.encode() for item in keys.ranges)
        self.strings(item.start for item in keys.ranges)
        # A byte of 1 before an end or a source says that there is one.
        self.strings(b"" if item.end is None else b"\1" + item.end for item in keys.ranges)
        self.strings(
            b"" if item.source is None else b"\1" + item.source.encode() for item in keys.ranges
        )

    def sources(self, source: PartitionMap) -> None:
        listed = sorted(source.sources.items())
        self.array(np.array([partition for partition, _ in listed], np.int64))
        self.strings(name.encode() for _, name in listed)

    def rows(self, counts: NDArray[Any], nodes: NDArray[Any], codes: NDArray[Any]) -> None:
        self.array(counts)
        self.array(nodes)
        palette, places = np.unique(codes, return_inverse=True)
        self.array(palette)
        self.array(places)


def _opened(data: bytes, kind: int) -> _Reader:
    """Check a frame and return its body."""
    message = memoryview(data).cast("B")
    if len(message) < len(_MAGIC) + 6 or bytes(message[: len(_MAGIC)]) != _MAGIC:
        raise WireError("found no message of a map, expected one that begins with 'mcap'")
    if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:], "little"):
        raise WireError("found a damaged message: its checksum does not fit")
    found_format, found_kind = message[len(_MAGIC)], message[len(_MAGIC) + 1]
    if found_format != _FORMAT:
        raise VersionWindowError(f"found wire format {found_format}, expected {_FORMAT}")
    if found_kind != kind:
        names = {_SNAPSHOT: "a snapshot", _DELTA: "a delta"}
        raise WireError(f"found {names.get(found_kind, found_kind)}, expected {names[kind]}")
    return _Reader(message[len(_MAGIC) + 2 : -4])


class _Reader:
    """The body of a message, as it is read."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> memoryview:
        if size > len(self.data) - self.at:
            raise WireError(f"found the end of the message where {size} bytes more are announced")
        self.at += size
        return self.data[self.at - size : self.at]

    def end(self) -> None:
        if self.at != len(self.data):
            raise WireError(f"found {len(self.data) - self.at} bytes after the end of the message")

    def number(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise WireError("found a number of more than 63 bits")

    def version(self) -> Version:
        return Version(self.number(), self.number())

    def array(self) -> NDArray[np.int64]:
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
        count = self.number()
        if count * 2 > len(self.data) - self.at:
            raise WireError(f"found {count} strings announced, expected fewer in what is left")
        items: list[bytes] = []
        before = b""
        for _ in range(count):
            shared = self.take(1)[0]
            if shared > len(before):
                raise WireError("found a string that shares more than the one before has")
            before = before[:shared] + bytes(self.take(self.number()))
            items.append(before)
        return items

    def names(self) -> list[str]:
        return [_text(name) for name in self.strings()]

    def keys(self) -> KeyFunction:
        kind = self.number()
        if kind == 0:
            return HashKeys(self.number())
        if kind != 1:
            raise WireError(f"found key function {kind}, expected 0 or 1")
        names, starts, ends, sources = (self.strings() for _ in range(4))
        if not len(names) == len(starts) == len(ends) == len(sources):
            raise WireError("found names, starts, ends and sources of ranges in unequal numbers")
        return RangeKeys(
            KeyRange(_text(name), start, _marked(end), None if source is None else _text(source))
            for name, start, end, source in zip(
                names, starts, ends, map(_marked, sources), strict=True
            )
        )

    def sources(self, count: int) -> dict[int, str]:
        partitions, names = self.array().tolist(), self.names()
        if len(partitions) != len(names) or max(partitions, default=0) >= count:
            raise WireError(
                f"found {len(names)} sources of {len(partitions)} partitions, expected one each, "
                f"and numbers below {count}"
            )
        return dict(zip(partitions, names, strict=True))

    def rows(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
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


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"found a name that is not UTF-8: {error}") from error


def _marked(item: bytes) -> bytes | None:
    """Return what stands behind the mark that something is there; None without it."""
    if item[:1] not in (b"", b"\1"):
        raise WireError(f"found mark {item[0]} before an end or a source, expected 1")
    return item[1:] if item else None
