"""The exact optimum of choosing masters, by OR-tools' minimum-cost flow."""

from __future__ import annotations

from collections import Counter

import numpy as np
from ortools.graph.python import min_cost_flow

from mapcore.planning.roles import RolesProblem


def best_costs(problem: RolesProblem) -> tuple[int, int, int]:
    """Return (imbalance, changes of role, masters outside of preferred) of a best choice.

    Flow from each partition through its copies to nodes; each node has one arc for every master
    that it could take, which costs what that one adds to the squared distance.
    """
    flow = min_cost_flow.SimpleMinCostFlow()
    partitions, nodes = len(problem.placed), len(problem.may_lead)
    width = problem.placed.shape[1]
    unpreferred_unit = 1
    small = partitions * width + 1
    most = int(max(problem.upper.max(initial=0), partitions)) + 1
    if problem.keep_current:
        imbalance_unit, change_unit = small, 2 * small * nodes * most * most
    else:
        imbalance_unit, change_unit = small * small, small

    copies: list[tuple[int, int, bool, bool]] = []
    capacity: Counter[int] = Counter()
    total = 0
    for partition, row in enumerate(problem.placed.tolist()):
        able = [node for node in row if node >= 0 and problem.may_lead[node]]
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
    lift = 2 * int(problem.lower.max(initial=0))
    for node, room in capacity.items():
        lower, upper = int(problem.lower[node]), int(problem.upper[node])
        for load in range(room):
            before = max(load - upper, 0, lower - load) ** 2
            after = max(load + 1 - upper, 0, lower - load - 1) ** 2
            flow.add_arc_with_capacity_and_unit_cost(
                partitions + node, sink, 1, imbalance_unit * (after - before + lift)
            )
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
    outside = np.maximum(loads - problem.upper, 0) + np.maximum(problem.lower - loads, 0)
    return int((outside**2).sum()), changes, others
