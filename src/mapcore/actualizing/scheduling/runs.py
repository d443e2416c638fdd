"""A map in the middle of a run: what of the steps under way a schedule starts from.

Takeovers under way that lead to the target are finished first: the schedule begins with them, and
all else starts from what they leave. Other takeovers are to be cancelled, and their pending copies
devolve. Streams under way hold their place in the first round (`streams`). All other steps take no
time: they are scheduled as if they had not begun.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.rows import row_of, with_rows
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["Run", "run_of"]


@dataclass(frozen=True)
class Run:
    """What of a run goes on.

    Attributes:
        work: the map once the takeovers that are finished are done.
        finished: those takeovers.
        cancelled: steps under way that lead nowhere.
    """

    work: Work
    finished: tuple[Step, ...] = ()
    cancelled: tuple[Step, ...] = ()


def run_of(work: Work, view: NodeView) -> Run:
    """Return what of the steps under way goes on."""
    steps = [entry.step for entry in work.underway()]
    if not steps:
        return Run(work)
    current = work.snapshot()
    finished, cancelled, left = [], [], []
    rows: dict[int, dict[int, int]] = {}
    for step in steps:
        if step.kind in (Kind.TAKEOVER, Kind.STREAM) and not _leads_to(work, view, step):
            cancelled.append(step)
        elif step.kind is Kind.TAKEOVER and _is_pending(current, step):
            number = current.keys.number(step.partition)
            row = rows.setdefault(number, row_of(current, number))
            for change in step.on_complete:
                node = current.nodes.number(change.node)
                row[node] = change.apply(row[node])
            finished.append(step)
        elif step.kind is Kind.STREAM:
            left.append(step)
    done = current if not rows else with_rows(current, rows)
    return Run(
        replace(work, current=done, in_flight=left, dead_since=work.died_at()),
        tuple(finished),
        tuple(cancelled),
    )


def _leads_to(work: Work, view: NodeView, step: Step) -> bool:
    """Whether the target wants what a stream or a takeover leads to, and its nodes are there."""
    assert step.target is not None
    lost = NodeFlag.GONE | NodeFlag.UNREACHABLE
    for node in step.nodes:
        if node not in view.index or view.flags[view.index.number(node)] & lost:
            return False
    try:
        number = work.target.keys.number(step.partition)
        goal = work.target.state(number, work.target.nodes.number(step.target.node))
    except KeyError:
        return False
    least = Placement.SLAVE if step.kind is Kind.STREAM else Placement.MASTER
    return goal & PLACEMENT_MASK >= least


def _is_pending(current: PartitionMap, step: Step) -> bool:
    """Whether the copies of a takeover are as its start leaves them."""
    try:
        number = current.keys.number(step.partition)
        return all(
            change.fits(current.state(number, current.nodes.number(change.node)))
            and change.before != change.after
            for change in step.on_complete
        )
    except KeyError:
        return False
