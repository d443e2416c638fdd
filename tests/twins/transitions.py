"""Whether one cell may change from one state code to another, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence

from mapcore.states import RUNNING, TransitionTable
from mapcore.transitions import Reason

COMMITS = {("pendingSlave", "master"), ("pendingMaster", "slave"), ("pendingMaster", "dead")}


def verdict(before: int, after: int, tables: Sequence[TransitionTable]) -> Reason:
    placements, runs, pauses = (
        [code & 0b111 for code in (before, after)],
        [code >> 3 & 0b11 for code in (before, after)],
        [code >> 5 & 0b11 for code in (before, after)],
    )
    reason = Reason(0)
    names = tables[0].states
    if not any(table.hops[placements[0]][placements[1]] == placements[1] for table in tables) and (
        (names[placements[0]], names[placements[1]]) not in COMMITS
    ):
        reason |= Reason.PLACEMENT
    if before == 0 or after == 0:
        return reason
    if RUNNING.hops[runs[0]][runs[1]] != runs[1]:
        reason |= Reason.RUNNING
    if pauses[0] != pauses[1] and (placements[0] != placements[1] or runs[0] != runs[1]):
        reason |= Reason.PAUSES
    return reason
