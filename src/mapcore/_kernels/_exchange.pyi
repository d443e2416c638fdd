from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

def score_pairs(
    score: int,
    data: NDArray[np.float64],
    layout: NDArray[np.int64],
    partitions: NDArray[np.int64],
    nodes: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> None: ...
def choose_by_score(
    placed: NDArray[np.int32],
    held: NDArray[np.int32],
    pinned: NDArray[np.int32],
    levels: NDArray[np.int32],
    row_class: NDArray[np.int32] | None,
    class_allows: NDArray[np.uint8] | None,
    least: NDArray[np.int64],
    most: NDArray[np.int64],
    may_take: NDArray[np.uint8],
    score: int,
    data: NDArray[np.float64],
    layout: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> tuple[int, int, float, float, int, int]: ...
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
    score: int,
    data: NDArray[np.float64],
    layout: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> tuple[int, int, int]: ...
