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
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.admission import THROTTLE_NAMES, Admission, Admitted, admit
from mapcore.actualizing.building import Builder
from mapcore.actualizing.giving_way import steps_giving_way
from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.proposals import (
    Hold,
    NodeFlag,
    RowFlag,
    Situation,
    is_exclusive,
    propose,
)
from mapcore.actualizing.proposals import (
    in_flight as in_flight_flags,
)
from mapcore.actualizing.repartition import Group, unite
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.switching import switch_changes
from mapcore.actualizing.takeovers import hold_takeovers
from mapcore.actualizing.throttles import THROTTLES, Limits
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import SOLE_MAP, Assignment, Config, Node, Settings
from mapcore.keys import KeyFunction, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement, describe_code

__all__ = ["HeldBack", "NextSteps", "Work", "next_steps", "next_steps_of_maps"]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One change that has to wait.

    Attributes:
        map: the map's name.
        partition: the partition's name.
        node: the node whose copy would change.
        change: what would change, as text.
        hold: why it waits.
        throttle: the field of the throttle that holds it back, for `Hold.THROTTLE`.
    """

    map: str
    partition: str
    node: str
    change: str
    hold: Hold
    throttle: str | None = None

    def __str__(self) -> str:
        why = self.hold.text if self.throttle is None else f"held back by {self.throttle}"
        return f"{self.map}/{self.partition}: {self.node} {self.change}: {why}"


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
        waiting: Sequence[_Waiting],
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
        return sum(len(waiting.rows) for waiting in self._waiting)

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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The proposals of one map that wait, as an array."""

    name: str
    current: PartitionMap
    rows: NDArray[Any]
    throttles: NDArray[np.int8]

    def counts(self) -> dict[str, int]:
        holds = np.bincount(self.rows["hold"], minlength=len(Hold)).tolist()
        counts = {
            hold.text: holds[hold] for hold in Hold if holds[hold] and hold is not Hold.THROTTLE
        }
        by = np.bincount(self.throttles[self.throttles >= 0], minlength=len(THROTTLE_NAMES))
        for number, count in enumerate(by.tolist()):
            if count:
                field_name = _FIELDS[THROTTLE_NAMES[number]]
                counts[field_name] = counts.get(field_name, 0) + count
        return counts

    def entries(self, partition: str | None) -> Iterator[HeldBack]:
        chosen = np.arange(len(self.rows))
        if partition is not None:
            try:
                number = self.current.keys.number(partition)
            except KeyError:
                return
            chosen = np.flatnonzero(self.rows["partition"] == number)
        for place in chosen.tolist():
            row = self.rows[place]
            throttle = int(self.throttles[place])
            yield HeldBack(
                self.name,
                self.current.keys.name(int(row["partition"])),
                self.current.nodes.names[int(row["node"])],
                f"{describe_code(int(row['before']))} -> {describe_code(int(row['after']))}",
                Hold(int(row["hold"])),
                _FIELDS[THROTTLE_NAMES[throttle]] if throttle >= 0 else None,
            )


_FIELDS = {row.attribute: row.field for row in THROTTLES}


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
        accept_loss: partitions that may be founded anew although their data is lost.

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
    pictures = {name: _Picture(work) for name, work in works.items()}
    view = _view(nodes, [held for picture in pictures.values() for held in picture.maps], gone)
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
    for (name, picture), (situation, proposals), chosen, given in zip(
        pictures.items(), prepared, admitted, giving_way, strict=True
    ):
        builder = Builder(name, situation, view, config, limits, picture.epochs)
        if picture.is_resizing:
            chosen.starts[:] = False
        elif picture.may_resize(situation, chosen):
            assert picture.resize is not None
            steps.append(builder.resize(picture.resize))
        steps += builder.steps(proposals, chosen)
        flags, _ = in_flight_flags(situation) if picture.groups else (situation.row_flags, None)
        for group in picture.groups:
            changes = switch_changes(situation, group, flags)
            if changes is not None:
                steps.append(builder.switch(group, changes))
        waiting.append(_waiting(name, situation, proposals, chosen))
        cancel += [*picture.unknown, *dict.fromkeys([*given, *_to_cancel(situation, view)])]
        stuck += picture.stuck(now)
    return NextSteps(steps, cancel, stuck, waiting)


def _view(
    nodes: Iterable[Node] | NodeView, maps: Sequence[PartitionMap], gone: Collection[str]
) -> NodeView:
    if not isinstance(nodes, NodeView):
        return NodeView(nodes, maps, gone)
    if nodes.covers(maps, gone):
        return nodes
    return NodeView((node for node in nodes.nodes if node is not None), maps, gone)


class _Picture:
    """One map as it is at the moment."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.current = work.snapshot()
        self.underway = work.underway()
        if isinstance(work.current, LiveMap):
            self.epochs: NDArray[np.int64] | None = work.current.epochs
            self.dead_since: Mapping[tuple[str, str], float] = work.current.dead_since
        else:
            self.epochs = None
            self.dead_since = work.dead_since
        self.groups: tuple[Group, ...] = ()
        self.resize: int | None = None
        self.is_resizing = any(entry.step.num_partitions for entry in self.underway)
        self.unknown: tuple[Step, ...] = ()

    @property
    def maps(self) -> tuple[PartitionMap, PartitionMap]:
        return self.current, self.work.target

    def situation(self, view: NodeView, config: Config, now: float) -> Situation:
        work = self.work
        united = unite(self.current.on_nodes(view.index), work.target.on_nodes(view.index))
        keys, numbers = united.current.keys, view.index.numbers
        self.groups, self.resize = united.groups, united.resize
        if self.epochs is not None and len(self.epochs) != len(keys):
            self.epochs = np.where(united.rows >= 0, self.epochs[united.rows], 0)
        row_flags = united.row_flags.copy()
        for partition in work.accept_loss:
            row_flags[keys.number(partition)] |= RowFlag.LOSS_ACCEPTED
        source_rows = united.source_rows
        if work.is_derived:
            # Their own copies are their only sources here; the first one comes from elsewhere.
            derived = self._derived_rows(keys)
            row_flags[derived] |= np.uint8(RowFlag.HAS_SOURCE)
            source_rows = source_rows.copy()
            source_rows[derived] = derived
        preferred = np.full(len(keys), -1, dtype=np.int32)
        for partition, node in work.preferred.items():
            preferred[keys.number(partition)] = numbers.get(node, -1)
        early = now - config.dead_grace_seconds
        too_early = tuple(
            (keys.number(partition), numbers[node])
            for (partition, node), since in self.dead_since.items()
            if since > early
        )
        known = self._known_steps(keys)
        return Situation(
            united.current,
            united.target,
            known,
            view.flags,
            row_flags,
            preferred,
            single_master=work.settings.assignment is Assignment.MASTER_SLAVE,
            warms_up=config.warms_up,
            too_early=too_early,
            source_rows=source_rows,
            merged=united.merged,
        )

    def _derived_rows(self, keys: KeyFunction) -> NDArray[np.int64]:
        """Return the partitions whose source is in another map."""
        names = {
            held.keys.name(number)
            for held in self.maps
            for number, source in held.sources.items()
            if "/" in source
        }
        known = names.intersection(keys.names())
        return np.array(sorted(keys.number(name) for name in known), dtype=np.int64)

    def _known_steps(self, keys: KeyFunction) -> tuple[Step, ...]:
        """Return the steps under way whose partitions there are; note the others."""
        names = set(keys.names()) if isinstance(keys, RangeKeys) and self.underway else None
        steps = tuple(entry.step for entry in self.underway)
        if names is None:
            return steps
        self.unknown = tuple(step for step in steps if step.partition not in names)
        return tuple(step for step in steps if step.partition in names)

    def may_resize(self, situation: Situation, chosen: Admitted) -> bool:
        """Whether the number of partitions can change now: nothing else is or may be under way."""
        if self.resize is None or self.underway or chosen.starts.any():
            return False
        # To fewer partitions only when those that become one are alike.
        return self.resize > situation.current.partition_count or (
            situation.current == situation.target
        )

    def stuck(self, now: float) -> list[Step]:
        return [
            entry.step
            for entry in self.underway
            if entry.step.stuck_after_seconds is not None
            and now - entry.started_seconds > entry.step.stuck_after_seconds
        ]


def _waiting(
    name: str, situation: Situation, proposals: NDArray[Any], chosen: Admitted
) -> _Waiting:
    waits = ~chosen.starts
    throttles = np.where(
        proposals["hold"][waits] == Hold.THROTTLE, chosen.blockers[waits], np.int8(-1)
    ).astype(np.int8)
    return _Waiting(name, situation.current, proposals[waits], throttles)


def _to_cancel(situation: Situation, view: NodeView) -> list[Step]:
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
