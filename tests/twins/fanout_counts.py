"""The least difference of the cells of R, the slow way: a flow for each pair of bounds."""

from __future__ import annotations

from collections.abc import Sequence

from ortools.graph.python import max_flow


def flow_exists(
    targets: Sequence[Sequence[int]],
    sent: Sequence[int],
    received: Sequence[int],
    least: Sequence[Sequence[int]],
    most: Sequence[Sequence[int]],
) -> bool:
    """Whether cells between bounds have these sums: what must flow is taken off first."""
    count = len(sent)
    left_out, left_in = list(sent), list(received)
    flow = max_flow.SimpleMaxFlow()
    for node, row in enumerate(targets):
        for place, target in enumerate(row):
            low, high = least[node][place], most[node][place]
            if low > high:
                return False
            flow.add_arc_with_capacity(node, count + target, high - low)
            left_out[node] -= low
            left_in[target] -= low
    if min(left_out + left_in, default=0) < 0:
        return False
    for node in range(count):
        flow.add_arc_with_capacity(2 * count, node, left_out[node])
        flow.add_arc_with_capacity(count + node, 2 * count + 1, left_in[node])
    assert flow.solve(2 * count, 2 * count + 1) == flow.OPTIMAL
    return bool(flow.optimal_flow() == sum(left_out) == sum(left_in))


def least_difference(
    targets: Sequence[Sequence[int]], masters: Sequence[int], slaves: Sequence[int]
) -> int | None:
    """Return the least difference between cells, or None where there is no flow at all.

    Cells of nodes that send, or receive, nothing do not count.
    """
    each = sum(slaves) // sum(masters) if sum(masters) else 0
    sent = [led * each for led in masters]
    for difference in range(max(masters, default=0) + 1):
        for low in range(max(masters, default=0) + 1 - difference):
            least, most = (
                [
                    [
                        min(bound, masters[node] if bound != low else bound)
                        if sent[node] and slaves[target]
                        else 0
                        for target in row
                    ]
                    for node, row in enumerate(targets)
                ]
                for bound in (low, low + difference)
            )
            if difference == 0:
                most = [
                    [min(cell, led) for cell in row] for row, led in zip(most, masters, strict=True)
                ]
            if flow_exists(targets, sent, slaves, least, most):
                return difference
    return None
