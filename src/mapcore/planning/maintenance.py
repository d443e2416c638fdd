"""Mastership lent out during maintenance, and given back to exactly where it was.

A plan that puts nodes into maintenance writes down, for each partition whose masters change, who
they were. It stands in the target map with the partition, as an unknown field of its document
would, so that it survives being saved, loaded and followed:

    "17": {"master": ["nodeB"], "slave": ["nodeA", "nodeC"], "mastersBefore": [["nodeA"]]}

Every further maintenance that hits the partition adds an entry. Activating a node brings back the
oldest entry as far as its nodes can lead, and drops what came after one that is back whole. Where
the current map does not have the field, because participants reported it, the last target does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import ClusterMap
from mapcore.maps import PartitionMap
from mapcore.planning.nodes import ACTIVE
from mapcore.planning.problem import Start

__all__ = [
    "FIELD",
    "Records",
    "kept_records",
    "lent_masters",
    "records_of",
    "restored_masters",
    "with_records",
]

FIELD: Final = "mastersBefore"

Records = dict[int, list[list[str]]]
"""By partition number: the masters before each maintenance, the oldest first."""


def records_of(entry: ClusterMap) -> Records:
    """Read what is written down in the current map, else in the target map."""
    for found in (entry.current, entry.target):
        if found is not None:
            records = {
                partition: [list(names) for names in fields[FIELD]]
                for partition, fields in found.extra.items()
                if _is_record(fields.get(FIELD))
            }
            if records:
                return records
    return {}


def restored_masters(
    start: Start, records: Records, count: int
) -> tuple[NDArray[np.int32], Records]:
    """Return the masters as they were before maintenance, as far as nodes are back.

    Args:
        start: what is.
        records: what is written down.
        count: the masters asked for.

    Returns:
        Masters as in `Start.masters`, and the records of what is still lent out.
    """
    partitions, width = start.masters.shape
    masters = np.full((partitions, max(width, count)), -1, np.int32)
    masters[:, :width] = start.masters
    index = start.names
    still: Records = {}
    for partition, stack in records.items():
        able = {
            index.names[node]: node
            for node in start.held[partition].tolist()
            if node >= 0 and start.table.modes[node] == ACTIVE
        }
        now = [index.names[node] for node in start.masters[partition].tolist() if node >= 0]
        wanted = dict.fromkeys(name for names in (*stack, now) for name in names if name in able)
        chosen = [able[name] for name in wanted][:count]
        masters[partition] = -1
        masters[partition, : len(chosen)] = chosen
        whole = (i for i, names in enumerate(stack) if all(name in able for name in names))
        left = stack[: next(whole, len(stack))]
        if left:
            still[partition] = left
    return masters, still


def kept_records(records: Records, target: PartitionMap) -> Records:
    """Return the records whose nodes all still hold a copy of their partition."""
    kept: Records = {}
    for partition, stack in records.items():
        holders = {copy.node for copy in target.copies(partition)}
        valid = [names for names in stack if holders.issuperset(names)]
        if valid:
            kept[partition] = valid
    return kept


def lent_masters(
    records: Records,
    start: Start,
    masters: NDArray[np.int32],
    is_master: NDArray[np.bool_],
    placed: NDArray[np.int32],
) -> Records:
    """Return the records with an entry more for each partition that loses a master.

    Args:
        records: what is written down so far.
        start: what is.
        masters: the masters before, as in `Start.masters`.
        is_master: which of the placed copies lead now, aligned with `placed`.
        placed: nodes that hold each partition.
    """
    leading = np.where(is_master, placed, np.int32(-1))
    stays = (masters[:, :, None] == leading[:, None, :]).any(axis=2)
    extended = dict(records)
    for partition in np.flatnonzero(((masters >= 0) & ~stays).any(axis=1)).tolist():
        names = [start.names.names[node] for node in masters[partition].tolist() if node >= 0]
        extended[partition] = [*records.get(partition, []), names]
    return extended


def with_records(
    extra: Mapping[int, Mapping[str, Any]], records: Mapping[int, Any], field: str = FIELD
) -> Mapping[int, Mapping[str, Any]]:
    """Return a map's unknown fields with these records instead of the ones that it has."""
    if not records and not any(field in fields for fields in extra.values()):
        return extra
    stripped = {
        partition: {name: value for name, value in fields.items() if name != field}
        for partition, fields in extra.items()
    }
    for partition, record in records.items():
        stripped[partition] = {**stripped.get(partition, {}), field: record}
    return {partition: fields for partition, fields in stripped.items() if fields}


def _is_record(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in value
    )
