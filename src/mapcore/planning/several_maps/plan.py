"""The plan of a cluster with several maps: what it is in sum, and how good it is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from mapcore.planning.several_maps.facts import ClusterPlanFacts

if TYPE_CHECKING:
    from mapcore.planning.several_maps.proofs import ClusterCertificate

__all__ = ["ClusterPlan"]


class ClusterPlan(ClusterPlanFacts):
    """Plans by the name of their map: each balanced, and the sum of them.

    A change of nodes applies to all maps; a map that is in order already stays as it is. What one
    map gets, and why, its own plan tells: `plans["users"].explain(partition=17)`.
    """

    @cached_property
    def certificate(self) -> ClusterCertificate:
        """How good the plans are, each and in sum."""
        from mapcore.planning.several_maps.proofs import ClusterCertificate

        return ClusterCertificate(self)

    def report(self) -> str:
        """Return what the plans do and cost, as text: a line a map, and the sum."""
        from mapcore.planning.several_maps.report import write_cluster_report

        return write_cluster_report(self, self.certificate)

    def to_dict(self) -> dict[str, Any]:
        """Return what the plans do and cost, as a document; that of each map under its name."""
        from mapcore.planning.several_maps.report import cluster_report_document

        return cluster_report_document(self, self.certificate)
