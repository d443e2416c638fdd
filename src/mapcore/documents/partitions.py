"""The partitions of one map: from a tree to the arrays of a compact index.

This is the reader that takes everything and finds the first thing that is wrong. What is plain and
large goes through `mapcore.documents.plain`, which fills the same `Rows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.documents.places import Place, describe, fail
from mapcore.documents.shapes import (
    choice,
    integer,
    items,
    members,
    name,
    number,
    unknown_fields,
)
from mapcore.keys import KeyRange
from mapcore.states import (
    PERSISTENCE_PAUSED,
    REPLICATION_PAUSED,
    RUNNING_MASK,
    RUNNING_SHIFT,
    Placement,
    Running,
    state_code,
)

__all__ = [
    "COPY_FIELDS",
    "PAUSES",
    "KnownNodes",
    "Partition",
    "Rows",
    "read_partition",
    "read_rows",
    "set_sizes_and_weights",
]

COPY_FIELDS: Final = {
    kind.label: state_code(kind) for kind in Placement if kind is not Placement.NULL
}
"""The fields that list copies, and the code of a copy that is listed there."""

PAUSES: Final = {"persistence": PERSISTENCE_PAUSED, "replication": REPLICATION_PAUSED}

_OTHER_FIELDS: Final = ("running", "paused", "source", "size", "weight")
_RANGE_FIELDS: Final = ("start", "end")
_KNOWN_FIELDS: Final = {
    False: frozenset((*COPY_FIELDS, *_OTHER_FIELDS)),
    True: frozenset((*COPY_FIELDS, *_OTHER_FIELDS, *_RANGE_FIELDS)),
}
_running: Final = choice({kind.label for kind in Running})
_RUNNING_CODES: Final = {kind.label: kind << RUNNING_SHIFT for kind in Running}
_pause: Final = choice(PAUSES)
_size: Final = integer(0)
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*\Z")


class KnownNodes:
    """The numbers of the nodes; where the document lists none, names get theirs as they appear."""

    def __init__(self, listed: Iterable[str] | None) -> None:
        self.numbers: dict[str, int] = (
            {} if listed is None else {node: i for i, node in enumerate(listed)}
        )
        self.may_grow = listed is None

    def encoded(self) -> tuple[bytes, NDArray[np.int64]]:
        """Return the names in UTF-8, one after another, and where each ends."""
        text = "".join(self.numbers)
        names = text.encode()
        lengths = (
            map(len, self.numbers)
            if len(names) == len(text)
            else (len(name.encode()) for name in self.numbers)
        )
        return names, np.fromiter(lengths, np.int64, len(self.numbers)).cumsum()

    def number(self, value: Any, place: Place) -> int:
        """Return the number of the node that `value` names."""
        found = self.numbers.get(value) if isinstance(value, str) else None
        if found is None:
            node = name(value, place)
            if not self.may_grow:
                fail(place, describe(node), "one of the nodes that the document lists")
            found = self.numbers[node] = len(self.numbers)
        return found


@dataclass(slots=True)
class Partition:
    """What a document says of one partition; `codes` by node number, in the order of the text."""

    codes: dict[int, int] = field(default_factory=dict)
    source: str | None = None
    size: int | None = None
    weight: float | None = None
    start: bytes | None = None
    end: bytes | None = None
    has_bounds: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_details(self) -> bool:
        """Whether it says more than the codes of its copies."""
        stated = (self.source, self.size, self.weight)
        return self.has_bounds or bool(self.extra) or any(item is not None for item in stated)

    def key_range(self, partition_name: str) -> KeyRange:
        """Return the keys of this partition; MapError if the name does not say it."""
        if self.has_bounds:
            return KeyRange(partition_name, self.start or b"", self.end, self.source)
        return KeyRange.from_name(partition_name, self.source)


@dataclass(slots=True)
class Rows:
    """The partitions of a map in the order of the text, as the arrays of an index.

    Attributes:
        read_names: returns the partitions' names.
        numbers: what the names say as plain decimal numbers, where that is known already.
        details: what is said of a row beyond its copies, size and weight.
        sizes: bytes, 0 where they are not said; None if they are said nowhere.
        weights: 1 where they are not said; None if they are said nowhere.
    """

    read_names: Callable[[], list[str]]
    offsets: NDArray[np.int64]
    copy_nodes: NDArray[np.int32]
    copy_codes: NDArray[np.uint8]
    details: Mapping[int, Partition]
    sizes: NDArray[np.int64] | None = None
    weights: NDArray[np.float64] | None = None
    numbers: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1


def read_partition(tree: Any, place: Place, nodes: KnownNodes, *, has_ranges: bool) -> Partition:
    """Read one partition."""
    fields = members(tree, place)
    found = Partition()
    for label, value in fields.items():
        code = COPY_FIELDS.get(label)
        if code is not None:
            _read_copies(value, place.field(label), code, found.codes, nodes)
    if len(fields) > len(fields.keys() & COPY_FIELDS.keys()):
        _read_details(fields, place, found, nodes, has_ranges=has_ranges)
    return found


def _read_copies(
    value: Any, place: Place, code: int, codes: dict[int, int], nodes: KnownNodes
) -> None:
    for i, item in enumerate(items(value, place, "a list of nodes")):
        node = nodes.numbers.get(item) if isinstance(item, str) else None
        if node is None:
            node = nodes.number(item, place.item(i))
        if node in codes:
            fail(place.item(i), f"{describe(item)} twice", "every node once in a partition")
        codes[node] = code


def _read_details(
    fields: Mapping[str, Any],
    place: Place,
    found: Partition,
    nodes: KnownNodes,
    *,
    has_ranges: bool,
) -> None:
    if "running" in fields:
        _read_running(fields["running"], place.field("running"), found.codes, nodes)
    if "paused" in fields:
        _read_paused(fields["paused"], place.field("paused"), found.codes, nodes)
    if "source" in fields:
        found.source = name(fields["source"], place.field("source"))
    if "size" in fields:
        found.size = _size(fields["size"], place.field("size"))
    if "weight" in fields:
        found.weight = number(fields["weight"], place.field("weight"))
    if has_ranges and not fields.keys().isdisjoint(_RANGE_FIELDS):
        found.has_bounds = True
        if "start" in fields:
            found.start = _bound(fields["start"], place.field("start"))
        if fields.get("end") is not None:
            found.end = _bound(fields["end"], place.field("end"))
    found.extra = unknown_fields(fields, _KNOWN_FIELDS[has_ranges], place)


def _copy_of(node: str, place: Place, codes: Mapping[int, int], nodes: KnownNodes) -> int:
    found = nodes.numbers.get(node)
    if found is None or found not in codes:
        fail(place, "a node without a copy", "a node that this partition lists")
    return found


def _read_running(value: Any, place: Place, codes: dict[int, int], nodes: KnownNodes) -> None:
    for node, label in members(value, place, named=True, what="running states by node").items():
        at = place.entry(node)
        copy = _copy_of(node, at, codes, nodes)
        codes[copy] = codes[copy] & ~RUNNING_MASK | _RUNNING_CODES[_running(label, at)]


def _read_paused(value: Any, place: Place, codes: dict[int, int], nodes: KnownNodes) -> None:
    for node, pauses in members(value, place, named=True, what="lists of pauses by node").items():
        at = place.entry(node)
        copy = _copy_of(node, at, codes, nodes)
        for i, item in enumerate(items(pauses, at, "a list of pauses")):
            bit = PAUSES[_pause(item, at.item(i))]
            if codes[copy] & bit:
                fail(at.item(i), f"{describe(item)} twice", "every pause once")
            codes[copy] |= bit


def _bound(value: Any, place: Place) -> bytes:
    """Read an end of a range: text, or {"hex": "ff00"} where the bytes are not UTF-8."""
    if isinstance(value, str):
        return value.encode()
    expected = 'text, or bytes as in {"hex": "ff00"}'
    if not isinstance(value, dict) or value.keys() != {"hex"}:
        fail(place, describe(value), expected)
    digits = members(value, place)["hex"]
    if not isinstance(digits, str) or not _HEX.match(digits):
        fail(place.field("hex"), describe(digits), "pairs of hexadecimal digits")
    return bytes.fromhex(digits)


def read_rows(tree: Any, place: Place, nodes: KnownNodes, *, has_ranges: bool) -> Rows:
    """Read all partitions of a map from a tree."""
    partitions = members(tree, place, named=True, what="partitions by name")
    counts = np.zeros(len(partitions) + 1, dtype=np.int64)
    copy_nodes: list[int] = []
    copy_codes: list[int] = []
    details: dict[int, Partition] = {}
    for row, (partition_name, fields) in enumerate(partitions.items()):
        found = read_partition(fields, place.entry(partition_name), nodes, has_ranges=has_ranges)
        counts[row + 1] = len(found.codes)
        copy_nodes.extend(found.codes)
        copy_codes.extend(found.codes.values())
        if found.has_details:
            details[row] = found
    rows = Rows(
        read_names=lambda: list(partitions),
        offsets=np.cumsum(counts),
        copy_nodes=np.array(copy_nodes, dtype=np.int32),
        copy_codes=np.array(copy_codes, dtype=np.uint8),
        details=details,
    )
    set_sizes_and_weights(rows)
    return rows


def set_sizes_and_weights(rows: Rows) -> None:
    """Fill the arrays of sizes and weights from the details of the rows."""
    sizes = {row: item.size for row, item in rows.details.items() if item.size is not None}
    weights = {row: item.weight for row, item in rows.details.items() if item.weight is not None}
    if sizes:
        if rows.sizes is None:
            rows.sizes = np.zeros(len(rows), dtype=np.int64)
        rows.sizes[list(sizes)] = list(sizes.values())
    if weights:
        if rows.weights is None:
            rows.weights = np.ones(len(rows), dtype=np.float64)
        rows.weights[list(weights)] = list(weights.values())
