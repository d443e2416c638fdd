from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

DUE_ONE: Final[int]

class PeerLimits:
    def __init__(
        self,
        max_peers: int,
        levels: NDArray[np.int32],
        row_class: NDArray[np.int32],
        class_allows: NDArray[np.uint8],
        class_shares: NDArray[np.int32],
        pinned: NDArray[np.int32],
        ancestors: NDArray[np.int32],
        closeness: NDArray[np.int32],
        may_lead: NDArray[np.uint8],
        bounds: NDArray[np.int64],
    ) -> None: ...

def sweep(
    limits: PeerLimits,
    order: NDArray[np.int32],
    masters: NDArray[np.int64],
    slaves: NDArray[np.int64],
    ahead: int,
    behind: int,
    partitions: NDArray[np.int32],
    copies: int,
    must_hold: NDArray[np.uint8] | None,
    bound: int,
    rows: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> None: ...
def mend(
    limits: PeerLimits,
    every_pair: bool,
    rows: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
    most_steps: int = -1,
    most_lacking: int = -1,
) -> tuple[int, int]: ...
def count_peers(rows: NDArray[np.int32], every_pair: bool, peers: NDArray[np.int32]) -> None: ...
def deal_out(
    rows: NDArray[np.int32],
    loads: NDArray[np.int64],
    lacking: NDArray[np.int64],
    row_of: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> None: ...
