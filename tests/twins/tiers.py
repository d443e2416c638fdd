"""What a router tier costs at least, by an independent minimum-cost flow, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

from ortools.graph.python.min_cost_flow import SimpleMinCostFlow


def fewest_new(held: Sequence[Sequence[int]], proxies: int, copies: int) -> int:
    """Return the fewest proxies that clients must be given anew for all loads to be even.

    Args:
        held: of each client, the proxies that it has, by number.
        proxies: how many there are, all of one weight.
        copies: how many different ones each client needs.
    """
    total = len(held) * copies
    floor, rest = divmod(total, proxies)
    source, sink, spare = 0, 1, 2
    flow = SimpleMinCostFlow()
    first_client, first_proxy = 3, 3 + len(held)
    for client, row in enumerate(held):
        flow.add_arc_with_capacity_and_unit_cost(source, first_client + client, copies, 0)
        for proxy in range(proxies):
            cost = int(proxy not in row)
            flow.add_arc_with_capacity_and_unit_cost(
                first_client + client, first_proxy + proxy, 1, cost
            )
    for proxy in range(proxies):
        flow.add_arc_with_capacity_and_unit_cost(first_proxy + proxy, sink, floor, 0)
        flow.add_arc_with_capacity_and_unit_cost(first_proxy + proxy, spare, 1, 0)
    flow.add_arc_with_capacity_and_unit_cost(spare, sink, rest, 0)
    flow.set_node_supply(source, total)
    flow.set_node_supply(sink, -total)
    assert flow.solve() == flow.OPTIMAL
    return int(flow.optimal_cost())


def connections_of(
    rows: Sequence[Sequence[Sequence[int]]],
    proxy_groups: Sequence[int],
    node_groups: Sequence[int],
) -> tuple[int, int]:
    """Count connections of clients to proxies and of proxies to nodes, one by one."""
    to_proxies = {
        (client, proxy)
        for client, groups in enumerate(rows)
        for row in groups
        for proxy in row
        if proxy >= 0
    }
    to_nodes = sum(
        proxy_group == node_group for proxy_group in proxy_groups for node_group in node_groups
    )
    return len(to_proxies), to_nodes
