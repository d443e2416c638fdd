"""Maps: their header, the key function that their partitions make, and their rows in its order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from mapcore.cluster import Settings
from mapcore.documents.partitions import Partition, Rows
from mapcore.documents.places import Place, describe, fail
from mapcore.documents.settings import PARTITION_COUNT_MAX
from mapcore.documents.shapes import choice, integer, items, members, unknown_fields
from mapcore.errors import RangeError
from mapcore.keys import HashKeys, KeyFunction, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap, Version

__all__ = ["MapHeader", "MapType", "check_can_become", "make_keys", "make_map", "read_header"]

MapType = Literal["current", "target"]
_MAP_FIELDS: Final = ("type", "numPartitions", "keyFunc", "version", "partitions")
_type: Final = choice(("current", "target"))
_key_func: Final = choice(("hash-crc32", "range"))
_count: Final = integer(1, PARTITION_COUNT_MAX)
_version_part: Final = integer(0)


@dataclass(frozen=True, slots=True)
class MapHeader:
    """What a map says of itself apart from its partitions.

    Attributes:
        key_func: the key function; that of the settings where the map names none.
        partition_count: how many partitions there must be, or None where nothing says it.
        is_partial: whether a target map owns up to fewer copies than the constraints ask for.
        extra: fields that mapcore does not know.
    """

    type: MapType
    key_func: str
    partition_count: int | None
    version: Version
    is_partial: bool
    extra: Mapping[str, Any]


def read_header(
    tree: Any,
    place: Place,
    settings: Settings,
    stated: Mapping[str, Any],
    type_: MapType | None = None,
    *,
    has_target: bool = False,
) -> MapHeader:
    """Read what stands around the partitions, and hold it against the settings.

    Args:
        tree: the map.
        place: where it stands.
        settings: what holds for it.
        stated: the settings as they stand in the document: what is not in it is a default.
        type_: what it is by its place in the long form; in the short form it says so itself.
        has_target: whether it is a current map beside its target: it may still have another number
            of hash partitions than the settings ask for.
    """
    fields = members(tree, place)
    if type_ is None and "type" not in fields:
        fail(place.field("type"), "nothing", "current or target")
    found_type: MapType = _type(fields.get("type", type_), place.field("type"))
    if type_ is not None and found_type != type_:
        fail(place.field("type"), describe(found_type), f"{type_}, as the map stands there")
    if "partitions" not in fields:
        fail(place.field("partitions"), "nothing", "partitions by name")
    key_func = settings.key_func
    if "keyFunc" in fields:
        key_func = _key_func(fields["keyFunc"], place.field("keyFunc"))
        if "keyFunc" in stated and key_func != settings.key_func:
            fail(
                place.field("keyFunc"),
                describe(key_func),
                f"{describe(settings.key_func)}, as in the settings",
            )
    count = settings.num_partitions if key_func == "hash-crc32" else None
    if "numPartitions" in fields:
        at = place.field("numPartitions")
        own_count = _count(fields["numPartitions"], at)
        if count is not None and own_count != count and not has_target:
            fail(at, str(own_count), f"{count}, as in the settings")
        count = own_count
    is_partial = False
    known: tuple[str, ...] = _MAP_FIELDS
    if found_type == "target":
        known = (*_MAP_FIELDS, "partial")
        is_partial = fields.get("partial", False)
        if not isinstance(is_partial, bool):
            fail(place.field("partial"), describe(is_partial), "true or false")
    return MapHeader(
        type=found_type,
        key_func=key_func,
        partition_count=count,
        version=_version(fields.get("version", [0, 0]), place.field("version")),
        is_partial=is_partial,
        extra=unknown_fields(fields, known, place),
    )


def check_can_become(current: KeyFunction, target: KeyFunction, place: Place) -> None:
    """Check that a current map can be led to the partitions of its target, which is at `place`.

    Ranges may be split and merged in any way; of hash partitions one number is a multiple of the
    other.
    """
    if current.label != target.label:
        fail(
            place.field("keyFunc"),
            describe(target.label),
            f"{describe(current.label)}, as in the current map",
        )
    if isinstance(current, HashKeys) and not current.can_become(len(target)):
        fail(
            place.field("numPartitions"),
            str(len(target)),
            f"{len(current)}, as in the current map, or a multiple or a divisor of it",
        )


def _version(value: Any, place: Place) -> Version:
    parts = items(value, place, "[epoch, revision]")
    if len(parts) != 2:
        fail(place, describe(value), "[epoch, revision]")
    epoch, revision = (_version_part(part, place.item(i)) for i, part in enumerate(parts))
    return Version(epoch, revision)


def make_keys(header: MapHeader, rows: Rows, place: Place) -> tuple[KeyFunction, Any]:
    """Return the key function that the rows make, and the row of each of its partitions.

    The second is None where the rows are in order already.
    """
    if header.key_func == "range":
        return _make_range_keys(header, rows, place)
    return _make_hash_keys(header, rows, place)


def _make_hash_keys(header: MapHeader, rows: Rows, place: Place) -> tuple[HashKeys, Any]:
    count = header.partition_count
    if count is None:
        if not len(rows):
            fail(place, "an empty object", "at least one partition")
        count = len(rows)
    if (
        rows.numbers is not None
        and len(rows) == count
        and np.array_equal(rows.numbers, np.arange(count))
    ):
        return HashKeys(count), None
    keys = HashKeys(count)
    numbers: dict[int, int] = {}
    for row, partition_name in enumerate(rows.read_names()):
        try:
            number = keys.number(partition_name)
        except KeyError:
            at = place.entry(partition_name)
            fail(at, _describe_name(partition_name), f"a partition number from 0 to {count - 1}")
        if number in numbers:
            fail(
                place.entry(partition_name), f"{describe(partition_name)} twice", "every name once"
            )
        numbers[number] = row
    if len(numbers) < count:
        missing = next(number for number in range(count) if number not in numbers)
        fail(
            place.entry(str(missing)),
            "nothing",
            f"this partition: there are {count}, of which {len(numbers)} are listed",
        )
    order = np.fromiter((numbers[number] for number in range(count)), np.int64, count)
    return keys, order


def _describe_name(partition_name: str) -> str:
    leading_zeros = partition_name.isdecimal() and partition_name[0] == "0" != partition_name
    return describe(partition_name) + (" with leading zeros" if leading_zeros else "")


def _make_range_keys(header: MapHeader, rows: Rows, place: Place) -> tuple[RangeKeys, Any]:
    names = rows.read_names()
    row_of: dict[str, int] = {}
    ranges = []
    empty = Partition()
    for row, partition_name in enumerate(names):
        if partition_name in row_of:
            fail(
                place.entry(partition_name), f"{describe(partition_name)} twice", "every name once"
            )
        row_of[partition_name] = row
        try:
            ranges.append(rows.details.get(row, empty).key_range(partition_name))
        except RangeError as error:
            fail(place.entry(partition_name), error.found, error.expected)
    if header.partition_count is not None and header.partition_count != len(names):
        fail(place, f"{len(names)} partitions", f"{header.partition_count}, as numPartitions says")
    if not ranges:
        fail(place, "an empty object", "at least one range")
    try:
        keys = RangeKeys(ranges)
    except RangeError as error:
        fail(place.entry(error.name), error.found, error.expected)
    order = np.fromiter((row_of[item.name] for item in keys.ranges), np.int64, len(names))
    return keys, None if np.array_equal(order, np.arange(len(names))) else order


def make_map(
    header: MapHeader, keys: KeyFunction, order: Any, rows: Rows, nodes: NodeIndex
) -> PartitionMap:
    """Return the map of rows that were read and checked."""
    offsets, copy_nodes, copy_codes = rows.offsets, rows.copy_nodes, rows.copy_codes
    sizes, weights = rows.sizes, rows.weights
    if order is not None:
        counts = np.diff(offsets)[order]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        positions = np.repeat(offsets[:-1][order] - starts[:-1], counts) + np.arange(starts[-1])
        offsets, copy_nodes, copy_codes = starts, copy_nodes[positions], copy_codes[positions]
        sizes = None if sizes is None else sizes[order]
        weights = None if weights is None else weights[order]
    partition_of = {} if order is None else {int(row): i for i, row in enumerate(order)}
    by_partition = {partition_of.get(row, row): item for row, item in rows.details.items()}
    return PartitionMap.from_index(
        offsets,
        copy_nodes,
        copy_codes,
        nodes,
        keys=keys,
        version=header.version,
        sources={
            number: item.source for number, item in by_partition.items() if item.source is not None
        },
        sizes=sizes,
        weights=None if weights is None or np.all(weights == 1) else weights,
        extra={number: item.extra for number, item in by_partition.items() if item.extra},
    )
