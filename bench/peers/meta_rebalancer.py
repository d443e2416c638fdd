"""One plan by Meta's Rebalancer, in a process of its own: it needs Python 3.12 or newer.

Reads a problem as JSON from standard input and writes what came of it to standard output:

    {"zones": {"node": "zone"}, "rows": [["node", ...], ...],
     "lower": 48, "upper": 49, "seconds": 60}
    {"seconds": 1.2, "memory_bytes": 1000000, "rows": [["node", ...], ...]}

Copies are Rebalancer's objects, nodes its containers, partitions its groups. A zone holds one copy
of a partition, a node `upper` copies at most; then nodes are to hold `lower` at least, and then
copies are to stay. It is solved by local search over single moves, for so many seconds at most.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any, Final

# The library names these in its types, but version 1.0.4 takes their numbers alone.
_ABSOLUTE: Final = 1
_MAX: Final = 1
_MIN: Final = 2


def solve(problem: dict[str, Any]) -> dict[str, Any]:
    """Plan once."""
    from rebalancer import ProblemSolver

    zones, rows = problem["zones"], problem["rows"]
    start = time.perf_counter()
    held: dict[str, list[str]] = {node: [] for node in zones}
    groups = {}
    for number, row in enumerate(rows):
        groups[str(number)] = [f"{number}/{slot}" for slot in range(len(row))]
        for slot, node in enumerate(row):
            held[node].append(f"{number}/{slot}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    solver = ProblemSolver(service_name="bench", service_scope="plan")
    solver.set_log_level("ERROR").disable_scuba_logging().disable_solution_summary()
    solver.set_object_name("copy").set_container_name("node").set_assignment(held)
    solver.add_partition("partition", groups)
    solver.add_scope("zone", zones)
    solver.add_object_dimension("count", {}, default_value=1.0)
    one = {"type": _ABSOLUTE, "globalLimit": 1.0}
    solver.add_constraint(
        {
            "groupCountSpec": {
                "name": "one copy in a zone",
                "scope": "zone",
                "partitionName": "partition",
                "limit": one,
            }
        }
    )
    for name, bound, limit in (("most", _MAX, "upper"), ("least", _MIN, "lower")):
        spec = {
            "name": name,
            "scope": "node",
            "dimension": "count",
            "bound": bound,
            "limit": {"type": _ABSOLUTE, "globalLimit": float(problem[limit])},
        }
        if bound == _MAX:
            solver.add_constraint({"capacitySpec": spec})
        else:
            solver.add_goal({"capacitySpec": spec}, weight=1.0, tuple_pos=0)
    stay = {"name": "stay", "scope": "node", "dimension": "count"}
    solver.add_goal({"minimizeMovementSpec": stay}, weight=1.0, tuple_pos=1)
    # Of the kinds of moves that were tried, the one that gets there first.
    moves: list[dict[str, Any]] = [{"singleFastMoveTypeSpec": {}}]
    search = {"moveTypeList": moves, "solveTime": int(problem["seconds"])}
    solver.add_solver({"localSearchSolverSpec": search})
    assignment = solver.solve()["assignment"]
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    after = [[assignment[copy] for copy in group] for group in groups.values()]
    return {"seconds": seconds, "memory_bytes": used * 1024, "rows": after}


if __name__ == "__main__":
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints is no answer
    json.dump(solve(json.load(sys.stdin)), answer)
    answer.close()
