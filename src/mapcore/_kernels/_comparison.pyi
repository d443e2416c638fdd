import numpy as np
from numpy.typing import NDArray

def collect_dense(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    table: NDArray[np.uint8],
    position: int,
    partitions: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes_before: NDArray[np.uint8],
    codes_after: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
) -> tuple[int, int]: ...
def collect_index(
    offsets_before: NDArray[np.int64],
    nodes_before: NDArray[np.int32],
    copies_before: NDArray[np.uint8],
    offsets_after: NDArray[np.int64],
    nodes_after: NDArray[np.int32],
    copies_after: NDArray[np.uint8],
    rows_before: NDArray[np.int64],
    rows_after: NDArray[np.int64],
    renumbered: NDArray[np.int32],
    table: NDArray[np.uint8],
    state_of_node: NDArray[np.uint8],
    found: NDArray[np.uint64],
    position: int,
    partitions: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes_before: NDArray[np.uint8],
    codes_after: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
) -> tuple[int, int]: ...
