"""Router tiers as JSON: what `mapcore tiers -o` writes, and clients in any language can read.

    {"version": [0, 1], "maxConnections": 16, "zoneDepth": 1, "groups": 8, "copies": 2,
     "clients": {"app1": {"location": "z0", "zone": "z0", "proxies": [["p1", "p9"], ["p2", "p7"]]}},
     "proxies": {"p1": {"location": "z0", "zone": "z0", "group": 0}},
     "nodes": {"n1": {"location": "z0", "group": 0}}}

A client's `proxies` are those that it may use, group by group.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapcore.errors import DocumentError, MapError
from mapcore.maps import Version
from mapcore.node_index import NodeIndex
from mapcore.planning.tiers.facts import TierFacts
from mapcore.planning.tiers.members import Members

__all__ = ["dump_tiers", "load_tiers"]


class _Member(
    msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True
):
    location: str = ""
    weight: float = 1.0


class _Client(_Member, kw_only=True):
    zone: str = ""
    proxies: list[list[str]]


class _Proxy(_Member, kw_only=True):
    zone: str = ""
    group: int


class _Node(_Member, kw_only=True):
    group: int


class _Tiers(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    version: tuple[int, int]
    max_connections: int
    zone_depth: int
    groups: int
    copies: int
    clients: dict[str, _Client]
    proxies: dict[str, _Proxy]
    nodes: dict[str, _Node]


def dump_tiers(plan: TierFacts) -> bytes:
    """Return a router tier as one JSON document."""
    names = plan.proxies.index.names
    clients, proxies, nodes = plan.clients, plan.proxies, plan.nodes
    document = _Tiers(
        version=(plan.version.epoch, plan.version.revision),
        max_connections=plan.max_connections,
        zone_depth=plan.zone_depth,
        groups=plan.group_count,
        copies=plan.copies,
        clients={
            name: _Client(
                location=place,
                weight=weight,
                zone=zone,
                proxies=[[names[n] for n in row if n >= 0] for row in rows],
            )
            for name, place, weight, zone, rows in zip(
                *_columns(clients), plan.client_zones, plan.assigned.tolist(), strict=True
            )
        },
        proxies={
            name: _Proxy(location=place, weight=weight, zone=zone, group=group)
            for name, place, weight, zone, group in zip(
                *_columns(proxies), plan.proxy_zones, plan.proxy_groups.tolist(), strict=True
            )
        },
        nodes={
            name: _Node(location=place, weight=weight, group=group)
            for name, place, weight, group in zip(
                *_columns(nodes), plan.node_groups.tolist(), strict=True
            )
        },
    )
    return msgspec.json.encode(document) + b"\n"


def load_tiers(data: bytes | str, source: str | None = None) -> TierFacts:
    """Read a router tier. It can be planned from, but its certificate is not kept.

    Args:
        data: what `dump_tiers` returns.
        source: the name of the file, for errors.

    Raises:
        DocumentError: it is no such document, or contradicts itself.
    """
    try:
        document = msgspec.json.decode(data, type=_Tiers)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError("", str(error), _EXPECTED, source) from None
    try:
        return _plan_of(document)
    except _Wrong as wrong:
        raise DocumentError(wrong.path, wrong.found, wrong.expected, source) from None


_EXPECTED = "a router tier as `mapcore tiers -o` writes it"


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, path: str, found: str, expected: str) -> None:
        self.path = path
        self.found = found
        self.expected = expected


def _plan_of(document: _Tiers) -> TierFacts:
    for name, value, least in (
        ("maxConnections", document.max_connections, 1),
        ("zoneDepth", document.zone_depth, 0),
        ("groups", document.groups, 1),
        ("copies", document.copies, 1),
    ):
        if value < least:
            raise _Wrong(name, str(value), f"{least} or more")
    groups: dict[str, list[int]] = {}
    for what, members in (("proxies", document.proxies), ("nodes", document.nodes)):
        for name, member in members.items():
            if not 0 <= member.group < document.groups:
                raise _Wrong(
                    f'{what}."{name}".group', str(member.group), f"0 to {document.groups - 1}"
                )
        groups[what] = [member.group for member in members.values()]
    proxies = _members("proxies", document.proxies)
    return TierFacts(
        clients=_members("clients", document.clients),
        proxies=proxies,
        nodes=_members("nodes", document.nodes),
        max_connections=document.max_connections,
        zone_depth=document.zone_depth,
        client_zones=tuple(client.zone for client in document.clients.values()),
        proxy_zones=tuple(proxy.zone for proxy in document.proxies.values()),
        proxy_groups=np.array(groups["proxies"], np.int32),
        node_groups=np.array(groups["nodes"], np.int32),
        assigned=_assigned(document, proxies),
        version=Version(*document.version),
    )


def _assigned(document: _Tiers, proxies: Members) -> NDArray[np.int32]:
    numbers = proxies.index.numbers
    rows = np.full((len(document.clients), document.groups, document.copies), -1, np.int32)
    group_of = [proxy.group for proxy in document.proxies.values()]
    for client, (name, found) in enumerate(document.clients.items()):
        path = f'clients."{name}".proxies'
        if len(found.proxies) != document.groups:
            raise _Wrong(path, f"{len(found.proxies)} lists", f"{document.groups}, one a group")
        for group, listed in enumerate(found.proxies):
            chosen = [numbers.get(proxy, -1) for proxy in listed]
            if len(set(chosen)) != len(chosen) or len(chosen) > document.copies:
                raise _Wrong(
                    f"{path}[{group}]", str(listed), f"up to {document.copies} proxies, each once"
                )
            for place, number in enumerate(chosen):
                if number < 0 or group_of[number] != group:
                    raise _Wrong(
                        f"{path}[{group}][{place}]",
                        repr(listed[place]),
                        f"the name of a proxy of group {group}",
                    )
            rows[client, group, : len(chosen)] = chosen
    return rows


def _columns(members: Members) -> tuple[tuple[str, ...], tuple[str, ...], tuple[float, ...]]:
    return members.index.names, members.locations, members.weights


def _members(what: str, found: dict[str, Any]) -> Members:
    for name, member in found.items():
        if not 0 < member.weight < float("inf"):
            raise _Wrong(f'{what}."{name}".weight', str(member.weight), "a number above 0")
    try:
        index = NodeIndex(found)
    except MapError:
        raise _Wrong(what, "an empty name", "at least one character") from None
    return Members(
        index,
        tuple(member.location for member in found.values()),
        tuple(member.weight for member in found.values()),
    )
