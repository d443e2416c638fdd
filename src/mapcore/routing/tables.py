"""The flat tables of a router, laid out from a map."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _layout, _routing
from mapcore._kernels._ranges import RangeIndex
from mapcore.errors import MapError
from mapcore.keys import HashKeys, KeyFunction, PackedRanges
from mapcore.maps import PartitionMap, Version
from mapcore.states import Placement, describe_code, is_valid_code, placement_of, running_of

__all__ = ["ROLES", "Facts", "KeyFacts", "Masterless", "build_tables", "key_facts"]

_OFF: Final = 255
_ORDER: Final = (
    Placement.MASTER,
    Placement.PENDING_MASTER,
    Placement.SLAVE,
    Placement.PENDING_SLAVE,
)


def _roles() -> NDArray[np.uint8]:
    """By state code: the place of a copy in the order of those that serve, or `_OFF`.

    A pending copy serves as what it devolves to: in the middle of a takeover the old master is the
    one that has everything.
    """
    roles = np.full(256, _OFF, np.uint8)
    for code in filter(is_valid_code, range(128)):
        if placement_of(code) in _ORDER and running_of(code).is_online:
            roles[code] = _ORDER.index(placement_of(code))
    return roles


ROLES: Final = _roles()


class Masterless(NamedTuple):
    """All copies of the partitions that have no master now: what can be said when one is asked for.

    Attributes:
        partitions: numbers, ascending.
        offsets: where the copies of each begin, one more.
        nodes: node numbers.
        codes: state codes.
    """

    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    nodes: NDArray[np.int32]
    codes: NDArray[np.uint8]

    @classmethod
    def of(cls, source: PartitionMap, masters: NDArray[np.int32]) -> Masterless:
        """Pick them from a map."""
        partitions = np.flatnonzero(masters < 0)
        counts = np.diff(source.offsets)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[partitions])])
        picked = np.repeat(masters < 0, counts) if len(partitions) else np.zeros(0, np.intp)
        return cls(
            partitions.astype(np.int32),
            offsets,
            source.copy_nodes[picked],
            source.copy_codes[picked],
        )

    @property
    def byte_count(self) -> int:
        """The bytes that the arrays take."""
        arrays = (self.partitions, self.offsets, self.nodes, self.codes)
        return sum(array.nbytes for array in arrays)

    def describe(self, partition: int, names: tuple[str, ...]) -> str:
        """Return the copies of one of the partitions as text."""
        i = bisect_left(self.partitions, partition)
        row = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return ", ".join(
            f"{names[node]} {describe_code(code)}"
            for node, code in zip(self.nodes[row].tolist(), self.codes[row].tolist(), strict=True)
        )


class KeyFacts(NamedTuple):
    """What a router keeps of its key function.

    Attributes:
        ranges: the ranges, packed; None for hash keys.
        search: where to look for a key's segment; None for hash keys.
        partitions: int32, by segment: the range that covers it, -1 in a gap.
        nested: by segment, where several ranges cover it: their numbers, outermost first.
    """

    ranges: PackedRanges | None = None
    search: RangeIndex | None = None
    partitions: NDArray[np.int32] | None = None
    nested: Mapping[int, tuple[int, ...]] = MappingProxyType({})

    def name(self, partition: int) -> str:
        """Return the name of a partition."""
        return str(partition) if self.ranges is None else self.ranges.names[partition]

    @property
    def byte_count(self) -> int:
        """The bytes that starts and search structure take."""
        if self.ranges is None or self.search is None:
            return 0
        return self.ranges.byte_count + self.search.byte_count

    def rank_partitions(self, masters: NDArray[np.int32]) -> NDArray[np.int32] | None:
        """By rank of a key among the starts of segments: the partition that answers for it, or -1.

        None where that is the rank less one.

        Where a range is being split, the source answers as long as it has a master that is online:
        the ranges that come from it are still being filled. After that the range answers that comes
        from it most directly and has a master; if none has, the source is the one without.
        """
        if self.partitions is None:
            return None
        partitions = np.concatenate([np.full(1, -1, np.int32), self.partitions])
        for segment, covering in self.nested.items():
            partitions[segment + 1] = next(
                (partition for partition in covering if masters[partition] >= 0), covering[0]
            )
        is_rank_less_one = np.array_equal(partitions, np.arange(-1, len(partitions) - 1))
        return None if is_rank_less_one else partitions


def key_facts(keys: KeyFunction) -> KeyFacts:
    """Return what a router keeps of a key function."""
    if isinstance(keys, HashKeys):
        return KeyFacts()
    segments = keys.segments
    return KeyFacts(keys.packed, segments.index, segments.partitions, segments.nested)


class Facts(NamedTuple):
    """What a router keeps beside its arrays.

    Attributes:
        version: of the map.
        fingerprint: of the map, which a delta names as its base.
        keys: of the key function.
        masterless: what is known of partitions without a master.
        distances: how far each node stands from the router, one byte a node.
    """

    version: Version
    fingerprint: int
    keys: KeyFacts
    masterless: Masterless
    distances: bytes


def build_tables(source: PartitionMap, distances: bytes) -> _routing.Tables:
    """Lay out the tables of a map. They share nothing with it but names and range starts.

    `distances` says how far each of its nodes stands from the router.

    Time and space are linear in partitions and copies: 4 bytes a copy, and 4 a partition where
    partitions differ in the number of copies that are online.

    Raises:
        MapError: more than 2**30 - 1 nodes, or 2**31 - 1 copies.
    """
    if source.node_count > _routing.NODES_MAX or source.copy_count >= 2**31:
        raise MapError(
            f"found {source.node_count} nodes and {source.copy_count} copies, expected at most "
            f"{_routing.NODES_MAX} and {2**31 - 1}"
        )
    index = source.offsets, source.copy_nodes, source.copy_codes
    offsets: NDArray[np.int32] | None = np.empty(source.partition_count + 1, np.int32)
    assert offsets is not None
    least, most = _layout.count_others(index[0], index[2], ROLES, offsets)
    masters = np.empty(source.partition_count, np.int32)
    others = np.empty(int(offsets[-1]), np.int32)
    _layout.fill_tables(*index, ROLES, offsets, masters, others)
    if least == most:
        offsets = None
    keys = key_facts(source.keys)
    return _routing.Tables(
        source.nodes.names,
        masters,
        others,
        offsets,
        most,
        keys.search,
        keys.rank_partitions(masters),
        Facts(
            source.version,
            source.fingerprint,
            keys,
            Masterless.of(source, masters),
            distances,
        ),
    )
