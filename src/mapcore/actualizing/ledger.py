"""The ledger: what was asked, started, done, refused and waited for, by copy, step and node.

It is fed by whoever runs steps, and answers at any time why a partition has not moved:

    ledger.waits(steps, now)             # what next_steps holds back, and why
    ledger.started(step, now)
    ledger.ended(step, "done", now)
    print(ledger.why("users", "17"))

Entries are kept up to a number; the oldest go first, but what is under way is known as long as it
is. What waits is kept once for each change,
with the time since when it has waited for the same reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from mapcore.actualizing.next_steps import HeldBack, NextSteps
from mapcore.actualizing.steps import Step

__all__ = ["Entry", "Event", "Ledger"]

Event = Literal["started", "done", "failed", "refused", "cancelled", "stuck"]

_LENGTH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a step.

    Attributes:
        seconds: when.
        event: what.
        step: the step.
        detail: more, such as why it was refused.
    """

    seconds: float
    event: Event
    step: Step
    detail: str = ""

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.seconds:.3f} {self.event} {self.step}{detail}"

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as a JSON-ready document."""
        return {
            "seconds": self.seconds,
            "event": self.event,
            "detail": self.detail,
            "step": self.step.to_dict(),
        }


class Ledger:
    """What happened, and what waits."""

    def __init__(self, length: int = _LENGTH) -> None:
        """Keep at most `length` entries."""
        self._entries: deque[Entry] = deque(maxlen=length)
        self._waiting: dict[tuple[str, str, str, str], tuple[float, HeldBack]] = {}
        self._underway: dict[str, Entry] = {}
        self._stuck: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def started(self, step: Step, now: float) -> None:
        """Write down that a step has started."""
        entry = Entry(now, "started", step)
        self._entries.append(entry)
        self._underway[step.id] = entry

    def ended(self, step: Step, event: Event, now: float, detail: str = "") -> None:
        """Write down how a step ended, or that it is stuck."""
        self._entries.append(Entry(now, event, step, detail))
        if event == "stuck":
            self._stuck.add(step.id)
            return
        self._underway.pop(step.id, None)
        self._stuck.discard(step.id)

    def waits(self, steps: NextSteps, now: float) -> None:
        """Take over what waits; what waited before for the same reason keeps its time.

        A step that is stuck is written down once. Linear in what waits.
        """
        waiting = {}
        for entry in steps.held_back():
            key = (entry.map, entry.partition, entry.node, entry.change)
            before = self._waiting.get(key)
            is_same = before is not None and before[1] == entry
            waiting[key] = before if before is not None and is_same else (now, entry)
        self._waiting = waiting
        for step in steps.stuck:
            if step.id not in self._stuck:
                self.ended(step, "stuck", now)

    def entries(
        self,
        *,
        map_name: str | None = None,
        partition: str | None = None,
        node: str | None = None,
        step_id: str | None = None,
    ) -> Iterator[Entry]:
        """Iterate over the entries of a map, partition, node or step, the oldest first."""
        for entry in self._entries:
            step = entry.step
            if (
                map_name in (None, step.map)
                and partition in (None, step.partition)
                and (node is None or node in step.nodes)
                and step_id in (None, step.id)
            ):
                yield entry

    def waiting(
        self, *, map_name: str | None = None, partition: str | None = None, node: str | None = None
    ) -> Iterator[tuple[float, HeldBack]]:
        """Iterate over what waits, with the time since when it does."""
        for since, entry in self._waiting.values():
            if (
                map_name in (None, entry.map)
                and partition in (None, entry.partition)
                and node in (None, entry.node)
            ):
                yield since, entry

    def why(self, map_name: str, partition: str, now: float | None = None) -> str:
        """Return as text what a partition waits for, what is under way and what happened last."""
        entries = list(self.entries(map_name=map_name, partition=partition))
        lines = [
            f"{'stuck, ' if entry.step.id in self._stuck else ''}"
            f"under way since {entry.seconds:.3f}: {entry.step}"
            for entry in self._underway.values()
            if (entry.step.map, entry.step.partition) == (map_name, partition)
        ]
        for since, held in self.waiting(map_name=map_name, partition=partition):
            time = f"since {since:.3f}" if now is None else f"for {now - since:.3f} s"
            lines.append(f"waits {time}: {held}")
        lines += [f"last: {entry}" for entry in entries[-3:]]
        return "\n".join(lines) or f"{map_name}/{partition}: nothing asked, nothing done"
