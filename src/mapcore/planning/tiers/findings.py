"""What a router tier comes to: its connections, the proof that they are even, and what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import PlanError
from mapcore.planning.certificates.copies import check_placement
from mapcore.planning.certificates.objectives import Certificate, Objective
from mapcore.planning.tiers.cells import POOL
from mapcore.planning.tiers.facts import TierFacts, renumbered

if TYPE_CHECKING:
    from mapcore.planning.certificates.regrets import Proof

__all__ = ["POOL_NAME", "Connections", "TierCertificate", "TierFindings"]

POOL_NAME: Final = "(all others)"
_IMBALANCE: Final = 1
_MOVES: Final = -1
_UNEVEN: Final = 1.5
_NAMED: Final = 5


class TierFindings:
    """The findings on one tier, each made when it is first asked for.

    Args:
        plan: what they are about.
    """

    def __init__(self, plan: TierFacts) -> None:
        self.plan = plan

    @cached_property
    def connections(self) -> Connections:
        """The connections with and without the tier, and what changes from the previous plan."""
        return Connections.of(self.plan)

    @cached_property
    def certificate(self) -> TierCertificate:
        """How good the plan is; PlanError if it was read from a document, which holds no proof."""
        if not self.plan.shares:
            raise PlanError("found no proof of a tier that was read: plan again from it")
        return TierCertificate(self.plan)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What could not be had, or has become uneven; each in a sentence."""
        return tuple(_warnings(self))

    def zone_loads(self) -> list[tuple[str, int, int, float]]:
        """Return zones with their clients, their proxies, and the clients that a proxy has."""
        proxies, clients = Counter(self.plan.proxy_zones), Counter(self.plan.client_zones)
        connections = Counter[str]()
        for zone, count in zip(
            self.plan.proxy_zones, self.connections.clients_by_proxy.tolist(), strict=True
        ):
            connections[zone] += count
        return [
            (zone, clients[zone], count, connections[zone] / count)
            for zone, count in sorted(proxies.items())
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Connections:
    """Connections without the tier and with it.

    Attributes:
        direct: of every client to every node.
        clients_to_proxies: in the whole tier.
        proxies_to_nodes: likewise.
        by_client: int64, proxies of each client.
        clients_by_proxy: int64, clients of each proxy.
        nodes_by_proxy: int64, nodes of each proxy.
        proxies_by_node: int64, proxies of each node.
        opened: between clients and proxies, not there by the previous plan.
        closed: there by the previous plan, and not any more.
        disturbed: clients that were there before and lose a proxy that is still there.
    """

    direct: int
    clients_to_proxies: int
    proxies_to_nodes: int
    by_client: NDArray[np.int64]
    clients_by_proxy: NDArray[np.int64]
    nodes_by_proxy: NDArray[np.int64]
    proxies_by_node: NDArray[np.int64]
    opened: int
    closed: int
    disturbed: int

    @classmethod
    def of(cls, plan: TierFacts) -> Connections:
        """Count them."""
        used = plan.assigned[plan.assigned >= 0]
        group_sizes = np.bincount(plan.node_groups, minlength=plan.group_count)
        group_proxies = np.bincount(plan.proxy_groups, minlength=plan.group_count)
        nodes_by_proxy = group_sizes[plan.proxy_groups]
        opened, closed, disturbed = _changes(plan)
        return cls(
            direct=len(plan.clients) * len(plan.nodes),
            clients_to_proxies=len(used),
            proxies_to_nodes=int(nodes_by_proxy.sum()),
            by_client=np.count_nonzero(plan.assigned >= 0, axis=(1, 2)),
            clients_by_proxy=np.bincount(used, minlength=len(plan.proxies)),
            nodes_by_proxy=nodes_by_proxy,
            proxies_by_node=group_proxies[plan.node_groups],
            opened=opened,
            closed=closed,
            disturbed=disturbed,
        )

    @property
    def total(self) -> int:
        """All connections with the tier."""
        return self.clients_to_proxies + self.proxies_to_nodes


class TierCertificate(Certificate):
    """How good a tier is, given which zone serves whom and which proxy serves which group."""

    def __init__(self, plan: TierFacts) -> None:
        self._plan = plan

    def _check(self) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
        """Prove the plan, cell by cell; return objectives and faults."""
        proofs = [check_placement(share.problem, share.placement) for share in self._plan.shares]
        cells, nodes = proofs[:-1], proofs[-1:]
        objectives = (
            _summed("imbalance of clients", cells, _IMBALANCE),
            _summed("proxies new to a client", cells, _MOVES),
            _summed("imbalance of nodes", nodes, _IMBALANCE),
            _summed("nodes new to a group", nodes, _MOVES),
        )
        return objectives, tuple(proof.fault for proof in proofs if proof.fault)


def _warnings(findings: TierFindings) -> Iterator[str]:
    plan = findings.plan
    missing = int(np.count_nonzero(plan.assigned < 0))
    if missing:
        short = int(np.count_nonzero((plan.assigned < 0).any(axis=(1, 2))))
        yield (
            f"{short:,} clients have fewer than {plan.copies} proxies to choose from for some "
            f"group: their zones have too few proxies ({missing:,} are missing)"
        )
    sizes = Counter(zip(plan.proxy_zones, plan.proxy_groups.tolist(), strict=True))
    for zone in sorted(set(plan.proxy_zones)):
        of_groups = [sizes[zone, group] for group in range(plan.group_count)]
        if max(of_groups) - min(of_groups) > 1:
            yield (
                f"zone {zone or POOL_NAME} has from {min(of_groups)} to {max(of_groups)} proxies "
                "a group: regrouping would even that out"
            )
    loads = [load for _, clients, _, load in findings.zone_loads() if clients]
    if loads and max(loads) > _UNEVEN * min(loads):
        yield (
            f"proxies of one zone have {max(loads):,.1f} clients each, of another "
            f"{min(loads):,.1f}: move proxies, or plan without zones"
        )
    homes = plan.clients.zones(plan.zone_depth)
    away = [n for n, zone in enumerate(homes) if zone and plan.client_zones[n] not in (zone, POOL)]
    if away:
        named = ", ".join(plan.clients.index.names[n] for n in away[:_NAMED])
        more = "" if len(away) <= _NAMED else f" and {len(away) - _NAMED:,} more"
        yield f"clients are served outside of their zone: {named}{more}"


def _changes(plan: TierFacts) -> tuple[int, int, int]:
    """Return connections opened and closed, and the clients that give up a proxy needlessly."""
    now = _pairs(plan.assigned, len(plan.proxies))
    if plan.previous is None:
        return len(now), 0, 0
    held = renumbered(plan.previous, plan.clients, plan.proxies)
    before = _pairs(held, len(plan.proxies))
    kept = np.isin(before, now, assume_unique=True)
    disturbed = np.unique(before[~kept] // max(1, len(plan.proxies)))
    opened = len(now) - int(np.count_nonzero(kept))
    all_before = int(np.count_nonzero(plan.previous.assigned >= 0))
    return opened, all_before - int(np.count_nonzero(kept)), len(disturbed)


def _pairs(assigned: NDArray[Any], proxies: int) -> NDArray[np.int64]:
    """Return each connection of a client to a proxy as a number, none twice."""
    clients = np.arange(len(assigned)).reshape(-1, 1, 1) * proxies
    return np.unique((clients + assigned)[assigned >= 0])


def _summed(name: str, proofs: Sequence[Proof], part: int) -> Objective:
    """Add up a part of proofs of placements without levels of spread."""
    value = sum(proof.costs[part] for proof in proofs if proof.costs)
    bounds = [proof.bounds[part] for proof in proofs if proof.bounds]
    known = [bound for bound in bounds if bound is not None]
    return Objective(name, value, sum(known) if len(known) == len(proofs) else None)
