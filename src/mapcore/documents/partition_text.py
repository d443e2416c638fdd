"""The text of partitions, as fast as a loop in Python can write it.

Nearly all partitions of a map have copies in the same states, so their texts differ in nothing but
names: a template for each combination of states is made once and then filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from mapcore.documents.partitions import COPY_FIELDS, PAUSES
from mapcore.keys import RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Running, running_of

__all__ = ["partition_texts"]

_LABELS: Final = {code & PLACEMENT_MASK: label for label, code in COPY_FIELDS.items()}


def partition_texts(
    found: PartitionMap, line: Callable[[Any], str], quoted: Callable[[str], str]
) -> Iterator[tuple[str, str]]:
    """Return each partition's name and its text on one line.

    Args:
        found: the map.
        line: writes any JSON value on one line.
        quoted: writes text.
    """
    names = [quoted(name) for name in found.nodes.names]
    offsets = found.offsets.tolist()
    copy_names = [names[number] for number in found.copy_nodes.tolist()]
    codes = found.copy_codes.tobytes()
    templates: dict[bytes, str] = {}
    has_more = (
        isinstance(found.keys, RangeKeys)
        or found.sizes is not None
        or found.weights is not None
        or bool(found.sources)
        or bool(found.extra)
    )
    for partition, partition_name in enumerate(found.keys.names()):
        begin, end = offsets[partition], offsets[partition + 1]
        row = codes[begin:end]
        template = templates.get(row)
        if template is None:
            template = templates[row] = _template(row, line)
        text = template.format(*copy_names[begin:end])
        if has_more:
            text = _with_more(text, _fields_before(found, partition), line, is_before=True)
            text = _with_more(text, _fields_after(found, partition), line, is_before=False)
        yield partition_name, text


def _template(codes: bytes, line: Callable[[Any], str]) -> str:
    """Return the text of a partition with these codes; `{0}`, `{1}` stand for its nodes' names."""
    comma, colon = line([0, 0])[2:-2], line({"": 0})[3:-2]
    copies: dict[str, list[str]] = {}
    running: list[str] = []
    paused: list[str] = []
    for i, code in enumerate(codes):
        copies.setdefault(_LABELS[code & PLACEMENT_MASK], []).append(f"{{{i}}}")
        if running_of(code) is not Running.RUNNING:
            running.append(f'{{{i}}}{colon}"{running_of(code).label}"')
        pauses = [pause for pause, bit in PAUSES.items() if code & bit]
        if pauses:
            paused.append(f"{{{i}}}{colon}{line(pauses)}")
    fields = [f'"{label}"{colon}[{comma.join(nodes)}]' for label, nodes in copies.items()]
    for label, members in (("running", running), ("paused", paused)):
        if members:
            fields.append(f'"{label}"{colon}{{{{{comma.join(members)}}}}}')
    return f"{{{{{comma.join(fields)}}}}}"


def _with_more(
    text: str, fields: dict[str, Any], line: Callable[[Any], str], *, is_before: bool
) -> str:
    if not fields:
        return text
    more = line(fields)
    if text == "{}":
        return more
    comma = line([0, 0])[2:-2]
    first, second = (more, text) if is_before else (text, more)
    return f"{first[:-1]}{comma}{second[1:]}"


def _fields_before(found: PartitionMap, partition: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    source = found.sources.get(partition)
    if isinstance(found.keys, RangeKeys):
        keys = found.keys.ranges[partition]
        source = keys.source if source is None else source
        if not keys.is_spelled_by_name:
            fields["start"] = _bound(keys.start)
            if keys.end is not None:
                fields["end"] = _bound(keys.end)
    return fields if source is None else {"source": source, **fields}


def _fields_after(found: PartitionMap, partition: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if found.sizes is not None:
        fields["size"] = int(found.sizes[partition])
    if found.weights is not None and found.weights[partition] != 1:
        fields["weight"] = float(found.weights[partition])
    return fields | dict(found.extra.get(partition, {}))


def _bound(key: bytes) -> Any:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"hex": key.hex()}
