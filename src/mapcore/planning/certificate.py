"""The proof that a plan is optimal, checked without trusting the planner.

A certificate holds dual prices. Any prices at all give a lower bound on what a plan can cost, by
Lagrangian relaxation: let every partition choose for itself at the prices, let every node choose
its load for itself, and add up. The checker derives the bound again from problem and prices,
recounts what the plan costs, and compares. It shares no code with the planner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placement_check import PlacementProof, check_placement

if TYPE_CHECKING:
    from mapcore.planning.roles import Roles, RolesProblem

__all__ = ["PlacementProof", "RolesProof", "check_placement", "check_roles"]

Costs = tuple[int, int, int]

# A kind of copy is its node, whether it would be new as a master, and whether not preferred.
_KIND_COSTS: Final = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]])


@dataclass(frozen=True, slots=True)
class RolesProof:
    """What the checker found of a choice of masters.

    Costs are (imbalance, changes of role, masters outside of `preferred`), compared in this order;
    with `keep_current` they are (changes of role, imbalance, masters outside of `preferred`).

    Attributes:
        fault: what is wrong with the choice, in words, or None.
        costs: of the choice, recounted.
        bound: no choice costs less.
    """

    fault: str | None
    costs: Costs
    bound: Costs

    @property
    def is_optimal(self) -> bool:
        """Whether the choice is sound, and no other one costs less."""
        return self.fault is None and self.costs == self.bound


def check_roles(problem: RolesProblem, roles: Roles) -> RolesProof:
    """Prove, or fail to prove, that masters are chosen as well as can be."""
    node_count = len(problem.may_lead)
    able = (problem.placed >= 0) & np.append(problem.may_lead, False)[problem.placed]
    asked = np.maximum(problem.master_counts, 0)
    wanted = np.minimum(asked, able.sum(axis=1))
    is_new = ~_stands_in(problem.placed, problem.current_masters)
    is_other = np.zeros_like(is_new)
    if problem.preferred is not None:
        is_other = ~_stands_in(problem.placed, problem.preferred)
    kinds = problem.placed.astype(np.int64) * 4 + is_new * 2 + is_other

    chosen = np.bincount(kinds[roles.is_master & able], minlength=4 * node_count)
    loads = chosen.reshape(-1, 4).sum(axis=1)
    costs = np.tile(_KIND_COSTS, (node_count, 1)).T @ chosen
    costs[0] = (_outside(problem, loads) ** 2).sum()

    # Levels of the objective, first to last, as columns of costs and prices.
    levels = [1, 0, 2] if problem.keep_current else [0, 1, 2]
    capacity = np.bincount(problem.placed[able], minlength=node_count)
    bound = _bound(problem, roles.certificate.prices, kinds, able, wanted, capacity, levels)
    unfit = (roles.is_master & ~able).any(axis=1) | (roles.is_master.sum(axis=1) != wanted)
    fault = None
    if unfit.any():
        row = int(unfit.argmax())
        fault = f"partition {row}: its masters are not {wanted[row]} of the copies that may lead"
    elif (roles.imbalance, roles.role_changes) != (costs[0], costs[1]):
        fault = f"found imbalance {costs[0]} and {costs[1]} changes of role, other than claimed"
    elif roles.missing != int(asked.sum() - wanted.sum()):
        fault = f"found {asked.sum() - wanted.sum()} masters missing, other than claimed"
    return RolesProof(fault, _in_order(costs, levels), _in_order(bound, levels))


def _bound(
    problem: RolesProblem,
    prices: NDArray[np.int64],
    kinds: NDArray[np.int64],
    able: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    capacity: NDArray[np.int64],
    levels: list[int],
) -> NDArray[np.object_]:
    """What all cost if partitions and nodes choose for themselves at the prices."""
    kind_costs = np.tile(_KIND_COSTS, (len(prices), 1))
    ascending = np.lexsort((np.repeat(prices, 4, axis=0) + kind_costs)[:, levels[::-1]].T)
    rank = np.full(len(ascending) + 4, len(ascending))
    rank[ascending] = np.arange(len(ascending))
    ranks = np.sort(np.where(able, rank[kinds], len(ascending)), axis=1)
    cheapest = ascending[ranks[np.arange(kinds.shape[1]) < wanted[:, None]]]
    selected = np.bincount(cheapest, minlength=len(ascending))

    loads = _cheapest_loads(problem, prices, capacity, levels)
    surplus = selected.reshape(-1, 4).sum(axis=1) - loads
    # Python's integers: prices of any size shall not wrap around into a bound that is too high.
    bound = (prices.astype(object) * surplus[:, None]).sum(axis=0) + kind_costs.T @ selected
    bound[0] += int((_outside(problem, loads) ** 2).sum())
    return np.asarray(bound, dtype=object)


def _cheapest_loads(
    problem: RolesProblem,
    prices: NDArray[np.int64],
    capacity: NDArray[np.int64],
    levels: list[int],
) -> NDArray[np.int64]:
    """For each node the load from 0 to capacity whose squares, less what it earns, cost least."""
    earned = prices[:, 0]
    rise, fall = np.maximum(earned, 0), np.maximum(-earned, 0)
    most = np.where(earned < 0, problem.lower - fall // 2, problem.upper + (rise + 1) // 2)
    least = np.where(earned > 0, problem.upper + rise // 2, problem.lower - (fall + 1) // 2)
    tie = np.where(prices[:, 1] != 0, prices[:, 1], prices[:, 2])
    if levels[0] == 1:
        tie = prices[:, 2]
    loads: NDArray[np.int64] = np.clip(np.where(tie > 0, most, least), 0, capacity)
    if levels[0] == 1:
        ahead = prices[:, 1]
        loads = np.where(ahead == 0, loads, np.where(ahead > 0, capacity, 0))
    return loads


def _outside(problem: RolesProblem, loads: NDArray[np.int64]) -> NDArray[np.int64]:
    outside: NDArray[np.int64] = loads - np.clip(loads, problem.lower, problem.upper)
    return outside


def _stands_in(placed: NDArray[np.int32], listed: NDArray[np.int32]) -> NDArray[np.bool_]:
    found = np.zeros(placed.shape, np.bool_)
    for column in listed.T:
        found |= placed == column[:, None]
    return found


def _in_order(costs: NDArray[np.object_] | NDArray[np.int64], levels: list[int]) -> Costs:
    first, second, third = (int(costs[level]) for level in levels)
    return first, second, third
