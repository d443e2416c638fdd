"""The copies of a map by the names of partition and node, as steps change them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from mapcore.maps import PartitionMap
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["Row", "Rows", "in_sync", "leaders", "row_of"]

Row = dict[str, int]
"""The state codes of the copies of one partition, by node."""

_IN_SYNC = (Placement.SLAVE, Placement.PENDING_SLAVE, *LEADING)


def in_sync(row: Mapping[str, int], gone: frozenset[str]) -> Iterator[str]:
    """Iterate over the nodes that are there and hold a copy in sync."""
    return (
        node for node, code in row.items() if code & PLACEMENT_MASK in _IN_SYNC and node not in gone
    )


def leaders(row: Mapping[str, int], gone: Iterable[str] = ()) -> Iterator[str]:
    """Iterate over the nodes that lead, without those that are gone."""
    return (
        node for node, code in row.items() if code & PLACEMENT_MASK in LEADING and node not in gone
    )


def row_of(held: PartitionMap, partition: str) -> Row:
    """Return the copies of a partition.

    Raises:
        KeyError: the map has no such partition.
    """
    number = held.keys.number(partition)
    names = held.nodes.names
    span = slice(int(held.offsets[number]), int(held.offsets[number + 1]))
    nodes, codes = held.copy_nodes[span].tolist(), held.copy_codes[span].tolist()
    return {names[node]: code for node, code in zip(nodes, codes, strict=True)}


class Rows:
    """The rows of one map; a row is read from the map when it is first asked for."""

    def __init__(self, held: PartitionMap) -> None:
        self._held = held
        self._rows: dict[str, Row] = {}

    def __getitem__(self, partition: str) -> Row:
        """Return a row, which may be changed; KeyError for a partition that the map lacks."""
        row = self._rows.get(partition)
        if row is None:
            row = self._rows[partition] = row_of(self._held, partition)
        return row

    def all_led(self, partition_count: int) -> Counter[str]:
        """Return how many of the hash partitions each node leads."""
        return Counter(
            node for number in range(partition_count) for node in leaders(self[str(number)])
        )

    def resize(self, before: int, after: int) -> str | None:
        """Split every hash partition, or join those that become one; return one that cannot be."""
        kept = {str(number): self[str(number)] for number in range(before)}
        for number in range(after, before):
            if kept[str(number)] != kept[str(number % after)]:
                return str(number)
        self._rows = {
            str(number): dict(kept[str(number % min(before, after))]) for number in range(after)
        }
        return None

    @property
    def touched(self) -> Mapping[str, Row]:
        """The rows that have been asked for."""
        return self._rows
