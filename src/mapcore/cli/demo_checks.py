"""What `mapcore demo` checks of a map, counted again from its arrays by plain numpy.

Nothing here comes from the planner: a mistake there would not be repeated here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.states import Placement

__all__ = ["Check", "check_map", "check_moves", "check_routes"]


class Check(NamedTuple):
    """One promise, whether it was kept, and what was counted."""

    promise: str
    is_kept: bool
    counted: str


def check_map(
    held: PartitionMap, zones: NDArray[np.int64], copies: int, lost_zone: int | None
) -> Iterator[Check]:
    """Count copies, masters, zones and loads of a map over nodes of equal weight.

    Args:
        held: the map; its nodes are numbered as `zones`.
        zones: the zone of each node.
        copies: how many each partition shall have.
        lost_zone: the zone whose nodes are gone, or None.
    """
    rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))
    nodes = held.copy_nodes.astype(np.int64)
    is_master = (held.copy_codes & 7) == Placement.MASTER

    counts = np.bincount(rows, minlength=held.partition_count)
    masters = np.bincount(rows[is_master], minlength=held.partition_count)
    yield Check(
        f"every partition has {copies} copies, one of them master",
        bool((counts == copies).all() and (masters == 1).all()),
        f"{len(nodes):,} copies, {int(is_master.sum()):,} masters",
    )
    cells = np.unique(rows * held.node_count + nodes)
    yield Check(
        "no node holds two copies of a partition",
        len(cells) == len(nodes),
        f"{len(cells):,} different pairs of partition and node",
    )
    live = np.ones(held.node_count, bool) if lost_zone is None else zones != lost_zone
    live_zones = np.unique(zones[live])
    most_allowed = -(-copies // len(live_zones))
    in_zone = np.unique(rows * (zones.max() + 1) + zones[nodes], return_counts=True)[1]
    yield Check(
        f"at most {most_allowed} of a partition's copies in one zone",
        int(in_zone.max()) <= most_allowed,
        f"at most {int(in_zone.max())}",
    )
    if lost_zone is not None:
        on_lost = int((~live[nodes]).sum())
        yield Check("no copy on a node that is lost", on_lost == 0, f"{on_lost:,} copies")
    for what, chosen in (("copies", nodes), ("masters", nodes[is_master])):
        loads = np.bincount(chosen, minlength=held.node_count)
        spans = [np.ptp(loads[live & (zones == zone)]) for zone in live_zones]
        yield Check(
            f"{what} of the nodes of a zone differ by at most 1",
            int(max(spans)) <= 1,
            f"{int(loads[live].min()):,} to {int(loads[live].max()):,} a node",
        )


def check_moves(
    before: PartitionMap, after: PartitionMap, live: NDArray[np.bool_], fewest: int
) -> Check:
    """Count the copies that are new, and hold them to what is needed at least.

    Each copy that was lost must be made again. `fewest` may be more than that: small clusters can
    be balanced only by moving other copies too.
    """
    cells_before, cells_after = (
        np.repeat(np.arange(held.partition_count), np.diff(held.offsets)) * held.node_count
        + held.copy_nodes
        for held in (before, after)
    )
    moved = len(np.setdiff1d(cells_after, cells_before))
    lost = int((~live[before.copy_nodes]).sum())
    return Check(
        "no copy moved without need",
        moved == max(lost, fewest),
        f"{moved:,} moved, {lost:,} lost, {fewest:,} needed at least",
    )


def check_routes(
    held: PartitionMap,
    keys: NDArray[np.bytes_],
    partitions: NDArray[np.int32],
    nodes: NDArray[np.int32],
    sample: int = 10_000,
) -> Check:
    """Look a sample of keys up by zlib and the map's arrays, and compare."""
    positions = range(0, len(keys), max(1, len(keys) // sample))
    expected = [zlib.crc32(keys[position]) % held.partition_count for position in positions]
    masters = held.copy_nodes[held.offsets[expected]]
    is_kept = np.array_equal(partitions[positions], expected) and np.array_equal(
        nodes[positions], masters
    )
    return Check(
        "keys go where zlib's crc32 and the map say", is_kept, f"{len(positions):,} keys compared"
    )
