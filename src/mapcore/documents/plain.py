"""The fast way into large documents: nodes and partitions in the plain form that programs write.

`split` cuts these parts out of a document as bytes; what is left of it is small. Each part is read
by a typed decoder or a kernel if it is plain: strict JSON, known fields, no name twice. Otherwise
the functions here return None, and the part becomes a tree like the rest of the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _documents, _index
from mapcore.cluster import Health, Mode, Node, Volume
from mapcore.documents.parsing import parse
from mapcore.documents.partitions import (
    COPY_FIELDS,
    KnownNodes,
    Partition,
    Rows,
    read_partition,
    set_sizes_and_weights,
)
from mapcore.documents.places import Place
from mapcore.documents.shapes import INTEGER_MAX

__all__ = ["read_nodes", "read_rows", "split"]

_CODES: Final = np.array(
    [COPY_FIELDS[label] for label in ("master", "slave", "dead", "pendingSlave", "pendingMaster")],
    dtype=np.uint8,
)


class _Map(msgspec.Struct, gc=False):
    partitions: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Entry(msgspec.Struct, gc=False):
    current: _Map | msgspec.UnsetType = msgspec.UNSET
    target: _Map | msgspec.UnsetType = msgspec.UNSET


class _Outline(msgspec.Struct, gc=False):
    nodes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    map: _Map | msgspec.UnsetType = msgspec.UNSET
    maps: dict[str, _Entry] = {}


_decode_outline: Final = msgspec.json.Decoder(_Outline).decode


def split(data: bytes) -> tuple[bytes, dict[str, memoryview]] | None:
    """Cut the large parts out of a document.

    Returns:
        The document with null in their place, and the parts by their paths; None if the document
        is not strict JSON of about the right form.
    """
    try:
        data.decode()  # nobody looks at the encoding of the parts after this
        outline = _decode_outline(data)
    except (ValueError, RecursionError):
        return None
    text = memoryview(data)
    parts: dict[str, memoryview] = {}
    rest: list[memoryview | bytes] = []
    position = 0
    spans = sorted(_spans(data, outline))
    if any(start < 0 or end > len(data) for start, end, _ in spans):
        return None
    for start, end, path in spans:
        parts[path] = text[start:end]
        rest += [text[position:start], b"null"]
        position = end
    rest.append(text[position:])
    return b"".join(rest), parts


def _spans(data: bytes, outline: _Outline) -> Iterator[tuple[int, int, str]]:
    base = _address(data)
    for part, place in _raw_parts(outline):
        start = _address(part) - base
        yield start, start + memoryview(part).nbytes, str(place)


def _raw_parts(outline: _Outline) -> Iterator[tuple[msgspec.Raw, Place]]:
    root = Place()
    if outline.nodes is not msgspec.UNSET:
        yield outline.nodes, root.field("nodes")
    maps = [(outline.map, root.field("map"))]
    for name, entry in outline.maps.items():
        at = root.field("maps").entry(name)
        maps += [(entry.current, at.field("current")), (entry.target, at.field("target"))]
    for found, place in maps:
        if found is not msgspec.UNSET and found.partitions is not msgspec.UNSET:
            yield found.partitions, place.field("partitions")


def _address(buffer: bytes | msgspec.Raw) -> int:
    """Return where a buffer begins in memory; a Raw is a view of what it was decoded from."""
    return int(np.frombuffer(buffer, dtype=np.uint8).__array_interface__["data"][0])


_Name = Annotated[str, msgspec.Meta(min_length=1)]


class _VolumeFields(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: _Name
    path: str | None = None
    capacity: Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)] | None = None


class _NodeFields(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    location: str = ""
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    health: Health = Health.GREEN
    mode: Mode = Mode.ACTIVE
    volumes: tuple[_VolumeFields, ...] = ()
    tags: tuple[_Name, ...] = ()


_decode_nodes: Final = msgspec.json.Decoder(dict[str, _NodeFields]).decode


def read_nodes(part: memoryview) -> tuple[Node, ...] | None:
    """Read the nodes; None if they are not plain."""
    try:
        nodes = _decode_nodes(part)
    except (ValueError, RecursionError):
        return None
    if "" in nodes or _may_repeat_names(part):
        return None
    locations = {fields.location for fields in nodes.values()}
    locations.discard("")
    if not all(map(all, (location.split("/") for location in locations))):
        return None
    if any(len(set(fields.tags)) < len(fields.tags) for fields in nodes.values() if fields.tags):
        return None
    return tuple(
        [
            Node(
                name=name,
                location=fields.location,
                weight=fields.weight,
                health=fields.health,
                mode=fields.mode,
                volumes=_volumes(fields.volumes) if fields.volumes else (),
                tags=fields.tags,
            )
            for name, fields in nodes.items()
        ]
    )


def _volumes(volumes: tuple[_VolumeFields, ...]) -> tuple[Volume, ...]:
    return tuple(
        Volume(type=fields.type, path=fields.path, capacity=fields.capacity) for fields in volumes
    )


def _may_repeat_names(part: memoryview | bytes) -> bool:
    most = len(part) // 4 + 1
    return _documents.may_repeat_names(
        part, np.empty(most, np.uint64), np.empty(max(16, 4 * most), np.uint64)
    )


def read_rows(
    part: memoryview, place: Place, nodes: KnownNodes, *, has_ranges: bool
) -> Rows | None:
    """Read the partitions of a map; None if they are not plain.

    A partition that says more than its copies, size and weight is read from a tree of its own.

    Raises:
        DocumentError: such a partition is wrong.
    """
    most_partitions, most_copies = len(part) // 6 + 1, len(part) // 4 + 1
    numbers = np.empty(most_partitions, np.int64)
    name_spans = np.empty((most_partitions, 2), np.int64)
    offsets = np.empty(most_partitions + 1, np.int64)
    copy_nodes = np.empty(most_copies, np.int32)
    copy_codes = np.empty(most_copies, np.uint8)
    sizes = np.empty(most_partitions, np.int64)
    weights = np.empty(most_partitions, np.float64)
    others = np.empty((most_partitions, 3), np.int64)
    added = np.empty((most_copies if nodes.may_grow else 1, 2), np.int64)
    known_names, known_ends = nodes.encoded()
    counts = _documents.read_partitions(
        part,
        _CODES,
        known_names,
        known_ends,
        nodes.may_grow,
        numbers,
        name_spans,
        offsets,
        copy_nodes,
        copy_codes,
        sizes,
        weights,
        others,
        added,
    )
    if counts is None:
        return None
    partition_count, copy_count, other_count, added_count, has_sizes, has_weights = counts
    rows = Rows(
        read_names=lambda: _texts(part, name_spans[:partition_count]),
        offsets=offsets[: partition_count + 1].copy(),
        copy_nodes=copy_nodes[:copy_count].copy(),
        copy_codes=copy_codes[:copy_count].copy(),
        details={},
        sizes=sizes[:partition_count].copy() if has_sizes else None,
        weights=weights[:partition_count].copy() if has_weights else None,
        numbers=numbers[:partition_count].copy(),
    )
    names = _texts(part, added[:added_count])
    if _has_node_twice(rows, len(nodes.numbers) + len(names)):
        return None
    for name in names:
        nodes.numbers[name] = len(nodes.numbers)
    if other_count:
        _read_others(part, others[:other_count], rows, place, nodes, has_ranges=has_ranges)
    return rows


def _texts(part: memoryview, spans: NDArray[np.int64]) -> list[str]:
    return [str(part[start:end], "utf-8") for start, end in spans.tolist()]


def _tree_of(text: bytes) -> Any:
    """Return what `parse` returns, faster where no name stands twice."""
    try:
        if not _may_repeat_names(text):
            return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        pass
    return parse(text)


def _has_node_twice(rows: Rows, node_count: int) -> bool:
    last_partition = np.full(node_count, -1, dtype=np.int64)
    found = _index.check_index(rows.offsets, rows.copy_nodes, rows.copy_codes, last_partition)
    return found != (-1, -1)


def _read_others(
    part: memoryview,
    others: NDArray[np.int64],
    rows: Rows,
    place: Place,
    nodes: KnownNodes,
    *,
    has_ranges: bool,
) -> None:
    names = rows.read_names()
    details: dict[int, Partition] = {}
    spans = others.tolist()
    trees = _tree_of(b"[%b]" % b",".join([part[start:end] for _, start, end in spans]))
    for (row, _, _), tree in zip(spans, trees, strict=True):
        at = place.entry(names[row])
        found = read_partition(tree, at, nodes, has_ranges=has_ranges)
        rows.copy_codes[rows.offsets[row] : rows.offsets[row + 1]] = list(found.codes.values())
        if found.has_details:
            details[row] = found
    rows.details = details
    set_sizes_and_weights(rows)
