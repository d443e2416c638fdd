"""The map: which node holds a copy of which partition, in which state.

A `PartitionMap` means a matrix of state codes, partitions by nodes. It is held as that matrix
(dense), as a compact index, or as both; each is made from the other when it is first asked for.
The compact index lists the copies of partition `p` at `offsets[p]:offsets[p + 1]` of two arrays,
`copy_nodes` and `copy_codes`: masters first, then slaves, pending and dead copies, in the order in
which they were given. Planner, router and wire format use the index; it is all that is kept where
the matrix would not fit the memory budget.

A map never changes. Its arrays are read-only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mapcore._kernels import _index
from mapcore.arrays import frozen, integers, one_each
from mapcore.errors import MapError, MemoryBudgetError
from mapcore.keys import HashKeys, KeyFunction, RangeKeys
from mapcore.node_index import NodeIndex
from mapcore.states import Placement, Running, describe_code, placement_of, running_of

__all__ = [
    "DEFAULT_MEMORY_BUDGET_BYTES",
    "Copy",
    "NodeIndex",
    "PartitionMap",
    "Version",
]

DEFAULT_MEMORY_BUDGET_BYTES: Final = 1 << 30


class Version(NamedTuple):
    """A map's version: the epoch grows with each conductor, the revision with each map."""

    epoch: int = 0
    revision: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}.{self.revision}"


class Copy(NamedTuple):
    """One copy of a partition: its node's name and its state code."""

    node: str
    code: int

    @property
    def placement(self) -> Placement:
        """What the copy is to its partition."""
        return placement_of(self.code)

    @property
    def running(self) -> Running:
        """Whether the process that serves the copy runs."""
        return running_of(self.code)

    def __str__(self) -> str:
        return f"{self.node} {describe_code(self.code)}"


class PartitionMap:
    """An immutable map of copies: partitions by nodes, one state code a cell.

    Build one with `from_dense`, `from_index`, `from_table` or `from_copies`.

    Attributes:
        nodes: the nodes; columns of the matrix.
        keys: the key function; it names the partitions, which are the rows.
        version: epoch and revision.
        memory_budget_bytes: the most that the dense form may take.
        sources: partition number to the name of the partition that it comes from.
        sizes: int64 bytes for each partition, or None where they are not known.
        weights: float64 for each partition, or None where all weigh the same.
        extra: partition number to the unknown fields of its document, kept for writing back.
    """

    __slots__ = (
        "_codes",
        "_dense",
        "_fingerprint",
        "_nodes",
        "_offsets",
        "extra",
        "keys",
        "memory_budget_bytes",
        "nodes",
        "sizes",
        "sources",
        "version",
        "weights",
    )

    nodes: NodeIndex
    keys: KeyFunction
    version: Version
    memory_budget_bytes: int
    sources: Mapping[int, str]
    sizes: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None
    extra: Mapping[int, Mapping[str, Any]]
    _dense: NDArray[np.uint8] | None
    _fingerprint: int | None
    _offsets: NDArray[np.int64] | None
    _nodes: NDArray[np.int32] | None
    _codes: NDArray[np.uint8] | None

    def __init__(
        self,
        *,
        nodes: NodeIndex | Iterable[str],
        keys: KeyFunction,
        version: Version | tuple[int, int] = Version(),  # noqa: B008 - immutable
        dense: NDArray[np.uint8] | None = None,
        index: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]] | None = None,
        memory_budget_bytes: int = DEFAULT_MEMORY_BUDGET_BYTES,
        sources: Mapping[int, str] | None = None,
        sizes: NDArray[np.int64] | None = None,
        weights: NDArray[np.float64] | None = None,
        extra: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        """Take over arrays that are right by construction; others come in by the class methods."""
        assert (dense is None) != (index is None)
        self.nodes = nodes if isinstance(nodes, NodeIndex) else NodeIndex(nodes)
        self.keys = keys
        self.version = Version(*version)
        self.memory_budget_bytes = memory_budget_bytes
        self.sources = sources or {}
        self.sizes = one_each("sizes", sizes, np.int64, len(keys))
        self.weights = one_each("weights", weights, np.float64, len(keys))
        self.extra = extra or {}
        self._fingerprint = None
        self._dense = frozen(dense)
        self._offsets, self._nodes, self._codes = (
            (None, None, None) if index is None else tuple(map(frozen, index))
        )

    @classmethod
    def from_dense(
        cls,
        states: ArrayLike,
        nodes: NodeIndex | Iterable[str],
        *,
        keys: KeyFunction | None = None,
        **attributes: Any,
    ) -> PartitionMap:
        """Build a map from a matrix of state codes.

        Args:
            states: uint8, partitions by nodes; copied unless it is read-only and C-contiguous.
            nodes: the names of the columns.
            keys: the key function; `HashKeys` over the rows unless given.
            **attributes: `version`, `memory_budget_bytes`, `sources`, `sizes`, `weights`, `extra`.

        Raises:
            MapError: wrong shape or dtype, or a value that is no state code.
            MemoryBudgetError: the matrix is larger than the memory budget.
        """
        given = np.asarray(states)
        if given.ndim != 2 or given.dtype != np.uint8:
            raise MapError(
                f"states: found {given.dtype} of shape {given.shape}, "
                "expected uint8, partitions by nodes"
            )
        dense = (
            given
            if not given.flags.writeable and given.flags.c_contiguous
            else np.array(given, dtype=np.uint8, order="C")
        )
        node_index = nodes if isinstance(nodes, NodeIndex) else NodeIndex(nodes)
        key_function = HashKeys(dense.shape[0]) if keys is None else keys
        if dense.shape != (len(key_function), len(node_index)):
            raise MapError(
                f"states: found shape {dense.shape}, expected {len(key_function)} partitions "
                f"by {len(node_index)} nodes"
            )
        built = cls(nodes=node_index, keys=key_function, dense=dense, **attributes)
        built._check_budget()
        wrong = _index.first_invalid_code(dense.reshape(-1))
        if wrong >= 0:
            partition, node = divmod(wrong, max(1, dense.shape[1]))
            raise MapError(
                f"states[{partition}, {node}]: found {dense[partition, node]}, "
                "expected a state code"
            )
        return built

    @classmethod
    def from_index(
        cls,
        offsets: ArrayLike,
        copy_nodes: ArrayLike,
        copy_codes: ArrayLike,
        nodes: NodeIndex | Iterable[str],
        *,
        keys: KeyFunction | None = None,
        **attributes: Any,
    ) -> PartitionMap:
        """Build a map from a compact index.

        Args:
            offsets: int64, one more than there are partitions, from 0 up.
            copy_nodes: int32 node numbers.
            copy_codes: uint8 state codes, none of them 0.
            nodes: the names behind the numbers.
            keys: the key function; `HashKeys` over the partitions unless given.
            **attributes: `version`, `memory_budget_bytes`, `sources`, `sizes`, `weights`, `extra`.

        Raises:
            MapError: the arrays are not such an index, or a node stands twice in a partition.
        """
        starts = integers("offsets", offsets, np.int64)
        numbers = integers("nodes", copy_nodes, np.int32)
        codes = integers("codes", copy_codes, np.uint8)
        node_index = nodes if isinstance(nodes, NodeIndex) else NodeIndex(nodes)
        if starts.ndim != 1 or len(starts) < 2 or numbers.ndim != 1 or numbers.shape != codes.shape:
            raise MapError(
                f"index: found offsets {starts.shape}, nodes {numbers.shape}, codes {codes.shape}; "
                "expected partitions + 1, copies, copies"
            )
        key_function = HashKeys(len(starts) - 1) if keys is None else keys
        if len(starts) != len(key_function) + 1:
            raise MapError(
                f"offsets: found {len(starts)} entries, expected {len(key_function) + 1}"
            )
        if starts[0] != 0 or starts[-1] != len(numbers) or np.any(np.diff(starts) < 0):
            raise MapError(f"offsets: expected ascending numbers from 0 to {len(numbers)}")
        scratch = np.full(len(node_index), -1, dtype=np.int64)
        problem = _index.check_index(starts, numbers, codes, scratch)
        _raise_index_error(problem, numbers, codes, node_index)
        _order_copies(starts, numbers, codes)
        return cls(
            nodes=node_index, keys=key_function, index=(starts, numbers, codes), **attributes
        )

    @classmethod
    def from_table(
        cls,
        table: ArrayLike,
        codes: ArrayLike,
        nodes: NodeIndex | Iterable[str],
        *,
        keys: KeyFunction | None = None,
        **attributes: Any,
    ) -> PartitionMap:
        """Build a map in which every partition has the same number of copies in the same states.

        Args:
            table: int32 node numbers, partitions by copies; below 0 for a copy that is missing.
            codes: the state code of each column.
            nodes: the names behind the numbers.
            keys: the key function; `HashKeys` over the rows unless given.
            **attributes: as in `from_index`.

        Raises:
            MapError: as in `from_index`.
        """
        numbers = integers("table", table, np.int32)
        column_codes = integers("codes", codes, np.uint8)
        if numbers.ndim != 2 or column_codes.shape != numbers.shape[1:]:
            raise MapError(
                f"table: found shape {numbers.shape} with codes {column_codes.shape}, "
                "expected partitions by copies, and a code for each column"
            )
        present = numbers >= 0
        counts = present.sum(axis=1, dtype=np.int64)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        row_codes = np.broadcast_to(column_codes, numbers.shape)
        return cls.from_index(
            offsets, numbers[present], row_codes[present], nodes, keys=keys, **attributes
        )

    @classmethod
    def from_copies(
        cls,
        partitions: Iterable[Iterable[tuple[str, int]]],
        nodes: NodeIndex | Iterable[str],
        *,
        keys: KeyFunction | None = None,
        **attributes: Any,
    ) -> PartitionMap:
        """Build a map from (node name, state code) pairs, partition by partition.

        Raises:
            MapError: as in `from_index`, or a node that is not in `nodes`.
        """
        node_index = nodes if isinstance(nodes, NodeIndex) else NodeIndex(nodes)
        offsets, numbers, codes = [0], [], []
        for partition, copies in enumerate(partitions):
            for name, code in copies:
                if name not in node_index:
                    raise MapError(f"partition {partition}: found node {name!r}, which is unknown")
                numbers.append(node_index.number(name))
                codes.append(code)
            offsets.append(len(numbers))
        return cls.from_index(offsets, numbers, codes, node_index, keys=keys, **attributes)

    @property
    def partition_count(self) -> int:
        """The number of partitions."""
        return len(self.keys)

    @property
    def node_count(self) -> int:
        """The number of nodes, with or without copies."""
        return len(self.nodes)

    @property
    def copy_count(self) -> int:
        """The number of copies, dead ones included."""
        return len(self.copy_nodes)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where the copies of each partition begin in `copy_nodes`; one more than partitions."""
        self._build_index()
        assert self._offsets is not None
        return self._offsets

    @property
    def copy_nodes(self) -> NDArray[np.int32]:
        """The node number of each copy."""
        self._build_index()
        assert self._nodes is not None
        return self._nodes

    @property
    def copy_codes(self) -> NDArray[np.uint8]:
        """The state code of each copy."""
        self._build_index()
        assert self._codes is not None
        return self._codes

    @property
    def states(self) -> NDArray[np.uint8]:
        """The matrix of state codes, partitions by nodes; built when first asked for.

        Raises:
            MemoryBudgetError: it would be larger than the memory budget.
        """
        if self._dense is None:
            self._check_budget()
            dense = np.zeros((self.partition_count, self.node_count), dtype=np.uint8)
            _index.fill_dense(self.offsets, self.copy_nodes, self.copy_codes, dense)
            self._dense = frozen(dense)
        assert self._dense is not None
        return self._dense

    @property
    def fingerprint(self) -> int:
        """A checksum of nodes, keys, sources and copies in their order, 32 bits.

        It says whether two processes mean the same map by one version. Version, sizes, weights and
        unknown fields do not count. Made when first asked for, in time linear in the copies.
        """
        if self._fingerprint is None:
            facts = (
                self.nodes.fingerprint,
                self.keys.label,
                self.keys.fingerprint,
                sorted(self.sources.items()),
            )
            checksum = zlib.crc32(repr(facts).encode())
            for array in (
                self.offsets.astype("<i8", copy=False),
                self.copy_nodes.astype("<i4", copy=False),
                self.copy_codes,
            ):
                checksum = zlib.crc32(array.data, checksum)
            self._fingerprint = checksum
        return self._fingerprint

    @property
    def is_dense(self) -> bool:
        """Whether the matrix is held in memory now."""
        return self._dense is not None

    @property
    def has_index(self) -> bool:
        """Whether the compact index is held in memory now."""
        return self._offsets is not None

    @property
    def byte_count(self) -> int:
        """The bytes that the arrays of this map take now."""
        arrays = (
            self._dense,
            self._offsets,
            self._nodes,
            self._codes,
            self.sizes,
            self.weights,
        )
        return sum(array.nbytes for array in arrays if array is not None)

    def copies(self, partition: int) -> tuple[Copy, ...]:
        """Return the copies of a partition, by number; masters first."""
        if not 0 <= partition < self.partition_count:
            raise IndexError(f"partition {partition} of {self.partition_count}")
        row = slice(int(self.offsets[partition]), int(self.offsets[partition + 1]))
        return tuple(
            Copy(self.nodes.names[node], code)
            for node, code in zip(
                self.copy_nodes[row].tolist(), self.copy_codes[row].tolist(), strict=True
            )
        )

    def state(self, partition: int, node: int) -> int:
        """Return the state code of one cell, by numbers; 0 if the node holds no copy."""
        if not (0 <= partition < self.partition_count and 0 <= node < self.node_count):
            raise IndexError(f"cell ({partition}, {node}) of {self.shape}")
        if self._dense is not None:
            return int(self._dense[partition, node])
        row = slice(int(self.offsets[partition]), int(self.offsets[partition + 1]))
        held = np.flatnonzero(self.copy_nodes[row] == node)
        return int(self.copy_codes[row][held[0]]) if held.size else 0

    @property
    def shape(self) -> tuple[int, int]:
        """Partitions and nodes."""
        return self.partition_count, self.node_count

    def loads(self, *placements: Placement) -> NDArray[np.int64]:
        """Return how many copies each node holds, of these placements or of all but dead.

        Returns:
            int64, one entry a node.
        """
        wanted = placements or tuple(kind for kind in Placement if kind > Placement.DEAD)
        is_wanted = np.zeros(8, np.uint8)
        is_wanted[list(wanted)] = 1
        loads = np.zeros(self.node_count, np.int64)
        _index.count_by_node(self.copy_nodes, self.copy_codes, is_wanted, loads)
        return loads

    @property
    def attributes(self) -> dict[str, Any]:
        """What the map carries beside keys, nodes and copies, by the names of its constructors."""
        names = ("version", "memory_budget_bytes", "sources", "sizes", "weights", "extra")
        return {name: getattr(self, name) for name in names}

    def replace(self, **attributes: Any) -> PartitionMap:
        """Return this map with another `version`, `sizes`, `weights`, `sources` or `extra`."""
        kept = self.attributes
        unknown = set(attributes) - set(kept)
        if unknown:
            raise TypeError(f"replace() got {sorted(unknown)}, expected some of {sorted(kept)}")
        built = PartitionMap(
            nodes=self.nodes,
            keys=self.keys,
            index=(self.offsets, self.copy_nodes, self.copy_codes),
            **(kept | attributes),
        )
        built._dense = self._dense
        return built

    def on_nodes(self, nodes: NodeIndex | Iterable[str]) -> PartitionMap:
        """Return the same map over another list of nodes.

        Raises:
            MapError: a node that holds copies is not in `nodes`.
        """
        wanted = nodes if isinstance(nodes, NodeIndex) else NodeIndex(nodes)
        if wanted == self.nodes:
            return self
        return PartitionMap(
            nodes=wanted,
            keys=self.keys,
            index=(self.offsets, self._copy_nodes_on(wanted), self.copy_codes),
            **self.attributes,
        )

    def _copy_nodes_on(self, nodes: NodeIndex) -> NDArray[np.int32]:
        """Return the number among `nodes` of the node of each copy; errors as in `on_nodes`."""
        if nodes.names[: self.node_count] == self.nodes.names or not self.copy_count:
            return self.copy_nodes
        numbers = nodes.numbers
        renumbered = np.array([numbers.get(name, -1) for name in self.nodes.names], dtype=np.int32)
        copy_nodes = renumbered[self.copy_nodes]
        if copy_nodes.min() < 0:
            lost = self.nodes.names[int(self.copy_nodes[int(np.argmin(copy_nodes))])]
            raise MapError(f"node {lost!r} holds copies, but is not among the new nodes")
        return copy_nodes

    def on_keys(
        self, keys: KeyFunction, rows: NDArray[np.int64], **attributes: Any
    ) -> PartitionMap:
        """Return a map over other partitions that have the copies of partitions of this one.

        Unknown fields go along with the copies; what ranges come from is what `keys` say. Linear in
        the copies.

        Args:
            keys: the key function of the new map.
            rows: for each of its partitions the number of the one here, -1 for no copies.
            **attributes: `sizes` and `weights`, which are not carried over.
        """
        is_known = rows >= 0
        starts = np.where(is_known, self.offsets[rows], 0)
        counts = np.where(is_known, np.diff(self.offsets)[rows], 0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
        ranges = keys.ranges if isinstance(keys, RangeKeys) else ()
        origins = enumerate(rows.tolist() if self.extra else ())
        return PartitionMap.from_index(
            offsets,
            self.copy_nodes[places],
            self.copy_codes[places],
            self.nodes,
            keys=keys,
            version=self.version,
            memory_budget_bytes=self.memory_budget_bytes,
            sources={i: item.source for i, item in enumerate(ranges) if item.source is not None},
            extra={i: self.extra[origin] for i, origin in origins if origin in self.extra},
            **attributes,
        )

    def __eq__(self, other: object) -> bool:
        """Whether both have the same keys and nodes, and equal cells; versions do not count."""
        if not isinstance(other, PartitionMap):
            return NotImplemented
        return self is other or (
            self.keys == other.keys
            and self.nodes == other.nodes
            and self.copy_count == other.copy_count
            and bool(
                _index.same_cells(
                    self.offsets,
                    self.copy_nodes,
                    self.copy_codes,
                    other.offsets,
                    other.copy_nodes,
                    other.copy_codes,
                    np.zeros(self.node_count, dtype=np.uint8),
                )
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"<PartitionMap {self.partition_count} partitions x {self.node_count} nodes, "
            f"version {self.version}, {self.keys.label}>"
        )

    def _check_budget(self) -> None:
        needed = self.partition_count * self.node_count
        if needed > self.memory_budget_bytes:
            raise MemoryBudgetError(needed, self.memory_budget_bytes)

    def _build_index(self) -> None:
        if self._offsets is not None:
            return
        assert self._dense is not None
        offsets = np.empty(self.partition_count + 1, dtype=np.int64)
        count = _index.count_copies(self._dense, offsets)
        numbers = np.empty(count, dtype=np.int32)
        codes = np.empty(count, dtype=np.uint8)
        _index.fill_index(self._dense, offsets, numbers, codes)
        _order_copies(offsets, numbers, codes)
        self._nodes, self._codes = frozen(numbers), frozen(codes)
        self._offsets = frozen(offsets)


def _order_copies(
    offsets: NDArray[np.int64], nodes: NDArray[np.int32], codes: NDArray[np.uint8]
) -> None:
    longest = int(np.diff(offsets).max())
    scratch = np.empty(longest, dtype=np.int32), np.empty(longest, dtype=np.uint8)
    _index.order_copies(offsets, nodes, codes, *scratch)


def _raise_index_error(
    problem: tuple[int, int],
    numbers: NDArray[np.int32],
    codes: NDArray[np.uint8],
    nodes: NodeIndex,
) -> None:
    partition, position = problem
    if partition < 0:
        return
    number, code = int(numbers[position]), int(codes[position])
    if not 0 <= number < len(nodes):
        found = f"node number {number}, expected 0 to {len(nodes) - 1}"
    elif not 0 < code < 128 or code & 0b111 > Placement.PENDING_MASTER or not code & 0b111:
        found = f"code {code}, expected a state code with a placement"
    else:
        found = f"node {nodes.names[number]!r} twice, expected every node once"
    raise MapError(f"partition {partition}: found {found}")
