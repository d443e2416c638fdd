"""A step: one change that the conductor hands to a node, or to a pair of nodes.

A step is a value and a document: what one executor prints, another in any language can run.

| kind | what it does | copies |
| --- | --- | --- |
| transition | one hop of placement; no data moves | one |
| stream | fills a copy from another one | source and target |
| takeover | the target becomes master as the source stops being it | source and target |
| running | one hop of the running state | one |
| pause, resume | persistence or replication of a copy | one |
| switch | partitions stop and others begin to answer for their keys, at once | many |

A step compares and swaps only the bits of the state codes that it is about, so that a pause does
not make a stream fail, nor a stream undo a pause. What it expects and what it leaves behind, at
its start, its completion and its failure, is `Step.on_start` and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from mapcore.actualizing.step_parts import (
    PAUSES,
    PLACEMENTS,
    RUNNING_STATES,
    CellChange,
    Cost,
    End,
    Kind,
)
from mapcore.actualizing.step_rules import problems
from mapcore.errors import DocumentError, TransitionError
from mapcore.states import (
    PLACEMENT_MASK,
    RUNNING_MASK,
    RUNNING_SHIFT,
    Placement,
    Running,
    state_code,
)

__all__ = [
    "PAUSES",
    "CellChange",
    "Cost",
    "End",
    "Kind",
    "Step",
    "steps_from_json",
    "steps_to_json",
]

_WHOLE: Final = 0xFF


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of a partition.

    Attributes:
        id: unique in its schedule or run; `step` in JSON.
        map: the map's name.
        partition: the partition's name.
        kind: what it does; it says which of the following fields it has.
        node: of transition, running, pause and resume.
        before: the state before: a placement, or a running state for kind running.
        after: the state after, likewise.
        running: the running state of a copy that a transition creates, where not `running`.
        what: `persistence` or `replication`, for pause and resume.
        size_bytes: what a stream moves, where it is known; `bytes` in JSON.
        resume_from: the sequence number from which a stream goes on, without a full scan.
        source: the copy that a stream reads, or the master that a takeover ends.
        target: the copy that a stream fills, or the master that a takeover makes.
        sources: the partitions that a merged range takes up, all from their copies on its node.
        retire: the partitions that a switch takes out of service.
        serve: the partitions that a switch puts in their place.
        changes: the copies whose role a switch changes, in one commit.
        num_partitions: the number of hash partitions from a switch on; every copy is split, or
            joined with others, where it is.
        block: kinds of requests which the target blocks until success or failure.
        depends_on: ids of the steps that must be done before; `after` in JSON.
        reason: why.
        round: in which round of a schedule, from 1.
        version: of the map that the step was made from. The step is refused if its partition
            has changed since.
        epoch: of the partition. The step is refused once its master has changed.
        wait_seconds: how long it waits once the steps in `depends_on` are done, or once the
            schedule begins: a dead copy is kept for a while.
        stuck_after_seconds: how long it may take before it counts as stuck.
        bytes_per_second: the rate that a stream may not exceed.
    """

    id: str = msgspec.field(name="step")
    map: str
    partition: str
    kind: Kind
    round: int | None = None
    node: str | None = None
    before: str | None = msgspec.field(name="from", default=None)
    after: str | None = msgspec.field(name="to", default=None)
    running: str | None = None
    what: str | None = None
    size_bytes: int | None = msgspec.field(name="bytes", default=None)
    resume_from: int | None = None
    source: End | None = None
    target: End | None = None
    sources: tuple[str, ...] | None = None
    retire: tuple[str, ...] | None = None
    serve: tuple[str, ...] | None = None
    changes: tuple[End, ...] | None = None
    num_partitions: int | None = None
    block: tuple[str, ...] | None = None
    depends_on: tuple[str, ...] = msgspec.field(name="after", default=())
    reason: str = ""
    version: tuple[int, int] | None = None
    epoch: int | None = None
    wait_seconds: float | None = None
    stuck_after_seconds: float | None = None
    bytes_per_second: int | None = None

    @property
    def ends(self) -> tuple[End, ...]:
        """The copies whose placement the step looks at: the source first, where there is one."""
        if self.kind is Kind.TRANSITION:
            assert self.node is not None
            assert self.before is not None
            assert self.after is not None
            return (End(node=self.node, before=self.before, after=self.after),)
        if self.changes is not None:
            return self.changes
        return tuple(end for end in (self.source, self.target) if end is not None)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that take part."""
        if self.node is not None:
            return (self.node,)
        return tuple(end.node for end in self.ends)

    @property
    def partitions(self) -> frozenset[str]:
        """The partitions of its map that it changes or reads."""
        if self.changes is not None:
            return frozenset((self.partition, *(end.partition or "" for end in self.changes))) - {
                ""
            }
        source = self.source
        if source is None or source.partition is None or source.map not in (None, self.map):
            return frozenset((self.partition,))
        return frozenset((self.partition, source.partition))

    @property
    def taken(self) -> tuple[tuple[str, str], ...]:
        """The copies that it changes, by (partition, node); the source of a stream stays free."""
        if self.node is not None:
            return ((self.partition, self.node),)
        ends = self.ends[-1:] if self.kind is Kind.STREAM else self.ends
        return tuple((end.partition or self.partition, end.node) for end in ends)

    @property
    def is_fill(self) -> bool:
        """Whether a copy comes into sync by this step."""
        target = self.ends[-1] if self.ends else None
        return target is not None and target.before == "dead" and target.after == "slave"

    @property
    def costs(self) -> dict[str, Cost]:
        """What the step costs each node while it runs; only streams cost anything."""
        if self.kind is not Kind.STREAM or self.source is None or self.target is None:
            return {node: Cost() for node in self.nodes}
        count = self.size_bytes or 0
        return {
            self.source.node: Cost(
                streams_out=1, full_scans=int(self.resume_from is None), bytes_out=count
            ),
            self.target.node: Cost(streams_in=1, bytes_in=count),
        }

    @property
    def on_start(self) -> tuple[CellChange, ...]:
        """What must hold when the step starts, and what it changes then.

        A takeover makes both copies pending; where it takes the mastership of a node that is gone
        (its copy becomes dead), nobody is asked, and nothing is pending. All other steps only look.
        """
        if self._is_handshake:
            return (_pending(self, self._source), _pending(self, self._target))
        return tuple(change._replace(after=change.before) for change in self._changes())

    @property
    def on_complete(self) -> tuple[CellChange, ...]:
        """What the step finds when it is done, and what it makes of it: one atomic change."""
        if self._is_handshake:
            return tuple(
                change._replace(before=change.after, after=int(PLACEMENTS[end.after]))
                for change, end in zip(self.on_start, (self._source, self._target), strict=True)
            )
        return tuple(self._changes())

    @property
    def on_fail(self) -> tuple[CellChange, ...]:
        """What takes back the changes of the start."""
        return tuple(change.reversed() for change in self.on_start if change.before != change.after)

    @property
    def _source(self) -> End:
        assert self.source is not None
        return self.source

    @property
    def _target(self) -> End:
        assert self.target is not None
        return self.target

    @property
    def _is_handshake(self) -> bool:
        return self.kind is Kind.TAKEOVER and self._source.after != "dead"

    def _changes(self) -> Iterator[CellChange]:
        if self.kind in (Kind.TRANSITION, Kind.STREAM, Kind.TAKEOVER, Kind.SWITCH):
            for end in self.ends:
                if end.map is None or end.map == self.map:
                    yield self._placement_change(end)
        elif self.kind is Kind.RUNNING:
            assert self.node is not None
            before, after = (
                RUNNING_STATES[str(label)] << RUNNING_SHIFT for label in (self.before, self.after)
            )
            yield CellChange(self.partition, self.node, RUNNING_MASK, before, after)
        elif self.kind in (Kind.PAUSE, Kind.RESUME):
            assert self.node is not None
            bit = PAUSES[str(self.what)]
            on, off = (bit, 0) if self.kind is Kind.RESUME else (0, bit)
            yield CellChange(self.partition, self.node, bit, on, off)

    def _placement_change(self, end: End) -> CellChange:
        before, after = PLACEMENTS[end.before], PLACEMENTS[end.after]
        if before is Placement.NULL:
            running = RUNNING_STATES[self.running] if self.running else Running.RUNNING
            return CellChange(self.partition, end.node, _WHOLE, 0, state_code(after, running))
        partition = end.partition or self.partition
        return CellChange(partition, end.node, PLACEMENT_MASK, int(before), int(after))

    def check(self) -> None:
        """Raise a `TransitionError` if no table allows what the step does."""
        for problem in problems(self):
            raise TransitionError(f"step {self.id}: {problem}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as they stand in JSON, without those that it does not have."""
        tree: dict[str, Any] = {"step": self.id}
        if self.round is not None:
            tree["round"] = self.round
        tree |= {"map": self.map, "partition": self.partition, "kind": self.kind.value}
        for name, value in (
            ("node", self.node),
            ("from", self.before),
            ("to", self.after),
            ("running", self.running),
            ("what", self.what),
            ("bytes", self.size_bytes),
            ("resumeFrom", self.resume_from),
            ("source", self.source and self.source.to_dict()),
            ("target", self.target and self.target.to_dict()),
            ("sources", self.sources),
            ("retire", self.retire),
            ("serve", self.serve),
            ("changes", self.changes and [end.to_dict() for end in self.changes]),
            ("numPartitions", self.num_partitions),
            ("block", self.block),
        ):
            if value is not None:
                tree[name] = value
        tree |= {"after": self.depends_on, "reason": self.reason}
        conditions = {
            "version": self.version,
            "epoch": self.epoch,
            "waitSeconds": self.wait_seconds,
            "stuckAfterSeconds": self.stuck_after_seconds,
            "bytesPerSecond": self.bytes_per_second,
        }
        return tree | {name: value for name, value in conditions.items() if value is not None}

    def to_json(self) -> str:
        """Return the step as one line of JSON."""
        return msgspec.json.encode(self.to_dict()).decode()

    @classmethod
    def from_json(cls, line: str | bytes) -> Step:
        """Read a step from a line of JSON; fields that nobody knows are passed over.

        Raises:
            DocumentError: it is not a step.
            TransitionError: no table allows it.
        """
        return _checked(lambda: msgspec.json.decode(line, type=cls), "step")

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Step:
        """Read a step from a JSON tree; errors as in `from_json`."""
        return _checked(lambda: msgspec.convert(tree, type=cls), "step")

    def __str__(self) -> str:
        words = f"{self.id}: {self.kind.value} {self.partition}: {self._describe()}"
        if self.size_bytes is not None:
            words += f", {self.size_bytes:,} bytes"
        return f"{words} ({self.reason})" if self.reason else words

    def _describe(self) -> str:
        if self.num_partitions is not None:
            return f"all -> {self.num_partitions:,} partitions"
        if self.kind is Kind.SWITCH:
            return f"{', '.join(self.retire or ())} -> {', '.join(self.serve or ())}"
        if self.kind in (Kind.PAUSE, Kind.RESUME):
            return f"{self.what} of {self.node}"
        if self.source is not None and self.target is not None:
            return f"{self.source}, {self.target}"
        return f"{self.node} {self.before} -> {self.after}"


def _pending(step: Step, end: End) -> CellChange:
    base = PLACEMENTS[end.before]
    pending = Placement.PENDING_MASTER if base is Placement.MASTER else Placement.PENDING_SLAVE
    return CellChange(step.partition, end.node, PLACEMENT_MASK, int(base), int(pending))


def _checked(read: Any, path: str) -> Step:
    try:
        step: Step = read()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(
            path, str(error), "a step as `mapcore steps --json` prints it"
        ) from None
    step.check()
    return step


def steps_to_json(steps: Iterable[Step]) -> str:
    """Return steps as text, a line of JSON each."""
    return "".join(step.to_json() + "\n" for step in steps)


def steps_from_json(text: str) -> list[Step]:
    """Read steps from lines of JSON; empty lines, and a header without `step`, are passed over.

    Raises:
        DocumentError: a line is not a step; the path is `line 3`.
        TransitionError: no table allows a step.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            tree = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DocumentError(f"line {number}", str(error), "a step in JSON") from None
        if number == 1 and isinstance(tree, dict) and "step" not in tree:
            continue
        found.append(_checked(lambda tree=tree: msgspec.convert(tree, type=Step), f"line {number}"))
    return found
