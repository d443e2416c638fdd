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
    more = _More(found, line)
    for partition, partition_name in enumerate(found.keys.names()):
        begin, end = offsets[partition], offsets[partition + 1]
        row = codes[begin:end]
        template = templates.get(row)
        if template is None:
            template = templates[row] = _template(row, line)
        text = template.format(*copy_names[begin:end])
        yield partition_name, more.around(text, partition) if more.is_any else text


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


class _More:
    """What is written of partitions before and after their copies."""

    def __init__(self, found: PartitionMap, line: Callable[[Any], str]) -> None:
        self._ranges = found.keys.ranges if isinstance(found.keys, RangeKeys) else None
        self._sources = found.sources
        self._sizes = None if found.sizes is None else found.sizes.tolist()
        self._weights = None if found.weights is None else found.weights.tolist()
        self._extra = found.extra
        self._line = line
        self._comma, self._colon = line([0, 0])[2:-2], line({"": 0})[3:-2]
        kinds = (self._ranges, self._sizes, self._weights)
        self.is_any = bool(self._sources or self._extra or any(kind is not None for kind in kinds))

    def around(self, text: str, partition: int) -> str:
        """Return the object `text` with the other fields of the partition in it."""
        copies = [text[1:-1]] if text != "{}" else []
        fields = [*self._before(partition), *copies, *self._after(partition)]
        return f"{{{self._comma.join(fields)}}}"

    def _before(self, partition: int) -> Iterator[str]:
        source = self._sources.get(partition)
        keys = None if self._ranges is None else self._ranges[partition]
        if source is None and keys is not None:
            source = keys.source
        if source is not None:
            yield self._field("source", source)
        if keys is not None and not keys.is_spelled_by_name:
            yield self._field("start", _bound(keys.start))
            if keys.end is not None:
                yield self._field("end", _bound(keys.end))

    def _after(self, partition: int) -> Iterator[str]:
        if self._sizes is not None:
            yield f'"size"{self._colon}{self._sizes[partition]}'
        if self._weights is not None and self._weights[partition] != 1:
            yield self._field("weight", self._weights[partition])
        for name, value in self._extra.get(partition, {}).items():
            yield self._field(name, value)

    def _field(self, name: str, value: Any) -> str:
        return f"{self._line(name)}{self._colon}{self._line(value)}"


def _bound(key: bytes) -> Any:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"hex": key.hex()}
