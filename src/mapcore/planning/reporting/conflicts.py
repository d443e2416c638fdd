"""What stands against what: smallest sets of settings that cannot all be met, and what would do.

A set is found by leaving settings out and placing anew: it is too much to ask for, and nothing of
it can be left out. Where plans are small, no smaller set is too much either. What would do is found
likewise, by bisection: each change alone, and nothing less of it, makes room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mapcore.cluster import Node
from mapcore.errors import PlanError
from mapcore.planning.nodes import ACTIVE, LEAVING, MAINTENANCE
from mapcore.planning.placing.measures import copies_that_fit
from mapcore.planning.placing.placement import place
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.restrictions import restrict
from mapcore.planning.placing.rule_breaks import least_breaks
from mapcore.planning.placing.rules import compile_rules
from mapcore.planning.problem import Asked, Start, placement_problem

if TYPE_CHECKING:
    from mapcore.planning.facts import PlanFacts

__all__ = ["Conflict", "are_soon_found", "find_conflicts"]

_SMALL: Final = 100_000  # copies, up to which all sets are tried
_MOST_ADDED: Final = 1 << 12  # nodes, up to which more of them are tried
_MODES: Final = "modes of nodes"
_VOLUMES: Final = "capacity of volumes"
_LIMITS: Final = "limits of copies"
_FIELDS: Final = ("require", "forbidden", "pinned")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that cannot all be met.

    Attributes:
        unmet: what falls short: `copies` or `rules`.
        settings: the names of a smallest set of settings and nodes that stand against each other.
        changes: what would do: each alone, and nothing less of it.
    """

    unmet: str
    settings: tuple[str, ...]
    changes: tuple[str, ...]

    def __str__(self) -> str:
        changes = f"; it would do to {' or to '.join(self.changes)}" if self.changes else ""
        return f"{self.unmet}: {', '.join(self.settings)} cannot all be met{changes}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as a document of plain values."""
        return {
            "unmet": self.unmet,
            "settings": list(self.settings),
            "changes": list(self.changes),
        }


def are_soon_found(plan: PlanFacts) -> bool:
    """Return whether the plan is small enough for its report to look for conflicts."""
    return plan.work.asked.copies * plan.target.partition_count <= _SMALL


def find_conflicts(plan: PlanFacts) -> tuple[Conflict, ...]:
    """Return what stands against each other, for copies and for rules.

    Places anew for each setting that is tried: tens of times as long as the plan took.
    """
    work = plan.work
    if work.placement is None or work.placement_problem is None:
        return ()
    found = []
    if work.placement.missing:
        found.append(_conflict(_Variants(plan, with_rules=False), "copies", _missing))
    if work.rules is not None and plan.broken_rules.any():
        found.append(_conflict(_Variants(plan, with_rules=True), "rules", least_breaks))
    return tuple(conflict for conflict in found if conflict is not None)


def _missing(problem: PlacementProblem) -> int:
    return place(problem).missing


def _conflict(
    variants: _Variants, unmet: str, shortfall: Callable[[PlacementProblem], int]
) -> Conflict | None:
    def is_met(**changed: Any) -> bool:
        try:
            return shortfall(variants.problem(**changed)) == 0
        except PlanError:  # nobody may hold anything
            return False

    if is_met():
        return None
    kept = _smallest(variants.present, lambda some: not is_met(keeping=some), variants.are_few)
    changes = []
    asked = variants.asked.copies
    slaves = variants.asked.settings.constraints.slave
    fewest = asked - slaves
    if is_met(copies=fewest):
        most = _first(fewest + 1, asked, lambda copies: not is_met(copies=copies)) - 1
        changes.append(f"lower constraints.slave from {slaves} to {most - fewest}")
    if unmet == "copies":
        partitions = variants.start.current.partition_count
        count = variants.nodes_lacking
        if variants.present and variants.are_few:
            enough = _doubled(lambda count: is_met(added=count))
            count = enough and _first(enough // 2 + 1, enough, lambda n: is_met(added=n))
        if count and (variants.are_few or not variants.present):
            changes.append(f"add {_nodes(count)}{variants.fitting_nodes}")
        limit = variants.common_limit
        if limit is not None and _LIMITS in kept and is_met(limit=partitions):
            least = _first(limit + 1, partitions, lambda limit: is_met(limit=limit))
            changes.append(f"raise maxCopiesPerNode from {limit} to {least}")
    names = [name for part in kept for name in variants.names(part)]
    demand = ["settings.rules"] if unmet == "rules" else []
    return Conflict(unmet, ("constraints", *demand, *names), tuple(changes))


def _smallest(
    parts: tuple[str, ...], is_too_much: Callable[[tuple[str, ...]], bool], are_few: bool
) -> tuple[str, ...]:
    """Return a smallest set that is too much: of all sets, or of those by leaving one out."""
    if are_few:
        sets: Iterable[tuple[str, ...]] = (
            some for size in range(len(parts)) for some in combinations(parts, size)
        )
        return next((some for some in sets if is_too_much(some)), parts)
    kept = parts
    for part in parts:
        without = tuple(other for other in kept if other != part)
        if is_too_much(without):
            kept = without
    return kept


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the least number for which it holds, if it does for `high`, and for all above it."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _doubled(holds: Callable[[int], bool]) -> int:
    """Return a power of two for which it holds and of which half does not, or 0."""
    count = 1
    while count <= _MOST_ADDED and not holds(count):
        count *= 2
    return count if count <= _MOST_ADDED else 0


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count:,} nodes"


class _Variants:
    """The problem of a plan with some of its settings left out or changed."""

    def __init__(self, plan: PlanFacts, *, with_rules: bool) -> None:
        self.plan, self.start, self.asked = plan, plan.work.start, plan.work.asked
        self.with_rules = with_rules
        extra = self.asked.settings.extra
        table = self.start.table
        present = [field for field in _FIELDS if extra.get(field)]
        self.common_limit = extra.get("maxCopiesPerNode")
        self.has_own_limits = any("maxCopies" in node.extra for node in table.special.values())
        if self.common_limit is not None or self.has_own_limits:
            present.append(_LIMITS)
        nodes = plan.work.changed.cluster.nodes
        self.fitting = copies_that_fit(self.start.current, nodes, plan.work.others)
        if self.fitting is not None:
            present.append(_VOLUMES)
        if np.isin(table.modes, (LEAVING, MAINTENANCE)).any():
            present.append(_MODES)
        self.present = tuple(present)
        self.are_few = are_soon_found(plan)

    def names(self, part: str) -> Iterator[str]:
        """Return how a part is called in documents."""
        if part in _FIELDS:
            yield f"settings.{part}"
        elif part == _LIMITS:
            if self.common_limit is not None:
                yield "settings.maxCopiesPerNode"
            if self.has_own_limits:
                yield "maxCopies of nodes"
        else:
            yield part

    @property
    def nodes_lacking(self) -> int:
        """How many nodes there are too few for the copies of one partition."""
        table = self.start.table
        return max(
            0, self.asked.copies - int(np.count_nonzero((table.modes == ACTIVE) & table.positive))
        )

    @property
    def fitting_nodes(self) -> str:
        """What nodes that are added must have."""
        asked = self.asked.settings.extra.get("require", {})
        tags = sorted({tag for tags in asked.values() for tag in tags})
        return f" with {', '.join(tags)}" if tags else ""

    def problem(
        self,
        *,
        keeping: tuple[str, ...] | None = None,
        copies: int | None = None,
        added: int = 0,
        limit: int | None = None,
    ) -> PlacementProblem:
        """Make the problem anew: only with the parts kept, with other counts, nodes and limits."""
        keeping = self.present if keeping is None else keeping
        settings = self.asked.settings
        extra = {
            name: value
            for name, value in settings.extra.items()
            if (name not in _FIELDS or name in keeping)
            and (name != "maxCopiesPerNode" or _LIMITS in keeping)
        }
        if limit is not None:
            extra["maxCopiesPerNode"] = limit
        copies = self.asked.copies if copies is None else copies
        slaves = copies - settings.constraints.master
        constraints = msgspec.structs.replace(settings.constraints, slave=slaves)
        settings = msgspec.structs.replace(settings, extra=extra, constraints=constraints)
        if not self.with_rules:
            settings = msgspec.structs.replace(settings, spread=())
        asked = Asked(settings, copies, self.asked.masters, ())
        start = self._start(keeping, added)
        fitting = self.fitting if _VOLUMES in keeping else None
        if fitting is not None:
            fitting = np.append(fitting, np.full(added, start.current.partition_count))
        problem = placement_problem(start, asked)
        resting = start.table.modes == MAINTENANCE
        may_lead = (start.table.modes == ACTIVE) & start.table.positive
        rules = compile_rules(settings, start.table, may_lead) if self.with_rules else None
        return replace(restrict(problem, start, settings, resting, fitting), rules=rules)

    def _start(self, keeping: tuple[str, ...], added: int) -> Start:
        table = self.start.table
        if _MODES not in keeping:
            modes = np.where(np.isin(table.modes, (LEAVING, MAINTENANCE)), ACTIVE, table.modes)
            table = replace(table, modes=modes.astype(np.uint8))
        if _LIMITS not in keeping:
            special = {
                number: msgspec.structs.replace(
                    node, extra={k: v for k, v in node.extra.items() if k != "maxCopies"}
                )
                for number, node in table.special.items()
            }
            table = replace(table, special=special)
        if added:
            tags = self.asked.settings.extra.get("require", {})
            every = tuple(sorted({tag for some in tags.values() for tag in some}))
            fresh = tuple(Node(name=f"\0{number}", tags=every) for number in range(added))
            table = table.with_added(fresh)
        return replace(self.start, table=table)
