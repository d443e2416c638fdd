"""One map on its way to its target, and all those of a cluster or of a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.steps import Step
from mapcore.actualizing.view import NodeView
from mapcore.cluster import Cluster, Config, Node, Settings
from mapcore.errors import ScheduleError
from mapcore.maps import PartitionMap

if TYPE_CHECKING:
    from mapcore.planning.plans import Plan
    from mapcore.planning.several_maps.plan import ClusterPlan

__all__ = ["Whole", "Work", "settled"]

Whole: TypeAlias = "Cluster | Plan | ClusterPlan"
"""What says for itself which maps change, on which nodes, under which config."""


@dataclass(frozen=True, slots=True)
class Work:
    """One map on its way to its target.

    Attributes:
        current: what is; of a live map, the steps under way and the epochs count too.
        target: what shall be.
        in_flight: the steps under way, where `current` is not a live map.
        settings: whether a partition may have several masters; when it is verified, also spread,
            rules and peers.
        preferred: who becomes master of a partition that has none, by names.
        dead_since: as in `LiveMap`.
        accept_loss: the partitions that may be founded anew although copies that nobody can reach
            any more may hold their data.
        is_derived: whether partitions whose source is in another map are founded from that one
            (`mapcore.actualizing.deriving.derived`), and not with nothing in them.
    """

    current: PartitionMap | LiveMap
    target: PartitionMap
    in_flight: Iterable[Step | Underway] = ()
    settings: Settings = field(default_factory=Settings)
    preferred: Mapping[str, str] = field(default_factory=dict)
    dead_since: Mapping[tuple[str, str], float] = field(default_factory=dict)
    accept_loss: Collection[str] = ()
    is_derived: bool = False

    def snapshot(self) -> PartitionMap:
        """Return what is, as a map that does not change."""
        current = self.current
        return current.snapshot() if isinstance(current, LiveMap) else current

    def underway(self) -> tuple[Underway, ...]:
        """Return the steps under way."""
        if isinstance(self.current, LiveMap):
            return tuple(self.current.in_flight.values())
        return tuple(
            entry if isinstance(entry, Underway) else Underway(entry) for entry in self.in_flight
        )

    def died_at(self) -> Mapping[tuple[str, str], float]:
        """Return when dead copies became dead, as far as that is known."""
        return self.current.dead_since if isinstance(self.current, LiveMap) else self.dead_since


def settled(
    works: Mapping[str, Work] | Whole,
    nodes: Iterable[Node] | Cluster | NodeView,
    config: Config | None,
    gone: Collection[str],
) -> tuple[Mapping[str, Work], NodeView, Config]:
    """Return the maps that change, by name, a view of their nodes, and the config in force.

    A cluster or a plan says its nodes itself, and its config unless another one is given.

    Raises:
        ScheduleError: a cluster of which no map has both a current and a target map.
    """
    found, cluster = _works_of(works)
    if cluster is not None:
        nodes, config = cluster.nodes, config or cluster.config
    maps = [held for work in found.values() for held in (work.snapshot(), work.target)]
    return found, NodeView.of(nodes, maps, gone), config or Config()


def _works_of(whole: Mapping[str, Work] | Whole) -> tuple[Mapping[str, Work], Cluster | None]:
    """Return the maps that change, by name, and the cluster that they are on, if it is said.

    Of a cluster these are the maps that have a current and a target map; of a plan, its own.

    Raises:
        ScheduleError: no map has both.
    """
    if isinstance(whole, Cluster):
        works = {
            name: Work(entry.current, entry.target, settings=entry.settings)
            for name, entry in whole.maps.items()
            if entry.current is not None and entry.target is not None
        }
        if not works:
            raise ScheduleError("found a cluster without current or target map, expected both")
        return works, whole
    cluster: Cluster | None = getattr(whole, "cluster", None)
    plans: Mapping[str, Any] = whole if isinstance(whole, Mapping) else {whole.map_name: whole}
    if cluster is None:
        return plans, None
    return {
        name: Work(plan.current, plan.target, settings=cluster.maps[name].settings)
        for name, plan in plans.items()
    }, cluster
