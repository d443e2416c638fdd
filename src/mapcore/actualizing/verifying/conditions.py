"""Running states of the copies that steps work on, and how long dead copies are kept."""

from __future__ import annotations

from collections.abc import Mapping

from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.verifying.promises import Broken
from mapcore.actualizing.verifying.rows import Row
from mapcore.actualizing.verifying.timetable import Scheduled
from mapcore.states import Running, running_of

__all__ = ["Grace", "check_conditions"]


def check_conditions(step: Step, row: Row, gone: frozenset[str], *, warms_up: bool) -> None:
    """Look at the running states that a step which starts needs.

    Args:
        step: that starts.
        row: the copies of its partition.
        gone: the nodes that are gone.
        warms_up: whether copies warm when they are created, and stop before they are collected.

    Raises:
        Broken: a stream from a copy that is stopped, or to one that does not run yet; a copy that
            does not warm, or not stop, where it should.
    """
    if step.kind is Kind.STREAM and step.source is not None and step.target is not None:
        source, target = (
            running_of(row[end.node]) if end.node in row else None
            for end in (step.source, step.target)
        )
        if source is Running.STOPPED and step.source.partition in (None, step.partition):
            raise Broken(
                "running", f"found {step.source.node} stopped, expected a source that runs"
            )
        if target is not Running.RUNNING:
            label = "no copy" if target is None else target.label
            raise Broken("running", f"found {step.target.node} {label}, expected it running")
    if not warms_up or step.kind is not Kind.TRANSITION or step.node is None:
        return
    if step.before == "null" and step.running != Running.WARMING.label:
        found = step.running or Running.RUNNING.label
        raise Broken("running", f"found {step.node} created {found}, expected it warming")
    if step.after == "null" and step.node not in gone:
        running = running_of(row.get(step.node, 0))
        if running is not Running.STOPPED:
            raise Broken(
                "running", f"found {step.node} {running.label}, expected it stopped before it goes"
            )


class Grace:
    """Dead copies are kept for some time before they are collected."""

    def __init__(
        self,
        seconds: float,
        dead_since: Mapping[str, Mapping[tuple[str, str], float]],
        now: float,
    ) -> None:
        """Begin at `now`.

        Args:
            seconds: how long.
            dead_since: when copies became dead that are dead now, by map, partition and node.
            now: on the same clock; moments of a schedule count from it.
        """
        self._seconds = seconds
        self._since = {
            (name, *cell): since - now
            for name, cells in dead_since.items()
            for cell, since in cells.items()
        }

    def check(self, entry: Scheduled) -> None:
        """Raise `Broken` where a step collects a copy too early.

        Where a schedule says no seconds, the step must say how long it waits.
        """
        step = entry.step
        if not self._seconds or step.kind is not Kind.TRANSITION or step.after != "null":
            return
        since = self._since.get((step.map, step.partition, step.node or ""))
        if since is None:
            return
        if entry.start is not None:
            waited = entry.start - since
        else:
            # What died before the schedule has waited already; other copies died in it.
            waited = (step.wait_seconds or 0.0) - min(since, 0.0)
        if waited < self._seconds * (1 - 1e-9):
            raise Broken(
                "grace",
                f"found {step.node} collected {waited:g} s after it died, "
                f"expected {self._seconds:g} s",
            )

    def note(self, entry: Scheduled) -> None:
        """Take note of a step that is done: a copy may be dead from now on."""
        step = entry.step
        for end in step.ends:
            if end.after == "dead" and end.before not in ("null", "dead"):
                cell = (step.map, end.partition or step.partition, end.node)
                self._since[cell] = entry.finish if entry.finish is not None else 0.0

    def resize(self, name: str, before: int, after: int) -> None:
        """Take note of a change of the number of hash partitions: parts died with the whole."""
        found = {}
        for (map_name, partition, node), since in self._since.items():
            numbers = [int(partition)] if map_name == name else []
            if map_name != name:
                found[map_name, partition, node] = since
            for number in numbers:
                for part in range(number % after, max(before, after), before):
                    cell = (name, str(part % after), node)
                    found[cell] = max(found.get(cell, since), since)
        self._since = found
