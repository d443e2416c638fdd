"""The best placement of several maps in sum: one minimum-cost flow over all of them, by OR-tools.

One unit of flow is a copy of a map. It runs partition -> value of each spread level -> node of that
map -> node -> sink. What a node holds of one map costs between the former two, what it holds of all
maps between the latter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import Bounds
from tests.twins.placement_oracle import Network, even_shares, slopes, usable


def least_costs(problems: Sequence[PlacementProblem], share: Bounds) -> tuple[int, ...]:
    """Return (missing, excess, imbalance, imbalance in sum, moves) of a best placement.

    Each is the sum over maps; excess is that of the one level that there may be.
    """
    network = Network()
    total = sum(int(problem.copy_counts.sum()) for problem in problems)
    partitions = sum(len(problem.copy_counts) for problem in problems)
    farthest = max(int(np.abs(bound).max()) for bound in share) + partitions
    unit_sum = total + 1
    unit_own = unit_sum * ((2 * farthest + 2) * total + 1)
    unit_excess = unit_own * ((2 * farthest + 2) * total + 1)
    unit_missing = unit_excess * (total + 1)
    assert unit_missing * total < 1 << 62
    for k, problem in enumerate(problems):
        assert len(problem.levels) <= 1
        width = int(problem.copy_counts.max(initial=0))
        for p, copies in enumerate(problem.copy_counts.tolist()):
            network.flow.set_node_supply(network.vertex((k, p)), copies)
            network.arc((k, p), "sink", copies, unit_missing)
            seen = set()
            for n in usable(problem, p):
                above: object = (k, p)
                if len(problem.levels):
                    value = int(problem.levels[0][n])
                    here = (k, p, "value", value)
                    if value not in seen:
                        seen.add(value)
                        network.arc(above, here, even_shares(problem, p)[0], 0)
                        network.arc(above, here, width, unit_excess)
                    above = here
                cost = int(n not in problem.current[p])
                network.arc(above, (k, "node", n), 1, cost)
        for n in np.flatnonzero(problem.eligible).tolist():
            network.vertex((k, "node", n))
            for slope in slopes(problem.lower, problem.upper, n, len(problem.copy_counts)):
                network.arc((k, "node", n), ("node", n), 1, slope * unit_own)
    for n in range(len(share[0])):
        network.vertex(("node", n))
        for slope in slopes(*share, n, partitions):
            network.arc(("node", n), "sink", 1, slope * unit_sum)
    network.flow.set_node_supply(network.vertex("sink"), -total)
    assert network.flow.solve() == network.flow.OPTIMAL
    # Slopes count from empty nodes on, squares from the share.
    empty_own = sum(
        int((problem.lower[problem.eligible].astype(np.int64) ** 2).sum()) for problem in problems
    )
    among = np.any([problem.eligible for problem in problems], axis=0)
    cost = network.flow.optimal_cost() + empty_own * unit_own
    cost += int((np.maximum(share[0][among], 0) ** 2).sum()) * unit_sum
    parts = []
    for unit in (unit_missing, unit_excess, unit_own, unit_sum):
        parts.append(cost // unit)
        cost %= unit
    return (*parts, cost)
