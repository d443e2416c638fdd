"""The sum over several maps: what a map's nodes lack, with the other maps standing as they are.

A node's share of the sum is its weighted share of the copies (or masters) of all maps together. One
map is planned within what the others leave of that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import ClusterMap
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.planning.nodes import NodeTable
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import RolesProblem
from mapcore.planning.placing.shares import Bounds, share_bounds, shares_with_fixed
from mapcore.states import LEADING, Placement

__all__ = [
    "Standing",
    "bytes_on",
    "copies_asked",
    "copies_in_sum",
    "loads_on",
    "masters_asked",
    "masters_in_sum",
    "standing",
    "within_sum",
]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What other maps hold on the nodes.

    Attributes:
        copies: int64 by node.
        masters: int64 by node.
        partitions: of these maps, in sum.
        bytes: int64 by node: of the maps whose sizes are known.
    """

    copies: NDArray[np.int64]
    masters: NDArray[np.int64]
    partitions: int
    bytes: NDArray[np.int64]

    def __add__(self, other: Standing) -> Standing:
        return Standing(
            self.copies + other.copies,
            self.masters + other.masters,
            self.partitions + other.partitions,
            self.bytes + other.bytes,
        )

    def __sub__(self, other: Standing) -> Standing:
        return Standing(
            self.copies - other.copies,
            self.masters - other.masters,
            self.partitions - other.partitions,
            self.bytes - other.bytes,
        )

    @classmethod
    def of(cls, found: PartitionMap, index: NodeIndex) -> Standing:
        """Count what one map holds on these nodes."""
        return cls(
            loads_on(found, index),
            loads_on(found, index, *LEADING),
            found.partition_count,
            bytes_on(found, index),
        )


def standing(entries: Iterable[ClusterMap], index: NodeIndex) -> Standing | None:
    """Return what these maps hold: by their targets, and where there is none by what is now.

    None where no map holds anything.
    """
    nothing = np.zeros(len(index), np.int64)
    total = Standing(nothing, nothing, 0, nothing)
    for entry in entries:
        found = entry.target if entry.target is not None else entry.current
        if found is not None:
            total = total + Standing.of(found, index)
    return total if total.copies.any() else None


def loads_on(found: PartitionMap, index: NodeIndex, *placements: Placement) -> NDArray[np.int64]:
    """Return the copies of a map by node of an index; what stands on other nodes is left out."""
    return _by_index(found, index, found.loads(*placements))


def bytes_on(found: PartitionMap, index: NodeIndex) -> NDArray[np.int64]:
    """Return the bytes of a map by node of an index, dead copies included; 0 without sizes."""
    held = np.zeros(len(found.nodes), np.int64)
    if found.sizes is not None:
        np.add.at(held, found.copy_nodes, np.repeat(found.sizes, np.diff(found.offsets)))
    return _by_index(found, index, held)


def _by_index(found: PartitionMap, index: NodeIndex, loads: NDArray[np.int64]) -> NDArray[np.int64]:
    if found.nodes is index or found.nodes.names == index.names[: len(loads)]:
        return np.append(loads, np.zeros(len(index) - len(loads), np.int64))
    numbers = index.numbers
    on = np.zeros(len(index), np.int64)
    for name, load in zip(found.nodes.names, loads.tolist(), strict=True):
        if load and name in numbers:
            on[numbers[name]] = load
    return on


def copies_asked(problem: PlacementProblem) -> int:
    """Return how many copies can be had of those that are asked for, limits of nodes apart."""
    usable = np.atleast_1d(np.count_nonzero(problem.eligible))
    row_class: NDArray[np.int32] | int = 0
    if problem.class_eligible is not None and problem.partition_class is not None:
        usable = np.count_nonzero(problem.eligible & problem.class_eligible, axis=1)
        row_class = problem.partition_class
    return int(np.minimum(problem.copy_counts, usable[row_class]).sum())


def copies_in_sum(
    problem: PlacementProblem,
    others: Standing | None,
    table: NodeTable,
    resting: NDArray[np.bool_],
) -> PlacementProblem:
    """Return the problem with what the sum of all maps asks of its copies.

    Args:
        problem: of one map.
        others: what the other maps hold.
        table: the nodes.
        resting: nodes in maintenance: they keep what they hold of every map.
    """
    if others is None:
        return problem
    among = problem.eligible
    share = shares_with_fixed(
        copies_asked(problem) + int(others.copies[among].sum()),
        table.weights,
        table.weight_numbers,
        among,
        others.partitions + len(problem.copy_counts),
        np.where(resting, problem.lower + others.copies, -1),
    )
    return within_sum(problem, share, others.copies)


def within_sum(
    problem: PlacementProblem, share: Bounds, others: NDArray[np.int64]
) -> PlacementProblem:
    """Return the problem with what a share of the sum leaves beside the copies of others."""
    lower, upper = share
    return replace(problem, sum_lower=lower - others, sum_upper=upper - others)


def masters_asked(problem: RolesProblem) -> int:
    """Return how many masters can be had of those that are asked for."""
    able = (problem.placed >= 0) & np.append(problem.may_lead, False)[problem.placed]
    return int(np.minimum(problem.master_counts, np.count_nonzero(able, axis=1)).sum())


def masters_in_sum(
    problem: RolesProblem,
    others: Standing | None,
    table: NodeTable,
    due: NDArray[np.bool_],
) -> RolesProblem:
    """Return the problem with what the sum of all maps asks of its masters.

    Args:
        problem: of one map.
        others: what the other maps hold.
        table: the nodes.
        due: nodes that are due masters.
    """
    if others is None:
        return problem
    lower, upper = share_bounds(
        masters_asked(problem) + int(others.masters[due].sum()),
        table.weights,
        table.weight_numbers,
        due,
        others.partitions + len(problem.placed),
    )
    return replace(problem, sum_lower=lower - others.masters, sum_upper=upper - others.masters)
