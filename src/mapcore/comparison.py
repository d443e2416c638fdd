"""The cells in which two maps differ: the base of `mapcore.differences` and `mapcore.transitions`.

Nodes and partitions are matched by name, so the maps may number them differently. What is wanted
of the cells that differ is said by a table over pairs of state codes, 128 by 128: the kernels walk
both maps once, at the memory's speed where both are matrices over the same nodes and partitions,
else along their indexes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _comparison
from mapcore.keys import KeyFunction, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap

__all__ = [
    "CODE_COUNT",
    "CellPairs",
    "MatchedPartitions",
    "common_nodes",
    "compare_cells",
    "match_partitions",
]

CODE_COUNT: Final = 128
"""State codes are below this: the length of both sides of a table over pairs of them."""

_CHUNK_CELLS: Final = 1 << 16


class MatchedPartitions(NamedTuple):
    """The partitions of two maps side by side, matched by name.

    Attributes:
        names: of all partitions; those of the first map in its order, then the others.
        rows_before: int64 partition number in the first map; -1 where it has none.
        rows_after: int64 partition number in the second map; -1 where it has none.
    """

    names: Sequence[str]
    rows_before: NDArray[np.int64]
    rows_after: NDArray[np.int64]

    @property
    def are_same(self) -> bool:
        """Whether both maps number the same partitions alike."""
        return np.array_equal(self.rows_before, self.rows_after)

    def only_in_before(self) -> tuple[str, ...]:
        """Return the names that the second map lacks."""
        return tuple(self.names[row] for row in np.flatnonzero(self.rows_after < 0).tolist())

    def only_in_after(self) -> tuple[str, ...]:
        """Return the names that the first map lacks."""
        return tuple(self.names[row] for row in np.flatnonzero(self.rows_before < 0).tolist())


class CellPairs(NamedTuple):
    """Cells of two maps, by partition and then by node.

    Attributes:
        partitions: int64 numbers in `MatchedPartitions.names`.
        nodes: int32 numbers in the common node index.
        before: uint8 state codes in the first map.
        after: uint8 state codes in the second map.
        kinds: uint8, what the table says of this pair.
    """

    partitions: NDArray[np.int64]
    nodes: NDArray[np.int32]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    kinds: NDArray[np.uint8]


def match_partitions(before: KeyFunction, after: KeyFunction) -> MatchedPartitions:
    """Match the partitions of two maps by name; linear in their number."""
    rows = np.arange(len(before), dtype=np.int64)
    if before == after:
        return MatchedPartitions(_Names(before), rows, rows)
    if not isinstance(before, RangeKeys) and not isinstance(after, RangeKeys):
        # Names are numbers: no need to look at each.
        longer = max(before, after, key=len)
        rows = np.arange(len(longer), dtype=np.int64)
        return MatchedPartitions(
            _Names(longer),
            np.where(rows < len(before), rows, -1),
            np.where(rows < len(after), rows, -1),
        )
    names = list(before.names())
    number_before = {name: number for number, name in enumerate(names)}
    number_after = {name: number for number, name in enumerate(after.names())}
    names += [name for name in number_after if name not in number_before]
    return MatchedPartitions(
        names,
        np.array([number_before.get(name, -1) for name in names], dtype=np.int64),
        np.array([number_after.get(name, -1) for name in names], dtype=np.int64),
    )


def common_nodes(before: NodeIndex, after: NodeIndex) -> NodeIndex:
    """Return the nodes of both: those of the first in its order, then the others."""
    if before == after:
        return before
    added = tuple(name for name in after.names if name not in before)
    return NodeIndex(before.names + added) if added else before


def compare_cells(
    before: PartitionMap,
    after: PartitionMap,
    table: NDArray[np.uint8],
    partitions: MatchedPartitions,
    nodes: NodeIndex,
) -> CellPairs:
    """Return the cells whose pair of state codes the table picks.

    Args:
        before: a map.
        after: another.
        table: uint8, 128 by 128: what to call the cells with this pair of codes; 0 picks nothing.
            Its diagonal must be 0: equal cells are skipped unseen.
        partitions: what `match_partitions` returns for the keys of both.
        nodes: what `common_nodes` returns for the nodes of both.
    """
    assert table.shape == (CODE_COUNT, CODE_COUNT)
    assert not table.diagonal().any()
    in_step = before.nodes == after.nodes and partitions.are_same
    has_both = before.has_index and after.has_index
    if in_step and before.is_dense and after.is_dense and not has_both:
        chunks = _dense_chunks(before, after, table)
    else:
        chunks = _index_chunks(before, after, table, partitions, nodes)
    collected = list(chunks)
    return CellPairs._make(np.concatenate(arrays) for arrays in zip(*collected, strict=True))


class _Names(Sequence[str]):
    """The names of a key function's partitions, made when asked for."""

    def __init__(self, keys: KeyFunction) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, number: int) -> str:  # type: ignore[override]
        return self._keys.name(number)


def _empty_chunk(length: int) -> CellPairs:
    return CellPairs(
        np.empty(length, np.int64),
        np.empty(length, np.int32),
        np.empty(length, np.uint8),
        np.empty(length, np.uint8),
        np.empty(length, np.uint8),
    )


def _trimmed(chunk: CellPairs, written: int) -> CellPairs:
    if 2 * written > len(chunk.kinds):
        return CellPairs._make(array[:written] for array in chunk)
    return CellPairs._make(array[:written].copy() for array in chunk)


def _dense_chunks(
    before: PartitionMap, after: PartitionMap, table: NDArray[np.uint8]
) -> Iterator[CellPairs]:
    states_before, states_after = before.states, after.states
    position = 0
    while True:
        chunk = _empty_chunk(_CHUNK_CELLS)
        position, written = _comparison.collect_dense(
            states_before, states_after, table, position, *chunk
        )
        yield _trimmed(chunk, written)
        if written < _CHUNK_CELLS:
            break


def _index_chunks(
    before: PartitionMap,
    after: PartitionMap,
    table: NDArray[np.uint8],
    partitions: MatchedPartitions,
    nodes: NodeIndex,
) -> Iterator[CellPairs]:
    numbers = nodes.numbers
    renumbered = (
        np.arange(len(nodes), dtype=np.int32)
        if nodes == after.nodes
        else np.array([numbers[name] for name in after.nodes.names], dtype=np.int32)
    )
    longest_row = _longest_row(before) + _longest_row(after)
    state_of_node = np.zeros(len(nodes), dtype=np.uint8)
    found = np.empty(longest_row, dtype=np.uint64)
    row_count = len(partitions.rows_before)
    position = 0
    while True:
        chunk = _empty_chunk(max(_CHUNK_CELLS, longest_row))
        position, written = _comparison.collect_index(
            before.offsets,
            before.copy_nodes,
            before.copy_codes,
            after.offsets,
            after.copy_nodes,
            after.copy_codes,
            partitions.rows_before,
            partitions.rows_after,
            renumbered,
            table,
            state_of_node,
            found,
            position,
            *chunk,
        )
        yield _trimmed(chunk, written)
        if position == row_count:
            break


def _longest_row(held: PartitionMap) -> int:
    return int(np.diff(held.offsets).max(initial=0))
