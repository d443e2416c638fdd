"""The tables of a router after a delta: those before it, copied, with the rows that changed.

That is a walk through the tables at the speed of memory; the map is not needed. Only where ranges
change are they unpacked and laid out anew, in time linear in their number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _index, _layout, _routing
from mapcore.errors import MapError, WireError
from mapcore.keys import HashKeys, KeyFunction, RangeKeys
from mapcore.maps import NodeIndex
from mapcore.routing.choice import Chooser
from mapcore.routing.tables import ROLES, Facts, KeyFacts, Masterless, key_facts
from mapcore.wire.deltas import Delta

__all__ = ["patched"]


def patched(before: _routing.Tables, change: Delta, chooser: Chooser) -> _routing.Tables:
    """Return the tables of the map that a delta makes of that behind `before`, its base.

    Raises:
        WireError: it is no delta of that map.
    """
    facts: Facts = before.facts
    try:
        names = before.names
        if change.nodes is not None:
            names = NodeIndex(change.nodes.applied(before.names)).names
        keys, of_keys = _keys(before, change)
    except MapError as error:
        raise WireError(f"found no map: {error}") from error
    partition_count = before.partition_count if keys is None else len(keys)
    origins = change.origins(partition_count)
    rows = _checked_rows(change, len(names))
    old_total = len(before.others)
    if len(names) > _routing.NODES_MAX or old_total + len(rows[1]) >= 2**31 - partition_count:
        raise WireError(f"found {len(names)} nodes and {len(rows[1])} copies more than fit")
    # Of new partitions every row is given, so that an origin of -1 is never followed.
    offsets: NDArray[np.int32] | None = np.empty(partition_count + 1, np.int32)
    assert offsets is not None
    least, most = _layout.count_patched(
        before.other_offsets,
        before.other_count,
        origins,
        change.changed,
        rows[0],
        rows[2],
        ROLES,
        offsets,
    )
    masters = np.empty(partition_count, np.int32)
    others = np.empty(int(offsets[-1]), np.int32)
    numbers = None
    if change.nodes is not None:
        numbers = change.nodes.moved(np.arange(len(before.names))).astype(np.int32)
    lost = _layout.fill_patched(
        before.masters,
        before.others,
        before.other_offsets,
        before.other_count,
        origins,
        numbers,
        change.changed,
        rows[0],
        rows[1],
        rows[2],
        ROLES,
        offsets,
        masters,
        others,
    )
    if lost:
        raise WireError(f"found {lost} copies on nodes that the delta drops")
    return _routing.Tables(
        names,
        masters,
        others,
        None if least == most else offsets,
        most,
        of_keys.search,
        of_keys.rank_partitions(masters),
        Facts(
            change.version,
            change.fingerprint,
            of_keys,
            _masterless(facts.masterless, change, rows, numbers, masters),
            facts.distances if change.nodes is None else chooser.distances(names),
        ),
    )


def _keys(before: _routing.Tables, change: Delta) -> tuple[KeyFunction | None, KeyFacts]:
    """Return the key function, where it changes, and what the router keeps of it."""
    facts: Facts = before.facts
    if change.keys is None:
        return None, facts.keys
    packed = facts.keys.ranges
    old: KeyFunction = (
        HashKeys(before.partition_count) if packed is None else RangeKeys(packed.unpacked())
    )
    keys = change.new_keys(old)
    return keys, key_facts(keys)


def _checked_rows(
    change: Delta, node_count: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Return offsets, nodes and codes of the rows that change."""
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(change.counts)])
    nodes, codes = change.copy_nodes.astype(np.int32), change.copy_codes.astype(np.uint8)
    scratch = np.full(node_count, -1, np.int64)
    wrong, at = _index.check_index(offsets, nodes, codes, scratch)
    if wrong >= 0:
        raise WireError(
            f"found node {nodes[at]} in state {codes[at]} in partition {change.changed[wrong]}, "
            f"expected one of {node_count} nodes, each once, and a state code"
        )
    return offsets, nodes, codes


def _masterless(
    before: Masterless,
    change: Delta,
    rows: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]],
    numbers: NDArray[np.int32] | None,
    masters: NDArray[np.int32],
) -> Masterless:
    """Return what is known of partitions without a master: of old and changed ones."""
    partitions = before.partitions.astype(np.int64)
    if isinstance(change.keys, HashKeys):
        partitions = np.full(len(partitions), -1)
    elif change.keys is not None:
        partitions = change.keys.moved(partitions)
    stays = (partitions >= 0) & ~np.isin(partitions, change.changed)
    counts = np.diff(before.offsets)
    nodes = before.nodes if numbers is None else numbers[before.nodes]
    lacks = masters[change.changed] < 0
    of_old, of_new = np.repeat(stays, counts), np.repeat(lacks, change.counts)
    all_counts = np.concatenate([counts[stays], change.counts[lacks]])
    all_nodes = np.concatenate([nodes[of_old], rows[1][of_new]])
    all_codes = np.concatenate([before.codes[of_old], rows[2][of_new]])
    all_partitions = np.concatenate([partitions[stays], change.changed[lacks]])
    order = np.argsort(all_partitions)
    place = np.argsort(np.repeat(np.argsort(order), all_counts), kind="stable")
    return Masterless(
        all_partitions[order].astype(np.int32),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(all_counts[order])]),
        all_nodes[place],
        all_codes[place],
    )
