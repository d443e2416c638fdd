"""Snapshots: whole maps as bytes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import MapError, WireError
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.wire.encoding import SNAPSHOT, Buffer, Reader, Writer, opened

__all__ = ["load_snapshot", "read_snapshot", "snapshot"]

_SIZES: Final = 1
_WEIGHTS: Final = 2


def snapshot(source: PartitionMap, *, with_sizes: bool = False) -> bytes:
    """Return a whole map as bytes, in time linear in its copies.

    Args:
        source: the map.
        with_sizes: whether the sizes and weights of partitions, where they are known, come along:
            8 bytes each. Routers do not need them.
    """
    writer = Writer()
    writer.version(source.version)
    writer.strings(name.encode() for name in source.nodes.names)
    writer.keys(source.keys)
    writer.sources(source.sources)
    writer.rows(np.diff(source.offsets), source.copy_nodes, source.copy_codes)
    sizes = source.sizes if with_sizes else None
    weights = source.weights if with_sizes else None
    writer.number((sizes is not None) * _SIZES | (weights is not None) * _WEIGHTS)
    if sizes is not None:
        writer.eights(sizes, "<i8")
    if weights is not None:
        writer.eights(weights, "<f8")
    return writer.framed(SNAPSHOT)


def load_snapshot(data: Buffer) -> PartitionMap:
    """Return the map of a snapshot.

    Raises:
        WireError: these bytes are not a snapshot as `snapshot` writes it.
        VersionWindowError: a whole message of a format that is not known here.
    """
    return read_snapshot(opened(data, SNAPSHOT)[1])


def read_snapshot(reader: Reader) -> PartitionMap:
    """Return the map of a snapshot's body."""
    try:
        version = reader.version()
        names = reader.names()
        keys = reader.keys()
        sources = reader.sources()
        check_sources(sources, len(keys))
        counts, numbers, codes = reader.rows(len(keys))
        known = reader.number()
        if known > _SIZES | _WEIGHTS:
            raise WireError(f"found flags {known} for what follows, expected 0 to 3")
        sizes = _not_negative(reader.eights(len(keys), "<i8")) if known & _SIZES else None
        weights = _not_negative(reader.eights(len(keys), "<f8")) if known & _WEIGHTS else None
        reader.end()
        return PartitionMap.from_index(
            np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)]),
            numbers,
            codes,
            NodeIndex(names),
            keys=keys,
            version=version,
            sources=sources,
            sizes=sizes,
            weights=weights,
        )
    except MapError as error:
        raise WireError(f"found no map: {error}") from error


def check_sources(sources: dict[int, str], partition_count: int) -> None:
    """Raise a `WireError` where there is a source of a partition that there is not."""
    if max(sources, default=0) >= partition_count:
        raise WireError(
            f"found a source of partition {max(sources)}, expected numbers below {partition_count}"
        )


def _not_negative(values: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.generic]:
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise WireError("found a size or weight below 0 or without an end, expected 0 or more")
    return values
