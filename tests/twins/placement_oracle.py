"""The best placement by an independent model: a minimum-cost flow solved by OR-tools.

One unit of flow is a copy. It runs partition -> value of each spread level, outermost first ->
node -> sink; every partition has values of its own, so that a copy above the even share of a value
costs, and so does each unit of a node's load outside [lower, upper] (convex: twice the distance,
less one). Parts of the objective are weighted so that no sum of a later part outweighs one unit of
an earlier one. The network has partitions x (values + nodes) arcs: for small clusters only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import min_cost_flow

from mapcore.planning.placing.placement_problem import PlacementProblem


@dataclass(frozen=True, order=True)
class Score:
    """What a placement costs; the least is the best."""

    missing: int
    spread_excess: tuple[int, ...]
    imbalance: int
    sum_imbalance: int
    moves: int


def usable(problem: PlacementProblem, partition: int) -> list[int]:
    allowed = problem.eligible
    if problem.class_eligible is not None and problem.partition_class is not None:
        allowed = allowed & problem.class_eligible[problem.partition_class[partition]]
    return [int(n) for n in np.flatnonzero(allowed)]


def even_shares(problem: PlacementProblem, partition: int) -> list[int]:
    nodes = usable(problem, partition)
    copies = min(int(problem.copy_counts[partition]), len(nodes))
    return [-(-copies // max(1, len(set(level[nodes].tolist())))) for level in problem.levels]


def limits(problem: PlacementProblem) -> NDArray[np.int64]:
    partitions = len(problem.copy_counts)
    if problem.node_limit is None:
        return np.full(len(problem.eligible), partitions, np.int64)
    limit = np.clip(problem.node_limit, 0, partitions)
    if problem.pinned is not None:
        limit = np.maximum(
            limit, [np.count_nonzero(problem.pinned == n) for n in range(len(limit))]
        )
    return limit


def score(problem: PlacementProblem, nodes: NDArray[np.int32]) -> Score:
    """What a placement costs; AssertionError where it is not one."""
    load: Counter[int] = Counter()
    excess = [0] * len(problem.levels)
    missing = moves = 0
    for partition, padded in enumerate(nodes.tolist()):
        row = [n for n in padded if n >= 0]
        assert padded == row + [-1] * (len(padded) - len(row)), "a hole in a row"
        assert len(set(row)) == len(row), "a node twice in a row"
        assert set(row) <= set(usable(problem, partition)), "a copy on a node that may not hold it"
        assert len(row) <= problem.copy_counts[partition], "more copies than asked"
        if problem.pinned is not None:
            pins = {int(n) for n in problem.pinned[partition] if n >= 0}
            assert pins <= set(row), "a pinned copy is not there"
        missing += int(problem.copy_counts[partition]) - len(row)
        moves += len(set(row) - set(problem.current[partition].tolist()))
        load.update(row)
        for k, share in enumerate(even_shares(problem, partition)):
            values = Counter(problem.levels[k][row].tolist())
            excess[k] += sum(max(0, count - share) for count in values.values())
    imbalance = sum_imbalance = 0
    for n in np.flatnonzero(problem.eligible).tolist():
        assert load[n] <= limits(problem)[n], "a node above its limit"
        imbalance += outside(problem.lower, problem.upper, n, load[n]) ** 2
        if problem.sum_lower is not None and problem.sum_upper is not None:
            sum_imbalance += outside(problem.sum_lower, problem.sum_upper, n, load[n]) ** 2
    return Score(missing, tuple(excess), imbalance, sum_imbalance, moves)


def outside(lower: NDArray[np.int64], upper: NDArray[np.int64], node: int, load: int) -> int:
    return max(0, int(lower[node]) - load, load - int(upper[node]))


def slopes(lower: NDArray[np.int64], upper: NDArray[np.int64], node: int, loads: int) -> list[int]:
    """What the squared distance grows by with each copy of a node, from none on."""
    squares = [outside(lower, upper, node, load) ** 2 for load in range(loads + 1)]
    return [after - before for before, after in pairwise(squares)]


class Network:
    def __init__(self) -> None:
        self.flow = min_cost_flow.SimpleMinCostFlow()
        self.numbers: dict[object, int] = {}
        self.arcs: dict[int, tuple[int, int]] = {}

    def vertex(self, name: object) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def arc(self, tail: object, head: object, capacity: int, cost: int) -> int:
        return int(
            self.flow.add_arc_with_capacity_and_unit_cost(
                self.vertex(tail), self.vertex(head), capacity, cost
            )
        )


def best(problem: PlacementProblem) -> tuple[Score, NDArray[np.int32]]:
    """The best score, and a placement that has it."""
    partitions, width = len(problem.copy_counts), int(problem.copy_counts.max(initial=0))
    depth = len(problem.levels)
    total = int(problem.copy_counts.sum())
    network, limit = Network(), limits(problem)
    slope_most = 2 * max(partitions, int(problem.lower.max(initial=0))) + 2
    unit_imbalance = unit_sum = total + 1
    if problem.sum_lower is not None and problem.sum_upper is not None:
        farthest = max(int(np.abs(problem.sum_lower).max()), int(np.abs(problem.sum_upper).max()))
        unit_imbalance *= (2 * (farthest + partitions) + 2) * total + 1
    unit = [0] * depth
    weight = unit_imbalance * (slope_most * total + 1)
    for k in reversed(range(depth)):
        unit[k], weight = weight, weight * (total + 1)
    unit_missing, unit_pin = weight, 2 * weight
    carries = []
    for p in range(partitions):
        nodes, shares = usable(problem, p), even_shares(problem, p)
        pins = set() if problem.pinned is None else set(problem.pinned[p].tolist())
        network.flow.set_node_supply(network.vertex(("p", p)), int(problem.copy_counts[p]))
        network.arc(("p", p), "sink", int(problem.copy_counts[p]), unit_missing)
        seen = set()
        for n in nodes:
            above: object = ("p", p)
            for k in range(depth):
                here = ("v", p, k, int(problem.levels[k][n]))
                if here not in seen:
                    seen.add(here)
                    network.arc(above, here, shares[k], 0)
                    network.arc(above, here, width, unit[k])
                above = here
            cost = int(n not in problem.current[p]) - (unit_pin if n in pins else 0)
            carries.append((network.arc(above, ("n", n), 1, cost), p, n))
    for n in np.flatnonzero(problem.eligible).tolist():
        network.vertex(("n", n))
        most = int(limit[n])
        costs = [unit_imbalance * slope for slope in slopes(problem.lower, problem.upper, n, most)]
        if problem.sum_lower is not None and problem.sum_upper is not None:
            in_sum = slopes(problem.sum_lower, problem.sum_upper, n, most)
            costs = [own + unit_sum * more for own, more in zip(costs, in_sum, strict=True)]
        for cost in costs:
            network.arc(("n", n), "sink", 1, cost)
    network.flow.set_node_supply(network.vertex("sink"), -total)
    status = network.flow.solve()
    assert status == network.flow.OPTIMAL, status
    rows: list[list[int]] = [[] for _ in range(partitions)]
    for arc, p, n in carries:
        if network.flow.flow(arc):
            rows[p].append(n)
    placed = np.full((partitions, width), -1, np.int32)
    for p, row in enumerate(rows):
        placed[p, : len(row)] = row
    return score(problem, placed), placed
