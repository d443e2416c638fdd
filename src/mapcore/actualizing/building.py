"""From proposals that start to steps: names for numbers, reasons, versions and time limits."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import Action, Priority, Situation
from mapcore.actualizing.repartition import Group
from mapcore.actualizing.starting.admission import Admitted
from mapcore.actualizing.steps import End, Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.cluster import Config
from mapcore.states import (
    PERSISTENCE_PAUSED,
    PLACEMENT_MASK,
    REPLICATION_PAUSED,
    RUNNING_MASK,
    RUNNING_SHIFT,
    Placement,
    Running,
)

__all__ = ["Builder", "stuck_stream_after", "unused_id"]

_PLACEMENTS: Final = tuple(placement.label for placement in Placement)
_RUNNING: Final = tuple(running.label for running in Running)
_PAUSES: Final = {
    Action.PERSISTENCE: ("persistence", PERSISTENCE_PAUSED),
    Action.REPLICATION: ("replication", REPLICATION_PAUSED),
}


def unused_id(stem: str, taken: Container[str]) -> str:
    """Return an id for a step that is not taken: the stem, or the stem and a number."""
    found, count = stem, 0
    while found in taken:
        count += 1
        found = f"{stem}-{count}"
    return found


def stuck_stream_after(config: Config, rate: int | None, size_bytes: int | None) -> float:
    """Return after how many seconds a stream counts as stuck.

    Args:
        config: says how slow a stream may be.
        rate: the bytes per second that it may not exceed, if any.
        size_bytes: what it moves, if that is known.
    """
    if size_bytes is None:
        return config.stuck_stream_after_seconds
    slowest = min(config.slowest_bytes_per_second, rate or config.slowest_bytes_per_second)
    return config.stuck_after_seconds + size_bytes / slowest


class Builder:
    """Makes the steps of one map.

    Attributes:
        name: of the map.
    """

    def __init__(
        self,
        name: str,
        situation: Situation,
        view: NodeView,
        config: Config,
        limits: Limits,
        epochs: NDArray[np.int64] | None,
    ) -> None:
        self.name = name
        self._situation = situation
        self._view = view
        self._config = config
        self._rate = limits.stream_bytes_per_second
        self._epochs = epochs
        self._version = tuple(situation.current.version)
        self._ids = {step.id for step in situation.in_flight}
        self._because: dict[int, str] = {}

    def steps(self, proposals: NDArray[Any], admitted: Admitted) -> list[Step]:
        """Return the steps of the proposals that start, the most urgent first."""
        starting = np.flatnonzero(admitted.starts)
        starting = starting[np.argsort(proposals["priority"][starting], kind="stable")]
        rows = proposals[starting]
        sources, partitions = admitted.sources[starting], admitted.source_partitions[starting]
        volumes = self._volumes(rows, sources, partitions)
        return [
            self._step(*row, *rest)
            for row, *rest in zip(
                rows.tolist(), sources.tolist(), partitions.tolist(), *volumes, strict=True
            )
        ]

    def _volumes(
        self, rows: NDArray[Any], sources: NDArray[np.int32], partitions: NDArray[np.int64]
    ) -> tuple[list[str | None], list[str | None]]:
        """Return the volume labels of source and target of each stream."""
        volumes, current = self._view.volumes, self._situation.current
        streams = sources >= 0
        found: list[list[str | None]] = []
        for numbers, nodes in ((partitions, sources), (rows["partition"], rows["node"])):
            labels: list[str | None] = [None] * len(rows)
            if len(volumes):
                places = np.flatnonzero(streams)
                chosen = volumes.of(current, numbers[places], nodes[places])
                for place, volume in zip(places.tolist(), chosen.tolist(), strict=True):
                    labels[place] = volumes.labels[volume] if volume >= 0 else None
            found.append(labels)
        return found[0], found[1]

    def _step(
        self,
        partition: int,
        node: int,
        other: int,
        because: int,
        action: int,
        before: int,
        after: int,
        priority: int,
        _hold: int,
        in_sync: int,
        source: int,
        source_partition: int,
        source_volume: str | None,
        target_volume: str | None,
    ) -> Step:
        name = self._situation.current.keys.name(partition)
        names = self._view.index.names
        fields: dict[str, Any] = {
            "id": self._new_id(name),
            "map": self.name,
            "partition": name,
            "reason": self._reason(action, node, other, because, priority, in_sync),
            "version": self._version,
            "stuck_after_seconds": self._config.stuck_after_seconds,
        }
        if self._epochs is not None:
            fields["epoch"] = int(self._epochs[partition])
        target = End(
            node=names[node],
            before=_PLACEMENTS[before & PLACEMENT_MASK],
            after=_PLACEMENTS[after & PLACEMENT_MASK],
            volume=target_volume,
        )
        if action == Action.FILL:
            origin = self._origin(partition, source, source_partition, source_volume)
            return Step(
                kind=Kind.STREAM,
                source=origin,
                target=target,
                block=(),
                **fields | self._stream_fields(partition),
            )
        if action in (Action.TAKEOVER, Action.FAILOVER):
            stepped_down = "slave" if action == Action.TAKEOVER else "dead"
            return Step(
                kind=Kind.TAKEOVER,
                source=End(node=names[other], before="master", after=stepped_down),
                target=target,
                block=("write",),
                **fields,
            )
        fields["node"] = names[node]
        running = [_RUNNING[(code & RUNNING_MASK) >> RUNNING_SHIFT] for code in (before, after)]
        if action == Action.RUN:
            return Step(kind=Kind.RUNNING, before=running[0], after=running[1], **fields)
        if action in _PAUSES:
            what, bit = _PAUSES[Action(action)]
            return Step(kind=Kind.PAUSE if after & bit else Kind.RESUME, what=what, **fields)
        if action == Action.CREATE and running[1] != Running.RUNNING.label:
            fields["running"] = running[1]
        return Step(kind=Kind.TRANSITION, before=target.before, after=target.after, **fields)

    def _origin(self, partition: int, node: int, source_partition: int, volume: str | None) -> End:
        """Return the copy that a fill reads."""
        current = self._situation.current
        place = _PLACEMENTS[current.state(source_partition, node) & PLACEMENT_MASK]
        elsewhere = source_partition != partition
        return End(
            node=self._view.index.names[node],
            before=place,
            after=place,
            volume=volume,
            partition=current.keys.name(source_partition) if elsewhere else None,
        )

    def switch(self, group: Group, changes: tuple[End, ...]) -> Step:
        """Return the step in which new ranges take over from old ones."""
        keys = self._situation.current.keys
        retire, serve = (tuple(keys.name(row) for row in rows) for rows in (group.old, group.new))
        what = "merge of " if len(retire) > len(serve) else "split of "
        return Step(
            id=self._new_id(retire[0]),
            map=self.name,
            partition=retire[0],
            kind=Kind.SWITCH,
            retire=retire,
            serve=serve,
            changes=changes,
            block=("write",),
            reason=what + ", ".join(retire),
            version=(self._version[0], self._version[1]),
            stuck_after_seconds=self._config.stuck_after_seconds,
        )

    def resize(self, partition_count: int) -> Step:
        """Return the step that changes the number of hash partitions."""
        count = self._situation.current.partition_count
        return Step(
            id=self._new_id("0"),
            map=self.name,
            partition="0",
            kind=Kind.SWITCH,
            retire=(),
            serve=(),
            changes=(),
            num_partitions=partition_count,
            block=("write",),
            reason=f"{count:,} partitions become {partition_count:,}",
            version=(self._version[0], self._version[1]),
            stuck_after_seconds=self._config.stuck_after_seconds,
        )

    def _new_id(self, partition: str) -> str:
        stem = f"{self.name}/{partition}/{self._version[0]}.{self._version[1]}"
        found = unused_id(stem, self._ids)
        self._ids.add(found)
        return found

    def _stream_fields(self, partition: int) -> dict[str, Any]:
        """Return what streams have that other steps have not, or otherwise."""
        config, rate = self._config, self._rate
        sizes = self._situation.current.sizes
        size = None if sizes is None else int(sizes[partition])
        fields: dict[str, Any] = {"stuck_after_seconds": stuck_stream_after(config, rate, size)}
        if size is not None:
            fields["size_bytes"] = size
        if rate is not None:
            fields["bytes_per_second"] = rate
        parts = self._situation.merged.get(partition)
        if parts is not None:
            fields["sources"] = tuple(map(self._situation.current.keys.name, parts))
        return fields

    def _reason(
        self, action: int, node: int, other: int, because: int, priority: int, in_sync: int
    ) -> str:
        names = self._view.index.names
        if action == Action.FAILOVER:
            return f"{names[other]} is gone"
        if action == Action.DEVOLVE:
            return "no takeover is under way"
        if priority == Priority.MASTERLESS:
            return "no master" if action == Action.PROMOTE else "the data is given up"
        cause = self._described(other) or self._described(because)
        if action == Action.FOUND:
            return "first copy"
        if action in (Action.COLLECT, Action.DROP):
            return self._described(node) or (
                "dead copy" if action == Action.COLLECT else "not in the target"
            )
        if action == Action.RUN:
            return "running state"
        if action in _PAUSES:
            return "pauses as in the target"
        if cause:
            return cause
        if priority == Priority.REDUNDANCY:
            return f"{in_sync} copies in sync"
        return "balance"

    def _described(self, node: int) -> str:
        if node < 0:
            return ""
        if node not in self._because:
            self._because[node] = self._view.describe(node)
        return self._because[node]
