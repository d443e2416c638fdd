"""The facts of a router tier: who connects to whom, and the map of each client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import PlanError
from mapcore.maps import PartitionMap, Version
from mapcore.planning.placing.placement import Placement
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.tiers.members import Members
from mapcore.states import PLACEMENT_MASK, state_code
from mapcore.states import Placement as PlacementState

__all__ = ["Share", "TierFacts", "renumbered"]

_MASTER: Final = state_code(PlacementState.MASTER)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """One thing that was shared out: what was asked, and what came of it."""

    problem: PlacementProblem
    placement: Placement


@dataclass(frozen=True, eq=False)
class TierFacts:
    """Which client connects to which proxies, and which proxy to which nodes.

    Attributes:
        clients: names, locations and weights; likewise `proxies` and `nodes`.
        max_connections: the most proxies that a client may connect to.
        zone_depth: how many parts of a location make a zone.
        client_zones: of each client, the zone whose proxies it uses.
        proxy_zones: of each proxy, the zone that it serves.
        proxy_groups: int32, of each proxy: the group of nodes that it connects to.
        node_groups: int32, of each node: its group.
        assigned: int32, clients by groups by copies: the proxies that a client may use for a
            group, any of them; -1 where its zone has fewer.
        version: grows with each plan that is made from another.
        previous: the plan that this one was made from, if any.
        shares: what the certificate proves: one a cell, and the last one for the nodes.
    """

    clients: Members
    proxies: Members
    nodes: Members
    max_connections: int
    zone_depth: int
    client_zones: tuple[str, ...]
    proxy_zones: tuple[str, ...]
    proxy_groups: NDArray[np.int32]
    node_groups: NDArray[np.int32]
    assigned: NDArray[np.int32]
    version: Version
    previous: TierFacts | None = field(default=None, repr=False)
    shares: tuple[Share, ...] = field(default=(), repr=False)

    @property
    def group_count(self) -> int:
        """How many groups the nodes are shared out into."""
        return int(self.assigned.shape[1])

    @property
    def copies(self) -> int:
        """How many proxies a client may choose from for each group."""
        return int(self.assigned.shape[2])

    def proxies_by_group(self, client: str | int) -> NDArray[np.int32]:
        """Return the numbers of a client's proxies, groups by copies; PlanError if there is none.

        Where its zone has fewer proxies for a group than `copies`, -1 stands for those missing.
        """
        row: NDArray[np.int32] = self.assigned[self._number(client)]
        return row

    def proxies_of(self, client: str | int) -> tuple[str, ...]:
        """Return the names of the proxies that a client connects to, group by group.

        Raises:
            PlanError: there is no such client.
        """
        row = self.proxies_by_group(client).ravel()
        return tuple(self.proxies.index.names[number] for number in row.tolist() if number >= 0)

    def clients_of(self, proxy: str) -> tuple[str, ...]:
        """Return the names of the clients that connect to a proxy; PlanError if there is none."""
        number = self._number(proxy, "proxy", self.proxies)
        rows = np.flatnonzero((self.assigned == number).any(axis=(1, 2)))
        return tuple(self.clients.index.names[row] for row in rows.tolist())

    def nodes_of(self, proxy: str) -> tuple[str, ...]:
        """Return the names of the nodes that a proxy connects to; PlanError if there is none."""
        group = self.proxy_groups[self._number(proxy, "proxy", self.proxies)]
        rows = np.flatnonzero(self.node_groups == group)
        return tuple(self.nodes.index.names[row] for row in rows.tolist())

    def partition_groups(self, proxy_map: PartitionMap) -> NDArray[np.int32]:
        """Return the group of each partition: that of its master's node.

        A partition without a master, or with one that is not in the plan, belongs to the group
        `partition mod groups`; any proxy can serve it, as any has the whole map.

        Args:
            proxy_map: the map that the proxies route by, partitions to nodes.
        """
        node_groups = self.node_groups
        if proxy_map.nodes != self.nodes.index:
            known = self.nodes.index.numbers
            numbers = np.array([known.get(name, -1) for name in proxy_map.nodes], np.int64)
            node_groups = np.append(node_groups, np.int32(-1))[numbers]
        partitions = np.arange(proxy_map.partition_count)
        leaders = np.flatnonzero(np.isin(proxy_map.copy_codes & PLACEMENT_MASK, _LEADING))[::-1]
        of_copies = np.repeat(partitions, np.diff(proxy_map.offsets))
        masters = np.full(proxy_map.partition_count, -1, np.int64)
        masters[of_copies[leaders]] = proxy_map.copy_nodes[leaders]
        found = np.append(node_groups, np.int32(-1))[masters]
        groups: NDArray[np.int32] = np.where(found >= 0, found, partitions % self.group_count)
        return groups.astype(np.int32)

    def client_map(
        self, client: str | int, proxy_map: PartitionMap, *, version: Version | None = None
    ) -> PartitionMap:
        """Return the map that a client routes by: each partition to the proxies for its group.

        It has the partitions of the proxies' map, masters alone, and any of them will do.

        Args:
            client: its name or number.
            proxy_map: the map that the proxies route by, partitions to nodes.
            version: of the map; unless given, the sum of the plan's and the map's, which grows
                whenever one of them does.

        Raises:
            PlanError: there is no such client.
        """
        row = self.proxies_by_group(client)
        if version is None:
            ours, theirs = self.version, proxy_map.version
            version = Version(ours.epoch + theirs.epoch, ours.revision + theirs.revision)
        return PartitionMap.from_table(
            row[self.partition_groups(proxy_map)],
            [_MASTER] * self.copies,
            self.proxies.index,
            keys=proxy_map.keys,
            version=version,
        )

    def _number(self, name: str | int, what: str = "client", among: Members | None = None) -> int:
        members = self.clients if among is None else among
        numbers: Mapping[str, int] = members.index.numbers
        if isinstance(name, str) and name in numbers:
            return numbers[name]
        if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(members):
            return name
        raise PlanError(f"{what}: found {name!r}, expected one of {len(members):,} in the plan")


_LEADING: Final = (PlacementState.MASTER, PlacementState.PENDING_MASTER)


def renumbered(before: TierFacts, clients: Members, proxies: Members) -> NDArray[np.int64]:
    """Return the proxies that each client had by a plan, clients and proxies by other numbers.

    Returns:
        int64, clients by groups by copies; -1 for none, or one that is no more.
    """
    numbers = np.append(before.proxies.numbers_in(proxies), -1)
    nobody = np.full((1, before.group_count, before.copies), -1, np.int32)
    rows = np.concatenate([before.assigned, nobody])[clients.numbers_in(before.clients)]
    held: NDArray[np.int64] = numbers[rows]
    return held
