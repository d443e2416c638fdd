"""The plan: the next map, what it changes, what it costs, and how good it is.

What checkers, explanations and reports say is computed when it is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from mapcore.errors import PlanError
from mapcore.planning.facts import PlanFacts

if TYPE_CHECKING:
    from mapcore.planning.certificates.proofs import PlanCertificate
    from mapcore.planning.reporting.conflicts import Conflict
    from mapcore.planning.reporting.explain import NodeExplanation, PartitionExplanation
    from mapcore.planning.reporting.findings import Findings
    from mapcore.planning.reporting.report import Forecast

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False, repr=False)
class Plan(PlanFacts):
    """The next map of a cluster, with what is to be said of it."""

    @cached_property
    def findings(self) -> Findings:
        """What checkers say of the plan."""
        from mapcore.planning.reporting.findings import Findings

        return Findings(self)

    @property
    def certificate(self) -> PlanCertificate:
        """How good the plan is, by checkers that share no code with the planner."""
        return self.findings.certificate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be met, or was not taken into account; each in a sentence."""
        return self.findings.warnings

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Settings that cannot all be met: smallest sets by name, and what would do.

        Takes tens of times as long as the plan did, where anything falls short; else nothing.
        """
        return self.findings.conflicts

    @overload
    def explain(self, *, partition: int | str) -> PartitionExplanation: ...
    @overload
    def explain(self, *, node: str) -> NodeExplanation: ...

    def explain(
        self, *, partition: int | str | None = None, node: str | None = None
    ) -> PartitionExplanation | NodeExplanation:
        """Explain a partition (why its copies stand where they stand) or a node (what it holds).

        Args:
            partition: a partition's number or name.
            node: a node's name.

        Returns:
            An explanation: text by `str`, a document by `to_dict`.

        Raises:
            PlanError: no such partition or node, or not exactly one of them.
        """
        from mapcore.planning.reporting.explain import explain_node, explain_partition

        if partition is not None and node is None:
            return explain_partition(self, partition)
        if node is not None and partition is None:
            return explain_node(self, node)
        raise PlanError("explain: expected either a partition or a node")

    def report(self, *schedules: Forecast) -> str:
        """Return what the plan does and costs, as text.

        Args:
            schedules: of the plan, as `mapcore.schedule(plan)` makes them: how many rounds, or how
                much time, the report is to expect.
        """
        from mapcore.planning.reporting.report import write_report

        return write_report(self, self.findings, schedules)

    def to_dict(self, *schedules: Forecast) -> dict[str, Any]:
        """Return what the plan does and costs, as a document; every move with its reason.

        Args:
            schedules: as for `report`.
        """
        from mapcore.planning.reporting.report import report_document

        return report_document(self, self.findings, schedules)

    def plot(self, path: str | Path) -> None:
        """Draw copies and masters before and after, and moves in and out of nodes, as a picture.

        Few nodes have a bar each; of many, the picture shows how many hold how many.

        Args:
            path: of the file; its ending says what kind (png, svg, pdf).

        Raises:
            MapcoreError: matplotlib is not installed (`pip install 'mapcore[plot]'`).
            PlanError: the ending is of no kind of picture.
        """
        from mapcore.planning.reporting.plot import draw

        draw(self, self.certificate, Path(path))

    def __repr__(self) -> str:
        return (
            f"<Plan of {self.map_name}: version {self.target.version}, {len(self.moves)} moves, "
            f"{len(self.role_changes)} role changes>"
        )
