"""How masters fall on other nodes, the slow way: a flow for each limit, from one up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import max_flow

from mapcore.planning.placing.scatter import Scatter


def measure_slowly(
    placed: NDArray[np.int32], is_master: NDArray[np.bool_], may_lead: NDArray[np.bool_]
) -> Scatter:
    found = [_fall(placed, is_master, may_lead, node) for node in range(len(may_lead))]
    widths, increases, lost = np.array(found, np.int32).reshape(-1, 3).T
    return Scatter(widths, increases, lost)


def _fall(
    placed: NDArray[np.int32],
    is_master: NDArray[np.bool_],
    may_lead: NDArray[np.bool_],
    failed: int,
) -> tuple[int, int, int]:
    tasks = []
    lost = 0
    for row, leads in zip(placed.tolist(), is_master.tolist(), strict=True):
        if failed not in [node for node, lead in zip(row, leads, strict=True) if lead]:
            continue
        heirs = [
            node
            for node, lead in zip(row, leads, strict=True)
            if node >= 0 and node != failed and not lead and may_lead[node]
        ]
        if heirs:
            tasks.append(heirs)
        else:
            lost += 1
    width = len({node for heirs in tasks for node in heirs})
    limit = 0
    while tasks and not _can_share(tasks, len(may_lead), limit):
        limit += 1
    return width, limit, lost


def _can_share(tasks: list[list[int]], node_count: int, limit: int) -> bool:
    flow = max_flow.SimpleMaxFlow()
    source, sink = len(tasks) + node_count, len(tasks) + node_count + 1
    for task, heirs in enumerate(tasks):
        flow.add_arc_with_capacity(source, task, 1)
        for node in heirs:
            flow.add_arc_with_capacity(task, len(tasks) + node, 1)
    for node in range(node_count):
        flow.add_arc_with_capacity(len(tasks) + node, sink, limit)
    assert flow.solve(source, sink) == flow.OPTIMAL
    return bool(flow.optimal_flow() == len(tasks))
