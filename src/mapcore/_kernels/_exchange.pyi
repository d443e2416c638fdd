from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

def even_out_slaves(
    placed: NDArray[np.int32],
    held: NDArray[np.int32],
    pinned: NDArray[np.int32],
    levels: NDArray[np.int32],
    row_class: NDArray[np.int32] | None,
    class_allows: NDArray[np.uint8] | None,
    is_master: NDArray[np.uint8],
    current_masters: NDArray[np.int32],
    prices: NDArray[np.int64],
    reach: NDArray[np.int64],
    most_attempts: int,
    interrupt: Callable[[], object] | None,
) -> int: ...
