"""What a walk over a schedule has found: that every moment is safe, or the first that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Failure", "Verification"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The first moment at which a schedule is not safe.

    Attributes:
        moment: `round 3`, `12.5 s` or `step 7`; `the end`.
        step: the step's id; empty at the end.
        rule: which promise is broken: `transitions`, `state`, `order`, `masters`, `in sync`,
            `master lost`, `spread`, `rules`, `peers`, `peak`, `running`, `grace`, `switch`,
            `throttle`, `moved twice` or `target`.
        message: what was found and what was expected.
    """

    moment: str
    step: str
    rule: str
    message: str

    def __str__(self) -> str:
        where = f"{self.moment}, step {self.step}" if self.step else self.moment
        return f"{where}: {self.message} ({self.rule})"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk over a schedule has found; true where every moment is safe.

    Attributes:
        step_count: how many steps were walked until the end, or until the failure.
        moment_count: how many rounds, or different times, these stand at.
        failure: the first moment that is not safe, or None.
    """

    step_count: int
    moment_count: int
    failure: Failure | None = None

    @property
    def is_safe(self) -> bool:
        """Whether every moment is safe, and the last one is the target."""
        return self.failure is None

    def __bool__(self) -> bool:
        return self.is_safe

    def report(self) -> str:
        """Return the verdict as text."""
        if self.failure is not None:
            return f"not safe after {self.step_count:,} steps: {self.failure}"
        return (
            f"safe: {self.step_count:,} steps at {self.moment_count:,} moments; allowed "
            "transitions, one master, enough copies in sync, spread, rules, peers, peaks of "
            "masters, throttles, no copy moved twice, ends in the target"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as a JSON-ready document."""
        tree: dict[str, Any] = {
            "safe": self.is_safe,
            "steps": self.step_count,
            "moments": self.moment_count,
        }
        if self.failure is not None:
            tree["failure"] = {
                "moment": self.failure.moment,
                "step": self.failure.step,
                "rule": self.failure.rule,
                "message": self.failure.message,
            }
        return tree
