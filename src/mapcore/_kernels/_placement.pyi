from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

class Outcome(IntEnum):
    DONE = ...
    INTERRUPTED = ...
    NOT_NESTED = ...
    NO_ROOM = ...
    FAILED = ...

def place_uniform(
    current: NDArray[np.int32],
    copies: int,
    eligible: NDArray[np.uint8],
    levels: NDArray[np.int32],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    limit: NDArray[np.int64],
    sum_lower: NDArray[np.int64] | None,
    sum_upper: NDArray[np.int64] | None,
    chosen: NDArray[np.int32],
    balance_prices: NDArray[np.int64],
    sum_prices: NDArray[np.int64],
    move_prices: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> Outcome: ...
def find_loads(
    rows: int,
    copies: int,
    eligible: NDArray[np.uint8],
    levels: NDArray[np.int32],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    limit: NDArray[np.int64],
    least: NDArray[np.int64],
    most: NDArray[np.int64],
    group: NDArray[np.int32],
) -> Outcome: ...
def place_priced(
    current: NDArray[np.int32],
    pinned: NDArray[np.int32],
    row_class: NDArray[np.int32],
    class_copies: NDArray[np.int32],
    class_group: NDArray[np.int32],
    group_nodes: NDArray[np.uint8],
    levels: NDArray[np.int32],
    eligible: NDArray[np.uint8],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    limit: NDArray[np.int64],
    sum_lower: NDArray[np.int64] | None,
    sum_upper: NDArray[np.int64] | None,
    nowhere: int,
    chosen: NDArray[np.int32],
    missing_prices: NDArray[np.int64],
    spread_prices: NDArray[np.int64],
    balance_prices: NDArray[np.int64],
    sum_prices: NDArray[np.int64],
    move_prices: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> Outcome: ...
def count_excess(
    chosen: NDArray[np.int32],
    row_class: NDArray[np.int32],
    levels: NDArray[np.int32],
    shares: NDArray[np.int32],
) -> list[int]: ...
def order_rows(
    current: NDArray[np.int32], chosen: NDArray[np.int32], loads: NDArray[np.int64]
) -> int: ...
