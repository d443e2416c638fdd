from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

class Order(IntEnum):
    KEPT = ...
    LARGEST_FIRST = ...
    SMALLEST_FIRST = ...

def improve(
    current: NDArray[np.int32],
    pinned: NDArray[np.int32],
    row_class: NDArray[np.int32],
    class_copies: NDArray[np.int32],
    class_group: NDArray[np.int32],
    class_share: NDArray[np.int32],
    class_broken: NDArray[np.int32],
    group_nodes: NDArray[np.uint8],
    levels: NDArray[np.int32],
    load: NDArray[np.int64],
    bytes_: NDArray[np.int64],
    low: NDArray[np.int64],
    fair: NDArray[np.int64],
    high: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    largest: NDArray[np.int64],
    ancestors: NDArray[np.int32],
    intervals: NDArray[np.int32],
    masters: int,
    may_lead: NDArray[np.uint8],
    chosen: NDArray[np.int32],
    order: Order,
    interrupt: Callable[[], object] | None,
) -> None: ...
def fair_loads(
    total: int,
    copies: int,
    levels: NDArray[np.int32],
    eligible: NDArray[np.uint8],
    share: NDArray[np.int64],
    limit: NDArray[np.int64],
    fair: NDArray[np.int64],
) -> bool: ...
