"""What checkers say of a plan: how good it is, what falls short, and what stands against what."""

from __future__ import annotations

from functools import cached_property

from mapcore.planning.certificates.proofs import PlanCertificate
from mapcore.planning.facts import PlanFacts
from mapcore.planning.reporting.conflicts import Conflict, find_conflicts
from mapcore.planning.reporting.shortfalls import find_warnings

__all__ = ["Findings"]


class Findings:
    """The findings on one plan, each made when it is first asked for.

    Args:
        plan: what they are about.
    """

    def __init__(self, plan: PlanFacts) -> None:
        self._plan = plan

    @cached_property
    def certificate(self) -> PlanCertificate:
        """How good the plan is, by checkers that share no code with the planner."""
        return PlanCertificate(self._plan.target, self._plan.work)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What could not be met, or was not taken into account; each in a sentence."""
        return find_warnings(self._plan)

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Settings that cannot all be met: smallest sets by name, and what would do."""
        return find_conflicts(self._plan)
