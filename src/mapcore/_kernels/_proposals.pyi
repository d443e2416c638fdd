from typing import Any

from numpy.typing import NDArray

def propose(
    current_offsets: NDArray[Any],
    current_nodes: NDArray[Any],
    current_codes: NDArray[Any],
    current_flags: NDArray[Any],
    target_offsets: NDArray[Any],
    target_nodes: NDArray[Any],
    target_codes: NDArray[Any],
    target_flags: NDArray[Any],
    node_flags: NDArray[Any],
    row_flags: NDArray[Any],
    preferred: NDArray[Any],
    running_hops: NDArray[Any],
    single_master: bool,
    cools: bool,
    created: int,
    row: int,
    proposals: NDArray[Any],
) -> tuple[int, int]: ...
