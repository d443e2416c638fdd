"""Cells of a router tier: in each zone, the proxies of each group, and the clients that they serve.

What is decided here is kept from plan to plan: a proxy stays in its group, and a zone that has
proxies for every group stays one by itself, unless one of its groups would have none.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.tiers.members import Members

if TYPE_CHECKING:
    from mapcore.planning.tiers.facts import TierFacts

__all__ = ["POOL", "Cell", "Cells", "Shape"]

POOL: Final = ""
"""What zones with too few proxies are together; also the zone of all where there are no zones."""


class Shape(NamedTuple):
    """How many groups there are, and how many proxies a client has for each."""

    groups: int
    copies: int


class Cell(NamedTuple):
    """The proxies of one group in one zone, and the clients that they serve, by number."""

    group: int
    proxies: NDArray[np.int64]
    clients: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Which zone serves each client, and where each proxy belongs.

    Attributes:
        client_zones: of each client, the zone that serves it.
        proxy_zones: of each proxy, the zone that it serves.
        proxy_groups: int32, of each proxy.
        group_count: how many groups there are; each has a proxy in each zone.
    """

    client_zones: tuple[str, ...]
    proxy_zones: tuple[str, ...]
    proxy_groups: NDArray[np.int32]
    group_count: int

    @classmethod
    def of(
        cls,
        clients: Members,
        proxies: Members,
        shape: Shape,
        *,
        zone_depth: int,
        previous: TierFacts | None,
        regroup: bool,
    ) -> Cells:
        """Settle them, as they were before where that will do."""
        known = previous
        if previous is not None and (regroup or previous.zone_depth != zone_depth):
            known = None
        zones = proxies.zones(zone_depth)
        served_by = _zones_by_themselves(zones, shape, known)
        proxy_zones = tuple(served_by[zone] for zone in zones)
        homes = [served_by.get(zone) for zone in clients.zones(zone_depth)]
        client_zones = _zones_of_clients(clients, homes, proxies, proxy_zones, known)
        groups = np.full(len(proxies), -1, np.int32)
        if previous is not None:
            numbers = proxies.numbers_in(previous.proxies)
            groups = np.append(previous.proxy_groups, np.int32(-1))[numbers]
        everywhere = [0.0] * shape.groups
        for there in _by_zone(proxy_zones).values():
            weights = [proxies.weights[number] for number in there]
            groups[there] = _deal_out(groups[there].tolist(), weights, everywhere, regroup)
        return cls(client_zones, proxy_zones, groups, shape.groups)

    def __iter__(self) -> Iterator[Cell]:
        clients_of = _by_zone(self.client_zones)
        for zone, there in _by_zone(self.proxy_zones).items():
            proxies = np.array(there, np.int64)
            clients = np.array(clients_of.get(zone, ()), np.int64)
            for group in range(self.group_count):
                yield Cell(group, proxies[self.proxy_groups[proxies] == group], clients)


def _by_zone(zones: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers of those in each zone."""
    found: dict[str, list[int]] = {}
    for number, zone in enumerate(zones):
        found.setdefault(zone, []).append(number)
    return found


def _zones_by_themselves(
    zones: Sequence[str], shape: Shape, previous: TierFacts | None
) -> dict[str, str]:
    """Return the zone that each zone of proxies is served as: itself, or the pool.

    A new zone stands by itself with `copies` proxies for each group; a zone that did goes on as
    long as it has one. If the pool has fewer, it joins the zone that it had joined, or else the
    one with the most proxies.
    """
    counts = Counter(zones)
    before: dict[str, str] = {}
    if previous is not None:
        of_proxies = previous.proxies.zones(previous.zone_depth)
        before = dict(zip(of_proxies, previous.proxy_zones, strict=True))
    served = {}
    for zone, count in counts.items():
        stood = before.get(zone) == zone
        least = shape.groups * (1 if stood else shape.copies)
        served[zone] = zone if count >= least and (stood or zone not in before) else POOL
    pooled = [zone for zone, by in served.items() if by == POOL]
    if 0 < sum(counts[zone] for zone in pooled) < shape.groups:
        standing = [zone for zone in counts if zone not in pooled]
        joined = {before.get(zone) for zone in pooled}
        host = max(standing, key=lambda zone: (zone in joined, counts[zone], zone))
        served.update(dict.fromkeys(pooled, host))
    return served


def _zones_of_clients(
    clients: Members,
    homes: Sequence[str | None],
    proxies: Members,
    proxy_zones: Sequence[str],
    previous: TierFacts | None,
) -> tuple[str, ...]:
    """Return the zone that serves each client.

    That is the one that did, unless the client has moved or its home is served anew; else its home;
    or, where that has no proxies, the one that has the fewest clients for the weight of its
    proxies.
    """
    there = set(proxy_zones)
    found = list(homes)
    if previous is not None:
        stood = {*previous.proxy_zones, None}
        for client, before in enumerate(clients.numbers_in(previous.clients).tolist()):
            if (
                before >= 0
                and previous.client_zones[before] in there
                and previous.clients.locations[before] == clients.locations[client]
                and homes[client] in stood
            ):
                found[client] = previous.client_zones[before]
    weights = dict.fromkeys(sorted(there), 0.0)
    for zone, weight in zip(proxy_zones, proxies.weights, strict=True):
        weights[zone] += weight
    counts = Counter(found)
    emptiest = [((counts[zone] + 1) / weight, zone) for zone, weight in weights.items()]
    heapq.heapify(emptiest)
    served = []
    for known in found:
        if known is None:
            load, chosen = emptiest[0]
            heapq.heapreplace(emptiest, (load + 1 / weights[chosen], chosen))
        served.append(chosen if known is None else known)
    return tuple(served)


def _deal_out(
    held: Sequence[int], weights: Sequence[float], everywhere: list[float], regroup: bool
) -> list[int]:
    """Return the group of each proxy of a zone.

    New ones (-1) go one by one to the group of the least weight, here and then `everywhere`. A
    group without any takes one from the largest; so does, when regrouping, one that is smaller by
    more than one.

    Args:
        held: the group of each so far.
        weights: of each.
        everywhere: the weight of each group in the zones before; those of this zone are added.
        regroup: whether to even out the numbers of proxies.
    """
    groups = list(held)
    numbers = range(len(everywhere))
    load, size = [0.0] * len(everywhere), [0] * len(everywhere)

    def add(proxy: int, sign: int) -> None:
        load[groups[proxy]] += sign * weights[proxy]
        everywhere[groups[proxy]] += sign * weights[proxy]
        size[groups[proxy]] += sign

    for proxy, group in enumerate(held):
        if group >= 0:
            add(proxy, 1)
    for proxy, group in enumerate(held):
        if group < 0:
            groups[proxy] = min(numbers, key=lambda n: (size[n] > 0, load[n], everywhere[n]))
            add(proxy, 1)
    while True:
        least, most = min(numbers, key=size.__getitem__), max(numbers, key=size.__getitem__)
        if size[least] and (not regroup or size[most] - size[least] <= 1):
            return groups
        moved = max(proxy for proxy, group in enumerate(groups) if group == most)
        add(moved, -1)
        groups[moved] = least
        add(moved, 1)
