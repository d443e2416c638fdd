"""In which order masters change, so that no node leads more than at its present peak.

A takeover may go while its heir has fewer masters than it shall have, or at least two fewer than
the present master. What can never go by that rule are cycles: when nothing else is left to do, the
one whose heir has the fewest masters goes and opens its cycle. Takeovers from nodes that are
leaving, gone or in maintenance do not wait.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _admission
from mapcore.actualizing.proposals import Action, Hold, Priority, Situation
from mapcore.actualizing.steps import Kind
from mapcore.states import LEADING, Placement

__all__ = ["hold_takeovers"]

_BUSY_ACTIONS = (Action.CREATE, Action.FILL, Action.FOUND, Action.PROMOTE, Action.FAILOVER)


def hold_takeovers(situation: Situation, proposals: NDArray[Any]) -> None:
    """Mark the takeovers that have to wait with `Hold.PEAK`, in place."""
    found = np.flatnonzero(
        (proposals["action"] == Action.TAKEOVER) & (proposals["hold"] == Hold.FREE)
    )
    if not len(found):
        return
    rows = proposals[found]
    masters = _masters(situation)
    goals = situation.target.loads(Placement.MASTER).astype(np.int32)
    leaders, heirs = (np.ascontiguousarray(rows[name]) for name in ("other", "node"))
    may_go = np.zeros(len(found), dtype=np.uint8)
    _admission.spread_masters(
        np.argsort(masters[heirs] - masters[leaders], kind="stable"),
        leaders,
        heirs,
        (rows["priority"] == Priority.URGENT).astype(np.uint8),
        masters,
        goals,
        may_go,
    )
    if not may_go.any() and _nothing_else_moves(situation, proposals):
        may_go[np.argmin(masters[heirs])] = 1
    proposals["hold"][found[may_go == 0]] = Hold.PEAK


def _masters(situation: Situation) -> NDArray[np.int32]:
    """Count the masters of each node, with those that takeovers under way are about to make."""
    masters = situation.current.loads(*LEADING)
    numbers = situation.current.nodes.numbers
    for step in situation.in_flight:
        if step.kind is Kind.TAKEOVER and step.target is not None and step.target.node in numbers:
            masters[numbers[step.target.node]] += 1
    return masters.astype(np.int32)


def _nothing_else_moves(situation: Situation, proposals: NDArray[Any]) -> bool:
    if any(step.kind in (Kind.TAKEOVER, Kind.STREAM) for step in situation.in_flight):
        return False
    free = proposals["hold"] == Hold.FREE
    return not np.isin(proposals["action"][free], _BUSY_ACTIONS).any()
