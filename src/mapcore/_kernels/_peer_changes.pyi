from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels._peers import PeerLimits

def change(
    limits: PeerLimits,
    every_pair: bool,
    current: NDArray[np.int32],
    copies: NDArray[np.int32],
    rows: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> tuple[int, int]: ...
