"""Which steps under way are not worth waiting for, or not safe any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mapcore.actualizing.proposals import Hold, NodeFlag, Situation, is_exclusive, propose
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.view import NodeView
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["steps_to_cancel"]


def steps_to_cancel(situation: Situation, view: NodeView) -> list[Step]:
    """Return the steps under way that are not worth waiting for, or not safe any more."""
    roles = [
        step for step in situation.in_flight if is_exclusive(step) and step.kind is Kind.TRANSITION
    ]
    justified = _justified(situation, roles) if roles else set()
    is_role = {step.id for step in roles}
    return [
        step
        for step in situation.in_flight
        if (
            step.id not in justified
            if step.id in is_role
            else _leads_nowhere(step, situation, view)
        )
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


def _leads_nowhere(step: Step, situation: Situation, view: NodeView) -> bool:
    """Whether a step under way has lost its node, or fills or promotes what nobody wants."""
    numbers = view.index.numbers
    gone = {
        node for node in step.nodes if node in numbers and view.flags[numbers[node]] & NodeFlag.GONE
    }
    if step.kind is Kind.TAKEOVER and step.source is not None and step.source.after == "dead":
        gone.discard(step.source.node)
    elif step.kind is Kind.TRANSITION and step.before == "dead" and step.after == "null":
        gone.clear()
    if gone:
        return True
    filled = step.target if step.kind in (Kind.STREAM, Kind.TAKEOVER) else None
    if filled is None or filled.node not in numbers:
        return False
    partition = situation.current.keys.number(step.partition)
    goal = situation.target.state(partition, numbers[filled.node]) & PLACEMENT_MASK
    wanted = (
        (Placement.SLAVE, Placement.MASTER) if step.kind is Kind.STREAM else (Placement.MASTER,)
    )
    return goal not in wanted
