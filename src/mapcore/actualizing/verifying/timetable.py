"""When the steps of a schedule start and end, as listed: by rounds, by seconds or in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

import msgspec

from mapcore.actualizing.steps import Kind, Step
from mapcore.errors import DocumentError

__all__ = ["Event", "Scheduled", "Timetable", "What", "read_steps"]


class Scheduled(NamedTuple):
    """A step and when it runs: in its round, or in seconds; neither for one after the other."""

    step: Step
    start: float | None = None
    finish: float | None = None

    @property
    def bytes_per_second(self) -> float | None:
        """The rate of a stream on a time line, where its size is known."""
        if self.start is None or self.finish is None or self.step.size_bytes is None:
            return None
        seconds = self.finish - self.start
        return self.step.size_bytes / seconds if seconds > 0 else None


class _Times(msgspec.Struct, frozen=True):
    start: float | None = None
    finish: float | None = None
    step: str | None = None


def read_steps(lines: Iterable[str] | str) -> list[Scheduled]:
    """Read the steps of a schedule from lines of JSON; a header without `step` is passed over.

    Raises:
        DocumentError: a line is not a step; the path is `line 3`.
        TransitionError: no table allows a step.
    """
    found: list[Scheduled] = []
    for number, line in enumerate(lines.splitlines() if isinstance(lines, str) else lines, start=1):
        if not line.strip():
            continue
        try:
            times = msgspec.json.decode(line, type=_Times)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DocumentError(f"line {number}", str(error), "a step in JSON") from None
        if times.step is None and not found:
            continue
        try:
            step = Step.from_json(line)
        except DocumentError as error:
            raise DocumentError(f"line {number}", error.found, error.expected) from None
        found.append(Scheduled(step, times.start, times.finish))
    return found


class What(IntEnum):
    """What happens to a step at a moment; of one moment, in this order."""

    ENDS = 0
    HAPPENS = 1
    STARTS = 2


class Event(NamedTuple):
    """Something that happens to the step at a place of the list, at a moment of its time line."""

    moment: float
    what: What
    place: int


class Timetable:
    """Steps with the moments at which they start and end.

    Attributes:
        entries: the steps as listed.
        is_timed: whether any says a second at which it starts.
        in_rounds: whether all say a round, and none a second.

    Raises:
        DocumentError: lines of JSON that are no steps.
        TransitionError: no table allows a step.
    """

    def __init__(self, steps: Iterable[Step | Scheduled | str] | str) -> None:
        self.entries = _as_scheduled(steps)
        self.is_timed = any(entry.start is not None for entry in self.entries)
        self.in_rounds = not self.is_timed and all(
            entry.step.round is not None for entry in self.entries
        )

    def events(self) -> Iterator[Event]:
        """Yield starts and ends of all steps, in the order in which they happen."""
        if not self.is_timed and not self.in_rounds:
            for place in range(len(self.entries)):
                yield Event(float(place), What.HAPPENS, place)
            return
        events = []
        for place, entry in enumerate(self.entries):
            start, finish = self._span(entry)
            if entry.step.kind is Kind.STREAM:
                events.append(Event(start, What.STARTS, place))
                events.append(Event(finish, What.ENDS, place))
            else:
                events.append(Event(start, What.HAPPENS, place))
        yield from sorted(events)

    def _span(self, entry: Scheduled) -> tuple[float, float]:
        if self.is_timed:
            start = 0.0 if entry.start is None else entry.start
            return start, start if entry.finish is None else entry.finish
        start = float(entry.step.round or 0)
        return start, start + 0.5

    def moment(self, event: Event) -> str:
        """Return the moment of an event in words."""
        if self.is_timed:
            return f"{event.moment:g} s"
        if self.in_rounds:
            return f"round {int(event.moment)}"
        return f"step {event.place + 1}"


def _as_scheduled(steps: Iterable[Step | Scheduled | str] | str) -> list[Scheduled]:
    if isinstance(steps, str):
        return read_steps(steps)
    items = list(steps)
    if items and isinstance(items[0], str):
        return read_steps(str(item) for item in items)
    found = []
    for item in items:
        assert not isinstance(item, str)
        found.append(item if isinstance(item, Scheduled) else Scheduled(item))
    return found
