"""What the tables allow a step to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from mapcore.actualizing.step_parts import PAUSES, PLACEMENTS, RUNNING_STATES, Kind
from mapcore.states import LITERAL, RUNNING, SAFE, Placement, paired_transition

if TYPE_CHECKING:
    from mapcore.actualizing.steps import Step

__all__ = ["problems"]

_SWITCHES: Final = (("master", "dead"), ("slave", "dead"), ("slave", "master"))


def problems(step: Step) -> Iterator[str]:
    """Yield what is wrong with a step; nothing if a table allows it."""
    needed = {
        Kind.TRANSITION: ("node", "before", "after"),
        Kind.STREAM: ("source", "target"),
        Kind.TAKEOVER: ("source", "target"),
        Kind.RUNNING: ("node", "before", "after"),
        Kind.PAUSE: ("node", "what"),
        Kind.RESUME: ("node", "what"),
        Kind.SWITCH: ("retire", "serve", "changes"),
    }[step.kind]
    missing = [name for name in needed if getattr(step, name) is None]
    if missing:
        field = {"before": "from", "after": "to"}.get(missing[0], missing[0])
        yield f"found no {field}, expected one in a {step.kind.value}"
        return
    known: Iterable[str] = ()
    states = [state for end in step.ends for state in (end.before, end.after)]
    if step.kind is Kind.RUNNING:
        known, states = RUNNING_STATES, [str(step.before), str(step.after)]
    elif step.kind in (Kind.PAUSE, Kind.RESUME):
        known, states = PAUSES, [str(step.what)]
    else:
        known = PLACEMENTS
    for state in states:
        if state not in known:
            yield f"found state {state!r}, expected one of {', '.join(known)}"
            return
    yield from _wrong_hops(step)


def _wrong_hops(step: Step) -> Iterator[str]:
    if step.kind is Kind.RUNNING:
        if not RUNNING.allows(RUNNING_STATES[str(step.before)], RUNNING_STATES[str(step.after)]):
            yield f"no running hop from {step.before} to {step.after}"
    elif step.kind is Kind.TRANSITION:
        before, after = PLACEMENTS[str(step.before)], PLACEMENTS[str(step.after)]
        if not (SAFE.allows(before, after) or LITERAL.allows(before, after)):
            yield f"no hop of safe or literal from {step.before} to {step.after}"
    elif step.kind is Kind.SWITCH:
        for end in step.ends:
            if (end.before, end.after) not in _SWITCHES:
                yield f"found {end}, expected a copy that dies, or a slave that becomes master"
    elif step.source is not None and step.target is not None:
        if step.source.node == step.target.node and not (step.source.partition or step.source.map):
            yield f"found {step.source.node} as source and target, expected two nodes"
        states = [
            PLACEMENTS[state]
            for end in (step.source, step.target)
            for state in (end.before, end.after)
        ]
        # A slave may serve as the source of a stream; it makes no transition. Nor does the
        # master of another map that takes in the changes of the source.
        if step.kind is Kind.STREAM and states[0] is states[1] is Placement.SLAVE:
            states[:2] = [Placement.MASTER] * 2
        is_fed = step.kind is Kind.STREAM and step.source.map not in (None, step.map)
        if is_fed and states[2] is states[3] is Placement.MASTER:
            states[2:] = [Placement.SLAVE] * 2
        pair = paired_transition(*states)
        if step.kind is Kind.TAKEOVER and pair.name != "takeover":
            yield f"found the pair {pair}, expected a takeover"
