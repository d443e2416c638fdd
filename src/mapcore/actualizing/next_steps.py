"""Which steps may start now, and why the others may not.

`next_steps` is level-triggered: it looks at the maps as they are and at what is under way, and at
nothing else. Called again at any moment, by anybody, with any map, it goes on from there; a target
that has changed in the meantime is simply the target. The main loop of a conductor:

    while live.snapshot() != target:
        live.follow(target)
        steps = next_steps(live, target, nodes=cluster.nodes, config=cluster.config, now=now)
        for step in steps.cancel:
            live.fail(step.id, now)
        for step in steps:
            live.start(step, now)           # and hand it to its nodes
        ...                                 # wait for news: live.complete(...), live.fail(...)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from mapcore.actualizing.building import Builder
from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.proposals import Situation, propose
from mapcore.actualizing.starting.admission import Admission, Admitted, admit
from mapcore.actualizing.starting.cancelling import steps_to_cancel
from mapcore.actualizing.starting.giving_way import steps_giving_way
from mapcore.actualizing.starting.pictures import Picture
from mapcore.actualizing.starting.switching import Room, switches
from mapcore.actualizing.starting.takeovers import hold_takeovers
from mapcore.actualizing.starting.waiting import HeldBack, Waiting, waiting_changes
from mapcore.actualizing.steps import Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import SOLE_MAP, Config, Node, Settings
from mapcore.maps import PartitionMap

__all__ = ["HeldBack", "NextSteps", "Work", "next_steps", "next_steps_of_maps"]


class NextSteps(Sequence[Step]):
    """The steps that may start now, the most urgent first.

    Attributes:
        cancel: steps under way that are to be failed before the others start: their node is gone,
            the target has changed, or a partition needs a master at once. What they did so far is
            cleared by later steps.
        stuck: steps under way for longer than they should take.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        cancel: Sequence[Step],
        stuck: Sequence[Step],
        waiting: Sequence[Waiting],
    ) -> None:
        self._steps = tuple(steps)
        self.cancel = tuple(cancel)
        self.stuck = tuple(stuck)
        self._waiting = tuple(waiting)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, position: Any) -> Any:
        return self._steps[position]

    def __repr__(self) -> str:
        return f"<NextSteps: {len(self)} may start, {self.held_back_count} wait>"

    @property
    def held_back_count(self) -> int:
        """How many changes wait."""
        return sum(len(waiting) for waiting in self._waiting)

    def held_back(self, partition: str | None = None) -> Iterator[HeldBack]:
        """Iterate over the changes that wait, of all partitions or of one."""
        for waiting in self._waiting:
            yield from waiting.entries(partition)

    @cached_property
    def held_back_by(self) -> dict[str, int]:
        """How many changes wait for what: fields of throttles, and reasons; most first."""
        counts: dict[str, int] = {}
        for waiting in self._waiting:
            for reason, count in waiting.counts().items():
                counts[reason] = counts.get(reason, 0) + count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def explain(self, limit: int = 20) -> str:
        """Return what may start and what waits for what, as text."""
        lines = [f"{len(self):,} steps may start, {self.held_back_count:,} changes wait"]
        lines += [f"  {count:,}: {reason}" for reason, count in self.held_back_by.items()]
        lines += [f"to be cancelled: {step}" for step in self.cancel[:limit]]
        lines += [f"stuck: {step}" for step in self.stuck[:limit]]
        lines += [str(step) for step in self._steps[:limit]]
        if len(self) > limit:
            lines.append(f"and {len(self) - limit:,} more steps")
        lines += [str(entry) for entry in islice(self.held_back(), limit)]
        if self.held_back_count > limit:
            lines.append(f"and {self.held_back_count - limit:,} more changes that wait")
        return "\n".join(lines)


def next_steps(
    current: PartitionMap | LiveMap,
    target: PartitionMap,
    in_flight: Iterable[Step | Underway] = (),
    config: Config | None = None,
    now: float = 0.0,
    *,
    nodes: Iterable[Node] | NodeView = (),
    settings: Settings | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    preferred: Mapping[str, str] | None = None,
    dead_since: Mapping[tuple[str, str], float] | None = None,
    accept_loss: Collection[str] = (),
) -> NextSteps:
    """Return the steps of one map that may start now.

    Args:
        current: what is. A live map brings its steps under way, epochs and times of death with it.
        target: what shall be; nodes and partitions are matched by name.
        in_flight: the steps under way, where `current` is not a live map.
        config: throttles and the like.
        now: seconds on the clock of `Underway.started_seconds` and `dead_since`.
        nodes: what is known of the nodes: health, mode, location, volumes. Who asks often passes a
            `NodeView`, made once for all nodes of the cluster.
        settings: whether a partition may have several masters.
        name: the map's name, which steps carry.
        gone: nodes that are known to be gone, beside those whose mode says so: fenced by their
            lease. Their copies are lost, and their masters are failed over.
        preferred: who becomes master of a partition that has none, by names; as
            `mapcore.actualizing.failover` finds it.
        dead_since: when dead copies became dead, in seconds, by (partition, node) names.
        accept_loss: partitions that may be founded anew although their data is lost. Names that
            the maps do not have are passed over, here as in `preferred` and `dead_since`.

    Returns:
        The steps, with what waits and why.

    Raises:
        MapError: the maps have different partitions, and the target's cannot be split off or
            merged from the current ones.
    """
    work = Work(
        current,
        target,
        in_flight,
        settings or Settings(),
        preferred or {},
        dead_since or {},
        accept_loss,
    )
    return next_steps_of_maps({name: work}, config, now, nodes=nodes, gone=gone)


def next_steps_of_maps(
    works: Mapping[str, Work],
    config: Config | None = None,
    now: float = 0.0,
    *,
    nodes: Iterable[Node] | NodeView = (),
    gone: Collection[str] = (),
) -> NextSteps:
    """Return the steps of several maps over the same nodes that may start now.

    Throttles hold for all maps together, and the maps take turns: one with much to do does not
    starve one with little. Arguments and errors are those of `next_steps`.
    """
    config = config or Config()
    pictures = {name: Picture(work) for name, work in works.items()}
    view = NodeView.of(
        nodes, [held for picture in pictures.values() for held in picture.maps], gone
    )
    limits = Limits.from_config(config)
    admission = Admission(view, limits, nearest=config.source_choice == "nearest")
    prepared = []
    for picture in pictures.values():
        situation = picture.situation(view, config, now)
        prepared.append((situation, propose(situation)))
    giving_way = steps_giving_way(prepared, limits.max_steps)
    ids = [{step.id for step in given} for given in giving_way]
    admitted = admit(admission, prepared, hold_takeovers, ids) if prepared else []
    steps: list[Step] = []
    waiting, cancel, stuck = [], [], []
    room = _room(limits, prepared, admitted, giving_way)
    for (name, picture), (situation, proposals), chosen, given in zip(
        pictures.items(), prepared, admitted, giving_way, strict=True
    ):
        builder = Builder(name, situation, view, config, limits, picture.epochs)
        if picture.is_resizing:
            chosen.starts[:] = False
        starting = proposals["partition"][chosen.starts]
        switching = switches(picture, situation, starting, builder, room)
        steps += [*switching.steps, *builder.steps(proposals, chosen)]
        waiting.append(waiting_changes(name, situation, proposals, chosen, switching.waiting))
        leading_nowhere = [*given, *steps_to_cancel(situation, view), *switching.cancel]
        cancel += [*picture.unknown, *dict.fromkeys(leading_nowhere)]
        stuck += picture.stuck(now)
    return NextSteps(steps, cancel, stuck, waiting)


def _room(
    limits: Limits,
    prepared: Sequence[tuple[Situation, NDArray[Any]]],
    admitted: Sequence[Admitted],
    giving_way: Sequence[Sequence[Step]],
) -> Room:
    """Return what the steps under way and those that are about to start leave of `maxSteps`."""
    underway = sum(len(situation.in_flight) for situation, _ in prepared)
    starting = sum(int(chosen.starts.sum()) for chosen in admitted)
    return Room(limits, underway + starting - sum(map(len, giving_way)))
