"""What runs at a moment, counted against every throttle, step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.cluster import config_field
from mapcore.errors import MapcoreError
from mapcore.maps import PartitionMap

__all__ = ["COUNTED", "Occupancy", "ThrottleError"]

_ROUNDING: Final = 1 + 1e-6
COUNTED: Final = {
    "steps in the cluster": "max_steps",
    "changes of partition": "max_changes_per_partition",
    "streams in the cluster": "max_backfills",
    "streams out of": "max_streams_out_of_node",
    "streams into": "max_streams_into_node",
    "streams of": "max_streams_per_node",
    "streams from zone": "max_streams_between_zones",
    "full scans of": "max_full_scans_per_volume_type",
    "bytes/s of stream": "max_bytes_per_second_per_stream",
    "bytes/s out of": "max_bytes_per_second_per_node",
    "bytes/s into": "max_bytes_per_second_per_node",
}
"""By what is counted, the limit on it in `Config`."""

_Use = tuple[tuple[str, ...], float, float | None]


class ThrottleError(MapcoreError):
    """A step that starts where a throttle has no room.

    Attributes:
        field: the throttle in `config`; None where there is no such volume.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Occupancy:
    """Counts of what runs: a step is counted when it starts, and no more when it ends."""

    def __init__(
        self, limits: Limits, view: NodeView, maps: Mapping[str, Sequence[PartitionMap]]
    ) -> None:
        """Start with nothing that runs.

        Args:
            limits: the throttles.
            view: the nodes.
            maps: by name, the maps that say on which volumes copies lie where steps do not: the
                first that has the partition.
        """
        self._limits = limits
        self._view = view
        self._maps = maps
        self._zones = view.zones.tolist()
        self._scans = {
            (view.index.names[node], label): limits.full_scans(kind)
            for node, label, kind in zip(
                view.volumes.nodes.tolist(),
                view.volumes.labels,
                view.volumes.types,
                strict=True,
            )
        }
        self._has_volumes = {node for node, _ in self._scans}
        self._used: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self._running: set[str] = set()

    def has(self, step_id: str) -> bool:
        """Whether a step has started and not ended."""
        return step_id in self._running

    def start(self, step: Step, rate: float | None) -> None:
        """Count a step that starts; a stream moves `rate` bytes a second, if that is known.

        Raises:
            ThrottleError: a throttle has no room for it; nothing is counted then.
        """
        uses = list(self._uses(step, rate))
        for key, amount, limit in uses:
            used = self._used[key] + amount
            if limit is not None and used > limit * _ROUNDING:
                raise ThrottleError(
                    f"found {used:,.6g} {' '.join(key)}, expected at most {limit:,.6g}",
                    config_field(COUNTED[key[0]]),
                )
        for key, amount, _ in uses:
            self._used[key] += amount
        self._running.add(step.id)

    def end(self, step: Step, rate: float | None) -> None:
        """Count a step no more."""
        for key, amount, _ in self._uses(step, rate):
            self._used[key] -= amount
        self._running.discard(step.id)

    def _uses(self, step: Step, rate: float | None) -> Iterator[_Use]:
        """Yield what a step takes up: of what, how much, and how much of that there is."""
        limits = self._limits
        yield ("steps in the cluster",), 1, limits.max_steps
        changes = limits.max_changes_per_partition
        yield ("changes of partition", f"{step.map}/{step.partition}"), 1, changes
        if step.kind is not Kind.STREAM or step.source is None or step.target is None:
            return
        source, target = step.source.node, step.target.node
        yield ("streams in the cluster",), 1, limits.max_backfills
        yield ("streams out of", source), 1, limits.max_streams_out_of_node
        yield ("streams into", target), 1, limits.max_streams_into_node
        for node in dict.fromkeys((source, target)):
            yield ("streams of", node), 1, limits.max_streams_per_node
        numbers = self._view.index.numbers
        if source in numbers and target in numbers:
            zones = self._zones[numbers[source]], self._zones[numbers[target]]
            if zones[0] != zones[1]:
                key = ("streams from zone", self._zone_name(source), "to", self._zone_name(target))
                yield key, 1, limits.max_streams_between_zones
        if source in self._has_volumes:
            volume = step.source.volume or self._volume(step)
            if (source, volume) not in self._scans:
                raise ThrottleError(f"found volume {volume!r}, which {source} does not have")
            yield ("full scans of", source, volume), 1, self._scans[source, volume]
        if rate is not None:
            yield ("bytes/s of stream", step.id), rate, limits.max_bytes_per_second_per_stream
            node_rate = limits.max_bytes_per_second_per_node
            yield ("bytes/s out of", source), rate, node_rate
            yield ("bytes/s into", target), rate, node_rate

    def _zone_name(self, node: str) -> str:
        known = self._view.nodes[self._view.index.number(node)]
        return known.path[0] if known is not None and known.path else "-"

    def _volume(self, step: Step) -> str:
        """The volume of a source that does not say it; empty where no map has its partition."""
        assert step.source is not None
        partition = step.source.partition or step.partition
        node = np.array([self._view.index.number(step.source.node)])
        for held in self._maps.get(step.source.map or step.map, ()):
            try:
                number = held.keys.number(partition)
            except KeyError:
                continue
            volume = self._view.volumes.of(held, np.array([number]), node)
            return self._view.volumes.labels[int(volume[0])]
        return ""
