from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

def arrange(
    previous: NDArray[np.int32],
    numbers: NDArray[np.int32],
    zones: NDArray[np.int32],
    fewest: int,
    targets: NDArray[np.int32],
) -> bool: ...
def count_parts(targets: NDArray[np.int32]) -> int: ...
def flow(
    targets: NDArray[np.int32],
    sent: NDArray[np.int64],
    received: NDArray[np.int64],
    least: NDArray[np.int64],
    most: NDArray[np.int64],
    cells: NDArray[np.int64],
    in_sources: NDArray[np.uint8],
    in_sinks: NDArray[np.uint8],
    interrupt: Callable[[], object] | None = None,
) -> bool: ...
