"""The facts of a plan: the next map, what it was made from, and what counting tells of it.

Moves, reasons and balance are computed when they are first asked for. Checkers, explanations and
reports read these facts; `plans.Plan` is the facts with all of them at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Cluster
from mapcore.maps import PartitionMap
from mapcore.planning.changes import ChangedCluster, Changes
from mapcore.planning.moves import Drops, Moves, RoleChanges
from mapcore.planning.nodes import ACTIVE
from mapcore.planning.peers.outcome import PeersOutcome
from mapcore.planning.peers.planned import Peers
from mapcore.planning.placing.placement import Placement as PlacedCopies
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import Roles, RolesProblem
from mapcore.planning.placing.rules import CompiledRules
from mapcore.planning.placing.scatter import Scatter, measure_scatter
from mapcore.planning.policies.policy import PolicyOutcome
from mapcore.planning.problem import Asked, Start
from mapcore.planning.reasons import list_drops, list_moves, list_role_changes
from mapcore.planning.several_maps.sums import Standing
from mapcore.planning.traffic import Traffic, traffic_of
from mapcore.states import LEADING, Placement

__all__ = ["Balance", "PlanFacts", "Spread", "Work", "spread_of"]


class Spread(NamedTuple):
    """The least, the mean and the most over nodes, per unit of weight."""

    least: float
    mean: float
    most: float

    def __str__(self) -> str:
        return f"{self.least:.4g} / {self.mean:.4g} / {self.most:.4g}"


@dataclass(frozen=True, slots=True)
class Balance:
    """Copies and masters per unit of weight, over the nodes that are due any."""

    copies_before: Spread
    copies_after: Spread
    masters_before: Spread
    masters_after: Spread


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What a plan was made from and by; for reports, proofs and explanations.

    Attributes:
        changed: the cluster with the changes applied.
        changes: what was asked.
        asked: what the settings ask of each partition.
        start: what is.
        placement_problem: what was asked of the placement; None where no data moves.
        placement: what came of it.
        roles_problem: what was asked of the roles.
        roles: what came of it.
        others: what other maps hold on the nodes; None where none holds anything.
        rules: where slaves stand relative to their master; None where no rule is in force.
        policy: what a policy has changed; None where there is none, or no data moves.
        peers: what came of `maxPeers`; None where it is not set, or no data moves.
    """

    changed: ChangedCluster
    changes: Changes
    asked: Asked
    start: Start
    placement_problem: PlacementProblem | None
    placement: PlacedCopies | None
    roles_problem: RolesProblem
    roles: Roles
    others: Standing | None
    rules: CompiledRules | None = None
    policy: PolicyOutcome | None = None
    peers: PeersOutcome | None = None


@dataclass(frozen=True, eq=False)
class PlanFacts:
    """The next map of a cluster, and what it changes.

    Attributes:
        map_name: the map that was planned.
        current: the map that was planned from; empty where the cluster had none.
        target: the next map, over the nodes of `cluster`.
        work: what the plan was made from.
    """

    map_name: str
    current: PartitionMap
    target: PartitionMap
    work: Work = field(repr=False)

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster with the changes applied and the target in place."""
        changed = self.work.changed
        entry = replace(changed.entry, target=self.target)
        if entry.current is not None:
            entry = replace(entry, current=entry.current.on_nodes(changed.index))
        return changed.cluster.with_maps({**changed.cluster.maps, self.map_name: entry})

    @cached_property
    def moves(self) -> Moves:
        """The copies that must be filled with data."""
        work = self.work
        peers = None if work.placement_problem is None else self.peers
        return list_moves(work.start, self.target, work.asked, work.placement_problem, peers)

    @cached_property
    def drops(self) -> Drops:
        """The copies that are given up, dead ones included."""
        return list_drops(self.work.start, self.target, self.moves)

    @cached_property
    def role_changes(self) -> RoleChanges:
        """The changes of master."""
        work = self.work
        return list_role_changes(
            work.start, self.target, work.roles_problem, work.changed.returning
        )

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """The partitions without a copy in reach: they get none, as nothing could fill it."""
        return tuple(self.current.keys.name(partition) for partition in self.work.start.losses)

    @cached_property
    def bytes_moved(self) -> int | None:
        """The bytes that the moves stream; None where the sizes of partitions are not known."""
        sizes = self.current.sizes
        return None if sizes is None else int(sizes[self.moves.partitions].sum())

    @cached_property
    def traffic(self) -> Traffic:
        """The moves, and bytes where sizes are known, into and out of each node."""
        return traffic_of(self.moves, self.target.node_count, self.current.sizes)

    @cached_property
    def broken_rules(self) -> NDArray[np.int32]:
        """How many slaves of each partition match no rule in the target; int32 by partition."""
        rules = self.work.rules
        if rules is None:
            return np.zeros(self.target.partition_count, np.int32)
        return rules.broken(self.work.roles_problem.placed, self.work.roles.is_master)

    @cached_property
    def peers(self) -> Peers | None:
        """Who exchanges data with whom in the target; None where `maxPeers` is not set."""
        return Peers.of(self.target, self.work.asked)

    @cached_property
    def scatter(self) -> Scatter:
        """How the masters of each node fall on the others if it fails, once the target is there."""
        problem = self.work.roles_problem
        return measure_scatter(problem.placed, self.work.roles.is_master, problem.may_lead)

    @cached_property
    def existed(self) -> NDArray[np.bool_]:
        """Whether each node was there before the changes."""
        count = self.target.node_count
        return np.arange(count) < count - self.work.changed.added_count

    @cached_property
    def balance(self) -> Balance:
        """How copies and masters are shared out, before and after."""
        start = self.work.start
        weights = start.table.weight_column
        due = (start.table.modes == ACTIVE) & (weights > 0)
        return Balance(
            *(
                spread_of(loads, weights, mask)
                for which in ((), LEADING)
                for loads, mask in (
                    (self.loads_before(*which), due & self.existed),
                    (self.loads_after(*which), due),
                )
            )
        )

    def loads_before(self, *placements: Placement) -> NDArray[np.int64]:
        """Return the live copies of each node now, of these placements or all; int64 by node."""
        loads = np.zeros(self.target.node_count, np.int64)
        held = self.current.loads(*placements)
        loads[: len(held)] = held
        return loads

    def loads_after(self, *placements: Placement) -> NDArray[np.int64]:
        """Return the copies of each node in the target, of these placements or all; int64."""
        return self.target.loads(*placements)


def spread_of(
    loads: NDArray[np.int64], weights: NDArray[np.float64], mask: NDArray[np.bool_]
) -> Spread:
    """Return what some nodes hold per unit of weight."""
    if not mask.any():
        return Spread(0.0, 0.0, 0.0)
    each = loads[mask] / weights[mask]
    mean = float(loads[mask].sum() / weights[mask].sum())
    return Spread(float(each.min()), mean, float(each.max()))
