"""What a promise looks at: one change of a partition, in the map that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.steps import CellChange, Kind, Step
from mapcore.actualizing.verifying.rows import Row, row_of
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import Assignment, Settings
from mapcore.errors import MapcoreError, MapError
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import expanded

__all__ = ["Broken", "Ends", "Promise", "RowChange", "changes_of"]


class Broken(MapcoreError):  # noqa: N818 - says what a promise is then
    """A promise that a step breaks.

    Attributes:
        rule: which, as in `Failure`.
        message: what was found and what was expected.
    """

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        self.message = message
        super().__init__(f"{message} ({rule})")


@dataclass(frozen=True)
class Ends:
    """Where a map starts and where it shall end, and what is known of its nodes.

    Attributes:
        name: of the map.
        current: what it is at the start.
        target: what it shall be in the end.
        settings: what it is asked to be.
        view: the nodes of all maps.
        gone: the nodes that are gone.
        after_switch: the same from the step on that changes the number of partitions; None where
            no such step is to come.
    """

    name: str
    current: PartitionMap
    target: PartitionMap
    settings: Settings
    view: NodeView
    gone: frozenset[str]
    after_switch: Ends | None = None

    @classmethod
    def of(cls, name: str, work: Work, view: NodeView) -> Ends:
        """Take them from a map on its way.

        Raises:
            MapError: the maps have different partitions, and not a multiple or a fraction of as
                many hash partitions.
        """
        current, target = work.snapshot(), work.target
        gone = frozenset(
            node
            for node, flags in zip(view.index.names, view.flags.tolist(), strict=True)
            if flags & NodeFlag.GONE
        )

        def ends(a: PartitionMap, b: PartitionMap, then: Ends | None = None) -> Ends:
            return cls(name, a, b, work.settings, view, gone, then)

        if current.keys == target.keys:
            return ends(current, target)
        before, after = current.partition_count, target.partition_count
        are_hashed = isinstance(current.keys, HashKeys) and isinstance(target.keys, HashKeys)
        if not are_hashed or not HashKeys(before).can_become(after):
            raise MapError(
                f"found a current map over {current.keys!r} and a target over {target.keys!r}, "
                "expected the same partitions, or a multiple or fraction of as many hash partitions"
            )
        if after > before:
            return ends(current, current, ends(expanded(current, after), target))
        return ends(current, expanded(target, before), ends(target, target))

    @property
    def is_single_master(self) -> bool:
        """Whether a partition has at most one master."""
        return self.settings.assignment is Assignment.MASTER_SLAVE

    def start(self, partition: str) -> Row:
        """Return the copies of a partition at the start; none where it was not there."""
        return _row_or_nothing(self.current, partition)

    def goal(self, partition: str) -> Row:
        """Return the copies that a partition shall have; none where it shall not be there."""
        return _row_or_nothing(self.target, partition)

    def references(self, partition: str) -> tuple[tuple[Row, frozenset[str]], ...]:
        """Return what a partition was and what it shall be, each with the nodes not to count.

        What it was counts without the copies on nodes that are gone; what it shall be with them:
        nothing else may be given up while they are not there.
        """
        return (self.start(partition), self.gone), (self.goal(partition), frozenset())

    @cached_property
    def paths(self) -> Mapping[str, tuple[str, ...]]:
        """The location of each node, outermost level first; empty where it is not known."""
        return {
            name: () if node is None else node.path
            for name, node in zip(self.view.index.names, self.view.nodes, strict=True)
        }


def _row_or_nothing(held: PartitionMap, partition: str) -> Row:
    try:
        return row_of(held, partition)
    except KeyError:
        return {}


class RowChange(NamedTuple):
    """What a step makes of one partition.

    Attributes:
        ends: of the partition's map.
        partition: its name.
        step: that changes it.
        before: its copies before the step.
        after: its copies after it.
    """

    ends: Ends
    partition: str
    step: Step
    before: Row
    after: Row

    @property
    def is_planned_takeover(self) -> bool:
        """Whether a master gives over to another that is asked."""
        step = self.step
        if step.kind is not Kind.TAKEOVER or step.source is None:
            return False
        return step.source.after != "dead" and step.source.node not in self.ends.gone


def changes_of(step: Step) -> tuple[CellChange, ...]:
    """Return what a step finds before it starts, and leaves when it is done, at each copy."""
    return tuple(
        first._replace(after=last.after)
        for first, last in zip(step.on_start, step.on_complete, strict=True)
    )


class Promise(Protocol):
    """Something that every step keeps."""

    def check(self, change: RowChange) -> None:
        """Look at a step that has just been done.

        Raises:
            Broken: it does not hold any more.
        """
