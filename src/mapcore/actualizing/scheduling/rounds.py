"""Which streams run in which round, and from which copy.

    found = find_rounds(moves, limits)
    found.rounds, found.bound.rounds, found.round_of_move, found.sources

Streams of a round run at once. A round is a colour, a move an edge between its source and its
target, so that this is edge colouring with capacities; the engines are in `_kernels/schedule`:
sources by a flow that makes the bound least, then rounds by alternating paths. The number of
rounds is that of the bound in all but a few tight cases, and the answer says so.

Where the sources are what takes longest, copies that are filled in the same run help: the second
new copy of a partition may be filled from the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.bound import ANY_SOURCE, Reason, least_rounds, source_reason
from mapcore.actualizing.scheduling.even_sources import with_even_sources
from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits

__all__ = ["Rounds", "find_rounds", "has_siblings", "with_filled_copies"]

_LEAST_WORK: Final = 300_000
_WORK_PER_MOVE: Final = 3


@dataclass(frozen=True, slots=True)
class Rounds:
    """Rounds and sources of all moves.

    Attributes:
        rounds: how many rounds there are.
        round_of_move: int32, from 0.
        sources: int32, the volume from which each move is filled.
        filled_by: int32, the move that fills this source first; -1 if it is live.
        bound: no schedule has fewer rounds.
        reasons: what the bound comes from, strongest first.
    """

    rounds: int
    round_of_move: NDArray[np.int32]
    sources: NDArray[np.int32]
    filled_by: NDArray[np.int32]
    bound: int
    reasons: tuple[Reason, ...]

    @property
    def is_optimal(self) -> bool:
        """Whether there are as many rounds as the bound says."""
        return self.rounds == self.bound


def find_rounds(moves: Moves, limits: StreamLimits, *, effort: float = 1.0) -> Rounds:
    """Find sources and rounds for moves, in as few rounds as can be.

    Args:
        moves: what is to be scheduled.
        limits: on its streams.
        effort: how long to try where the bound is hard to reach; the time grows in proportion.

    Raises:
        ScheduleError: arrays that do not fit each other, or a move without a copy to fill it from.
        KeyboardInterrupt: on Ctrl-C, within some milliseconds.

    The same on every machine. Nearly linear in moves where limits leave any slack.
    """
    limits.check()
    moves.check(limits)
    reasons = least_rounds(moves, limits)
    found = _solve(moves, limits, reasons, effort)
    if found.rounds > found.bound:
        found = _with_sources_for_zones(moves, limits, found, effort)
    settled = max((reason.rounds for reason in reasons if reason.kind in ANY_SOURCE), default=0)
    if found.rounds == settled or not has_siblings(moves):
        return found
    # The sources may be what binds: copies that are filled first help there.
    bound, relaxed_reasons = _boundwith_filled_copies(moves, limits)
    if bound < found.rounds:
        wider = with_filled_copies(moves, "others")
        for helped in (
            _by_list(wider, limits, relaxed_reasons),
            _solve(wider, limits, relaxed_reasons, effort, most=found.rounds),
            _with_sources_for_zones(wider, limits, found, effort),
        ):
            if 0 < helped.rounds < found.rounds:
                found = helped
    return replace(found, bound=bound, reasons=_strongest(relaxed_reasons))


def _solve(
    moves: Moves, limits: StreamLimits, reasons: list[Reason], effort: float, most: int = UNLIMITED
) -> Rounds:
    rounds = np.zeros(len(moves), dtype=np.int32)
    choice = np.zeros(len(moves), dtype=np.int64)
    proof = np.zeros(len(limits.node_of_volume), dtype=np.uint8)
    least = reasons[0].rounds if reasons else 0
    bound, count = _schedule.schedule_rounds(
        moves.given(),
        limits.given(),
        least,
        most,
        int(max(_LEAST_WORK, _WORK_PER_MOVE * len(moves)) * effort),
        rounds,
        choice,
        proof,
    )
    found = list(reasons)
    if bound > least:
        reason = source_reason(moves, limits, proof.view(np.bool_), bound)
        assert reason is not None, "the flow gives a set of volumes that needs so many rounds"
        found.append(reason)
    return Rounds(
        count,
        rounds,
        moves.candidates[choice],
        moves.filled_by[choice],
        bound,
        _strongest(found),
    )


def _with_sources_for_zones(
    moves: Moves, limits: StreamLimits, found: Rounds, effort: float
) -> Rounds:
    """Fewer rounds, if there are, by sources in zones that have room: the flow knows no zones."""
    if limits.between_zones == UNLIMITED:
        return found
    ones = np.ones(max(len(moves), limits.node_count))
    chosen, _ = with_even_sources(moves, limits, ones[: len(moves)], ones[: limits.node_count])
    reasons = least_rounds(chosen, limits)
    helped = _solve(chosen, limits, reasons, effort, most=found.rounds)
    if not helped.rounds:
        return found
    return replace(helped, bound=found.bound, reasons=found.reasons)


def _by_list(moves: Moves, limits: StreamLimits, reasons: list[Reason]) -> Rounds:
    """Rounds by list scheduling, which follows copies from node to node as they are filled."""
    starts, finishes = np.zeros(len(moves)), np.zeros(len(moves))
    choice = np.zeros(len(moves), dtype=np.int64)
    ones = np.ones(max(len(moves), limits.node_count))
    end = _schedule.schedule_times(
        moves.given(),
        limits.given(),
        ones,
        ones,
        np.zeros(limits.node_count),
        0,
        starts,
        finishes,
        choice,
    )
    return Rounds(
        round(end),
        starts.astype(np.int32),
        moves.candidates[choice],
        moves.filled_by[choice],
        reasons[0].rounds,
        _strongest(reasons),
    )


def _boundwith_filled_copies(moves: Moves, limits: StreamLimits) -> tuple[int, list[Reason]]:
    reasons = least_rounds(with_filled_copies(moves, "any"), limits)
    least = reasons[0].rounds
    relaxed = with_filled_copies(moves, "any but the first")
    proof = np.zeros(len(limits.node_of_volume), dtype=np.uint8)
    bound = _schedule.least_rounds_of_sources(relaxed.given(), limits.given(), least, proof)
    if bound > least:
        reason = source_reason(relaxed, limits, proof.view(np.bool_), bound)
        assert reason is not None
        reasons.append(reason)
    return bound, reasons


def _strongest(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: -reason.rounds))


def has_siblings(moves: Moves) -> bool:
    """Whether any partition has more than one move."""
    return bool(np.bincount(moves.partitions).max(initial=0) > 1)


def with_filled_copies(
    moves: Moves,
    which: Literal["others", "any", "any but the first"],
    order_by: NDArray[np.float64] | None = None,
) -> Moves:
    """Let copies that are filled in this run serve as sources.

    With all others of its partition, a schedule can be made, as a copy must be filled before it
    serves. The other two are for bounds: no schedule does better than if every copy could be
    filled from all new ones of its partition, itself included; nor than if all but one could, as
    at least one comes from a live copy, and to the sources it is all the same which. The first is
    the one with the least of `order_by`.
    """
    keys = (moves.partitions,) if order_by is None else (order_by, moves.partitions)
    order = np.lexsort(keys).astype(np.int32)
    sizes = np.bincount(moves.partitions, minlength=moves.partition_count)
    first = np.cumsum(sizes) - sizes
    of_order = moves.partitions[order]
    added = np.where(moves.in_flight[order], 0, sizes[of_order])
    if which == "any but the first":
        added[first[sizes > 0]] = 0
    owner = np.repeat(order, added)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(added) - added, added)
    filler = order[first[moves.partitions[owner]] + within]
    if which == "others":
        owner, filler = owner[owner != filler], filler[owner != filler]
    move_of = np.concatenate([moves.candidate_moves, owner])
    sorting = np.argsort(move_of, kind="stable")
    counts = np.bincount(move_of, minlength=len(moves))
    return replace(
        moves,
        candidates_begin=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        candidates=np.concatenate([moves.candidates, moves.target_volumes[filler]])[sorting],
        filled_by=np.concatenate([moves.filled_by, filler])[sorting].astype(np.int32),
    )
