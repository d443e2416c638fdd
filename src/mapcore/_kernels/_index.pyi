import numpy as np
from numpy.typing import NDArray

def first_invalid_code(codes: NDArray[np.uint8]) -> int: ...
def check_index(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    last_partition: NDArray[np.int64],
) -> tuple[int, int]: ...
def order_copies(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    scratch_nodes: NDArray[np.int32],
    scratch_codes: NDArray[np.uint8],
) -> None: ...
def fill_dense(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    dense: NDArray[np.uint8],
) -> None: ...
def count_copies(dense: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int: ...
def count_by_node(
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    is_wanted: NDArray[np.uint8],
    loads: NDArray[np.int64],
) -> None: ...
def fill_index(
    dense: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
) -> None: ...
def same_cells(
    offsets_a: NDArray[np.int64],
    nodes_a: NDArray[np.int32],
    codes_a: NDArray[np.uint8],
    offsets_b: NDArray[np.int64],
    nodes_b: NDArray[np.int32],
    codes_b: NDArray[np.uint8],
    state_of_node: NDArray[np.uint8],
) -> bool: ...
