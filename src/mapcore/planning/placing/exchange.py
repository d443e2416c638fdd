"""Choosing among equal plans: new copies change places with each other.

Plans with the same spread, balance and moves are many: a copy that no node holds now must be filled
wherever it goes. `choose_by_score` has a policy decide, before masters are chosen. Then
`even_out_slaves` exchanges new slaves so that those of each node's masters stand evenly on other
nodes, which share evenly what the node leads if it fails.

Both are local searches: they end where no exchange that they look at is better, in time about
linear in the number of copies. Planning again finds no new copy, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _exchange
from mapcore.planning.placing.coupled import is_coupled
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import Roles, RolesProblem
from mapcore.planning.policies.policy import NO_POLICY, BoundPolicy, PolicyOutcome

__all__ = ["choose_by_score", "even_out_slaves", "may_exchange", "most_attempts", "reach_of"]

_LEAST_ATTEMPTS: Final = 20_000


def may_exchange(problem: PlacementProblem) -> bool:
    """Whether copies may change places: not where sizes or rules make them differ."""
    return problem.rules is None and not is_coupled(problem)


def even_out_slaves(
    problem: PlacementProblem,
    roles_problem: RolesProblem,
    roles: Roles,
    policy: BoundPolicy | None = None,
    *,
    interrupt: Callable[[], object] | None = None,
) -> int:
    """Exchange new slaves in `roles_problem.placed`, in place, so that they scatter better.

    Spread, the loads of all nodes, moves, masters and the proofs of all these stay as they are. The
    sum of the squares of how often one node is slave where another is master gets less with each
    exchange, and the highest of these counts never grows.

    Args:
        problem: what was asked of the placement.
        roles_problem: the copies, as they are placed.
        roles: which of them are masters.
        policy: by which no exchange may be worse.
        interrupt: called every few milliseconds; what it raises ends the work, with whole rows.

    Returns:
        The number of exchanges.

    Raises:
        PlanError: the policy raised, or gave no finite number.
    """
    exchanges, partition, node = _exchange.even_out_slaves(
        roles_problem.placed,
        *_constraints(problem),
        roles.is_master.view(np.uint8),
        np.ascontiguousarray(roles_problem.current_masters),
        np.ascontiguousarray(roles.certificate.prices),
        reach_of(problem),
        most_attempts(roles_problem.placed.size, len(problem.eligible)),
        *(NO_POLICY if policy is None else policy.pointers),
        interrupt,
    )
    if policy is not None and partition >= 0:
        raise policy.error_at(partition, node)
    return exchanges


def choose_by_score(
    problem: PlacementProblem,
    placed: NDArray[np.int32],
    policy: BoundPolicy,
    *,
    interrupt: Callable[[], object] | None = None,
) -> PolicyOutcome:
    """Move new copies in `placed`, in place, to where a policy scores them higher in sum.

    Two new copies change places, or one goes from a node that holds more than the floor of its
    share to one that has room up to the ceiling. Spread, balance and moves stay as they are.

    Args:
        problem: what was asked of the placement.
        placed: the copies, before masters are chosen.
        policy: what scores them.
        interrupt: called every few milliseconds; what it raises ends the work.

    Raises:
        PlanError: the policy raised, or gave no finite number.
    """
    least, most = problem.lower, problem.upper
    if problem.sum_lower is not None and problem.sum_upper is not None:
        least = np.maximum(least, problem.sum_lower)
        most = np.minimum(most, problem.sum_upper)
    if problem.node_limit is not None:
        most = np.minimum(most, problem.node_limit)
    exchanges, shifts, before, after, partition, node = _exchange.choose_by_score(
        placed,
        *_constraints(problem),
        np.ascontiguousarray(least, np.int64),
        np.ascontiguousarray(most, np.int64),
        np.ascontiguousarray(problem.eligible).view(np.uint8),
        *policy.pointers,
        interrupt,
    )
    if partition >= 0:
        raise policy.error_at(partition, node)
    return PolicyOutcome(policy.policy.name, before, after, exchanges, shifts)


def most_attempts(copy_count: int, node_count: int) -> int:
    """Return how many exchanges are looked at, at the most.

    One takes as long as it takes to look through the slaves of a node. All take less than planning
    did, but where little is to be planned: there they may take milliseconds.
    """
    slaves_of_a_node = copy_count // node_count
    return max(_LEAST_ATTEMPTS, copy_count // (1 + slaves_of_a_node // 16))


def reach_of(problem: PlacementProblem) -> NDArray[np.int64]:
    """Return how many nodes may hold a slave where a node is master, at the most; int64 by node."""
    eligible = problem.eligible
    reach = np.full(len(eligible), max(0, np.count_nonzero(eligible) - 1), np.int64)
    if len(problem.levels):
        values = problem.levels[0]
        counts = np.bincount(values[eligible], minlength=int(values.max(initial=0)) + 1)
        if problem.copy_counts.max(initial=0) <= np.count_nonzero(counts):
            reach = np.count_nonzero(eligible) - counts.take(values)
    return reach


def _constraints(
    problem: PlacementProblem,
) -> tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32] | None,
    NDArray[np.uint8] | None,
]:
    """Return what decides which copies are new, and where they may stand."""
    partitions, nodes = len(problem.copy_counts), len(problem.eligible)
    pinned = problem.pinned
    levels = problem.levels
    if not len(levels):
        levels = np.zeros((1, nodes), np.int32)
    row_class, allows = problem.partition_class, problem.class_eligible
    if row_class is None or allows is None:
        row_class, allows = None, None
    return (
        np.ascontiguousarray(problem.current),
        np.empty((partitions, 0), np.int32) if pinned is None else np.ascontiguousarray(pinned),
        np.ascontiguousarray(levels),
        None if row_class is None else np.ascontiguousarray(row_class),
        None if allows is None else np.ascontiguousarray(allows).view(np.uint8),
    )
