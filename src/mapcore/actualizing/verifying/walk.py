"""The walk over a schedule: every step in its turn, and every promise after it.

A schedule in rounds runs the steps without a stream at the start of their round, in the order in
which they are listed, and then all streams of the round at once. On a time line what ends comes
first, then steps without a stream, then what starts. Steps with neither run one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, overload

import numpy as np

from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.occupancy import Occupancy, ThrottleError
from mapcore.actualizing.steps import CellChange, Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.verifying.conditions import Grace, check_conditions
from mapcore.actualizing.verifying.copies import EnoughCopies, OneMaster, StaysLed
from mapcore.actualizing.verifying.peaks import KeepsPeak
from mapcore.actualizing.verifying.peers import FewPeers
from mapcore.actualizing.verifying.places import KeepsRules, KeepsSpread
from mapcore.actualizing.verifying.promises import Broken, Ends, Promise, RowChange, changes_of
from mapcore.actualizing.verifying.rows import Row, Rows
from mapcore.actualizing.verifying.timetable import Scheduled, Timetable, What
from mapcore.actualizing.verifying.verdicts import Failure, Verification
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Whole, Work, settled
from mapcore.cluster import SOLE_MAP, Cluster, Config, MaxPeers, Node, Settings
from mapcore.differences import MapDiff
from mapcore.errors import MapError, TransitionError
from mapcore.maps import PartitionMap
from mapcore.states import (
    LITERAL,
    PLACEMENT_MASK,
    SAFE,
    Placement,
    describe_code,
    placement_of,
)

__all__ = ["verify"]

_PLACEMENTS: Final = {placement.label: placement for placement in Placement}
_LIVE: Final = (Placement.SLAVE, Placement.MASTER)

_Takeover = tuple[str, str, bool, tuple[str, ...]]

Steps = Iterable[Step | Scheduled | str] | str
"""A schedule: steps, or lines of JSON as `mapcore steps --json` prints them."""


@overload
def verify(
    current: Whole,
    target: None = None,
    steps: Steps = ...,
    config: Config | None = None,
    *,
    limits: Limits | None = None,
    gone: Collection[str] = (),
    now: float = 0.0,
) -> Verification: ...
@overload
def verify(
    current: Mapping[str, Work],
    target: None = None,
    steps: Steps = ...,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster = (),
    limits: Limits | None = None,
    gone: Collection[str] = (),
    now: float = 0.0,
) -> Verification: ...
@overload
def verify(
    current: PartitionMap | LiveMap,
    target: PartitionMap,
    steps: Steps,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    in_flight: Iterable[Step | Underway] = (),
    now: float = 0.0,
) -> Verification: ...
def verify(
    current: PartitionMap | LiveMap | Mapping[str, Work] | Whole,
    target: PartitionMap | None = None,
    steps: Steps = (),
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    in_flight: Iterable[Step | Underway] = (),
    now: float = 0.0,
) -> Verification:
    """Walk a schedule from one map to another and prove every moment of it safe.

    Args:
        current: what is; pending copies are taken as they are. Or a cluster, a plan, or a `Work`
            for each of several maps: the steps of all are walked together, as throttles and peaks
            hold for all of them. These say target, settings and name, and all but the works say
            nodes and config.
        target: what shall be in the end.
        steps: a schedule: steps, or lines of JSON as `mapcore steps --json` prints them.
        config: throttles.
        nodes: what is known of the nodes: mode, location, volumes.
        settings: whether a partition may have several masters; spread, rules and `maxPeers`.
        limits: the throttles, instead of those of `config`.
        name: the map's name.
        gone: nodes that are known to be gone, beside those whose mode says so. Their copies count
            as lost, and may go by the literal table.
        in_flight: the steps under way at the start; of a live map they are known. Takeovers among
            them may be finished from pending copies.
        now: when the schedule begins, in seconds on the clock of `Work.dead_since`.

    Raises:
        DocumentError: lines of JSON that are no steps.
        MapError: the maps have different partitions.
        ScheduleError: a cluster without a map that has a current and a target map.

    Linear in steps; some tens of microseconds each.
    """
    if isinstance(current, PartitionMap | LiveMap):
        if target is None:
            raise MapError("found no target map, expected one")
        current = {name: Work(current, target, tuple(in_flight), settings or Settings())}
    works, view, config = settled(current, nodes, config, gone)
    ends = {each: Ends.of(each, work, view) for each, work in works.items()}
    try:
        timetable = Timetable(steps)
    except TransitionError as error:
        return Verification(0, 0, Failure("reading", "", "transitions", str(error)))
    grace = Grace(
        config.dead_grace_seconds, {each: work.died_at() for each, work in works.items()}, now
    )
    limits = limits or Limits.from_config(config)
    underway = {
        _takeover(entry.step)
        for work in works.values()
        for entry in work.underway()
        if entry.step.kind is Kind.TAKEOVER
    }
    return _Walk(ends, view, limits, config, grace, underway).run(timetable)


class _Walk:
    """The maps as the steps change them, and what runs."""

    def __init__(
        self,
        maps: dict[str, Ends],
        view: NodeView,
        limits: Limits,
        config: Config,
        grace: Grace,
        underway: Collection[_Takeover],
    ) -> None:
        self._maps = maps
        self._config = config
        self._grace = grace
        self._underway = underway
        self._rows = {name: Rows(ends.current) for name, ends in maps.items()}
        self._gone = next((ends.gone for ends in maps.values()), frozenset())
        final = {name: ends.after_switch or ends for name, ends in maps.items()}
        both = {name: (ends.current, final[name].target) for name, ends in maps.items()}
        self._occupancy = Occupancy(limits, view, both)
        self._peers = {
            name: FewPeers((ends.current, final[name].target), _most_peers(ends.settings))
            for name, ends in maps.items()
            if ends.settings.max_peers is not None
        }
        self._peak = KeepsPeak(maps.values())
        self._promises: tuple[Promise, ...] = (
            OneMaster(),
            EnoughCopies(),
            StaysLed(),
            KeepsSpread(),
            KeepsRules(),
            self._peak,
        )
        self._running: Counter[str] = Counter()
        self._done: set[str] = set()
        self._known: set[str] = set()
        self._filled: set[tuple[str, str, str]] = set()

    def run(self, timetable: Timetable) -> Verification:
        self._known = {entry.step.id for entry in timetable.entries}
        moments: set[float] = set()
        walked = 0
        for event in timetable.events():
            entry = timetable.entries[event.place]
            moments.add(event.moment)
            try:
                self._apply(entry, event.what)
            except Broken as broken:
                failure = Failure(
                    timetable.moment(event), entry.step.id, broken.rule, broken.message
                )
                return Verification(walked, len(moments), failure)
            walked += event.what is not What.STARTS
        return Verification(walked, len(moments), self._difference())

    def _apply(self, entry: Scheduled, what: What) -> None:
        step, rate = entry.step, entry.bytes_per_second
        row = self._row(step)
        peers = self._peers.get(step.map)
        if what is not What.ENDS:
            self._check_start(step, row)
            check_conditions(step, row, self._gone, warms_up=self._config.warms_up)
            self._grace.check(entry)
            try:
                self._occupancy.start(step, rate)
            except ThrottleError as error:
                raise Broken("throttle", str(error)) from None
            self._running[step.map] += 1
            if peers is not None:
                peers.start(step)
        if what is not What.STARTS:
            if what is What.ENDS:
                self._check_expected(step, row)
            self._occupancy.end(step, rate)
            self._running[step.map] -= 1
            if peers is not None:
                peers.end(step)
            if step.kind is Kind.SWITCH:
                self._switch(step)
            else:
                self._change(step, row)
            self._grace.note(entry)
            self._done.add(step.id)

    def _row(self, step: Step) -> Row:
        if step.map not in self._maps:
            expected = ", ".join(map(repr, self._maps)) or "none"
            raise Broken("state", f"found map {step.map!r}, expected {expected}")
        try:
            return self._rows[step.map][step.partition]
        except KeyError:
            raise Broken("state", f"found partition {step.partition!r}, which is unknown") from None

    def _check_start(self, step: Step, row: Row) -> None:
        if step.id in self._done:
            raise Broken("order", "found its id a second time")
        for earlier in step.depends_on:
            if earlier not in self._known:
                raise Broken("order", f"found that it waits for {earlier}, which is no step")
            if earlier not in self._done:
                raise Broken("order", f"found {earlier} not done, which must come before")
        self._check_table(step)
        self._check_expected(step, row)
        if not step.is_fill:
            return
        assert step.node is not None or step.target is not None
        node = step.node or step.ends[-1].node
        if (step.map, step.partition, node) in self._filled:
            raise Broken("moved twice", f"found {node} filled before in this schedule")
        self._filled.add((step.map, step.partition, node))

    def _check_table(self, step: Step) -> None:
        try:
            step.check()
        except TransitionError as error:
            raise Broken("transitions", str(error)) from None
        if step.kind is Kind.SWITCH:
            self._check_switch(step)
        if step.kind is Kind.TRANSITION:
            end = step.ends[0]
            before, after = _PLACEMENTS[end.before], _PLACEMENTS[end.after]
            if end.node in self._gone:
                if not LITERAL.allows(before, after) and not SAFE.allows(before, after):
                    raise Broken("transitions", f"found {end}, which no table allows")
                if after in _LIVE and after is not before.devolved:
                    raise Broken("transitions", f"found {end}, but {end.node} is gone")
            elif not SAFE.allows(before, after):
                raise Broken("transitions", f"found {end}, which the safe table does not allow")
        elif step.kind in (Kind.STREAM, Kind.TAKEOVER):
            self._check_pair(step)

    def _check_switch(self, step: Step) -> None:
        """Look at a step that changes the number of hash partitions."""
        expected = self._maps[step.map].after_switch
        if step.num_partitions is None or expected is None:
            raise Broken("switch", "found a switch of partitions, expected the same ones")
        if step.num_partitions != expected.current.partition_count:
            raise Broken(
                "switch",
                f"found {step.num_partitions:,} partitions from it on, "
                f"expected {expected.current.partition_count:,}",
            )
        if self._running[step.map]:
            raise Broken("switch", f"found {self._running[step.map]} steps of the map under way")

    def _switch(self, step: Step) -> None:
        ends = self._maps[step.map]
        assert ends.after_switch is not None
        before, after = ends.current.partition_count, ends.after_switch.current.partition_count
        unlike = self._rows[step.map].resize(before, after)
        if unlike is not None:
            raise Broken(
                "switch",
                f"found {unlike} unlike {int(unlike) % after}, expected partitions that become one "
                "to have the same copies",
            )
        self._maps[step.map] = ends.after_switch
        self._grace.resize(step.map, before, after)
        if ends.is_single_master:
            self._peak.resize(step.map, self._rows[step.map].all_led(after))

    def _check_pair(self, step: Step) -> None:
        assert step.source is not None
        assert step.target is not None
        if step.target.node in self._gone:
            raise Broken("transitions", f"found {step.target}, but {step.target.node} is gone")
        may_be_gone = step.kind is Kind.TAKEOVER and step.source.after == "dead"
        if step.source.node in self._gone and not may_be_gone:
            raise Broken("transitions", f"found {step.source}, but {step.source.node} is gone")
        if step.source.partition not in (None, step.partition):
            raise Broken("state", f"found a source in {step.source.partition}, expected its own")

    def _check_expected(self, step: Step, row: Row) -> None:
        for change in changes_of(step):
            found = row.get(change.node, 0)
            if change.fits(found):
                continue
            # A takeover that was under way at the start has made its copies pending.
            if _takeover(step) in self._underway and change.fits(_devolved(found)):
                continue
            # A stream leaves its source as it is: another step may have changed its role.
            is_source = step.kind is Kind.STREAM and change.before == change.after
            if is_source and placement_of(found) in _LIVE and self._occupancy.has(step.id):
                continue
            raise Broken(
                "state",
                f"found {change.node} {describe_code(found)}, expected {_described(step, change)}",
            )

    def _change(self, step: Step, row: Row) -> None:
        changes = [change for change in changes_of(step) if change.before != change.after]
        before = dict(row)
        for change in changes:
            code = change.apply(_devolved(row.get(change.node, 0)))
            if code:
                row[change.node] = code
            else:
                row.pop(change.node, None)
        # Promises are about copies in sync and masters.
        if not any(
            change.mask & PLACEMENT_MASK
            and max(change.before & PLACEMENT_MASK, change.after & PLACEMENT_MASK) > Placement.DEAD
            for change in changes
        ):
            return
        made = RowChange(self._maps[step.map], step.partition, step, before, row)
        for promise in self._promises:
            promise.check(made)
        if step.map in self._peers:
            self._peers[step.map].check(made)

    def _difference(self) -> Failure | None:
        """Return what the maps are in the end that they should not be."""
        for name, ends in self._maps.items():
            rows = self._rows[name]
            if ends.after_switch is not None:
                found = ends.current.partition_count
                expected = ends.after_switch.current.partition_count
                message = f"found {found:,} partitions of {name}, expected {expected:,}"
                return Failure("the end", "", "target", message)
            diff = MapDiff(ends.current, ends.target)
            differing = map(diff.partition_name, np.unique(diff.partitions).tolist())
            names = [*rows.touched, *differing]
            for partition in names:
                failure = _compare(ends, partition, rows[partition])
                if failure is not None:
                    return failure
        return None


def _described(step: Step, change: CellChange) -> str:
    """Return what a step expects of a copy in words."""
    if change.mask == PLACEMENT_MASK:
        return Placement(change.before).label
    if change.mask & PLACEMENT_MASK:
        return describe_code(change.before)
    if step.kind is Kind.RUNNING:
        return str(step.before)
    return f"its {step.what} {'going on' if step.kind is Kind.PAUSE else 'paused'}"


def _takeover(step: Step) -> _Takeover:
    """Return what makes a takeover the same as one under way: map, partition and nodes."""
    return step.map, step.partition, step.kind is Kind.TAKEOVER, step.nodes


def _devolved(code: int) -> int:
    return code & ~PLACEMENT_MASK | placement_of(code).devolved


def _most_peers(settings: Settings) -> MaxPeers:
    most = settings.max_peers
    assert most is not None
    return MaxPeers(count=most) if isinstance(most, int) else most


def _compare(ends: Ends, partition: str, row: Row) -> Failure | None:
    goal = ends.goal(partition)
    for node in sorted({*row, *goal}):
        found, expected = row.get(node, 0), goal.get(node, 0)
        if found != expected:
            message = (
                f"found partition {partition}, {node} {describe_code(found)}, "
                f"expected {describe_code(expected)} as in the target"
            )
            return Failure("the end", "", "target", message)
    return None
