import numpy as np
from numpy.typing import NDArray

def fill_tables(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    flags: NDArray[np.uint8],
    renumbered: NDArray[np.int32],
    held: NDArray[np.int32],
    masters: NDArray[np.int32],
) -> int: ...
def find_reach(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    is_gone: NDArray[np.uint8],
    is_recovering: NDArray[np.uint8],
    in_reach: NDArray[np.uint8],
    out_of_reach: NDArray[np.uint8],
) -> None: ...
def count_able(placed: NDArray[np.int32], may_lead: NDArray[np.uint8], most: int) -> int: ...
def fill_target(
    placed: NDArray[np.int32],
    is_master: NDArray[np.uint8],
    master_code: int,
    slave_code: int,
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
) -> int: ...
def count_loads(nodes: NDArray[np.int32], loads: NDArray[np.int64]) -> None: ...
def carry_pauses(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    target_offsets: NDArray[np.int64],
    target_nodes: NDArray[np.int32],
    target_codes: NDArray[np.uint8],
) -> None: ...
def list_moves(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    target_offsets: NDArray[np.int64],
    target_nodes: NDArray[np.int32],
    flags: NDArray[np.uint8],
    successors: NDArray[np.int32],
    is_paired: NDArray[np.uint8],
    moves: NDArray[np.int32],
) -> int: ...
def list_drops(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    target_offsets: NDArray[np.int64],
    target_nodes: NDArray[np.int32],
    drops: NDArray[np.int32],
) -> int: ...
def list_role_changes(
    offsets: NDArray[np.int64],
    nodes: NDArray[np.int32],
    codes: NDArray[np.uint8],
    target_offsets: NDArray[np.int64],
    target_nodes: NDArray[np.int32],
    target_codes: NDArray[np.uint8],
    flags: NDArray[np.uint8],
    changes: NDArray[np.int32],
) -> int: ...
