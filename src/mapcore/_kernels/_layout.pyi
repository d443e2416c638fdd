import numpy as np
from numpy.typing import NDArray

def count_others(
    offsets: NDArray[np.int64],
    codes: NDArray[np.uint8],
    roles: NDArray[np.uint8],
    other_offsets: NDArray[np.int32],
) -> tuple[int, int]: ...
def fill_tables(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    roles: NDArray[np.uint8],
    other_offsets: NDArray[np.int32],
    masters: NDArray[np.int32],
    others: NDArray[np.int32],
) -> None: ...
def first_unordered(offsets: NDArray[np.int32] | NDArray[np.int64], size: int) -> int: ...
def group_positions(
    nodes: NDArray[np.int32], starts: NDArray[np.int64], positions: NDArray[np.int64]
) -> None: ...
def count_patched(
    old_offsets: NDArray[np.int32] | None,
    old_count: int,
    origins: NDArray[np.int64] | None,
    changed: NDArray[np.int64],
    row_offsets: NDArray[np.int64],
    codes: NDArray[np.uint8],
    roles: NDArray[np.uint8],
    other_offsets: NDArray[np.int32],
) -> tuple[int, int]: ...
def fill_patched(
    old_masters: NDArray[np.int32],
    old_others: NDArray[np.int32],
    old_offsets: NDArray[np.int32] | None,
    old_count: int,
    origins: NDArray[np.int64] | None,
    node_numbers: NDArray[np.int32] | None,
    changed: NDArray[np.int64],
    row_offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    roles: NDArray[np.uint8],
    other_offsets: NDArray[np.int32],
    masters: NDArray[np.int32],
    others: NDArray[np.int32],
) -> int: ...
