"""Which steps under way are not worth waiting for, or not safe any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mapcore.actualizing.proposals import Hold, NodeFlag, Situation, is_exclusive, propose
from mapcore.actualizing.rows import codes_at
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.view import NodeView
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["steps_to_cancel"]


def steps_to_cancel(situation: Situation, view: NodeView) -> list[Step]:
    """Return the steps under way that are to be failed.

    Linear in the steps under way.
    """
    steps = situation.in_flight
    roles = [step for step in steps if is_exclusive(step) and step.kind is Kind.TRANSITION]
    justified = _justified(situation, roles) if roles else set()
    is_role = {step.id for step in roles}
    fills = [step for step in steps if step.kind in (Kind.STREAM, Kind.TAKEOVER)]
    unwanted = _unwanted(situation, fills) | _on_lost_nodes(steps, view)
    return [
        step
        for step in steps
        if (step.id not in justified if step.id in is_role else step.id in unwanted)
    ]


def _justified(situation: Situation, steps: Sequence[Step]) -> set[str]:
    """Return the ids of the changes of role and drops that would be proposed again."""
    ids = {step.id for step in steps}
    others = tuple(step for step in situation.in_flight if step.id not in ids)
    proposals = propose(replace(situation, in_flight=others))
    free = proposals[proposals["hold"] == Hold.FREE]
    changes = (free["partition"], free["node"], free["after"] & PLACEMENT_MASK)
    cells = set(zip(*(column.tolist() for column in changes), strict=True))
    keys, numbers = situation.current.keys, situation.current.nodes.numbers
    return {
        step.id
        for step in steps
        for change in step.on_complete
        if (keys.number(change.partition), numbers[change.node], change.after) in cells
    }


def _on_lost_nodes(steps: Sequence[Step], view: NodeView) -> set[str]:
    """Return the ids of the steps that a node takes part in which is gone, and cannot."""
    is_gone = view.flags & NodeFlag.GONE != 0
    if not is_gone.any():
        return set()
    gone = {view.index.names[number] for number in np.flatnonzero(is_gone).tolist()}
    return {step.id for step in steps if not gone.isdisjoint(_asked(step))}


def _asked(step: Step) -> tuple[str, ...]:
    """Return the nodes that must be there for a step."""
    if step.kind is Kind.TAKEOVER and step.source is not None and step.source.after == "dead":
        return step.nodes[1:]
    if step.kind is Kind.TRANSITION and step.before == "dead" and step.after == "null":
        return ()
    return step.nodes


def _unwanted(situation: Situation, fills: Sequence[Step]) -> set[str]:
    """Return the ids of the streams and takeovers whose copy the target does not want."""
    keys, numbers = situation.target.keys, situation.target.nodes.numbers
    known = [step for step in fills if step.target is not None and step.target.node in numbers]
    rows = np.array([keys.number(step.partition) for step in known], dtype=np.int64)
    nodes = np.array([numbers[step.taken[-1][1]] for step in known], dtype=np.int64)
    goals = codes_at(situation.target, rows, nodes) & PLACEMENT_MASK
    least = np.array(
        [Placement.SLAVE if step.kind is Kind.STREAM else Placement.MASTER for step in known],
        dtype=np.uint8,
    )
    is_wanted = (goals >= least) & (goals <= Placement.MASTER)
    return {known[place].id for place in np.flatnonzero(~is_wanted).tolist()}
