"""Which proposals may start: throttles, sources of data, and the order of urgency.

Whatever is limited is a resource: a number, how much there is of it, how much is in use. A step
takes one of each resource that it needs: on the side of its partition and target
(`Admission.needs`) and on the side of its source (`Admission.source_needs`). The kernel goes
through the candidates once, the most urgent first, gives each copy to be filled the best source
that has room, and says which resource held back the others. A new throttle is a row in `THROTTLES`,
its resources in `Admission`, and a column in one of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _admission
from mapcore.actualizing.proposals import (
    Action,
    Hold,
    Situation,
)
from mapcore.actualizing.starting.sources import Fills, are_moves, sources_of
from mapcore.actualizing.starting.urgency import most_urgent_first, take_turns
from mapcore.actualizing.steps import Kind
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView

__all__ = ["Admission", "Admitted", "admit"]

_UNLIMITED: Final = np.iinfo(np.int32).max


class Admitted(NamedTuple):
    """What becomes of the proposals of one map.

    Attributes:
        starts: bool, which of them start.
        sources: int32 node number of the copy that each fill reads; -1 for none.
        source_partitions: int64 number of that copy's partition; -1 for none.
        blockers: int8, the throttle that holds each back: its place in `THROTTLE_NAMES`, -1.
    """

    starts: NDArray[np.bool_]
    sources: NDArray[np.int32]
    source_partitions: NDArray[np.int64]
    blockers: NDArray[np.int8]


THROTTLE_NAMES: Final = (
    "max_changes_per_partition",
    "max_steps",
    "max_backfills",
    "max_streams_into_node",
    "max_streams_per_node",
    "max_streams_out_of_node",
    "max_streams_per_node",
    "max_full_scans_per_volume_type",
    "max_streams_between_zones",
)
"""The throttle of each kind of resource: five of a step and its target, four of its source."""


class Admission:
    """The resources of a cluster, and what is in use of them; shared by all its maps."""

    def __init__(self, view: NodeView, limits: Limits, *, nearest: bool = False) -> None:
        count = len(view)
        self.view = view
        self.limits = limits
        self.nearest = nearest
        self._steps, self._backfills, self._into = 0, 1, 2
        self._out_of, self._joint = self._into + count, self._into + 2 * count
        self._volumes = self._into + 3 * count
        self._zones = self._volumes + len(view.volumes)
        zone_count = int(view.zones.max(initial=-1)) + 1
        self._zone_count = zone_count if limits.max_streams_between_zones is not None else 0
        self._partitions = self._zones + self._zone_count**2
        self.room = np.full(self._partitions, _UNLIMITED, dtype=np.int32)
        self._limit(slice(self._steps, self._backfills), limits.max_steps)
        self._limit(slice(self._backfills, self._into), limits.max_backfills)
        self._limit(slice(self._into, self._out_of), limits.streams_in)
        self._limit(slice(self._out_of, self._joint), limits.streams_out)
        self._limit(slice(self._joint, self._volumes), limits.max_streams_per_node)
        types = np.array(view.volumes.types, dtype=object)
        for kind in set(view.volumes.types):
            limit = limits.full_scans(kind)
            if limit is not None:
                self.room[self._volumes : self._zones][types == kind] = limit
        if limits.max_streams_between_zones is not None:
            between = self.room[self._zones : self._partitions].reshape(zone_count, zone_count)
            between[~np.eye(zone_count, dtype=bool)] = limits.max_streams_between_zones
        self.used = np.zeros(self._partitions, dtype=np.int32)

    def _limit(self, resources: slice, limit: int | None) -> None:
        if limit is not None:
            self.room[resources] = limit

    def add_map(self, partition_count: int) -> int:
        """Add a resource for each partition of a map; return the first."""
        first = len(self.used)
        limit = self.limits.max_changes_per_partition
        room = np.full(partition_count, _UNLIMITED if limit is None else limit, dtype=np.int32)
        self.room = np.concatenate([self.room, room])
        self.used = np.concatenate([self.used, np.zeros(partition_count, dtype=np.int32)])
        return first

    def occupy(
        self, situation: Situation, first_partition: int, giving_way: Collection[str] = ()
    ) -> None:
        """Count what the steps under way take up.

        Those that give way to others leave them their partition, but what they take of nodes and
        volumes is free only when they have ended.
        """
        fills = []
        keys, numbers = situation.current.keys, self.view.index.numbers
        for step in situation.in_flight:
            if step.id not in giving_way:
                self.used[self._steps] += 1
                for partition in step.partitions:
                    self.used[first_partition + keys.number(partition)] += 1
            if step.source is not None and step.target is not None and step.kind is Kind.STREAM:
                ends = (step.source.node, step.target.node)
                if all(node in numbers for node in ends):
                    source, target = (numbers[node] for node in ends)
                    elsewhere = step.source.map not in (None, step.map)
                    partition = step.source.partition or step.partition
                    fills.append((-1 if elsewhere else keys.number(partition), source, target))
            elif step.before == "null" and step.node is not None and step.node in numbers:
                target = numbers[step.node]
                self.used[[self._backfills, self._into + target, self._joint + target]] += 1
        if not fills:
            return
        partitions, sources, targets = np.array(fills, dtype=np.int64).T
        self.used[self._backfills] += len(fills)
        np.add.at(self.used, self._into + targets, 1)
        np.add.at(self.used, self._joint + targets, 1)
        needs = self.source_needs(situation, partitions, sources, targets)
        np.add.at(self.used, needs[needs >= 0], 1)

    def source_needs(
        self,
        situation: Situation,
        partitions: NDArray[Any],
        sources: NDArray[Any],
        targets: NDArray[Any],
    ) -> NDArray[np.int32]:
        """Return what each stream takes on the side of its source."""
        needs = np.full((len(sources), 4), -1, dtype=np.int32)
        needs[:, 0] = self._out_of + sources
        needs[:, 1] = np.where(sources == targets, -1, self._joint + sources)
        if len(self.view.volumes):
            known = partitions >= 0
            volumes = self.view.volumes.of(situation.current, partitions[known], sources[known])
            needs[known, 2] = np.where(volumes >= 0, self._volumes + volumes, -1)
        if self._zone_count:
            zones = self.view.zones
            needs[:, 3] = self._zones + zones[sources] * self._zone_count + zones[targets]
        return needs

    def needs(
        self, proposals: NDArray[Any], first_partition: int, chosen: NDArray[Any]
    ) -> NDArray[np.int32]:
        """Return what each chosen proposal takes, apart from its source."""
        rows = proposals[chosen]
        needs = np.full((len(rows), 5), -1, dtype=np.int32)
        needs[:, 0] = first_partition + rows["partition"]
        needs[:, 1] = self._steps
        # A copy that is created will be filled at once: it takes the place of its stream.
        moves = are_moves(rows)
        needs[moves, 2] = self._backfills
        needs[moves, 3] = self._into + rows["node"][moves]
        needs[moves, 4] = self._joint + rows["node"][moves]
        return needs


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The proposals of one map that nothing but throttles holds back."""

    situation: Situation
    proposals: NDArray[Any]
    chosen: NDArray[np.int64]
    needs: NDArray[np.int32]
    fills: Fills
    source_needs: NDArray[np.int32]
    order: NDArray[np.int64]


def admit(
    admission: Admission,
    works: Iterable[tuple[Situation, NDArray[Any]]],
    spread: Callable[[Situation, NDArray[Any]], None],
    giving_way: Sequence[Collection[str]],
) -> list[Admitted]:
    """Choose the proposals that start.

    Args:
        admission: the resources.
        works: for each map its situation and its proposals.
        spread: marks the takeovers which have to wait for others (`Hold.PEAK`).
        giving_way: for each map the ids of the steps under way that are cancelled for others.

    Maps take turns within one priority, so that a map with much to do does not starve another.
    """
    candidates = []
    for (situation, proposals), ids in zip(works, giving_way, strict=True):
        first = admission.add_map(len(situation.row_flags))
        admission.occupy(situation, first, ids)
        spread(situation, proposals)
        candidates.append(_candidates(admission, situation, proposals, first))
    return _run_kernel(admission, candidates)


def _candidates(
    admission: Admission,
    situation: Situation,
    proposals: NDArray[Any],
    first: int,
) -> _Candidates:
    chosen = np.flatnonzero(proposals["hold"] == Hold.FREE)
    rows = proposals[chosen]
    fills = sources_of(situation, rows, admission.view, nearest=admission.nearest)
    source_needs = admission.source_needs(
        situation, fills.partitions, fills.nodes, rows["node"][fills.owners]
    )
    needs = admission.needs(proposals, first, chosen)
    order = most_urgent_first(admission.limits, situation, rows, fills)
    return _Candidates(situation, proposals, chosen, needs, fills, source_needs, order)


def _run_kernel(admission: Admission, candidates: list[_Candidates]) -> list[Admitted]:
    counts = [len(item.chosen) for item in candidates]
    bases = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
    rows = np.concatenate([item.proposals[item.chosen] for item in candidates])
    needs = np.concatenate([item.needs for item in candidates])
    source_needs = np.concatenate([item.source_needs for item in candidates])
    source_bases = np.cumsum([0] + [len(item.fills.nodes) for item in candidates])
    offsets = np.concatenate(
        [
            item.fills.offsets[:-1] + base
            for item, base in zip(candidates, source_bases[:-1], strict=True)
        ]
        + [source_bases[-1:]]
    ).astype(np.int64)
    chosen = np.full(len(rows), -2, dtype=np.int64)
    blockers = np.full(len(rows), -1, dtype=np.int32)
    is_exclusive = np.isin(rows["action"], _EXCLUSIVE)
    # A fill without any source that could stream now is not a step without a source.
    starved = (rows["action"] == Action.FILL) & (offsets[:-1] == offsets[1:])
    order = take_turns([item.order for item in candidates], bases, rows)
    _admission.admit(
        order[~starved[order]],
        needs,
        is_exclusive.astype(np.uint8),
        offsets,
        source_needs,
        np.concatenate([item.fills.ranks for item in candidates]).astype(np.int32),
        np.concatenate([item.fills.loads for item in candidates]).astype(np.float64),
        admission.used,
        admission.room,
        chosen,
        blockers,
    )
    return [
        _of_map(item, slice(base, base + count), chosen, blockers, starved, int(source_base))
        for item, base, count, source_base in zip(
            candidates, bases[:-1].tolist(), counts, source_bases[:-1].tolist(), strict=True
        )
    ]


_EXCLUSIVE: Final = (
    Action.PROMOTE,
    Action.DEMOTE,
    Action.TAKEOVER,
    Action.FAILOVER,
    Action.DROP,
    Action.DEVOLVE,
)


def _hold_fills_from_changing(
    proposals: NDArray[Any], starts: NDArray[np.bool_], source_partitions: NDArray[np.int64]
) -> None:
    """Hold the fills that would read from another partition in which a role changes now."""
    fills = np.flatnonzero(starts & (source_partitions >= 0))
    elsewhere = fills[source_partitions[fills] != proposals["partition"][fills]]
    if not len(elsewhere):
        return
    changing = proposals["partition"][starts & np.isin(proposals["action"], _EXCLUSIVE)]
    held = elsewhere[np.isin(source_partitions[elsewhere], changing)]
    starts[held] = False
    proposals["hold"][held] = Hold.IN_FLIGHT


def _of_map(
    item: _Candidates,
    own: slice,
    chosen: NDArray[np.int64],
    blockers: NDArray[np.int32],
    starved: NDArray[np.bool_],
    source_base: int,
) -> Admitted:
    """Write down why candidates wait, and return what becomes of the proposals of one map."""
    count = len(item.proposals)
    starts = np.zeros(count, dtype=bool)
    sources = np.full(count, -1, dtype=np.int32)
    source_partitions = np.full(count, -1, dtype=np.int64)
    throttles = np.full(count, -1, dtype=np.int8)
    picked, blocked = chosen[own], blockers[own]
    starts[item.chosen] = picked > -2
    filled = picked >= 0
    sources[item.chosen[filled]] = item.fills.nodes[picked[filled] - source_base]
    source_partitions[item.chosen[filled]] = item.fills.partitions[picked[filled] - source_base]
    throttles[item.chosen] = blocked
    _hold_fills_from_changing(item.proposals, starts, source_partitions)
    waiting = item.chosen[(picked == -2) & ~starved[own]]
    item.proposals["hold"][waiting] = Hold.THROTTLE
    item.proposals["hold"][item.chosen[starved[own]]] = Hold.NO_SOURCE
    return Admitted(starts, sources, source_partitions, throttles)
