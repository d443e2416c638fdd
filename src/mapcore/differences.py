"""What differs between two maps: copies added, removed and changed.

    difference = mapcore.diff(cluster.current, plan.target)
    len(difference), difference.copies_moved
    print(difference.report())

Nodes and partitions are matched by name, so the maps may list them differently and may have
different ones. Versions, and nodes that hold nothing, make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.comparison import (
    CODE_COUNT,
    MatchedPartitions,
    common_nodes,
    compare_cells,
    match_partitions,
)
from mapcore.keys import KeyFunction, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement, describe_code

__all__ = ["Change", "MapDiff", "diff"]

_ADDED: Final = 1
_REMOVED: Final = 2
_CHANGED: Final = 3
_ITERATED_AT_ONCE: Final = 1 << 16
_KIND_NAMES: Final = {_ADDED: "added", _REMOVED: "removed", _CHANGED: "changed"}


def _kind_table() -> NDArray[np.uint8]:
    kinds = np.full((CODE_COUNT, CODE_COUNT), _CHANGED, dtype=np.uint8)
    kinds[0, :] = _ADDED
    kinds[:, 0] = _REMOVED
    np.fill_diagonal(kinds, 0)
    return kinds


_KINDS: Final = _kind_table()


class Change(NamedTuple):
    """One cell that differs; the state code is 0 where a map has no such copy."""

    partition: str
    node: str
    before: int
    after: int

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return _KIND_NAMES[int(_KINDS[self.before, self.after])]

    def __str__(self) -> str:
        change = f"{describe_code(self.before)} -> {describe_code(self.after)}"
        return f"{self.partition}: {self.node} {change}"


class MapDiff:
    """The cells that differ between two maps, in order of partition and node.

    Iteration gives a `Change` for each; `len` counts them. A diff is true where the maps differ
    in anything that it holds: a cell, a partition, or the keys of a partition.

    Attributes:
        partitions: int64 number of each cell's partition in `partition_names`.
        node_numbers: int32 number of each cell's node in `nodes`.
        before: uint8 state code of each cell in the first map, 0 where it has no copy.
        after: uint8 state code of each cell in the second map, 0 where it has no copy.
        nodes: the nodes of the first map, then those which only the second has.
        added_partitions: the names of the partitions which only the second map has.
        removed_partitions: the names of the partitions which only the first map has.
        keys_before: the key function of the first map.
        keys_after: the key function of the second map.
        nodes_before: the nodes of the first map.
        nodes_after: the nodes of the second map.
    """

    def __init__(self, before: PartitionMap, after: PartitionMap) -> None:
        self.keys_before: KeyFunction = before.keys
        self.keys_after: KeyFunction = after.keys
        self.nodes_before: NodeIndex = before.nodes
        self.nodes_after: NodeIndex = after.nodes
        self.nodes: NodeIndex = common_nodes(before.nodes, after.nodes)
        self._matched: MatchedPartitions = match_partitions(before.keys, after.keys)
        cells = compare_cells(before, after, _KINDS, self._matched, self.nodes)
        self.partitions, self.node_numbers, self.before, self.after, self._kinds = cells
        self.added_partitions: tuple[str, ...] = self._matched.only_in_after()
        self.removed_partitions: tuple[str, ...] = self._matched.only_in_before()

    def __len__(self) -> int:
        return len(self.partitions)

    def __bool__(self) -> bool:
        return bool(
            len(self) or self.added_partitions or self.removed_partitions or self.rekeyed_partitions
        )

    def __getitem__(self, position: int) -> Change:
        return Change(
            self.partition_name(int(self.partitions[position])),
            self.nodes.names[int(self.node_numbers[position])],
            int(self.before[position]),
            int(self.after[position]),
        )

    def __iter__(self) -> Iterator[Change]:
        names, nodes = self._matched.names, self.nodes.names
        for start in range(0, len(self), _ITERATED_AT_ONCE):
            part = slice(start, start + _ITERATED_AT_ONCE)
            columns = (self.partitions, self.node_numbers, self.before, self.after)
            rows = zip(*(column[part].tolist() for column in columns), strict=True)
            for partition, node, before, after in rows:
                yield Change(names[partition], nodes[node], before, after)

    def partition_name(self, number: int) -> str:
        """Return the name behind a number in `partitions`."""
        return self._matched.names[number]

    @property
    def added(self) -> NDArray[np.bool_]:
        """Mask of the copies that only the second map has."""
        return _mask(self._kinds == _ADDED)

    @property
    def removed(self) -> NDArray[np.bool_]:
        """Mask of the copies that only the first map has."""
        return _mask(self._kinds == _REMOVED)

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Mask of the copies that both maps have, in different states."""
        return _mask(self._kinds == _CHANGED)

    @property
    def moves(self) -> NDArray[np.bool_]:
        """Mask of the copies that must be filled with data: live now, null or dead before."""
        return ~self._live(self.before) & self._live(self.after)

    @property
    def drops(self) -> NDArray[np.bool_]:
        """Mask of the copies that give up their data: live before, null or dead now."""
        return self._live(self.before) & ~self._live(self.after)

    @property
    def role_changes(self) -> NDArray[np.bool_]:
        """Mask of the copies that stay live in another role; no data moves."""
        differ = (self.before ^ self.after) & PLACEMENT_MASK != 0
        return _mask(self._live(self.before) & self._live(self.after) & differ)

    @property
    def copies_moved(self) -> int:
        """How many copies must be filled with data."""
        return int(self.moves.sum())

    @property
    def counts(self) -> dict[str, int]:
        """How many copies differ, by kind and by what it means for the data."""
        return {
            "added": int(self.added.sum()),
            "removed": int(self.removed.sum()),
            "changed": int(self.changed.sum()),
            "moves": self.copies_moved,
            "drops": int(self.drops.sum()),
            "roleChanges": int(self.role_changes.sum()),
        }

    @property
    def changed_partition_count(self) -> int:
        """How many partitions have a copy that differs."""
        return int(np.count_nonzero(np.diff(self.partitions))) + 1 if len(self) else 0

    @property
    def added_nodes(self) -> tuple[str, ...]:
        """The names of the nodes which only the second map lists."""
        return tuple(name for name in self.nodes_after if name not in self.nodes_before)

    @property
    def removed_nodes(self) -> tuple[str, ...]:
        """The names of the nodes which only the first map lists."""
        return tuple(name for name in self.nodes_before if name not in self.nodes_after)

    @cached_property
    def rekeyed_partitions(self) -> tuple[str, ...]:
        """The names of the partitions that both maps have, but with other keys in them.

        These are the ranges whose bounds moved, and all partitions where the key function or the
        number of hash partitions differs.
        """
        if self.keys_before == self.keys_after:
            return ()
        matched = (self._matched.rows_before >= 0) & (self._matched.rows_after >= 0)
        names = [self._matched.names[number] for number in np.flatnonzero(matched).tolist()]
        if not isinstance(self.keys_before, RangeKeys) or not isinstance(
            self.keys_after, RangeKeys
        ):
            return tuple(names)
        bounds_before, bounds_after = _bounds(self.keys_before), _bounds(self.keys_after)
        return tuple(name for name in names if bounds_before[name] != bounds_after[name])

    def moves_by_node(self) -> dict[str, tuple[int, int]]:
        """Return (copies to fill, copies to drop) of each node that has either, most work first."""
        incoming = np.bincount(self.node_numbers[self.moves], minlength=len(self.nodes))
        outgoing = np.bincount(self.node_numbers[self.drops], minlength=len(self.nodes))
        total = incoming + outgoing
        order = np.argsort(-total, kind="stable")[: np.count_nonzero(total)]
        return {self.nodes.names[n]: (int(incoming[n]), int(outgoing[n])) for n in order}

    def report(self, limit: int = 20) -> str:
        """Return what differs as text: the counts, then a line for each of `limit` copies."""
        if not self:
            return "the maps are equal"
        counts = self.counts
        lines = [
            f"{_count(len(self), 'change')} in "
            f"{_count(self.changed_partition_count, 'partition')}: {counts['added']:,} added, "
            f"{counts['removed']:,} removed, {counts['changed']:,} changed",
            f"{_count(counts['moves'], 'move')}, {_count(counts['drops'], 'drop')}, "
            f"{_count(counts['roleChanges'], 'role change')}",
        ]
        for what, names in (
            ("partitions only in the first map", self.removed_partitions),
            ("partitions only in the second map", self.added_partitions),
            ("partitions with other keys", self.rekeyed_partitions),
            ("nodes only in the first map", self.removed_nodes),
            ("nodes only in the second map", self.added_nodes),
        ):
            if names:
                lines.append(f"{what}: {_shortened(names)}")
        lines += [str(self[position]) for position in range(min(limit, len(self)))]
        if len(self) > limit:
            lines.append(f"and {len(self) - limit:,} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return all that differs as a JSON-ready document with stable field names."""
        return {
            "equal": not self,
            "counts": self.counts,
            "changedPartitions": self.changed_partition_count,
            "addedPartitions": list(self.added_partitions),
            "removedPartitions": list(self.removed_partitions),
            "rekeyedPartitions": list(self.rekeyed_partitions),
            "addedNodes": list(self.added_nodes),
            "removedNodes": list(self.removed_nodes),
            "changes": [
                {
                    "partition": change.partition,
                    "node": change.node,
                    "kind": change.kind,
                    "before": describe_code(change.before),
                    "after": describe_code(change.after),
                }
                for change in self
            ],
        }

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        return f"<MapDiff {_count(len(self), 'change')}>"

    @staticmethod
    def _live(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return _mask((codes & PLACEMENT_MASK) > Placement.DEAD)


def diff(before: PartitionMap, after: PartitionMap) -> MapDiff:
    """Return what differs between two maps, dense or compact, over whatever nodes.

    Matrices over the same nodes and partitions are compared at the memory's speed, indexes in time
    linear in their copies.
    """
    return MapDiff(before, after)


def _mask(values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give a comparison its type, which numpy leaves open."""
    return values


def _bounds(keys: RangeKeys) -> dict[str, tuple[bytes, bytes | None]]:
    return {item.name: (item.start, item.end) for item in keys.ranges}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _shortened(names: tuple[str, ...], limit: int = 8) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
