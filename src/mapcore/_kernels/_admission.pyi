from typing import Any

from numpy.typing import NDArray

def admit(
    order: NDArray[Any],
    needs: NDArray[Any],
    is_exclusive: NDArray[Any],
    source_offsets: NDArray[Any],
    source_needs: NDArray[Any],
    source_ranks: NDArray[Any],
    source_loads: NDArray[Any],
    used: NDArray[Any],
    room: NDArray[Any],
    chosen: NDArray[Any],
    blockers: NDArray[Any],
) -> None: ...
def spread_masters(
    order: NDArray[Any],
    leaders: NDArray[Any],
    heirs: NDArray[Any],
    is_exempt: NDArray[Any],
    masters: NDArray[Any],
    goals: NDArray[Any],
    may_go: NDArray[Any],
) -> None: ...
