"""A schedule as text: how long it is and why, what each node does, and the first steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np

from mapcore.actualizing.scheduling.bound import Reason
from mapcore.actualizing.scheduling.bound_seconds import TimeReason
from mapcore.actualizing.scheduling.scheduled_change import ScheduledChange

__all__ = ["reasons_as_text", "report_of"]

_MOST_NAMES: Final = 5
_MOST_NODES: Final = 10
_NEEDS: Final = {
    "partition": "streams of partition {} run one after the other",
    "in": "streams into {}",
    "out": "streams that only {} can send",
    "joint": "streams into and out of {}",
    "slots": "streams, two slots each, at all nodes that take part",
    "odd set": "streams among {}, with an odd number of slots",
    "volumes": "streams that only {} can send",
    "zones": "streams that must go from one zone to another",
    "cluster": "streams in the whole cluster",
}


def reasons_as_text(schedule: ScheduledChange) -> list[str]:
    """Return what the bound of a schedule comes from, the strongest first."""
    lines = []
    for reason in schedule.found.reasons:
        what = _NEEDS[reason.kind].format(_members(reason, schedule))
        if isinstance(reason, TimeReason):
            lines.append(f"at least {reason.seconds:,.1f} seconds: {what}")
        else:
            lines.append(
                f"at least {reason.rounds:,} rounds: {reason.moves:,} {what}, "
                f"{reason.per_round:,} a round"
            )
    return lines


def _members(reason: Reason | TimeReason, schedule: ScheduledChange) -> str:
    names = schedule.view.index.names
    if reason.kind == "partition":
        return schedule.partition_name(reason.members[0])
    nodes = list(reason.members)
    if reason.kind == "volumes":
        nodes = np.unique(schedule.limits.node_of_volume[nodes]).tolist() if nodes else []
    shown = ", ".join(names[node] for node in nodes[:_MOST_NAMES])
    return shown if len(nodes) <= _MOST_NAMES else f"{shown} and {len(nodes) - _MOST_NAMES:,} more"


def report_of(schedule: ScheduledChange, limit: int) -> str:
    """Return a schedule as text, with the first `limit` steps; with 0 it lists none."""
    return "\n".join(_lines(schedule, limit))


def _lines(schedule: ScheduledChange, limit: int) -> Iterator[str]:
    if not len(schedule.rows) and not schedule.blocked_count:
        yield "nothing to do: the maps agree"
        return
    if schedule.is_timed:
        yield (
            f"{schedule.length:,.1f} seconds, the lower bound is {schedule.bound:,.1f} "
            f"({schedule.length / schedule.bound if schedule.bound else 1:.3f})"
        )
    else:
        verdict = "as few as can be" if schedule.is_optimal else f"the bound is {schedule.bound:,}"
        yield f"{schedule.length:,} rounds, {verdict}"
    size = "" if schedule.total_bytes is None else f", {schedule.total_bytes:,} bytes"
    yield f"{len(schedule.rows):,} steps: {_kinds(schedule)}{size}"
    yield from reasons_as_text(schedule)[:3]
    yield from _nodes(schedule)
    blocked = schedule.blocked
    if blocked:
        yield f"{len(blocked):,} changes cannot be made"
    if not limit:
        return
    if blocked:
        yield from (f"  {entry}" for entry in blocked[:limit])
        if len(blocked) > limit:
            yield f"  and {len(blocked) - limit:,} more"
    for step in islice(schedule.steps, limit):
        yield str(step) if step.round is None else f"round {step.round}: {step}"
    if len(schedule.rows) > limit:
        yield f"and {len(schedule.rows) - limit:,} more steps"


def _kinds(schedule: ScheduledChange) -> str:
    rows = schedule.rows
    streams = int((rows["move"] >= 0).sum())
    takeovers = int(((rows["other"] >= 0) & (rows["move"] < 0)).sum())
    counts = Counter(
        streams=streams, takeovers=takeovers, transitions=len(rows) - streams - takeovers
    )
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _nodes(schedule: ScheduledChange) -> Iterator[str]:
    finish = schedule.finish
    count = len(schedule.view)
    streams = schedule.rows[schedule.rows["move"] >= 0]
    incoming = np.bincount(streams["node"], minlength=count)
    outgoing = np.bincount(streams["other"], minlength=count)
    busiest = np.argsort(-(incoming + outgoing), kind="stable")[:_MOST_NODES].tolist()
    names = schedule.view.index.names
    for node in busiest:
        name = names[node]
        if name not in finish:
            continue
        line = f"  {name}: {incoming[node]:,} streams in, {outgoing[node]:,} out"
        if schedule.total_bytes is not None:
            got, sent = schedule.bytes_in.get(name, 0), schedule.bytes_out.get(name, 0)
            line += f", {got:,} bytes in, {sent:,} out"
        end = finish[name]
        yield line + (f", done after {end:,.1f} seconds" if schedule.is_timed else f", round {end}")
    if len(finish) > _MOST_NODES:
        yield f"  and {len(finish) - _MOST_NODES:,} more nodes"
