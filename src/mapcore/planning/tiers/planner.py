"""Which proxies a client connects to, and which nodes a proxy connects to.

Where nobody can connect to everybody, proxies stand in between. The nodes are shared out into
groups; each group has proxies of its own, and a client has a few of them for each group, any of
which will do. So a client is connected to `groups x copies` proxies, a proxy to its share of the
clients and to the nodes of one group.

    members of one zone --> proxies of the zone, dealt out to the groups
                        --> for each group: clients to its proxies, `copies` each, evenly
    nodes               --> groups, evenly

A client uses the proxies of its zone. A zone and a group together are a *cell*, and a cell is
planned by itself, as any map is: clients are its partitions, proxies its nodes, all copies masters.
So loads are even, and as few connections change as can be, and both are proven. A proxy that is
lost, or new, concerns one cell.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Mode
from mapcore.errors import PlanError
from mapcore.maps import Version
from mapcore.planning.placing.placement import place
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import share_bounds
from mapcore.planning.tiers.cells import Cell, Cells, Shape
from mapcore.planning.tiers.facts import Share, renumbered
from mapcore.planning.tiers.members import Given, Members, members_of
from mapcore.planning.tiers.plans import TierPlan

__all__ = ["plan_tiers"]


def plan_tiers(
    clients: Given,
    proxies: Given,
    nodes: Given,
    max_connections: int,
    *,
    copies: int | None = None,
    groups: int | None = None,
    zone_depth: int = 1,
    previous: TierPlan | None = None,
    regroup: bool = False,
) -> TierPlan:
    """Plan a router tier: which client connects to which proxies, and which proxy to which nodes.

    Same arguments, same plan. From a previous plan, as few connections change as can be: losing a
    proxy moves only its clients, a new one takes only its share.

    Args:
        clients: how many; or names, names with locations, or `Node` values.
        proxies: likewise. Of `Node` values only active ones of a weight above 0 take part; one of
            twice the weight takes twice the clients.
        nodes: likewise; all but those that are gone.
        max_connections: the most proxies that a client may connect to.
        copies: for each group, how many proxies a client has to choose from; 2 unless given, or
            what `previous` has, or 1 where two cannot be.
        groups: how many groups the nodes are shared out into. Unless given, what `previous` has,
            or as many as make the sum of all connections least, without breaking up a zone.
        zone_depth: how many parts of a location make the zone that a client's proxies stand in; 0
            for no zones. A zone with too few proxies for all groups is served together with others
            like it; clients in a zone without any are shared out over the other zones.
        previous: the plan in force, which is followed as far as can be.
        regroup: whether proxies may change their group, and clients their zone, to even out what
            losses and additions made uneven.

    Raises:
        PlanError: an argument that nothing can be planned with.

    Takes linear time and memory in clients x groups x copies, and in nodes.
    """
    members = (
        members_of("clients", clients),
        members_of("proxies", proxies, (Mode.ACTIVE,)),
        members_of("nodes", nodes, (Mode.ACTIVE, Mode.MAINTENANCE, Mode.LEAVING)),
    )
    shape = _shape_of(members, max_connections, copies, groups, zone_depth, previous, regroup)
    # With another number of groups nothing of the old ones can be told to be in a new one.
    followed = previous if previous and previous.group_count == shape.groups else None
    cells = Cells.of(
        members[0], members[1], shape, zone_depth=zone_depth, previous=followed, regroup=regroup
    )
    held = _held(members, shape, followed)
    assigned = np.full((len(members[0]), shape.groups, shape.copies), -1, np.int32)
    shares = [_fill_cell(members[1], cell, held, assigned) for cell in cells]
    node_share = _group_nodes(members[2], shape.groups, followed)
    before = previous.version if previous is not None else Version()
    return TierPlan(
        clients=members[0],
        proxies=members[1],
        nodes=members[2],
        max_connections=max_connections,
        zone_depth=zone_depth,
        client_zones=cells.client_zones,
        proxy_zones=cells.proxy_zones,
        proxy_groups=cells.proxy_groups,
        node_groups=node_share.placement.nodes[:, 0],
        assigned=assigned,
        version=Version(before.epoch, before.revision + 1),
        previous=None if previous is None else previous.without_history(),
        shares=(*shares, node_share),
    )


def _shape_of(
    members: tuple[Members, Members, Members],
    max_connections: int,
    copies: int | None,
    groups: int | None,
    zone_depth: int,
    previous: TierPlan | None,
    regroup: bool,
) -> Shape:
    clients, proxies, nodes = members
    for name, value, least in (
        ("max_connections", max_connections, 1),
        ("copies", copies, 1),
        ("groups", groups, 1),
        ("zone_depth", zone_depth, 0),
    ):
        if value is not None and (not isinstance(value, int) or value < least):
            raise PlanError(f"{name}: found {value!r}, expected a whole number from {least} up")
    if not len(proxies) or not len(nodes):
        raise PlanError(
            f"found {len(proxies)} proxies and {len(nodes)} nodes that take part, "
            "expected at least one of each"
        )
    if copies is None:
        copies = min(2 if previous is None else previous.copies, max_connections, len(proxies))
    most = min(max_connections // copies, len(proxies) // copies, len(nodes))
    if most < (groups or 1):
        raise PlanError(
            f"found {groups or 1} groups of {copies} copies, expected no more connections a client "
            f"than {max_connections}, {len(proxies)} proxies and {len(nodes)} nodes allow"
        )
    if groups is not None:
        return Shape(groups, copies)
    if previous is not None and not regroup:
        kept = previous.group_count
        if kept * copies <= max_connections and kept <= min(len(proxies), len(nodes)):
            return Shape(kept, copies)
    by_zone = Counter(proxies.zones(zone_depth)).values()
    most = min([most, *(count // copies for count in by_zone if count >= copies)])
    return Shape(_best_count(len(clients) * copies, len(proxies), len(nodes), most), copies)


def _best_count(client_copies: int, proxies: int, nodes: int, most: int) -> int:
    """Return the number of groups, up to `most`, that makes the sum of connections least.

    Clients have `client_copies x groups` connections, proxies `proxies x nodes / groups`.
    """
    turning_point = int((proxies * nodes / client_copies) ** 0.5) if client_copies else most
    candidates = (min(max(1, turning_point + step), most) for step in (0, 1))
    return min(candidates, key=lambda count: client_copies * count + proxies * nodes / count)


def _held(
    members: tuple[Members, Members, Members], shape: Shape, previous: TierPlan | None
) -> NDArray[np.int64]:
    """Return the proxies that each client has for each group now, by their new numbers."""
    clients, proxies, _ = members
    if previous is None:
        return np.full((len(clients), shape.groups, 0), -1, np.int64)
    return renumbered(previous, clients, proxies)


def _fill_cell(
    proxies: Members,
    cell: Cell,
    held: NDArray[np.int64],
    assigned: NDArray[np.int32],
) -> Share:
    """Give each client of a cell its proxies."""
    local = np.full(len(proxies) + 1, -1, np.int32)
    local[cell.proxies] = np.arange(len(cell.proxies))
    copies = assigned.shape[2]
    problem = _even_problem(
        local[held[cell.clients, cell.group]],
        min(copies, len(cell.proxies)),
        [proxies.weights[number] for number in cell.proxies.tolist()],
    )
    placement = place(problem)
    chosen = placement.nodes
    assigned[cell.clients, cell.group, : chosen.shape[1]] = cell.proxies[chosen]
    return Share(problem, placement)


def _group_nodes(nodes: Members, groups: int, previous: TierPlan | None) -> Share:
    """Share the nodes out into the groups, each node into one."""
    held = np.full((len(nodes), 1), -1, np.int32)
    if previous is not None:
        numbers = nodes.numbers_in(previous.nodes)
        held[:, 0] = np.append(previous.node_groups, np.int32(-1))[numbers]
    problem = _even_problem(held, 1, [1.0] * groups)
    return Share(problem, place(problem))


def _even_problem(
    current: NDArray[np.int32], copies: int, weights: list[float]
) -> PlacementProblem:
    """Ask for so many of each row's copies, shared out by weight, with the fewest moves."""
    distinct = tuple(dict.fromkeys(weights))
    numbers = np.array([distinct.index(weight) for weight in weights], np.int32)
    everyone = np.ones(len(weights), np.bool_)
    rows = len(current)
    lower, upper = share_bounds(rows * copies, distinct, numbers, everyone, rows)
    return PlacementProblem(
        current=current,
        copy_counts=np.full(rows, copies, np.int32),
        eligible=everyone,
        lower=lower,
        upper=upper,
        levels=np.empty((0, len(weights)), np.int32),
    )
