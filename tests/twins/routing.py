"""What a router answers, in plain Python, from the map itself."""

from __future__ import annotations

import zlib

from mapcore.keys import HashKeys, KeyRange
from mapcore.maps import Copy, PartitionMap
from mapcore.states import Placement, Running

ORDER = [Placement.MASTER, Placement.PENDING_MASTER, Placement.SLAVE, Placement.PENDING_SLAVE]


def serving_copies(held: PartitionMap, partition: int) -> list[Copy]:
    """Return the copies that a router may send to, in its order."""
    online = [
        copy
        for copy in held.copies(partition)
        if copy.placement in ORDER and copy.running is not Running.STOPPED
    ]
    return sorted(online, key=lambda copy: ORDER.index(copy.placement))


def copies_of(held: PartitionMap, partition: int) -> tuple[str, ...]:
    return tuple(copy.node for copy in serving_copies(held, partition))


def masters_of(held: PartitionMap, partition: int) -> tuple[str, ...]:
    return tuple(
        copy.node for copy in serving_copies(held, partition) if ORDER.index(copy.placement) < 2
    )


def is_in(key: bytes, item: KeyRange) -> bool:
    return item.start <= key and (item.end is None or key < item.end)


def ancestors(item: KeyRange, ranges: dict[str, KeyRange]) -> int:
    count = 0
    while item.source in ranges:
        item = ranges[item.source]
        count += 1
    return count


def partition_of(held: PartitionMap, key: bytes) -> int | None:
    """Return the partition that answers for a key, or None in a gap."""
    if isinstance(held.keys, HashKeys):
        return zlib.crc32(key) % len(held.keys)
    by_name = {item.name: item for item in held.keys.ranges}
    covering = [item for item in held.keys.ranges if is_in(key, item)]
    covering.sort(key=lambda item: ancestors(item, by_name))
    numbers = [held.keys.number(item.name) for item in covering]
    with_master = [number for number in numbers if masters_of(held, number)]
    return next(iter(with_master + numbers), None)
