"""What partitions weigh, what nodes are due of it, and what their volumes hold.

Where partitions carry weights that differ, balance counts weights; else, where their sizes differ,
bytes. Loads are integers. A node's fair share is what it would hold if partitions could be divided
at will: by weight of the nodes, no more than it can take, and as spread allows. As partitions
cannot be divided, a node is even within one typical partition (the median) of that, or within
`TOLERANCE`, whichever is wider: the floor and the ceiling of shares in copies, where all are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _coupled
from mapcore.cluster import Node
from mapcore.planning.placing.placement_problem import Measures, PlacementProblem, Room, summed
from mapcore.planning.placing.shares import shares_with_fixed

if TYPE_CHECKING:
    from mapcore.maps import PartitionMap
    from mapcore.planning.problem import Start
    from mapcore.planning.several_maps.sums import Standing

__all__ = [
    "TOLERANCE",
    "copies_that_fit",
    "measure",
    "room_to_share",
]

TOLERANCE: Final = 0.005
"""How far from its fair share a node's load may be, as a part of it, and still count as even."""

_UNLIMITED: Final = np.iinfo(np.int64).max
_SUM_BITS: Final = 60  # sums of loads, and of bytes, stay below
_EMPTY_PART: Final = 100  # what has no size or weight counts as this part of the mean


def _room_of(nodes: Sequence[Node], others: Standing | None) -> Room | None:
    """Return what the volumes hold beside other maps; None where none says its capacity."""
    capacity = np.full(len(nodes), _UNLIMITED, np.int64)
    largest = capacity.copy()
    for number, node in enumerate(nodes):
        if not node.volumes:
            continue
        known = [volume.capacity for volume in node.volumes if volume.capacity is not None]
        if len(known) == len(node.volumes):
            capacity[number] = min(sum(known), _UNLIMITED)
            largest[number] = min(max(known), _UNLIMITED)
    is_known = capacity != _UNLIMITED
    if not is_known.any():
        return None
    if others is not None:
        capacity[is_known] = np.maximum(capacity - others.bytes, 0)[is_known]
    return Room(capacity, largest)


def copies_that_fit(
    current: PartitionMap, nodes: Sequence[Node], others: Standing | None
) -> NDArray[np.int64] | None:
    """Return how many copies the volumes of each node hold, where partitions are of one size.

    None where they are not, or no capacity is known; `measure` looks after those that differ.
    """
    size = 0 if current.sizes is None else int(current.sizes[0])
    if current.sizes is None or size == 0 or np.ptp(current.sizes) > 0:
        return None
    room = _room_of(nodes, others)
    if room is None:
        return None
    fitting: NDArray[np.int64] = np.where(room.largest < size, 0, room.capacity // size)
    return fitting


def room_to_share(
    problem: PlacementProblem, nodes: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the load that each node lacks to its floor, and to its ceiling; below 0: has above.

    Args:
        problem: says what is counted, copies or loads.
        nodes: the nodes that hold each partition, -1 for none.
    """
    measures = problem.measures
    if measures is not None:
        loads = measures.loads_of(nodes)
        return measures.low - loads, measures.high - loads
    loads = np.bincount(nodes[nodes >= 0], minlength=len(problem.eligible))
    return problem.lower - loads, problem.upper - loads


def measure(
    problem: PlacementProblem, start: Start, nodes: Sequence[Node], others: Standing | None
) -> PlacementProblem:
    """Return the problem with measures, where sizes or weights differ or there are rules.

    Args:
        problem: the problem without.
        start: what is.
        nodes: of the cluster.
        others: what other maps hold, which takes room on the volumes.
    """
    current = start.current
    sizes = None if current.sizes is None or not current.sizes.any() else current.sizes
    weights = None if current.weights is None or not current.weights.any() else current.weights
    room = None if sizes is None or not np.ptp(sizes) else _room_of(nodes, others)
    values = sizes if weights is None else weights
    differ = values is not None and bool(np.ptp(values) > 0)
    if not differ and room is None and problem.rules is None:
        return problem
    copies = int(problem.copy_counts.max(initial=0))
    sized, scale = _scaled(sizes, current.partition_count, copies)
    if room is not None:
        room = Room(room.capacity // scale, room.largest // scale)
    if not differ:
        load, box = np.ones_like(sized), (problem.lower, problem.lower, problem.upper)
        return replace(problem, measures=Measures("copies", load, sized, *box, room, scale))

    load = sized if weights is None else _whole(weights, copies)
    load = np.where(load > 0, load, max(1, int(load.mean()) // _EMPTY_PART))
    most = _most(problem, load)
    if room is not None and weights is None:
        most = np.minimum(most, room.capacity)
    box = _shares(problem, start, load, most)
    unit: Literal["bytes", "weight"] = "bytes" if weights is None else "weight"
    return replace(problem, measures=Measures(unit, load, sized, *box, room, scale))


def _scaled(
    sizes: NDArray[np.int64] | None, partitions: int, copies: int
) -> tuple[NDArray[np.int64], int]:
    """Return sizes in a unit in which sums of them fit int64, and the bytes of that unit."""
    if sizes is None:
        return np.ones(partitions, np.int64), 1
    most = int(float(sizes.sum(dtype=np.float64)) * copies)
    scale = 1 << max(0, most.bit_length() - _SUM_BITS)
    return -(-sizes // scale), scale


def _whole(weights: NDArray[np.float64], copies: int) -> NDArray[np.int64]:
    """Return integers in the proportions of weights, as exact as their sums allow."""
    highest = float(weights.sum()) * max(1, copies)
    factor = 2.0 ** (40 - np.frexp(highest)[1])
    whole: NDArray[np.int64] = np.rint(weights * factor).astype(np.int64)
    return whole


def _most(problem: PlacementProblem, load: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the load of each node if it held all that it may."""
    eligible, numbers = problem.eligible[None, :], np.zeros(len(load), np.int32)
    if problem.class_eligible is not None and problem.partition_class is not None:
        eligible, numbers = eligible & problem.class_eligible, problem.partition_class
    by_class = np.zeros(len(eligible), np.int64)
    np.add.at(by_class, numbers, load)
    most: NDArray[np.int64] = by_class @ eligible
    return most


def _shares(
    problem: PlacementProblem, start: Start, load: NDArray[np.int64], most: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    room = np.count_nonzero(problem.eligible)
    total = int((load * np.minimum(problem.copy_counts, room)).sum())
    fixed = np.full(len(most), -1, np.int64)
    if problem.pinned is not None and problem.node_limit is not None:
        pins = problem.pinned[problem.pinned >= 0]
        is_full = problem.node_limit <= np.bincount(pins, minlength=len(most))
        fixed[is_full] = summed(problem.pinned, load, len(most))[is_full]
    table, copies = start.table, np.minimum(problem.copy_counts, room)
    fixed = np.where(problem.eligible, fixed, -1)
    surplus = 0
    while True:
        fair, _ = shares_with_fixed(
            min(total, int(most.sum())) - surplus,
            table.weights,
            table.weight_numbers,
            problem.eligible,
            most,
            fixed,
        )
        fair = _within_spread(problem, load, most, fair, fixed)
        # A partition above every share has a node to itself: the others share less.
        above = np.maximum(load - int(fair.max(initial=0)), 0)
        if int((above * copies).sum()) <= surplus:
            break
        surplus = int((above * copies).sum())
    width = np.maximum(int(np.median(load)), np.ceil(fair * TOLERANCE).astype(np.int64))
    low = np.where(fixed >= 0, fair, np.maximum(0, fair - width))
    high = np.where(fixed >= 0, fair, np.minimum(most, fair + width))
    return low, fair, np.maximum(high, fair)


def _within_spread(
    problem: PlacementProblem,
    load: NDArray[np.int64],
    most: NDArray[np.int64],
    fair: NDArray[np.int64],
    fixed: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the shares that spread allows: zones too small for theirs leave more to others."""
    counts = problem.copy_counts
    if not len(problem.levels) or problem.class_eligible is not None or np.ptp(counts):
        return fair
    total = int(np.minimum(load, int(fair.max(initial=0))).sum())
    shift = max(0, (total * len(fair)).bit_length() - _SUM_BITS)
    share = np.where(fixed >= 0, fixed, fair) >> shift
    limit = np.where(fixed >= 0, share, np.minimum(most >> shift, total >> shift))
    found = np.zeros(len(fair), np.int64)
    copies = min(int(counts[0]), int(np.count_nonzero(problem.eligible)))
    if not _coupled.fair_loads(
        total >> shift,
        copies,
        np.ascontiguousarray(problem.levels),
        np.ascontiguousarray(problem.eligible).view(np.uint8),
        share,
        limit,
        found,
    ):
        return fair
    if (np.abs(found - share) <= 1).all():  # a unit is what rounding takes and gives
        return fair
    # What nodes cannot take or give that are fixed, the others share.
    is_free = fixed < 0
    due, taken = int(found.sum() - share[~is_free].sum()), int(found[is_free].sum())
    found = (found * (max(0, due) / max(1, taken))).astype(np.int64) if due != taken else found
    return np.where(is_free, found << shift, fair)
