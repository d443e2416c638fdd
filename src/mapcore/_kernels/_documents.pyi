import numpy as np
from numpy.typing import NDArray

def read_partitions(
    text: memoryview | bytes,
    codes: NDArray[np.uint8],
    known_names: memoryview | bytes,
    known_ends: NDArray[np.int64],
    may_add: bool,
    numbers: NDArray[np.int64],
    name_spans: NDArray[np.int64],
    offsets: NDArray[np.int64],
    copy_nodes: NDArray[np.int32],
    copy_codes: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    weights: NDArray[np.float64],
    others: NDArray[np.int64],
    added: NDArray[np.int64],
) -> tuple[int, int, int, int, bool, bool] | None: ...
def may_repeat_names(
    text: memoryview | bytes, hashes: NDArray[np.uint64], table: NDArray[np.uint64]
) -> bool: ...
