"""Whether a schedule is safe at every moment, whoever made it.

    proof = mapcore.verify(current, target, schedule.to_json_lines(), config, nodes=cluster.nodes)
    print(proof.report())

The steps are walked one by one over a map that starts as the current one. At each the walk sees
that the tables allow it, that it finds what it expects, that what it waits for is done and that
every throttle has room; after each, that the partition has one master at most, as many copies in
sync as it had or shall have, whichever is less, and a master while a live copy is in sync. At the
end the map must be the target. The walk knows nothing of how schedules are made.

A schedule in rounds runs the steps without a stream at the start of their round, in the order in
which they are listed, and then all streams of the round at once. On a time line what ends comes
first, then steps without a stream, then what starts. Steps with neither run one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Final

from mapcore.actualizing.occupancy import Occupancy, ThrottleError
from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.steps import End, Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.timetable import Scheduled, Timetable, What, read_steps
from mapcore.actualizing.verdicts import Failure, Verification
from mapcore.actualizing.view import NodeView
from mapcore.cluster import SOLE_MAP, Assignment, Cluster, Config, Node, Settings
from mapcore.errors import MapError, TransitionError
from mapcore.maps import PartitionMap
from mapcore.states import LITERAL, PLACEMENT_MASK, SAFE, Placement

__all__ = ["Failure", "Scheduled", "Verification", "read_steps", "verify"]

_PLACEMENTS: Final = {placement.label: placement for placement in Placement}
_LIVE: Final = (Placement.SLAVE, Placement.MASTER)
_WITHOUT_EFFECT: Final = (Kind.RUNNING, Kind.PAUSE, Kind.RESUME)


def verify(
    current: PartitionMap,
    target: PartitionMap,
    steps: Iterable[Step | Scheduled | str] | str,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
) -> Verification:
    """Walk a schedule from one map to another and prove every moment of it safe.

    Args:
        current: what is; pending copies are taken as they are.
        target: what shall be in the end.
        steps: a schedule: steps, or lines of JSON as `mapcore steps --json` prints them.
        config: throttles.
        nodes: what is known of the nodes: mode, location, volumes.
        settings: whether a partition may have several masters.
        limits: the throttles, instead of those of `config`.
        name: the map's name.
        gone: nodes that are known to be gone, beside those whose mode says so. Their copies count
            as lost, and may go by the literal table.

    Raises:
        DocumentError: lines of JSON that are no steps.
        MapError: the maps have different partitions.

    Linear in steps; some microseconds each.
    """
    if current.keys != target.keys:
        raise MapError(
            f"found a current map over {current.keys!r} and a target over {target.keys!r}, "
            "expected the same partitions"
        )
    listed = nodes.nodes if isinstance(nodes, Cluster) else tuple(nodes)
    walk = _Walk(
        current,
        target,
        NodeView(listed, (current, target), gone),
        limits or Limits.from_config(config or Config()),
        name,
        is_single_master=(settings or Settings()).assignment is Assignment.MASTER_SLAVE,
    )
    try:
        timetable = Timetable(steps)
    except TransitionError as error:
        return Verification(0, 0, Failure("reading", "", "transitions", str(error)))
    return walk.run(timetable)


class _Unsafe(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        self.message = message
        super().__init__(rule, message)


class _Walk:
    """The map as the steps change it, and what runs."""

    def __init__(
        self,
        current: PartitionMap,
        target: PartitionMap,
        view: NodeView,
        limits: Limits,
        name: str,
        *,
        is_single_master: bool,
    ) -> None:
        self._keys = current.keys
        self._target = target
        self._name = name
        self._is_single_master = is_single_master
        self._gone = {
            node
            for node, flags in zip(view.index.names, view.flags.tolist(), strict=True)
            if flags & NodeFlag.GONE
        }
        self._occupancy = Occupancy(limits, view, current)
        self._cells = _placements(current)
        self._wanted = _placements(target)
        self._least = [
            min(self._in_sync(cells), _live_count(wanted))
            for cells, wanted in zip(self._cells, self._wanted, strict=True)
        ]
        self._done: set[str] = set()
        self._known: set[str] = set()
        self._filled: set[tuple[int, str]] = set()

    def run(self, timetable: Timetable) -> Verification:
        self._known = {entry.step.id for entry in timetable.entries}
        moments: set[float] = set()
        walked = 0
        for event in timetable.events():
            entry = timetable.entries[event.place]
            moments.add(event.moment)
            try:
                self._apply(entry, event.what)
            except _Unsafe as unsafe:
                failure = Failure(
                    timetable.moment(event), entry.step.id, unsafe.rule, unsafe.message
                )
                return Verification(walked, len(moments), failure)
            walked += event.what is not What.STARTS
        return Verification(walked, len(moments), self._difference())

    def _apply(self, entry: Scheduled, what: What) -> None:
        step, rate = entry.step, entry.bytes_per_second
        partition = self._partition(step)
        if what is not What.ENDS:
            self._check_start(step, partition)
            try:
                self._occupancy.start(step, partition, rate)
            except ThrottleError as error:
                raise _Unsafe("throttle", str(error)) from None
        if what is not What.STARTS:
            if what is What.ENDS:
                self._check_expected(step, partition)
            self._occupancy.end(step, partition, rate)
            self._change(step, partition)
            self._done.add(step.id)

    def _partition(self, step: Step) -> int:
        if step.map != self._name:
            raise _Unsafe("state", f"found map {step.map!r}, expected {self._name!r}")
        try:
            return self._keys.number(step.partition)
        except KeyError:
            raise _Unsafe(
                "state", f"found partition {step.partition!r}, which is unknown"
            ) from None

    def _check_start(self, step: Step, partition: int) -> None:
        if step.id in self._done:
            raise _Unsafe("order", "found its id a second time")
        for earlier in step.depends_on:
            if earlier not in self._known:
                raise _Unsafe("order", f"found that it waits for {earlier}, which is no step")
            if earlier not in self._done:
                raise _Unsafe("order", f"found {earlier} not done, which must come before")
        self._check_table(step)
        self._check_expected(step, partition)
        if not step.is_fill:
            return
        assert step.node is not None or step.target is not None
        node = step.node or step.ends[-1].node
        if (partition, node) in self._filled:
            raise _Unsafe("moved twice", f"found {node} filled before in this schedule")
        self._filled.add((partition, node))

    def _check_table(self, step: Step) -> None:
        try:
            step.check()
        except TransitionError as error:
            raise _Unsafe("transitions", str(error)) from None
        if step.kind is Kind.SWITCH:
            raise _Unsafe("transitions", "found a switch of partitions, expected the same ones")
        if step.kind is Kind.TRANSITION:
            end = step.ends[0]
            before, after = _PLACEMENTS[end.before], _PLACEMENTS[end.after]
            if end.node in self._gone:
                if not LITERAL.allows(before, after) and not SAFE.allows(before, after):
                    raise _Unsafe("transitions", f"found {end}, which no table allows")
                if after in _LIVE and after is not before.devolved:
                    raise _Unsafe("transitions", f"found {end}, but {end.node} is gone")
            elif not SAFE.allows(before, after):
                raise _Unsafe("transitions", f"found {end}, which the safe table does not allow")
        elif step.kind in (Kind.STREAM, Kind.TAKEOVER):
            self._check_pair(step)

    def _check_pair(self, step: Step) -> None:
        assert step.source is not None
        assert step.target is not None
        if step.target.node in self._gone:
            raise _Unsafe("transitions", f"found {step.target}, but {step.target.node} is gone")
        may_be_gone = step.kind is Kind.TAKEOVER and step.source.after == "dead"
        if step.source.node in self._gone and not may_be_gone:
            raise _Unsafe("transitions", f"found {step.source}, but {step.source.node} is gone")
        if step.source.partition not in (None, step.partition):
            raise _Unsafe("state", f"found a source in {step.source.partition}, expected its own")

    def _check_expected(self, step: Step, partition: int) -> None:
        if step.kind in _WITHOUT_EFFECT:
            return
        cells = self._cells[partition]
        for end in step.ends:
            found = cells.get(end.node, Placement.NULL)
            if found != _PLACEMENTS[end.before]:
                # A stream leaves its source as it is: another step may have changed its role.
                is_source = step.kind is Kind.STREAM and end is step.source
                if is_source and found in _LIVE and self._occupancy.has(step.id):
                    continue
                raise _Unsafe("state", f"found {end.node} {found.label}, expected {end.before}")

    def _change(self, step: Step, partition: int) -> None:
        if step.kind in _WITHOUT_EFFECT:
            return
        cells = self._cells[partition]
        in_sync, led = self._in_sync(cells), self._leads(cells)
        for end in step.ends:
            if step.kind is Kind.STREAM and end is step.source:
                continue
            self._set(cells, end)
        self._check_partition(partition, cells, in_sync, led)

    @staticmethod
    def _set(cells: dict[str, Placement], end: End) -> None:
        after = _PLACEMENTS[end.after]
        if after is Placement.NULL:
            cells.pop(end.node, None)
        else:
            cells[end.node] = after

    def _check_partition(
        self, partition: int, cells: dict[str, Placement], in_sync: int, led: bool
    ) -> None:
        if self._is_single_master:
            masters = [
                node for node, placement in cells.items() if placement.devolved is Placement.MASTER
            ]
            if len(masters) > 1:
                raise _Unsafe("masters", f"found masters on {' and '.join(masters)}, expected one")
        left = self._in_sync(cells)
        if left < in_sync and left < self._least[partition]:
            raise _Unsafe(
                "in sync", f"found {left} copies in sync, expected {self._least[partition]}"
            )
        shall_be_led = any(
            placement is Placement.MASTER for placement in self._wanted[partition].values()
        )
        if led and shall_be_led and left and not self._leads(cells):
            raise _Unsafe("master lost", f"found no master, but {left} copies in sync")

    def _in_sync(self, cells: dict[str, Placement]) -> int:
        return sum(
            placement.devolved in _LIVE and node not in self._gone
            for node, placement in cells.items()
        )

    def _leads(self, cells: dict[str, Placement]) -> bool:
        return any(
            placement.devolved is Placement.MASTER and node not in self._gone
            for node, placement in cells.items()
        )

    def _difference(self) -> Failure | None:
        for partition, (cells, wanted) in enumerate(zip(self._cells, self._wanted, strict=True)):
            if cells == wanted:
                continue
            node = next(
                node for node in sorted({*cells, *wanted}) if cells.get(node) != wanted.get(node)
            )
            found = cells.get(node, Placement.NULL).label
            expected = wanted.get(node, Placement.NULL).label
            message = (
                f"found partition {self._keys.name(partition)}, {node} {found}, "
                f"expected {expected} as in the target"
            )
            return Failure("the end", "", "target", message)
        return None


def _placements(held: PartitionMap) -> list[dict[str, Placement]]:
    names = held.nodes.names
    found = []
    codes = [Placement(code) for code in (held.copy_codes & PLACEMENT_MASK).tolist()]
    nodes = [names[number] for number in held.copy_nodes.tolist()]
    offsets = held.offsets.tolist()
    for begin, end in pairwise(offsets):
        found.append(dict(zip(nodes[begin:end], codes[begin:end], strict=True)))
    return found


def _live_count(cells: dict[str, Placement]) -> int:
    return sum(placement in _LIVE for placement in cells.values())
