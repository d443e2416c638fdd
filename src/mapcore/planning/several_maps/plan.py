"""The plan of a cluster with several maps: a plan for each, and what they are in sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mapcore.cluster import Cluster
from mapcore.planning.plans import Plan

if TYPE_CHECKING:
    from mapcore.planning.plans import Balance
    from mapcore.planning.several_maps.proofs import ClusterCertificate

__all__ = ["ClusterPlan"]


class ClusterPlan(Mapping[str, Plan]):
    """Plans by the name of their map: each balanced, and the sum of them.

    A change of nodes applies to all maps; a map that is in order already stays as it is. What one
    map gets, and why, its own plan tells: `plans["users"].explain(partition=17)`.
    """

    def __init__(self, plans: Mapping[str, Plan]) -> None:
        self._plans = dict(plans)

    def __getitem__(self, name: str) -> Plan:
        return self._plans[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster with the changes applied and all targets in place."""
        changed = next(iter(self._plans.values())).work.changed
        maps = {}
        for name, plan in self._plans.items():
            entry = plan.work.changed.entry
            current = entry.current
            if current is not None:
                current = current.on_nodes(changed.index)
            maps[name] = replace(entry, target=plan.target, current=current)
        return changed.cluster.with_maps(maps)

    @property
    def move_count(self) -> int:
        """The copies that must be filled with data, of all maps."""
        return sum(len(plan.moves) for plan in self._plans.values())

    @property
    def role_change_count(self) -> int:
        """The changes of master, of all maps."""
        return sum(len(plan.role_changes) for plan in self._plans.values())

    @cached_property
    def balance(self) -> Balance:
        """How copies and masters of all maps in sum are shared out, before and after."""
        from mapcore.planning.several_maps.report import balance_in_sum

        return balance_in_sum(self)

    @cached_property
    def certificate(self) -> ClusterCertificate:
        """How good the plans are, each and in sum."""
        from mapcore.planning.several_maps.proofs import ClusterCertificate

        return ClusterCertificate(self)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What could not be met, or was not taken into account; by map, each in a sentence."""
        return tuple(
            f"{name}: {warning}" for name, plan in self._plans.items() for warning in plan.warnings
        )

    def report(self) -> str:
        """Return what the plans do and cost, as text: a line a map, and the sum."""
        from mapcore.planning.several_maps.report import write_cluster_report

        return write_cluster_report(self)

    def to_dict(self) -> dict[str, Any]:
        """Return what the plans do and cost, as a document; that of each map under its name."""
        from mapcore.planning.several_maps.report import cluster_report_document

        return cluster_report_document(self)

    def __repr__(self) -> str:
        return (
            f"<ClusterPlan of {', '.join(self._plans)}: {self.move_count} moves, "
            f"{self.role_change_count} role changes>"
        )
