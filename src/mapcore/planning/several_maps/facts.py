"""The facts of a plan for several maps: a plan for each, and what they are in sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from mapcore.cluster import Cluster
from mapcore.planning.facts import Balance, spread_of
from mapcore.planning.nodes import ACTIVE
from mapcore.planning.plans import Plan
from mapcore.states import LEADING

__all__ = ["ClusterPlanFacts"]


class ClusterPlanFacts(Mapping[str, Plan]):
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
        changed = self.first.work.changed
        maps = {}
        for name, plan in self._plans.items():
            entry = plan.work.changed.entry
            current = entry.current
            if current is not None:
                current = current.on_nodes(changed.index)
            maps[name] = replace(entry, target=plan.target, current=current)
        return changed.cluster.with_maps(maps)

    @property
    def first(self) -> Plan:
        """One of the plans: what is the same for all maps can be asked of it."""
        return next(iter(self.values()))

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
        first = self.first
        table = first.work.start.table
        weights = table.weight_column
        due = (table.modes == ACTIVE) & (weights > 0)
        spreads = []
        for which in ((), LEADING):
            before = np.sum([plan.loads_before(*which) for plan in self.values()], axis=0)
            after = np.sum([plan.loads_after(*which) for plan in self.values()], axis=0)
            spreads += [
                spread_of(before, weights, due & first.existed),
                spread_of(after, weights, due),
            ]
        return Balance(*spreads)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What could not be met, or was not taken into account; by map, each in a sentence."""
        return tuple(
            f"{name}: {warning}" for name, plan in self._plans.items() for warning in plan.warnings
        )

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {', '.join(self._plans)}: {self.move_count} moves, "
            f"{self.role_change_count} role changes>"
        )
