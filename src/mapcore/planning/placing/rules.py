"""Rules: where slaves stand relative to their master, as arrays.

`{"same": "zone", "different": "rack"}` asks for a slave in the master's zone, but in another rack.
The first rule of the list is for one slave, the second for another, and so on; the last one is also
for all slaves that are left, so a single rule is for every slave. Which slave is for which rule is
open: a partition breaks its rules with as many slaves as are left over when slaves are matched to
rules as well as can be. Where there are several masters, all rules are relative to one of them, the
one with which the fewest are broken.

Levels are nested, so a rule bounds how close a slave is to its master: how many levels of their
locations, from the outermost, are the same. That makes it an interval, from `same` on and short of
`different`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _rules
from mapcore.errors import PlanError

if TYPE_CHECKING:
    from mapcore.cluster import Rule, Settings
    from mapcore.planning.nodes import NodeTable

__all__ = [
    "CompiledRules",
    "check_rules",
    "compile_rules",
    "intervals_of",
    "match",
    "rules_in_force",
]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRules:
    """The rules of a map, for the kernels.

    Attributes:
        ancestors: int32, nodes by depths: the number of each node's value at each level that a
            rule names, outermost first.
        intervals: int32, rules by 3, by their ends: a slave satisfies a rule if its closeness to
            the master is at least the first number and less than the second; the third is for how
            many slaves the rule is.
        masters: how many masters a partition has.
        may_lead: bool by node.
    """

    ancestors: NDArray[np.int32]
    intervals: NDArray[np.int32]
    masters: int
    may_lead: NDArray[np.bool_]

    def costs(
        self, rows: NDArray[np.int32], levels: NDArray[np.int32], shares: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return what rows of copies break.

        Args:
            rows: int32, partitions by the most copies, -1 at the ends of rows that have fewer.
            levels: int32, levels by nodes: the values to spread over.
            shares: int64, partitions by levels: the even share of a value.

        Returns:
            int64, partitions by 1 + levels: the slaves that break rules if the best copy leads,
            then the excess at each level.
        """
        parts = np.zeros((len(rows), 1 + len(levels)), np.int64)
        _rules.row_costs(
            np.ascontiguousarray(rows),
            *self._arrays,
            np.ascontiguousarray(levels),
            np.ascontiguousarray(shares),
            parts,
        )
        return parts

    def leaders(
        self, rows: NDArray[np.int32], prefers: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_]:
        """Return the copies that may be masters so that each row breaks as little as it can.

        Args:
            rows: as for `costs`.
            prefers: bool, aligned with rows: copies to take where one choice is as good as another
                but limits what else may be chosen, which is so with several masters.
        """
        leaders = np.zeros(rows.shape, np.uint8)
        preferred = np.zeros(rows.shape, np.uint8) if prefers is None else prefers.view(np.uint8)
        _rules.find_leaders(
            np.ascontiguousarray(rows), *self._arrays, np.ascontiguousarray(preferred), leaders
        )
        return leaders.view(np.bool_)

    def broken(self, rows: NDArray[np.int32], is_master: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return how many slaves of each row break the rules under these masters; int32."""
        broken = np.zeros(len(rows), np.int32)
        _rules.count_broken(
            np.ascontiguousarray(rows),
            np.ascontiguousarray(is_master).view(np.uint8),
            *self._arrays,
            broken,
        )
        return broken

    def closeness_to(self, leader: int) -> NDArray[np.int64]:
        """Return how many levels that rules name each node shares with a leader; int64 by node."""
        is_alike = self.ancestors == self.ancestors[leader]
        closeness: NDArray[np.int64] = np.cumprod(is_alike, axis=1, dtype=np.int64).sum(axis=1)
        return closeness

    @property
    def _arrays(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], int, NDArray[np.uint8]]:
        may_lead = np.ascontiguousarray(self.may_lead).view(np.uint8)
        return self.ancestors, self.intervals, self.masters, may_lead


def rules_in_force(settings: Settings) -> tuple[tuple[Rule, int], ...]:
    """Return the rules that slaves are matched to, and for how many slaves each is."""
    slaves = settings.constraints.slave
    rules = settings.rules.get("slave", ())[:slaves]
    if not rules or settings.constraints.master < 1:
        return ()
    counts = [1] * (len(rules) - 1) + [slaves - len(rules) + 1]
    return tuple(zip(rules, counts, strict=True))


def check_rules(settings: Settings) -> None:
    """Hold the rules against the levels.

    Raises:
        PlanError: a rule for another role than slave, that names an unknown level, or none at all.
    """
    for role, rules in settings.rules.items():
        if role != "slave":
            raise PlanError(f"settings.rules: found {role!r}, expected rules for slave")
        for number, rule in enumerate(rules):
            place = f"settings.rules.slave[{number}]"
            if rule.same is None and rule.different is None:
                raise PlanError(
                    f"{place}: found neither same nor different, expected at least one of them"
                )
            for field, level in (("same", rule.same), ("different", rule.different)):
                if level is not None and level not in settings.levels:
                    known = ", ".join(settings.levels) or "none"
                    raise PlanError(
                        f"{place}.{field}: found level {level!r}, expected one of settings.levels "
                        f"({known})"
                    )


def intervals_of(settings: Settings) -> list[tuple[Rule, tuple[int, int, int]]]:
    """Return each rule in force with its interval, as in `CompiledRules`, by their ends."""
    levels = _named_levels(settings)
    found = [
        (
            rule,
            (
                0 if rule.same is None else levels.index(rule.same) + 1,
                len(levels) + 1 if rule.different is None else levels.index(rule.different) + 1,
                slaves,
            ),
        )
        for rule, slaves in rules_in_force(settings)
    ]
    return sorted(found, key=lambda pair: pair[1][1])


def match(intervals: Iterable[Sequence[int]], by_closeness: list[int]) -> int:
    """Match slaves, as many as `by_closeness` says, to rules; what is matched is taken from it."""
    found = 0
    for begin, until, slaves in intervals:
        left = slaves
        for close in range(begin, until):
            taken = min(left, by_closeness[close])
            by_closeness[close] -= taken
            left -= taken
        found += slaves - left
    return found


def compile_rules(
    settings: Settings, table: NodeTable, may_lead: NDArray[np.bool_]
) -> CompiledRules | None:
    """Return the rules as arrays, or None where none are in force.

    Raises:
        PlanError: rules over more levels than the kernels can take.
    """
    if not rules_in_force(settings):
        return None
    depths = [settings.levels.index(level) + 1 for level in _named_levels(settings)]
    if len(depths) > _rules.MOST_LEVELS:
        raise PlanError(
            f"settings.rules: found {len(depths)} levels in rules, expected at most "
            f"{_rules.MOST_LEVELS}"
        )
    return CompiledRules(
        ancestors=np.stack([table.level_values(depth)[0] for depth in depths], axis=1),
        intervals=np.array([interval for _, interval in intervals_of(settings)], np.int32),
        masters=settings.constraints.master,
        may_lead=may_lead,
    )


def _named_levels(settings: Settings) -> list[str]:
    """The levels that rules in force name, outermost first."""
    named = {level for rule, _ in rules_in_force(settings) for level in (rule.same, rule.different)}
    return [level for level in settings.levels if level in named]
