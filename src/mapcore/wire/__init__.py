"""Binary snapshots and deltas of a map, for processes that follow one.

    sent = wire.snapshot(held)              # a whole map
    change = wire.delta(held, newer)        # what makes one of the other
    wire.apply(wire.load_snapshot(sent), change)
    wire.compose(change, next_change)       # one delta for two

A snapshot holds version, nodes, keys, sources and copies, rows in their order; sizes and weights of
partitions if asked. A delta (`deltas`) names its base by version and fingerprint, and holds nodes,
ranges and rows that changed; of sizes and weights it says nothing. Unknown fields of a map's
document are not carried. How bytes are laid out stands in `encoding`.

Whatever the bytes are, reading them ends in a map, a delta or one of two errors; what a message
announces is only allocated once its bytes are there.
"""

from __future__ import annotations

from mapcore.maps import PartitionMap
from mapcore.wire.deltas import Delta, apply, compose, delta, delta_between, load_delta, read_delta
from mapcore.wire.encoding import SNAPSHOT, Buffer, opened
from mapcore.wire.snapshots import load_snapshot, read_snapshot, snapshot

__all__ = [
    "Buffer",
    "Delta",
    "apply",
    "compose",
    "delta",
    "delta_between",
    "load",
    "load_delta",
    "load_snapshot",
    "snapshot",
]


def load(data: Buffer) -> PartitionMap | Delta:
    """Return the map of a snapshot, or a delta, whichever the bytes are.

    Raises:
        WireError: they are neither.
        VersionWindowError: a whole message of a format that is not known here.
    """
    kind, reader = opened(data, None)
    return read_snapshot(reader) if kind == SNAPSHOT else read_delta(reader)
