"""Many keys at once, in the forms in which they come."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _layout, _routing
from mapcore.keys import Key, key_bytes

__all__ = ["KeyBatch", "Keys", "PackedKeys", "as_batch"]


class PackedKeys(NamedTuple):
    """Keys one after the other, as in Arrow's binary and string arrays.

    Key i is `data[offsets[i]:offsets[i + 1]]`.

    Attributes:
        offsets: int32 or int64, ascending, one more than there are keys.
        data: bytes, or anything with a buffer of bytes.
    """

    offsets: NDArray[np.int32] | NDArray[np.int64]
    data: Any


Keys: TypeAlias = "NDArray[Any] | PackedKeys | Iterable[Key]"


class KeyBatch(Protocol):
    """Keys in a form that the kernels read."""

    def __len__(self) -> int: ...

    def key(self, position: int) -> bytes:
        """Return one of the keys."""

    def find(self, tables: _routing.Tables, out: NDArray[np.int32], to_nodes: bool) -> int:
        """Write each key's partition, or its master's node; return the position of the first gap.

        Where there is none, that is the number of keys.
        """


class _Rows:
    """Keys as the rows of a matrix of bytes, each padded with NULs."""

    def __init__(self, array: NDArray[np.bytes_]) -> None:
        count, width = len(array), array.dtype.itemsize
        self.rows = (
            np.ascontiguousarray(array).view(np.uint8).reshape(count, width)
            if count and width
            else np.zeros((count, 1), np.uint8)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, position: int) -> bytes:
        return bytes(self.rows[position]).rstrip(b"\0")

    def find(self, tables: _routing.Tables, out: NDArray[np.int32], to_nodes: bool) -> int:
        return tables.find_rows(self.rows, out, to_nodes)


class _Packed:
    """Keys one after the other."""

    def __init__(self, keys: PackedKeys) -> None:
        offsets: NDArray[Any] = np.ascontiguousarray(keys.offsets)
        offsets = offsets.astype(offsets.dtype.newbyteorder("="), copy=False)
        if offsets.ndim != 1 or offsets.dtype not in (np.int32, np.int64) or not len(offsets):
            raise ValueError(
                f"offsets: found {offsets.dtype} of shape {offsets.shape}, "
                "expected int32 or int64, one more than there are keys"
            )
        self.offsets = offsets
        self.data = np.frombuffer(keys.data, np.uint8)
        wrong = _layout.first_unordered(self.offsets, len(self.data))
        if wrong >= 0:
            raise ValueError(
                f"offsets[{wrong}]: found {self.offsets[wrong]}, expected ascending numbers "
                f"from 0 to {len(self.data)}, the size of the data"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def key(self, position: int) -> bytes:
        return bytes(self.data[self.offsets[position] : self.offsets[position + 1]])

    def find(self, tables: _routing.Tables, out: NDArray[np.int32], to_nodes: bool) -> int:
        return tables.find_packed(self.data, self.offsets, out, to_nodes)


class _Objects:
    """Keys as Python objects."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, position: int) -> bytes:
        return key_bytes(self.keys[position])

    def find(self, tables: _routing.Tables, out: NDArray[np.int32], to_nodes: bool) -> int:
        return tables.find_list(self.keys, out, to_nodes)


def as_batch(keys: Keys) -> KeyBatch:
    """Return keys in the form that the kernels read; without a copy, where they are contiguous.

    Raises:
        TypeError: these are no keys, or one key.
        ValueError: an array of more than one dimension, or offsets that do not fit the data.
    """
    if isinstance(keys, np.ndarray):
        return _of_array(keys)
    if isinstance(keys, PackedKeys):
        return _Packed(keys)
    if isinstance(keys, tuple) and len(keys) == 2 and isinstance(keys[0], np.ndarray):
        return _Packed(PackedKeys(*keys))
    if isinstance(keys, list):
        # Without a GIL another thread could change the list while it is read.
        return _Objects(keys if _HAS_GIL else keys.copy())
    if isinstance(keys, bytes | bytearray | memoryview | str):
        raise TypeError(f"keys: found one key of {type(keys).__name__}, expected many")
    return _Objects(list(keys))


def _of_array(keys: NDArray[Any]) -> KeyBatch:
    if keys.ndim != 1:
        raise ValueError(f"keys: found an array of shape {keys.shape}, expected one dimension")
    if keys.dtype.kind == "S":
        return _Rows(keys)
    if keys.dtype.kind in "UOT":
        return _Objects(keys.tolist())
    raise TypeError(f"keys: found an array of {keys.dtype}, expected bytes or text")


_HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
