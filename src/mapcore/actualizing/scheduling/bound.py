"""How many rounds a set of moves needs at least, and why.

Every reason is a count of moves that need something, over how much of that there is in a round:

- a partition, as its streams run one after the other;
- a node's limit on streams in, or in and out together, over what comes in;
- volumes: the moves that no copy outside of a set of volumes can serve. The set comes from the
  flow that chooses the sources (`_kernels/schedule/sources.hpp`), which makes this reason as strong
  as any choice of sources can make it (Hall's theorem);
- all slots of joint limits, over all moves, as a stream takes two of them;
- a set of nodes under odd joint limits: a stream takes two of the slots in the set, and one slot
  stays over (the odd sets of Edmonds' matching polytope);
- pairs of zones, over the moves that must go from the one to the other of some pair;
- the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.busy_sets import (
    busy_sets,
    zone_crossings,
    zone_pairs,
    zones_of_pairs,
)
from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits

__all__ = ["ANY_SOURCE", "ClosedSet", "Reason", "closed_sets", "least_rounds", "source_reason"]

ANY_SOURCE: Final = ("partition", "in", "joint", "slots", "cluster")
"""The kinds of reasons that hold whatever the sources."""

_MOST_NODES_FOR_ALL_SETS: Final = 12


class Reason(NamedTuple):
    """Why no schedule has fewer rounds.

    Attributes:
        rounds: how many are needed at least: `moves` over `per_round`, rounded up.
        kind: `partition`, `in`, `joint`, `slots`, `volumes`, `odd set`, `zones` or `cluster`.
        moves: how many streams need it, where a stream inside of a joint limit counts once.
        per_round: how many of these fit into a round.
        members: the numbers of the partition, the nodes, the volumes or the zones.
    """

    rounds: int
    kind: str
    moves: int
    per_round: int
    members: tuple[int, ...] = ()


def least_rounds(moves: Moves, limits: StreamLimits) -> list[Reason]:
    """Return the strongest reason of each kind that does not depend on sources, strongest first.

    Linear in moves and candidates; with joint limits and at most 12 nodes that take part, also in
    the sets of nodes.
    """
    if not len(moves):
        return []
    found = [_of_partitions(moves, limits), *_of_nodes(moves, limits)]
    if limits.in_cluster < UNLIMITED:
        found.append(_reason("cluster", len(moves), limits.in_cluster))
    if limits.between_zones < UNLIMITED:
        found += _of_zones(moves, limits)
    if limits.of_node is not None:
        found += _of_odd_sets(moves, limits)
    return sorted(found, key=lambda reason: -reason.rounds)


def source_reason(
    moves: Moves, limits: StreamLimits, is_in_set: NDArray[np.bool_], rounds: int
) -> Reason | None:
    """Return the reason that a set of volumes makes, if it does need so many rounds.

    Args:
        moves: what is to be scheduled.
        limits: on its streams.
        is_in_set: mask of volumes.
        rounds: what is to be shown.
    """
    inside = is_in_set[moves.candidates]
    outside = np.zeros(len(moves), dtype=bool)
    outside[moves.candidate_moves[~inside]] = True
    confined = len(moves) - int(outside.sum())
    if confined <= _capacity(moves, limits, is_in_set, rounds - 1):
        return None
    members = tuple(np.flatnonzero(is_in_set).tolist())
    return Reason(rounds, "volumes", confined, _capacity(moves, limits, is_in_set, 1), members)


def _capacity(moves: Moves, limits: StreamLimits, is_in_set: NDArray[np.bool_], rounds: int) -> int:
    """How many streams can leave a set of volumes in so many rounds."""
    chosen = limits.scans.astype(np.int64) * is_in_set
    scans = np.bincount(limits.node_of_volume, chosen, limits.node_count).astype(np.int64)
    out = limits.out_of_node.astype(np.int64) * rounds
    if limits.of_node is not None:
        incoming = np.bincount(moves.targets, minlength=limits.node_count)
        left = limits.of_node.astype(np.int64) * rounds - incoming
        out = np.minimum(out, np.maximum(left, 0))
    return int(np.minimum(scans * rounds, out).sum())


def _reason(kind: str, moves: int, per_round: int, members: Sequence[int] = ()) -> Reason:
    return Reason(-(-moves // per_round), kind, moves, per_round, tuple(members))


def _of_partitions(moves: Moves, limits: StreamLimits) -> Reason:
    loads = np.bincount(moves.partitions)
    most = int(loads.argmax())
    return _reason("partition", int(loads[most]), limits.of_partition, [most])


def _of_nodes(moves: Moves, limits: StreamLimits) -> Iterator[Reason]:
    incoming = np.bincount(moves.targets, minlength=limits.node_count)
    for kind, limit in (("in", limits.into_node), ("joint", limits.of_node)):
        if limit is not None:
            most = int((-(-incoming // limit)).argmax())
            yield _reason(kind, int(incoming[most]), int(limit[most]), [most])


def _of_zones(moves: Moves, limits: StreamLimits) -> Iterator[Reason]:
    crossing, ones = zone_crossings(moves, limits, np.ones(len(moves)))
    if not len(crossing):
        return
    pairs, limit = zone_pairs(crossing, limits)
    sets = busy_sets(crossing, ones, pairs, limit, np.zeros(len(limit)))
    most = int((sets.work / sets.at_once).argmax())
    members = zones_of_pairs(tuple(sets.order[: most + 1].tolist()), limits)
    yield _reason("zones", int(sets.work[most]), int(sets.at_once[most]), members)


def _of_odd_sets(moves: Moves, limits: StreamLimits) -> Iterator[Reason]:
    for found in closed_sets(moves, limits, np.ones(len(moves), dtype=np.int64)):
        yield _reason(found.kind, int(found.load), found.at_once, found.members)


class ClosedSet(NamedTuple):
    """Nodes that moves cannot leave: what the moves inside weigh, and how many can run at once."""

    kind: str
    load: float
    at_once: int
    members: tuple[int, ...]


def closed_sets(
    moves: Moves, limits: StreamLimits, weights: NDArray[np.int64] | NDArray[np.float64]
) -> Iterator[ClosedSet]:
    """Yield the sets of nodes under joint limits whose moves take longest, whatever their sources.

    `slots` is the set of all nodes that take part. Of odd sets it is the strongest where 12 nodes
    or fewer take part, and else the strongest of those that exchange data only among each other.
    """
    joint = limits.of_node
    if joint is None:
        return
    sources = limits.node_of_volume[moves.candidates]
    takes_part = np.zeros(limits.node_count, dtype=bool)
    takes_part[sources] = takes_part[moves.targets] = True
    taking_part = np.flatnonzero(takes_part)
    whole = int(joint[taking_part].sum(dtype=np.int64)) // 2
    if whole:
        yield ClosedSet("slots", weights.sum(), whole, tuple(taking_part.tolist()))
    if len(taking_part) > _MOST_NODES_FOR_ALL_SETS:
        yield _strongest_component(moves, limits, joint, weights)
        return
    place = np.searchsorted(taking_part, np.arange(limits.node_count))
    bits = np.bitwise_or.reduceat(1 << place[sources], moves.candidates_begin[:-1])
    touched, which = np.unique(bits | 1 << place[moves.targets], return_inverse=True)
    loads = np.bincount(which, weights, len(touched))
    sets = np.arange(1, 1 << len(taking_part))
    inside = ((touched[None, :] & ~sets[:, None]) == 0) @ loads
    member = sets[:, None] >> np.arange(len(taking_part)) & 1
    at_once = member @ joint[taking_part].astype(np.int64) // 2
    able = np.flatnonzero(at_once)
    if able.size:
        most = able[int((inside[able] / at_once[able]).argmax())]
        members = tuple(taking_part[member[most] == 1].tolist())
        yield ClosedSet("odd set", inside[most], int(at_once[most]), members)


def _strongest_component(
    moves: Moves,
    limits: StreamLimits,
    joint: NDArray[np.int32],
    weights: NDArray[np.int64] | NDArray[np.float64],
) -> ClosedSet:
    """The strongest of the sets of nodes that exchange data only among each other."""
    label = np.empty(limits.node_count, dtype=np.int32)
    _schedule.components(moves.given(), limits.given(), label)
    loads = np.bincount(label[moves.targets], weights, len(joint))
    at_once = np.bincount(label, joint, len(joint)).astype(np.int64) // 2
    able = np.flatnonzero(at_once)
    most = int(able[(loads[able] / at_once[able]).argmax()])
    members = tuple(np.flatnonzero(label == most).tolist())
    return ClosedSet("odd set", loads[most], int(at_once[most]), members)
