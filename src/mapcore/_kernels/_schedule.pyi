import numpy as np
from numpy.typing import NDArray

class GivenMoves:
    def __init__(
        self,
        partition: NDArray[np.int32],
        partition_count: int,
        target: NDArray[np.int32],
        candidates_begin: NDArray[np.int64],
        candidate: NDArray[np.int32],
        filled_by: NDArray[np.int32],
        in_flight: NDArray[np.uint8],
        is_urgent: NDArray[np.uint8],
    ) -> None: ...

class GivenLimits:
    def __init__(
        self,
        out_limit: NDArray[np.int32],
        in_limit: NDArray[np.int32],
        joint_limit: NDArray[np.int32] | None,
        node_of_volume: NDArray[np.int32],
        scans: NDArray[np.int32],
        zone: NDArray[np.int32],
        zone_count: int,
        partition_limit: int,
        between_zones: int,
        cluster: int,
    ) -> None: ...

def schedule_rounds(
    moves: GivenMoves,
    limits: GivenLimits,
    at_least: int,
    most: int,
    work: int,
    round_of_move: NDArray[np.int32],
    choice: NDArray[np.int64],
    proof: NDArray[np.uint8],
) -> tuple[int, int]: ...
def least_rounds_of_sources(
    moves: GivenMoves, limits: GivenLimits, at_least: int, proof: NDArray[np.uint8]
) -> int: ...
def schedule_times(
    moves: GivenMoves,
    limits: GivenLimits,
    size: NDArray[np.float64],
    rate: NDArray[np.float64],
    delay: NDArray[np.float64],
    variant: int,
    start: NDArray[np.float64],
    finish: NDArray[np.float64],
    choice: NDArray[np.int64],
) -> float: ...
def even_sources(
    moves: GivenMoves,
    limits: GivenLimits,
    size: NDArray[np.float64],
    rate: NDArray[np.float64],
    choice: NDArray[np.int64],
) -> None: ...
def tighten_times(
    moves: GivenMoves,
    limits: GivenLimits,
    size: NDArray[np.float64],
    rate: NDArray[np.float64],
    bound: float,
    work: int,
    start: NDArray[np.float64],
    finish: NDArray[np.float64],
    choice: NDArray[np.int64],
) -> float: ...
def balance(
    moves: GivenMoves,
    length: NDArray[np.float64],
    place: NDArray[np.int32],
    limit: NDArray[np.int32],
    load: NDArray[np.float64],
    share: NDArray[np.float64],
) -> None: ...
def components(moves: GivenMoves, limits: GivenLimits, label: NDArray[np.int32]) -> None: ...
def spread_takeovers(
    ready: NDArray[np.float64],
    leader: NDArray[np.int32],
    heir: NDArray[np.int32],
    is_urgent: NDArray[np.uint8],
    masters: NDArray[np.int32],
    goals: NDArray[np.int32],
    when: NDArray[np.float64],
    rank: NDArray[np.int32],
) -> None: ...
