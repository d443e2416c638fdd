"""A router tier in words and as a document: its connections, their proof, and what is odd."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.tiers.findings import POOL_NAME, TierFindings

__all__ = ["report_document", "write_report"]


def report_document(findings: TierFindings) -> dict[str, Any]:
    """Return a tier in numbers, as a document of plain values."""
    plan = findings.plan
    counts = findings.connections
    return {
        "version": list(plan.version),
        "clients": len(plan.clients),
        "proxies": len(plan.proxies),
        "nodes": len(plan.nodes),
        "groups": plan.group_count,
        "copies": plan.copies,
        "connections": {
            "direct": counts.direct,
            "total": counts.total,
            "clientsToProxies": counts.clients_to_proxies,
            "proxiesToNodes": counts.proxies_to_nodes,
        },
        "most": {
            name: {"direct": direct, "tier": _most(tier)} for name, direct, tier in _sides(findings)
        },
        "change": None
        if plan.previous is None
        else {
            "opened": counts.opened,
            "closed": counts.closed,
            "disturbedClients": counts.disturbed,
        },
        "zones": [
            {"zone": zone, "clients": clients, "proxies": proxies, "clientsPerProxy": load}
            for zone, clients, proxies, load in findings.zone_loads()
        ],
        "certificate": findings.certificate.to_dict() if plan.shares else None,
        "warnings": list(findings.warnings),
    }


def write_report(findings: TierFindings) -> str:
    """Return a tier in numbers, as text for people."""
    sections = (
        _heading(findings),
        _counts(findings),
        _change(findings),
        _zones(findings),
        _proof(findings),
    )
    return "\n\n".join(text for text in ("\n".join(lines) for lines in sections) if text)


def _heading(findings: TierFindings) -> Iterator[str]:
    plan = findings.plan
    yield (
        f"tier of {len(plan.proxies):,} proxies between {len(plan.clients):,} clients and "
        f"{len(plan.nodes):,} nodes, version {plan.version}"
    )
    yield (
        f"nodes in {plan.group_count:,} groups; a client has {plan.copies} proxies to choose from "
        f"for each, {plan.group_count * plan.copies:,} of the {plan.max_connections:,} allowed"
    )


def _counts(findings: TierFindings) -> Iterator[str]:
    counts = findings.connections
    yield f"{'connections':<34}{'direct':>16}{'with the tier':>16}"
    yield f"{'  all together':<34}{counts.direct:>16,}{counts.total:>16,}"
    yield f"{'  from clients to proxies':<34}{'':>16}{counts.clients_to_proxies:>16,}"
    yield f"{'  from proxies to nodes':<34}{'':>16}{counts.proxies_to_nodes:>16,}"
    for name, direct, tier in _sides(findings):
        before = "" if direct is None else f"{direct:,}"
        yield f"{f'  most of one {name}':<34}{before:>16}{_most(tier):>16,}"


def _sides(findings: TierFindings) -> Iterator[tuple[str, int | None, NDArray[np.int64]]]:
    plan = findings.plan
    counts = findings.connections
    yield "client", len(plan.nodes), counts.by_client
    yield "proxy", None, counts.clients_by_proxy + counts.nodes_by_proxy
    yield "node", len(plan.clients), counts.proxies_by_node


def _change(findings: TierFindings) -> Iterator[str]:
    plan = findings.plan
    counts = findings.connections
    if plan.previous is not None:
        yield (
            f"since version {plan.previous.version}: {counts.opened:,} connections of clients "
            f"opened, {counts.closed:,} closed"
        )
        yield f"{counts.disturbed:,} clients give up a proxy that is still there"


def _zones(findings: TierFindings) -> Iterator[str]:
    loads = findings.zone_loads()
    if len(loads) < 2:
        return
    yield f"{'zone':<26}{'clients':>12}{'proxies':>12}{'clients a proxy':>18}"
    for zone, clients, proxies, load in loads:
        yield f"{f'  {zone or POOL_NAME}':<26}{clients:>12,}{proxies:>12,}{load:>18,.1f}"


def _proof(findings: TierFindings) -> Iterator[str]:
    plan = findings.plan
    if plan.shares:
        yield str(findings.certificate)
    for warning in findings.warnings:
        yield from wrap(warning, 98, initial_indent="  - ", subsequent_indent="    ")


def _most(counts: NDArray[np.int64]) -> int:
    return int(counts.max(initial=0))
