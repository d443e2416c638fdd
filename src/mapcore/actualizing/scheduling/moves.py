"""What is to be scheduled, as arrays: moves of copies, and the limits on their streams.

A move fills one copy of a partition on a target node from another copy of it, its source. A copy
lies on a volume of its node; where nothing is known of a node's volumes, it has one without a
limit. A node, volume, partition or zone is a number here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.errors import ScheduleError

__all__ = ["UNLIMITED", "Moves", "StreamLimits"]

UNLIMITED: Final = 1 << 30
"""A limit that nothing reaches."""

_UNSET: Final[Any] = None


@dataclass(frozen=True)
class Moves:
    """Copies to be filled.

    Attributes:
        partitions: int32, the partition of each move.
        partition_count: how many partitions there are, with or without moves.
        targets: int32, the node on which the copy is filled.
        target_volumes: int32, the volume on which it will lie.
        candidates_begin: int64, one more than moves: where each move's candidates begin.
        candidates: int32, the volumes that hold a copy to fill it from, best first.
        filled_by: int32, for each candidate the move that must fill it first; -1 if it is live.
        in_flight: bool, moves that run already: they stay in the first round.
        is_urgent: bool, moves that come first where that costs nothing.
        sizes: int64 bytes of each move, or None where they are not known.
    """

    partitions: NDArray[np.int32]
    partition_count: int
    targets: NDArray[np.int32]
    target_volumes: NDArray[np.int32]
    candidates_begin: NDArray[np.int64]
    candidates: NDArray[np.int32]
    filled_by: NDArray[np.int32] = _UNSET
    in_flight: NDArray[np.bool_] = _UNSET
    is_urgent: NDArray[np.bool_] = _UNSET
    sizes: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        count = len(self.partitions)
        if self.filled_by is _UNSET:
            object.__setattr__(self, "filled_by", np.full(len(self.candidates), -1, np.int32))
        for name in ("in_flight", "is_urgent"):
            if getattr(self, name) is _UNSET:
                object.__setattr__(self, name, np.zeros(count, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.partitions)

    @cached_property
    def candidate_moves(self) -> NDArray[np.int64]:
        """The move to which each candidate belongs."""
        return np.repeat(np.arange(len(self)), np.diff(self.candidates_begin))

    def take(self, order: NDArray[np.int64]) -> Moves:
        """Return the moves in another order."""
        counts = np.diff(self.candidates_begin)[order]
        begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        places = np.arange(begin[-1]) + np.repeat(
            self.candidates_begin[:-1][order] - begin[:-1], counts
        )
        number = np.empty(len(self) + 1, np.int32)
        number[order], number[-1] = np.arange(len(self)), -1
        return Moves(
            partitions=self.partitions[order],
            partition_count=self.partition_count,
            targets=self.targets[order],
            target_volumes=self.target_volumes[order],
            candidates_begin=begin,
            candidates=self.candidates[places],
            filled_by=number[self.filled_by[places]],
            in_flight=self.in_flight[order],
            is_urgent=self.is_urgent[order],
            sizes=None if self.sizes is None else self.sizes[order],
        )

    @classmethod
    def joined(cls, parts: Sequence[Moves]) -> Moves:
        """Return the moves of several maps as one: partitions are numbered on from map to map.

        Sizes are known where they are for all moves.
        """
        if len(parts) == 1:
            return parts[0]
        first_partitions = np.cumsum([0, *(part.partition_count for part in parts)]).tolist()
        first_moves = np.cumsum([0, *map(len, parts)]).tolist()
        sizes = [part.sizes for part in parts if len(part)]
        known = [size for size in sizes if size is not None]
        counts = np.concatenate([np.diff(part.candidates_begin) for part in parts])
        return cls(
            partitions=np.concatenate(
                [
                    part.partitions + np.int32(first)
                    for part, first in zip(parts, first_partitions[:-1], strict=True)
                ]
            ),
            partition_count=first_partitions[-1],
            targets=np.concatenate([part.targets for part in parts]),
            target_volumes=np.concatenate([part.target_volumes for part in parts]),
            candidates_begin=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            candidates=np.concatenate([part.candidates for part in parts]),
            filled_by=np.concatenate(
                [
                    np.where(part.filled_by < 0, np.int32(-1), part.filled_by + np.int32(first))
                    for part, first in zip(parts, first_moves[:-1], strict=True)
                ]
            ),
            in_flight=np.concatenate([part.in_flight for part in parts]),
            is_urgent=np.concatenate([part.is_urgent for part in parts]),
            sizes=np.concatenate(known) if known and len(known) == len(sizes) else None,
        )

    def given(self) -> _schedule.GivenMoves:
        """Return the moves as the kernels read them."""
        return _schedule.GivenMoves(
            self.partitions,
            self.partition_count,
            self.targets,
            self.candidates_begin,
            self.candidates,
            self.filled_by,
            self.in_flight.view(np.uint8),
            self.is_urgent.view(np.uint8),
        )

    def check(self, limits: StreamLimits) -> None:
        """Raise a `ScheduleError` that names the first array which does not fit the others."""
        count, nodes, volumes = len(self), limits.node_count, len(limits.node_of_volume)
        _check_shapes(
            ("targets", self.targets, count),
            ("target_volumes", self.target_volumes, count),
            ("candidates_begin", self.candidates_begin, count + 1),
            ("filled_by", self.filled_by, len(self.candidates)),
            ("in_flight", self.in_flight, count),
            ("is_urgent", self.is_urgent, count),
        )
        _check_bounds("partitions", self.partitions, 0, self.partition_count - 1)
        _check_bounds("targets", self.targets, 0, nodes - 1)
        _check_bounds("target_volumes", self.target_volumes, 0, volumes - 1)
        _check_bounds("candidates", self.candidates, 0, volumes - 1)
        _check_bounds("filled_by", self.filled_by, -1, count - 1)
        counts = np.diff(self.candidates_begin)
        if self.candidates_begin[0] != 0 or self.candidates_begin[-1] != len(self.candidates):
            raise ScheduleError(
                f"candidates_begin: found {self.candidates_begin[0]} to "
                f"{self.candidates_begin[-1]}, expected 0 to {len(self.candidates)}"
            )
        if counts.size and counts.min() < 1:
            wrong = int(np.argmin(counts))
            raise ScheduleError(
                f"move {wrong}: found no candidate, expected a copy to fill it from"
            )
        sources = limits.node_of_volume[self.candidates]
        same = np.flatnonzero(sources == self.targets[self.candidate_moves])
        if same.size:
            wrong = int(self.candidate_moves[same[0]])
            raise ScheduleError(f"move {wrong}: found its target node among its sources")


@dataclass(frozen=True)
class StreamLimits:
    """How many streams may run at once; each limit is at least 1.

    Attributes:
        out_of_node: int32, streams out of each node.
        into_node: int32, streams into each node.
        of_node: int32, streams into and out of each node together; None for no such limit.
        node_of_volume: int32, the node to which each volume belongs.
        scans: int32, full scans of each volume; every stream out of it is one.
        zones: int32, the zone of each node.
        between_zones: streams from one zone to another, for each pair and direction.
        in_cluster: all streams.
        of_partition: streams of one partition.
    """

    out_of_node: NDArray[np.int32]
    into_node: NDArray[np.int32]
    of_node: NDArray[np.int32] | None
    node_of_volume: NDArray[np.int32]
    scans: NDArray[np.int32]
    zones: NDArray[np.int32] = _UNSET
    between_zones: int = UNLIMITED
    in_cluster: int = UNLIMITED
    of_partition: int = 1

    def __post_init__(self) -> None:
        if self.zones is _UNSET:
            object.__setattr__(self, "zones", np.zeros(self.node_count, dtype=np.int32))
        # A node sends no more streams at once than its volumes let it.
        scans = np.bincount(self.node_of_volume, self.scans, self.node_count)
        bound = np.minimum(self.out_of_node, np.maximum(scans, 1))
        object.__setattr__(self, "out_of_node", bound.astype(np.int32))

    @property
    def node_count(self) -> int:
        """The number of nodes."""
        return len(self.into_node)

    @property
    def zone_count(self) -> int:
        """One more than the highest zone."""
        return int(self.zones.max(initial=0)) + 1

    def given(self) -> _schedule.GivenLimits:
        """Return the limits as the kernels read them."""
        return _schedule.GivenLimits(
            self.out_of_node,
            self.into_node,
            self.of_node,
            self.node_of_volume,
            self.scans,
            self.zones,
            self.zone_count,
            min(self.of_partition, UNLIMITED),
            min(self.between_zones, UNLIMITED),
            min(self.in_cluster, UNLIMITED),
        )

    def check(self) -> None:
        """Raise a `ScheduleError` that names the first array which does not fit the others."""
        nodes = self.node_count
        joint = [] if self.of_node is None else [("of_node", self.of_node, nodes)]
        _check_shapes(
            ("out_of_node", self.out_of_node, nodes),
            *joint,
            ("zones", self.zones, nodes),
            ("scans", self.scans, len(self.node_of_volume)),
        )
        for name, limit in (
            ("out_of_node", self.out_of_node),
            ("into_node", self.into_node),
            *((name, limit) for name, limit, _ in joint),
            ("scans", self.scans),
            ("between_zones", np.array([self.between_zones])),
            ("in_cluster", np.array([self.in_cluster])),
            ("of_partition", np.array([self.of_partition])),
        ):
            _check_bounds(name, limit, 1, UNLIMITED)
        _check_bounds("node_of_volume", self.node_of_volume, 0, nodes - 1)
        _check_bounds("zones", self.zones, 0, nodes)


def _check_shapes(*arrays: tuple[str, NDArray[Any], int]) -> None:
    for name, values, length in arrays:
        if values.shape != (length,):
            raise ScheduleError(f"{name}: found shape {values.shape}, expected ({length},)")


def _check_bounds(name: str, values: NDArray[Any] | Iterable[int], low: int, high: int) -> None:
    array = np.asarray(values)
    wrong = np.flatnonzero((array < low) | (array > high))
    if wrong.size:
        first = int(wrong[0])
        raise ScheduleError(f"{name}[{first}]: found {array[first]}, expected {low} to {high}")
