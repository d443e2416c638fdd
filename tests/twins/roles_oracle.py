"""The exact optimum of choosing masters, by OR-tools' minimum-cost flow."""

from __future__ import annotations

from collections import Counter

import numpy as np
from ortools.graph.python import min_cost_flow

from mapcore.planning.placing.roles import RolesProblem


def best_costs(problem: RolesProblem) -> tuple[int, int, int, int]:
    """Return what a best choice costs.

    That is (imbalance, imbalance of the sum, changes of role, masters outside of preferred).

    Flow from each partition through its copies to nodes; each node has one arc for every master
    that it could take, which costs what that one adds to the squared distances.
    """
    flow = min_cost_flow.SimpleMinCostFlow()
    partitions, nodes = len(problem.placed), len(problem.may_lead)
    distances = [(problem.lower, problem.upper)]
    if problem.sum_lower is not None and problem.sum_upper is not None:
        distances.append((problem.sum_lower, problem.sum_upper))
    small = partitions * problem.placed.shape[1] + 1
    unpreferred_unit, change_unit = 1, small
    unit = small if problem.keep_current else small * small
    units: list[int] = []
    for bounds in reversed(distances):
        farthest = partitions + max(int(np.abs(bound).max(initial=0)) for bound in bounds)
        units.insert(0, unit)
        unit *= 2 * (2 * farthest + 1) * small
    if problem.keep_current:
        change_unit = unit

    copies: list[tuple[int, int, bool, bool]] = []
    capacity: Counter[int] = Counter()
    total = 0
    for partition, row in enumerate(problem.placed.tolist()):
        may = [True] * len(row)
        if problem.candidates is not None:
            may = problem.candidates[partition].tolist()
        able = [
            node
            for node, is_candidate in zip(row, may, strict=True)
            if node >= 0 and is_candidate and problem.may_lead[node]
        ]
        current = set(problem.current_masters[partition].tolist())
        preferred = (
            None if problem.preferred is None else set(problem.preferred[partition].tolist())
        )
        for node in able:
            is_new = node not in current
            is_other = preferred is not None and node not in preferred
            cost = change_unit * is_new + unpreferred_unit * is_other
            arc = flow.add_arc_with_capacity_and_unit_cost(partition, partitions + node, 1, cost)
            copies.append((arc, node, is_new, is_other))
            capacity[node] += 1
        supply = min(max(0, int(problem.master_counts[partition])), len(able))
        flow.set_node_supply(partition, supply)
        total += supply

    sink = partitions + nodes
    for node, room in capacity.items():
        for load in range(room):
            cost = 0
            for unit, (lower, upper) in zip(units, distances, strict=True):
                before, after = (
                    max(held - int(upper[node]), 0, int(lower[node]) - held) ** 2
                    for held in (load, load + 1)
                )
                cost += unit * (after - before)
            flow.add_arc_with_capacity_and_unit_cost(partitions + node, sink, 1, cost)
    flow.set_node_supply(sink, -total)
    status = flow.solve()
    assert status == flow.OPTIMAL, status

    loads = np.zeros(nodes, np.int64)
    changes = others = 0
    for arc, node, is_new, is_other in copies:
        if flow.flow(arc):
            loads[node] += 1
            changes += is_new
            others += is_other
    squares = [
        int(((np.maximum(loads - upper, 0) + np.maximum(lower - loads, 0)) ** 2).sum())
        for lower, upper in distances
    ]
    return squares[0], sum(squares[1:]), changes, others
