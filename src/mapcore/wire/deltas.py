"""Deltas: what makes one map of another, as values and as bytes.

A delta names its base, by version and fingerprint, and the map that it leads to. It holds the nodes
and the ranges as edits of those of the base, and the rows that differ. So it is as large as what
changed, and two deltas one after the other make one, without either map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import MapError, VersionWindowError, WireError
from mapcore.keys import HashKeys, KeyFunction, KeyRange, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap, Version
from mapcore.wire.edits import Edit
from mapcore.wire.encoding import DELTA, Buffer, Reader, Writer, opened
from mapcore.wire.snapshots import check_sources

__all__ = ["Delta", "apply", "compose", "delta", "delta_between", "load_delta", "read_delta"]

_NODES, _HASH, _RANGES, _SOURCES = 1, 2, 4, 8
Rows: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What makes one map of another.

    Attributes:
        base: the version of the map that it starts from.
        base_fingerprint: that map's `PartitionMap.fingerprint`.
        version: of the map that it leads to.
        fingerprint: likewise.
        nodes: the nodes, as an edit; None where they stay.
        keys: the ranges, as an edit, or hash keys; None where the key function stays.
        sources: what partitions come from, by number; None where that stays.
        changed: int64, ascending: the partitions, by their new numbers, whose rows are given. Those
            of new partitions all are.
        counts: int64: how many copies each of them has.
        copy_nodes: int64 node numbers, by the new nodes, row by row.
        copy_codes: state codes, likewise.
    """

    base: Version
    base_fingerprint: int
    version: Version
    fingerprint: int
    nodes: Edit[str] | None
    keys: Edit[KeyRange] | HashKeys | None
    sources: dict[int, str] | None
    changed: NDArray[np.int64]
    counts: NDArray[np.int64]
    copy_nodes: NDArray[np.int64]
    copy_codes: NDArray[np.int64]

    def to_bytes(self) -> bytes:
        """Return it as a message."""
        writer = Writer()
        for version, fingerprint in (
            (self.base, self.base_fingerprint),
            (self.version, self.fingerprint),
        ):
            writer.version(version)
            writer.number(fingerprint)
        writer.number(
            (self.nodes is not None) * _NODES
            | isinstance(self.keys, HashKeys) * _HASH
            | isinstance(self.keys, Edit) * _RANGES
            | (self.sources is not None) * _SOURCES
        )
        if self.nodes is not None:
            self.nodes.write(writer)
            writer.strings(name.encode() for name in self.nodes.items)
        if isinstance(self.keys, HashKeys):
            writer.number(self.keys.partition_count)
        elif self.keys is not None:
            self.keys.write(writer)
            writer.ranges(self.keys.items)
        if self.sources is not None:
            writer.sources(self.sources)
        writer.array(np.diff(self.changed, prepend=0))
        writer.rows(self.counts, self.copy_nodes, self.copy_codes)
        return writer.framed(DELTA)

    def check_base(self, version: Version, fingerprint: int) -> None:
        """Raise a `VersionWindowError` unless the map of these is the base."""
        if self.base != version or self.base_fingerprint != fingerprint:
            raise VersionWindowError(
                f"found a delta from version {self.base}, expected one from version {version} "
                "with the contents of this map"
            )

    def new_keys(self, old: KeyFunction) -> KeyFunction:
        """Return the key function of the new map, given that of the base."""
        if self.keys is None or isinstance(self.keys, HashKeys):
            return self.keys or old
        return RangeKeys(self.keys.applied(old.ranges if isinstance(old, RangeKeys) else ()))

    def origins(self, partition_count: int) -> NDArray[np.int64] | None:
        """Return the partition of the base that each partition of the new map goes on from.

        -1 for those that are new; None where all stay what they are. After `new_keys`, which checks
        the edit.

        Raises:
            WireError: rows are out of order, or do not fit the partitions.
        """
        if len(self.changed) and (
            self.changed[0] < 0
            or self.changed[-1] >= partition_count
            or np.any(np.diff(self.changed) <= 0)
        ):
            raise WireError(f"found rows out of order or beyond the {partition_count} of the map")
        if self.keys is None:
            return None
        if isinstance(self.keys, HashKeys):
            if len(self.changed) != partition_count:
                raise WireError(
                    f"found {len(self.changed)} rows for other keys, expected {partition_count}"
                )
            return np.full(partition_count, -1)
        origins = self.keys.origins()
        if not np.isin(np.flatnonzero(origins < 0), self.changed, assume_unique=True).all():
            raise WireError("found a new partition without its row")
        return origins


def delta(old: PartitionMap, new: PartitionMap) -> bytes:
    """Return what changes from one map to another, as bytes.

    As large as the nodes, ranges and rows that differ. Time is linear in the copies.
    """
    return delta_between(old, new).to_bytes()


def delta_between(old: PartitionMap, new: PartitionMap) -> Delta:
    """Return what changes from one map to another."""
    nodes = _node_edit(old.nodes, new.nodes)
    keys = _key_edit(old.keys, new.keys)
    origins = keys.origins() if isinstance(keys, Edit) else None
    changed = (
        np.arange(new.partition_count)
        if isinstance(keys, HashKeys)
        else _changed_rows(old, new, nodes, origins)
    )
    counts = np.diff(new.offsets)[changed]
    positions = _positions(new.offsets[changed], counts)
    stays = keys is None and dict(old.sources) == dict(new.sources)
    return Delta(
        old.version,
        old.fingerprint,
        new.version,
        new.fingerprint,
        nodes,
        keys,
        None if stays else dict(new.sources),
        changed,
        counts,
        new.copy_nodes[positions].astype(np.int64),
        new.copy_codes[positions].astype(np.int64),
    )


def load_delta(data: Buffer) -> Delta:
    """Return the delta of a message.

    Raises:
        WireError: these bytes are not a delta as `delta` writes it.
        VersionWindowError: a whole message of a format that is not known here.
    """
    return read_delta(opened(data, DELTA)[1])


def read_delta(reader: Reader) -> Delta:
    """Return the delta of a message's body."""
    try:
        base, base_fingerprint = reader.version(), reader.number()
        version, fingerprint = reader.version(), reader.number()
        flags = reader.number()
        if flags > 15 or flags & (_HASH | _RANGES) == _HASH | _RANGES:
            raise WireError(f"found flags {flags} for what follows")
        nodes: Edit[str] | None = None
        keys: Edit[KeyRange] | HashKeys | None = None
        if flags & _NODES:
            nodes = Edit.checked(Edit.read(reader), reader.names())
        if flags & _HASH:
            keys = HashKeys(reader.number())
        elif flags & _RANGES:
            keys = Edit.checked(Edit.read(reader), reader.ranges())
        sources = reader.sources() if flags & _SOURCES else None
        changed = np.cumsum(reader.array(), dtype=np.int64)
        counts, copy_nodes, copy_codes = reader.rows(len(changed))
        reader.end()
    except MapError as error:
        raise WireError(f"found no map: {error}") from error
    if keys is not None and sources is None:
        raise WireError("found other partitions without what they come from")
    return Delta(
        base,
        base_fingerprint,
        version,
        fingerprint,
        nodes,
        keys,
        sources,
        changed,
        counts,
        copy_nodes,
        copy_codes,
    )


def apply(old: PartitionMap, change: Buffer | Delta) -> PartitionMap:
    """Return the map that a delta makes of the one it was taken from.

    Sizes and weights stay those of the old map where its partitions stay what they are; otherwise
    they are not known. Unknown fields are dropped.

    Raises:
        WireError: these bytes are not a delta as `delta` writes it.
        VersionWindowError: the delta was taken from another map; or a format not known here.
    """
    change = change if isinstance(change, Delta) else load_delta(change)
    change.check_base(old.version, old.fingerprint)
    try:
        nodes = old.nodes
        if change.nodes is not None:
            nodes = NodeIndex(change.nodes.applied(old.nodes.names))
        keys = change.new_keys(old.keys)
        sources = old.sources if change.sources is None else change.sources
        check_sources(dict(sources), len(keys))
        offsets, numbers, codes = _rows(old, change, len(keys))
        new = PartitionMap.from_index(
            offsets,
            numbers,
            codes,
            nodes,
            keys=keys,
            version=change.version,
            sources=sources,
            sizes=old.sizes if change.keys is None else None,
            weights=old.weights if change.keys is None else None,
        )
    except MapError as error:
        raise WireError(f"found no map: {error}") from error
    if new.fingerprint != change.fingerprint:
        raise WireError("found another map than the delta was made for")
    return new


def compose(first: Buffer | Delta, *later: Buffer | Delta) -> bytes:
    """Return the one delta that does the work of several, each taken from what the last leads to.

    No map is needed. The result leads to the same map as the direct delta; it is as large, but for
    rows that changed and changed back.

    Raises:
        WireError: these bytes are not deltas as `delta` writes them.
        VersionWindowError: one does not start where the one before ends; or an unknown format.
    """
    whole = first if isinstance(first, Delta) else load_delta(first)
    for change in later:
        whole = _composed(whole, change if isinstance(change, Delta) else load_delta(change))
    return whole.to_bytes()


def _composed(first: Delta, second: Delta) -> Delta:
    second.check_base(first.version, first.fingerprint)
    nodes = first.nodes or second.nodes
    if first.nodes is not None and second.nodes is not None:
        nodes = first.nodes.then(second.nodes)
    keys = second.keys if second.keys is not None else first.keys
    if isinstance(second.keys, Edit):
        if isinstance(first.keys, Edit):
            keys = first.keys.then(second.keys)
        elif first.keys is not None and len(second.keys.items) != len(second.keys):
            raise WireError("found ranges kept from hash keys")
    kept, counts, copy_nodes, copy_codes = _carried(first, second)
    changed = np.concatenate([kept, second.changed])
    order = np.argsort(changed, kind="stable")
    counts = np.concatenate([counts, second.counts])
    positions = _positions((np.cumsum(counts) - counts)[order], counts[order])
    return replace(
        second,
        base=first.base,
        base_fingerprint=first.base_fingerprint,
        nodes=nodes,
        keys=keys,
        sources=first.sources if second.sources is None else second.sources,
        changed=changed[order],
        counts=counts[order],
        copy_nodes=np.concatenate([copy_nodes, second.copy_nodes])[positions],
        copy_codes=np.concatenate([copy_codes, second.copy_codes])[positions],
    )


def _carried(first: Delta, second: Delta) -> tuple[NDArray[np.int64], *Rows]:
    """Return the rows of the first that the second leaves, in the second's numbers."""
    changed = first.changed
    if isinstance(second.keys, HashKeys):
        changed = np.full(len(changed), -1)
    elif second.keys is not None:
        changed = second.keys.moved(changed)
    stays = (changed >= 0) & ~np.isin(changed, second.changed)
    of_copies = np.repeat(stays, first.counts)
    copy_nodes = first.copy_nodes[of_copies]
    if second.nodes is not None:
        copy_nodes = second.nodes.moved(copy_nodes)
        if np.any(copy_nodes < 0):
            raise WireError("found copies on a node that a later delta drops")
    return changed[stays], first.counts[stays], copy_nodes, first.copy_codes[of_copies]


def _rows(old: PartitionMap, change: Delta, partition_count: int) -> Rows:
    """Return offsets, nodes and codes of the new map."""
    origins = change.origins(partition_count)
    if origins is None:
        origins = np.arange(partition_count)
    is_kept = origins >= 0
    is_kept[change.changed] = False
    kept_rows = origins[is_kept]
    counts = np.zeros(partition_count, np.int64)
    counts[is_kept] = np.diff(old.offsets)[kept_rows]
    counts[change.changed] = change.counts
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    numbers = np.empty(offsets[-1], np.int64)
    codes = np.empty(offsets[-1], np.int64)
    of_kept = np.repeat(is_kept, counts)
    places = _positions(old.offsets[kept_rows], counts[is_kept])
    kept_numbers = old.copy_nodes[places]
    numbers[of_kept] = kept_numbers if change.nodes is None else change.nodes.moved(kept_numbers)
    codes[of_kept] = old.copy_codes[places]
    numbers[~of_kept], codes[~of_kept] = change.copy_nodes, change.copy_codes
    return offsets, numbers, codes


def _node_edit(old: NodeIndex, new: NodeIndex) -> Edit[str] | None:
    if old == new:
        return None
    numbers = old.numbers
    return Edit.of(np.array([numbers.get(name, -1) for name in new.names], np.int64), new.names)


def _key_edit(old: KeyFunction, new: KeyFunction) -> Edit[KeyRange] | HashKeys | None:
    if old == new:
        return None
    if isinstance(new, HashKeys):
        return new
    ranges = old.ranges if isinstance(old, RangeKeys) else ()
    numbers = {item.name: number for number, item in enumerate(ranges)}
    origins = [numbers.get(item.name, -1) for item in new.ranges]
    same = [
        number if number >= 0 and ranges[number] == item else -1
        for number, item in zip(origins, new.ranges, strict=True)
    ]
    return Edit.of(np.array(same, np.int64), new.ranges)


def _changed_rows(
    old: PartitionMap,
    new: PartitionMap,
    nodes: Edit[str] | None,
    origins: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """Return the partitions that are new or whose rows differ, order of copies included."""
    if origins is None:
        origins = np.arange(new.partition_count)
    old_counts, new_counts = np.diff(old.offsets), np.diff(new.offsets)
    differs = (origins < 0) | (old_counts[origins] != new_counts)
    same = np.flatnonzero(~differs)
    counts = new_counts[same]
    ours = _positions(new.offsets[same], counts)
    theirs = _positions(old.offsets[origins[same]], counts)
    their_nodes = old.copy_nodes[theirs]
    unequal = (
        new.copy_nodes[ours] != (their_nodes if nodes is None else nodes.moved(their_nodes))
    ) | (new.copy_codes[ours] != old.copy_codes[theirs])
    differs[np.repeat(same, counts)[unequal]] = True
    return np.flatnonzero(differs)


def _positions(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of rows in an index, one row after the other."""
    first = np.cumsum(counts) - counts
    positions: NDArray[np.int64] = np.arange(counts.sum()) + np.repeat(starts - first, counts)
    return positions
