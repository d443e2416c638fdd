"""From a change of maps and the throttles of a cluster to moves and limits as arrays.

A copy on a node whose volumes are known lies on one of them (`mapcore.actualizing.volumes`); every
other node has one volume without a limit, numbered after the known ones. Nodes that may neither
take nor give a stream are an error, not an endless schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.change import Change, Sources
from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.throttles import THROTTLES, Limits
from mapcore.actualizing.view import NodeView
from mapcore.errors import ScheduleError
from mapcore.maps import PartitionMap

__all__ = ["Underway", "check_throttles", "limits_of", "streams_of", "volumes_of"]


class Underway:
    """What streams under way take up of the limits, those of several maps together."""

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._used: dict[tuple[str, int], int] = {}

    def takes_room(self, moves: Moves, move: int, volume: int) -> bool:
        """Count a stream, if all limits have room for it beside the others."""
        limits = self.limits
        source, target = int(limits.node_of_volume[volume]), int(moves.targets[move])
        needs = [
            (("out", source), int(limits.out_of_node[source])),
            (("in", target), int(limits.into_node[target])),
            (("scan", volume), int(limits.scans[volume])),
            (("cluster", 0), limits.in_cluster),
        ]
        if limits.of_node is not None:
            needs += [(("node", node), int(limits.of_node[node])) for node in {source, target}]
        zones = int(limits.zones[source]), int(limits.zones[target])
        if zones[0] != zones[1]:
            pair = zones[0] * limits.zone_count + zones[1]
            needs.append((("zones", pair), limits.between_zones))
        if any(self._used.get(key, 0) >= limit for key, limit in needs):
            return False
        for key, _ in needs:
            self._used[key] = self._used.get(key, 0) + 1
        return True


def streams_of(
    change: Change, underway: Underway, *, is_nearest: bool, in_flight: Iterable[Step] = ()
) -> Moves:
    """Return the copies of a change that streams fill.

    Args:
        change: the change.
        underway: the limits, and what streams of other maps that are under way take up of them.
        is_nearest: whether the nearest copy is the best source; otherwise all are alike.
        in_flight: streams under way; those that fill no copy of the target are left out.
    """
    cells = change.fills
    cells = cells.where(~change.is_new[cells.partitions])
    sources = change.sources(cells.partitions)
    owner = np.repeat(np.arange(len(cells.partitions)), np.diff(sources.begin))
    candidates = volumes_of(change, change.current, cells.partitions[owner], sources.nodes)
    order = _preference(change, cells.nodes, sources, owner, is_nearest)
    is_urgent = change.in_sync[cells.partitions] < change.asked[cells.partitions]
    sizes = change.current.sizes
    moves = Moves(
        partitions=cells.partitions.astype(np.int32),
        partition_count=change.partition_count,
        targets=cells.nodes,
        target_volumes=volumes_of(change, change.target, cells.partitions, cells.nodes),
        candidates_begin=sources.begin,
        candidates=candidates[order],
        is_urgent=np.asarray(is_urgent),
        sizes=None if sizes is None else sizes[cells.partitions],
    )
    running = [step for step in in_flight if step.kind is Kind.STREAM]
    return _with_underway(change, moves, underway, running) if running else moves


def check_throttles(throttles: Limits) -> None:
    """Raise a `ScheduleError` if a throttle is 0, so that nothing could ever be filled."""
    for row in THROTTLES:
        value = getattr(throttles, row.attribute)
        if isinstance(value, int) and value < 1:
            raise ScheduleError(
                f"config.{row.field}: found {value}, expected at least 1: no copy can be filled"
            )


def limits_of(view: NodeView, throttles: Limits) -> StreamLimits:
    """Return the throttles of a cluster as limits on the streams of its nodes and volumes."""
    volumes, count = view.volumes, len(view)
    scans = [_limit(throttles.full_scans(kind)) for kind in volumes.types]
    joint = throttles.max_streams_per_node

    def of_all(limit: int | None) -> NDArray[np.int32]:
        return np.full(count, _limit(limit), dtype=np.int32)

    in_cluster = [
        limit for limit in (throttles.max_backfills, throttles.max_steps) if limit is not None
    ]
    return StreamLimits(
        out_of_node=of_all(throttles.streams_out),
        into_node=of_all(throttles.streams_in),
        of_node=None if joint is None else of_all(joint),
        node_of_volume=np.concatenate([volumes.nodes, np.arange(count, dtype=np.int32)]),
        scans=np.array(scans + [UNLIMITED] * count, dtype=np.int32),
        zones=view.zones,
        between_zones=_limit(throttles.max_streams_between_zones),
        in_cluster=_limit(min(in_cluster, default=None)),
        of_partition=_limit(throttles.max_changes_per_partition),
    )


def _limit(value: int | None) -> int:
    return UNLIMITED if value is None else max(1, min(value, UNLIMITED))


def volumes_of(
    change: Change, held: PartitionMap, partitions: NDArray[np.int64], nodes: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the volume of each copy: a known one, or after those the one of its node."""
    volumes = change.view.volumes
    virtual = nodes + np.int32(len(volumes))
    if not len(volumes):
        return virtual
    known = volumes.of(held, partitions, nodes)
    return np.where(known >= 0, known, virtual)


def _preference(
    change: Change,
    targets: NDArray[np.int32],
    sources: Sources,
    owner: NDArray[np.int64],
    is_nearest: bool,
) -> NDArray[np.int64]:
    """Return the candidates of each move, best first; of equals, another one for each move."""
    counts = np.diff(sources.begin)
    place = np.arange(len(owner)) - sources.begin[owner]
    turn = (place + owner) % np.maximum(counts[owner], 1)
    distance = np.zeros(len(owner), dtype=np.int32)
    if is_nearest:
        distance = change.view.distances(sources.nodes, targets[owner])
    return np.lexsort((turn, distance, sources.is_paused, owner))


def _with_underway(
    change: Change, moves: Moves, underway: Underway, running: Iterable[Step]
) -> Moves:
    """Fix the sources of streams under way, and hold them in the first round.

    What runs beyond a limit, as after a limit was lowered, is left to the schedule.
    """
    limits, numbers = underway.limits, change.view.index.numbers
    place = {
        (partition, target): move
        for move, (partition, target) in enumerate(
            zip(moves.partitions.tolist(), moves.targets.tolist(), strict=True)
        )
    }
    in_flight = np.zeros(len(moves), dtype=np.bool_)
    chosen: dict[int, int] = {}
    busy: Counter[int] = Counter()
    for step in running:
        if step.source is None or step.target is None or step.source.node not in numbers:
            continue
        partition = change.current.keys.number(step.partition)
        move = place.get((partition, numbers.get(step.target.node, -1)))
        if move is None or move in chosen:
            continue
        row = slice(int(moves.candidates_begin[move]), int(moves.candidates_begin[move + 1]))
        volumes = moves.candidates[row]
        at = np.flatnonzero(limits.node_of_volume[volumes] == numbers[step.source.node])
        if not at.size or busy[partition] >= limits.of_partition:
            continue
        if underway.takes_room(moves, move, int(volumes[at[0]])):
            busy[partition] += 1
            chosen[move] = int(volumes[at[0]])
            in_flight[move] = True
    keep = ~in_flight[moves.candidate_moves]
    for move, volume in chosen.items():
        begin = int(moves.candidates_begin[move])
        keep[begin] = True
        moves.candidates[begin] = volume
    counts = np.bincount(moves.candidate_moves[keep], minlength=len(moves))
    return Moves(
        partitions=moves.partitions,
        partition_count=moves.partition_count,
        targets=moves.targets,
        target_volumes=moves.target_volumes,
        candidates_begin=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        candidates=moves.candidates[keep],
        in_flight=in_flight,
        is_urgent=moves.is_urgent,
        sizes=moves.sizes,
    )
