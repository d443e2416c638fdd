"""The plan of a router tier: who connects to whom, what that costs, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mapcore.planning.tiers.facts import TierFacts

if TYPE_CHECKING:
    from mapcore.planning.tiers.findings import Connections, TierCertificate, TierFindings

__all__ = ["TierPlan"]


@dataclass(frozen=True, eq=False)
class TierPlan(TierFacts):
    """Which client connects to which proxies, which proxy to which nodes, and how well."""

    @cached_property
    def findings(self) -> TierFindings:
        """What counting and checking tell of the tier."""
        from mapcore.planning.tiers.findings import TierFindings

        return TierFindings(self)

    @property
    def connections(self) -> Connections:
        """The connections with and without the tier, and what changes from the previous plan."""
        return self.findings.connections

    @property
    def certificate(self) -> TierCertificate:
        """How good the plan is, by a checker that shares no code with the planner.

        Raises:
            PlanError: the plan was read from a document, which holds no proof.
        """
        return self.findings.certificate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be had, or has become uneven; each in a sentence."""
        return self.findings.warnings

    def report(self) -> str:
        """Return what the tier costs, as text."""
        from mapcore.planning.tiers.report import write_report

        return write_report(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return what the tier costs, as a document of plain values."""
        from mapcore.planning.tiers.report import report_document

        return report_document(self.findings)

    def to_json(self) -> bytes:
        """Return the plan as a JSON document, which `from_json` and `mapcore tiers` read."""
        from mapcore.planning.tiers.documents import dump_tiers

        return dump_tiers(self)

    @classmethod
    def from_json(cls, data: bytes | str, source: str | None = None) -> TierPlan:
        """Read a plan from what `to_json` returns, to plan from it.

        Args:
            data: the document.
            source: the name of the file, for errors.

        Raises:
            DocumentError: it is no such document, or contradicts itself.
        """
        from mapcore.planning.tiers.documents import load_tiers

        facts = load_tiers(data, source)
        return cls(**{each.name: getattr(facts, each.name) for each in fields(facts)})

    def without_history(self) -> TierPlan:
        """Return this plan without what it was made from."""
        return replace(self, previous=None, shares=())
