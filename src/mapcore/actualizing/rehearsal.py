"""A whole run as a conductor would lead it, with time simulated and no faults.

    rehearsal = Rehearsal(works, config, nodes=cluster.nodes)
    for done in rehearsal.run():
        print(done.finish, done.step)
    rehearsal.maps["users"]             # as the run has left it

The steps are those of `next_steps_of_maps`, started as soon as they may: so a rehearsal shows what
a conductor does, where a schedule shows how short the way could be. A stream takes as long as its
bytes at its rate, or a second where one of them is not known; all other steps take no time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, NamedTuple

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import NextSteps, next_steps_of_maps
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import Config, Node
from mapcore.maps import PartitionMap

__all__ = ["Done", "Rehearsal"]

_UNKNOWN_SECONDS: Final = 1.0


class Done(NamedTuple):
    """A step that was carried out, and when, in seconds from the beginning."""

    step: Step
    start: float
    finish: float


class Rehearsal:
    """Maps on their way to their targets.

    Attributes:
        now: seconds since the beginning.
        underway_count: how many steps are under way.
        waiting: what waits, and for what, as it was when steps were last looked for.
    """

    def __init__(
        self,
        works: Mapping[str, Work],
        config: Config | None = None,
        *,
        nodes: Iterable[Node] = (),
        gone: Collection[str] = (),
    ) -> None:
        """Start from the maps as they are.

        Args:
            works: the maps that change, by name, without steps under way.
            config: throttles and the like.
            nodes: what is known of the nodes.
            gone: nodes that are known to be gone.
        """
        self._config = config or Config()
        self._live = {
            name: LiveMap(work.snapshot(), dead_since=dict(work.dead_since))
            for name, work in works.items()
        }
        self._works = {
            name: replace(work, current=self._live[name]) for name, work in works.items()
        }
        held = [each for work in works.values() for each in (work.snapshot(), work.target)]
        self._view = NodeView(nodes, held, gone)
        self._gone = gone
        self._ends: list[tuple[float, int, Done]] = []
        self._numbers = count()
        self.now = 0.0
        self.waiting: NextSteps | None = None

    @property
    def underway_count(self) -> int:
        """How many steps are under way."""
        return len(self._ends)

    @property
    def maps(self) -> dict[str, PartitionMap]:
        """The maps as they are now."""
        return {name: live.snapshot() for name, live in self._live.items()}

    @property
    def is_done(self) -> bool:
        """Whether every map is its target."""
        return all(
            live.snapshot() == self._works[name].target.on_nodes(live.snapshot().nodes)
            for name, live in self._live.items()
        )

    def run(self, until: float | None = None) -> Iterator[Done]:
        """Carry out all that can be done, and yield each step as it ends.

        Args:
            until: stop at this moment, in seconds. What is under way then is taken back, so that
                nothing half-done is left.

        Raises:
            MapError: as `next_steps_of_maps`.
        """
        while True:
            self._start()
            moment = self._next_moment()
            if moment is None or (until is not None and moment > until):
                break
            self.now = moment
            while self._ends and self._ends[0][0] <= moment:
                done = heappop(self._ends)[2]
                self._live[done.step.map].complete(done.step.id, moment)
                yield done
        if until is not None and self._ends:
            self.now = until
        self._ends.clear()
        for live in self._live.values():
            live.cancel_all(self.now)

    def _start(self) -> None:
        ended: list[Step] = []
        for name, work in self._works.items():
            ended += self._live[name].follow(work.target, self.now)
        steps = next_steps_of_maps(
            self._works, self._config, self.now, nodes=self._view, gone=self._gone
        )
        self.waiting = steps
        for step in steps.cancel:
            self._live[step.map].fail(step.id, self.now)
            ended.append(step)
        if ended:
            self._ends = [entry for entry in self._ends if entry[2].step not in ended]
            heapify(self._ends)
        for step in steps:
            self._live[step.map].start(step, self.now)
            finish = self.now + _seconds(step)
            heappush(self._ends, (finish, next(self._numbers), Done(step, self.now, finish)))

    def _next_moment(self) -> float | None:
        """Return when the next step ends, or a dead copy has been kept for long enough."""
        if self._ends:
            return self._ends[0][0]
        kept = self._config.dead_grace_seconds
        dates = (since + kept for live in self._live.values() for since in live.dead_since.values())
        return min((date for date in dates if date > self.now), default=None)


def _seconds(step: Step) -> float:
    if step.kind is not Kind.STREAM:
        return 0.0
    if step.size_bytes is None or step.bytes_per_second is None:
        return _UNKNOWN_SECONDS
    return step.size_bytes / step.bytes_per_second
