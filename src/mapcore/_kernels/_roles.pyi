from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

def solve_roles(
    placed: NDArray[np.int32],
    current: NDArray[np.int32],
    preferred: NDArray[np.int32] | None,
    asked: NDArray[np.int32],
    may_lead: NDArray[np.uint8],
    candidates: NDArray[np.uint8] | None,
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    sum_lower: NDArray[np.int64] | None,
    sum_upper: NDArray[np.int64] | None,
    keep_current: bool,
    change: int,
    unpreferred: int,
    imbalance_bits: int,
    sum_bits: int,
    is_master: NDArray[np.uint8],
    loads: NDArray[np.int64],
    prices: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> tuple[int, int]: ...
def measure_scatter(
    placed: NDArray[np.int32],
    is_master: NDArray[np.uint8],
    may_lead: NDArray[np.uint8],
    widths: NDArray[np.int32],
    increases: NDArray[np.int32],
    lost: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> None: ...
