from collections.abc import Callable, Container
from typing import Any, Final, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels._ranges import RangeIndex

_Key = bytes | bytearray | memoryview | str
_Default = TypeVar("_Default")

AMONG: Final[dict[str, int]]
BY: Final[dict[str, int]]
NODES_MAX: Final[int]

class Tables:
    names: tuple[str, ...]
    masters: NDArray[np.int32]
    others: NDArray[np.int32]
    other_offsets: NDArray[np.int32] | None
    other_count: int
    ranges: RangeIndex | None
    rank_partitions: NDArray[np.int32] | None
    facts: Any
    def __init__(
        self,
        names: tuple[str, ...],
        masters: NDArray[np.int32],
        others: NDArray[np.int32],
        other_offsets: NDArray[np.int32] | None,
        other_count: int,
        ranges: RangeIndex | None,
        rank_partitions: NDArray[np.int32] | None,
        facts: Any,
        crc32: str | None = None,
    ) -> None: ...
    @property
    def partition_count(self) -> int: ...
    def find_rows(self, rows: NDArray[np.uint8], out: NDArray[np.int32], to_nodes: bool) -> int: ...
    def find_packed(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int32] | NDArray[np.int64],
        out: NDArray[np.int32],
        to_nodes: bool,
    ) -> int: ...
    def find_list(self, keys: list[_Key], out: NDArray[np.int32], to_nodes: bool) -> int: ...
    def choose(
        self,
        numbers: NDArray[np.int32],
        among: int,
        by: int,
        distances: bytes,
        avoided: NDArray[np.uint8],
        seed: int,
    ) -> None: ...
    def fill_copies(self, partitions: NDArray[np.int32], out: NDArray[np.int32]) -> None: ...

class RouterCore:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def tables(self) -> Tables: ...
    def _swap(self, expected: Tables, tables: Tables) -> bool: ...
    def __getitem__(self, key: _Key) -> str: ...
    def __contains__(self, key: object) -> bool: ...
    def partition(self, key: _Key) -> int: ...
    def node(self, key: _Key) -> str: ...
    def node_number(self, key: _Key) -> int: ...
    @overload
    def get(self, key: _Key) -> str | None: ...
    @overload
    def get(self, key: _Key, default: _Default) -> str | _Default: ...
    def _pick(
        self,
        tables: Tables,
        key: _Key,
        among: int,
        by: int,
        distances: bytes,
        avoid: Container[str],
        random: Callable[[int], int],
    ) -> tuple[int, int]: ...
    def _serves(self, node: str, key: _Key, among: int) -> bool: ...
    def copies(self, key: _Key) -> tuple[str, ...]: ...
    def copy_numbers(self, key: _Key) -> tuple[int, ...]: ...
