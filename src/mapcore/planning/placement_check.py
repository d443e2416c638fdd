"""Proof that a placement is the best, checked without trusting the planner.

The checker takes the problem, the placement and prices, and nothing else that the planner knows.
It recounts the placement, and derives a lower bound from the prices by weak duality. A node is paid
its price for each copy that it holds, so for every placement

    cost >= sum over partitions of the cheapest set of nodes, their prices included
          + sum over nodes of the least that (its imbalance - price x load) can be.

Cost is (excess by level, imbalance, moves), compared in this order, and a price has the same parts.
Any prices give a true bound; where the placement reaches it, no placement is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.cheapest_sets import CheapestSets, PriceOrder, even_share, usable_nodes
from mapcore.planning.placement import Placement, PlacementProblem

__all__ = ["PlacementProof", "check_placement"]


@dataclass(frozen=True, slots=True)
class PlacementProof:
    """What a placement costs, recounted, and what none can go below.

    Each bound holds among the placements that are best in everything before it, and is None where
    that is not proven.

    Attributes:
        fault: why it is no placement at all; empty if it is one.
        missing: copies asked for that found no node.
        missing_bound: least number of those.
        spread_excess: by level, copies above the even share of a value.
        spread_bound: least excess by level.
        imbalance: sum over nodes of the squared distance of the load outside [lower, upper].
        imbalance_bound: least imbalance.
        moves: copies on nodes that held none.
        moves_bound: least number of moves.
    """

    fault: str
    missing: int
    missing_bound: int
    spread_excess: tuple[int, ...]
    spread_bound: tuple[int | None, ...]
    imbalance: int
    imbalance_bound: int | None
    moves: int
    moves_bound: int | None

    @property
    def spread_is_minimal(self) -> bool:
        """Whether no placement of as many copies has less excess."""
        return self._counts_are_best and self.spread_excess == self.spread_bound

    @property
    def balance_is_optimal(self) -> bool:
        """Whether no placement of the least excess has less imbalance."""
        return self.spread_is_minimal and self.imbalance == self.imbalance_bound

    @property
    def moves_are_minimal(self) -> bool:
        """Whether no placement of the least excess and imbalance has fewer moves."""
        return self.balance_is_optimal and self.moves == self.moves_bound

    @property
    def optimal(self) -> bool:
        """Whether no placement is better."""
        return self.moves_are_minimal

    @property
    def _counts_are_best(self) -> bool:
        return not self.fault and self.missing == self.missing_bound


def check_placement(problem: PlacementProblem, placement: Placement) -> PlacementProof:
    """Recount a placement and prove how good it is.

    Takes time in proportion to partitions x values of the innermost level, and to the nodes.
    """
    usable = np.array([usable_nodes(problem, c).sum() for c in range(_classes(problem))])
    wanted = np.minimum(problem.copy_counts, usable[_class_of(problem)])
    never = int(problem.copy_counts.sum(dtype=np.int64) - wanted.sum(dtype=np.int64))
    fault = _fault(problem, placement.nodes)
    cost = [0] * (len(problem.levels) + 3)
    bound: list[int | None] = [None] * len(cost)
    if not fault:
        held = int(np.count_nonzero(placement.nodes >= 0))
        cost = [int(wanted.sum(dtype=np.int64)) - held, *_cost(problem, placement.nodes)]
        for part, least in enumerate(_bound(problem, placement)):
            # A missing copy counts as a move in the bound, so that no node is dearer than none.
            bound[part] = least - cost[0] if part == len(cost) - 1 else least
            if bound[part] != cost[part]:
                break
    missing, *spread, imbalance, moves = cost
    missing_bound, *spread_bound, imbalance_bound, moves_bound = bound
    return PlacementProof(
        fault=fault,
        missing=never + missing,
        missing_bound=never + (missing_bound or 0),
        spread_excess=tuple(spread),
        spread_bound=tuple(spread_bound),
        imbalance=imbalance,
        imbalance_bound=imbalance_bound,
        moves=moves,
        moves_bound=moves_bound,
    )


def _classes(problem: PlacementProblem) -> int:
    return 1 if problem.class_eligible is None else len(problem.class_eligible)


def _class_of(problem: PlacementProblem) -> NDArray[np.int32]:
    if problem.partition_class is None or problem.class_eligible is None:
        return np.zeros(len(problem.copy_counts), np.int32)
    return problem.partition_class


def _limit(problem: PlacementProblem) -> NDArray[np.int64]:
    partitions = len(problem.copy_counts)
    if problem.node_limit is None:
        return np.full(len(problem.eligible), partitions, np.int64)
    limit = np.clip(problem.node_limit, 0, partitions).astype(np.int64)
    if problem.pinned is not None:
        pins = problem.pinned[problem.pinned >= 0]
        limit = np.maximum(limit, np.bincount(pins, minlength=len(limit)))
    return limit


def _fault(problem: PlacementProblem, nodes: NDArray[np.int32]) -> str:
    if nodes.ndim != 2 or len(nodes) != len(problem.copy_counts):
        return "not a row for each partition"
    if nodes.size == 0:
        return ""
    if nodes.min() < -1 or nodes.max() >= len(problem.eligible):
        return "a node that there is not"
    held = nodes >= 0
    if np.any(held[:, 1:] & ~held[:, :-1]):
        return "a hole in a row"
    if np.any(held.sum(axis=1) > problem.copy_counts):
        return "more copies than asked for"
    for p_class in range(_classes(problem)):
        of_class = nodes[_class_of(problem) == p_class]
        if np.any(~usable_nodes(problem, p_class)[of_class[of_class >= 0]]):
            return "a copy on a node that may not hold it"
    in_order = np.sort(nodes, axis=1)
    if np.any((in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] >= 0)):
        return "two copies of a partition on a node"
    if np.any(np.bincount(nodes[held], minlength=len(problem.eligible)) > _limit(problem)):
        return "a node above its limit"
    if problem.pinned is not None:
        there = (problem.pinned[:, :, None] == nodes[:, None, :]).any(axis=2)
        usable = np.array([usable_nodes(problem, c) for c in range(_classes(problem))])
        asked = usable[_class_of(problem)[:, None], problem.pinned] & (problem.pinned >= 0)
        if np.any(~there & asked):
            return "a pinned copy that is not there"
    return ""


def _cost(problem: PlacementProblem, nodes: NDArray[np.int32]) -> list[int]:
    held, class_of = nodes >= 0, _class_of(problem)
    cost = []
    for level in problem.levels:
        values = int(level.max(initial=0)) + 1
        at = np.where(held, level[nodes], values) + np.arange(len(nodes))[:, None] * (values + 1)
        cell, count = np.unique(at, return_counts=True)
        shares = np.array([even_share(problem, level, c) for c in range(_classes(problem))])
        share = shares[class_of, np.arange(len(nodes))][cell // (values + 1)]
        cost.append(int(np.maximum(count - share, 0)[cell % (values + 1) < values].sum()))
    load = np.bincount(nodes[held], minlength=len(problem.eligible))[problem.eligible]
    outside = np.maximum(problem.lower[problem.eligible] - load, 0)
    outside += np.maximum(load - problem.upper[problem.eligible], 0)
    cost.append(int((outside * outside).sum()))
    stays = np.zeros_like(held)
    for old in problem.current.T:
        stays |= nodes == old[:, None]
    cost.append(int(np.count_nonzero(held & ~stays)))
    return cost


def _bound(problem: PlacementProblem, placement: Placement) -> list[int]:
    made = placement.certificate
    prices = np.concatenate(
        [[made.missing_prices], made.spread_prices, [made.balance_prices], [made.move_prices]]
    )
    if not PriceOrder(prices).fits:  # any prices will do
        prices[:-2] = 0
    load, imbalance = _cheapest_loads(problem, prices)
    bound = np.zeros(len(prices), object)
    bound[-2] = imbalance
    taken = -load
    for p_class in range(_classes(problem)):
        sets = CheapestSets(problem, PriceOrder(prices), p_class)
        sets.add(np.flatnonzero(_class_of(problem) == p_class))
        taken += sets.taken
        bound[0] += sets.missing
        bound[1:-2] += sets.excess.astype(object)
        bound[-1] += sets.moves
    # Python's integers: prices of any size shall not wrap around into a bound that is too high.
    bound += (prices.astype(object) * taken).sum(axis=1)
    return [int(part) for part in bound]


def _cheapest_loads(
    problem: PlacementProblem, prices: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """For each node the load at which its imbalance, less what it is paid, is least."""
    lower, upper, (*spread, slope, move) = problem.lower, problem.upper, prices
    first, last = np.zeros_like(lower), np.where(problem.eligible, _limit(problem), 0)
    for price in spread:
        first, last = np.where(price > 0, last, first), np.where(price < 0, first, last)
    up, down = np.maximum(slope, 0), np.maximum(-slope, 0)
    least = np.where(slope > 0, upper + up // 2, lower - (down + 1) // 2)
    most = np.where(slope < 0, lower - down // 2, upper + (up + 1) // 2)
    load = np.where(move > 0, np.clip(most, first, last), np.clip(least, first, last))
    outside = np.where(problem.eligible, load - np.clip(load, lower, upper), 0)
    return load, int((outside * outside).sum())
