import numpy as np
from numpy.typing import NDArray

MOST_LEVELS: int

def row_costs(
    rows: NDArray[np.int32],
    ancestors: NDArray[np.int32],
    intervals: NDArray[np.int32],
    masters: int,
    may_lead: NDArray[np.uint8],
    levels: NDArray[np.int32],
    shares: NDArray[np.int64],
    parts: NDArray[np.int64],
) -> None: ...
def find_leaders(
    rows: NDArray[np.int32],
    ancestors: NDArray[np.int32],
    intervals: NDArray[np.int32],
    masters: int,
    may_lead: NDArray[np.uint8],
    prefers: NDArray[np.uint8],
    leaders: NDArray[np.uint8],
) -> None: ...
def count_broken(
    rows: NDArray[np.int32],
    is_master: NDArray[np.uint8],
    ancestors: NDArray[np.int32],
    intervals: NDArray[np.int32],
    masters: int,
    may_lead: NDArray[np.uint8],
    broken: NDArray[np.int32],
) -> None: ...
def keep_masters(
    current: NDArray[np.int32],
    masters: NDArray[np.int32],
    chosen: NDArray[np.int32],
    kinds: NDArray[np.int32],
    may_hold: NDArray[np.uint8],
    may_lead: NDArray[np.uint8],
    pinned: NDArray[np.int32],
    levels: NDArray[np.int32],
    shares: NDArray[np.int64],
) -> int: ...
