"""What a plan keeps small, and how a certificate says so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Certificate", "Objective"]


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing that a plan keeps small.

    Attributes:
        name: what it is.
        value: what it is in this plan, recounted.
        bound: no plan that is as good in all objectives before goes below; None if not proven.
    """

    name: str
    value: int
    bound: int | None

    @property
    def is_reached(self) -> bool:
        """Whether no plan does better."""
        return self.value == self.bound

    def __str__(self) -> str:
        if self.is_reached:
            return f"{self.name:<28}{self.value:>12,}  no plan has less"
        least = (
            "nothing is proven" if self.bound is None else f"no plan has less than {self.bound:,}"
        )
        return f"{self.name:<28}{self.value:>12,}  {least}"


class Certificate:
    """What was found of a plan by checkers that share no code with the planner."""

    def _check(self) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
        """Run the checkers; return objectives and faults."""
        raise NotImplementedError

    @cached_property
    def _checked(self) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
        return self._check()

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What the plan keeps small, the most important first."""
        return self._checked[0]

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the plan, which would be a bug in mapcore."""
        return self._checked[1]

    @property
    def is_optimal(self) -> bool:
        """Whether the plan is sound, and no plan is better in any objective in their order."""
        return not self.faults and all(objective.is_reached for objective in self.objectives)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a document of plain values."""
        return {
            "optimal": self.is_optimal,
            "faults": list(self.faults),
            "objectives": [
                {"name": each.name, "value": each.value, "bound": each.bound}
                for each in self.objectives
            ],
        }

    def __str__(self) -> str:
        if self.faults:
            return "\n".join(("the plan is WRONG", *(f"  {fault}" for fault in self.faults)))
        head = "proven optimal" if self.is_optimal else "sound, not proven optimal throughout"
        return "\n".join((f"certificate: {head}", *(f"  {each}" for each in self.objectives)))
