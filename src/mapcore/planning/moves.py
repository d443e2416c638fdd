"""What a plan changes, as columns: copies to fill, copies to drop, masters to change.

Columns are numbers; an entry, with names and its reason in words, is made when somebody looks at
it. A million moves are twenty megabytes and no objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.keys import KeyFunction
from mapcore.maps import NodeIndex

__all__ = ["Drop", "Drops", "Move", "Moves", "Reason", "RoleChange", "RoleChanges"]


class Reason(IntEnum):
    """Why a copy is filled or dropped, or a master changes."""

    NEW = 0
    LEAVING = 1
    GONE = 2
    SWAP = 3
    WEIGHTLESS = 4
    UNFIT = 5
    SPREAD = 6
    ABOVE_SHARE = 7
    BELOW_SHARE = 8
    PASSED_ON = 9
    BACK = 10
    DEAD = 11
    SURPLUS = 12
    MAINTENANCE = 13
    RESTORED = 14
    COPY_MOVED = 15
    MASTERLESS = 16
    ABOVE_LEAD = 17
    BELOW_LEAD = 18
    LEAD_PASSED_ON = 19
    ABOVE_SUM = 20
    BELOW_SUM = 21
    LEAD_ABOVE_SUM = 22
    LEAD_BELOW_SUM = 23
    PEERS = 24


_WORDS: Final = {
    Reason.NEW: "new copy asked for",
    Reason.LEAVING: "{other} is leaving",
    Reason.GONE: "{other} is gone",
    Reason.SWAP: "swap of {other} by {node}",
    Reason.WEIGHTLESS: "{other} has weight 0",
    Reason.UNFIT: "{other} may not hold this partition",
    Reason.SPREAD: "spread: too many copies in {place}",
    Reason.ABOVE_SHARE: "balance: {other} holds above its share",
    Reason.BELOW_SHARE: "balance: {node} holds below its share",
    Reason.ABOVE_SUM: "balance in sum: {other} holds above its share of all maps",
    Reason.BELOW_SUM: "balance in sum: {node} holds below its share of all maps",
    Reason.PEERS: "maxPeers: with {other} in its place, nodes have too many peers",
    Reason.PASSED_ON: "balance: {other} makes room for a copy of another node",
    Reason.BACK: "{node} is back and still holds an older copy",
    Reason.DEAD: "dead copy",
    Reason.SURPLUS: "more than asked for",
    Reason.MAINTENANCE: "{other} is in maintenance",
    Reason.RESTORED: "{node} is back from maintenance",
    Reason.COPY_MOVED: "{other} gives up its copy",
    Reason.MASTERLESS: "no master now",
    Reason.ABOVE_LEAD: "balance of masters: {other} leads above its share",
    Reason.BELOW_LEAD: "balance of masters: {node} leads below its share",
    Reason.LEAD_ABOVE_SUM: "balance of masters in sum: {other} leads above its share of all maps",
    Reason.LEAD_BELOW_SUM: "balance of masters in sum: {node} leads below its share of all maps",
    Reason.LEAD_PASSED_ON: "balance of masters: {other} makes room for another partition",
}


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The names behind the numbers.

    Attributes:
        keys: of partitions.
        nodes: of nodes.
        place: the name of the crowded place that a node of a partition stands in.
    """

    keys: KeyFunction
    nodes: NodeIndex
    place: Callable[[int, int], str]

    def node(self, number: int) -> str | None:
        """Return a node's name, None for -1."""
        return None if number < 0 else self.nodes.names[number]

    def reason(self, reason: int, partition: int, node: int, other: int) -> str:
        """Return a reason in words; `other` is the node that gives way."""
        return _WORDS[Reason(reason)].format(
            node=self.node(node),
            other=self.node(other),
            place=self.place(partition, other) if reason == Reason.SPREAD else "",
        )


class Move(NamedTuple):
    """A copy to be filled with data.

    Attributes:
        partition: the partition's name.
        node: the node that gets the copy.
        source: a node that has the data, None where no copy is left.
        reason: why.
    """

    partition: str
    node: str
    source: str | None
    reason: str

    def __str__(self) -> str:
        origin = f"from {self.source}" if self.source else "with no copy left to fill it from"
        return f"partition {self.partition}: to {self.node} {origin} ({self.reason})"


class Drop(NamedTuple):
    """A copy that the target does not have any more."""

    partition: str
    node: str
    reason: str

    def __str__(self) -> str:
        return f"partition {self.partition}: off {self.node} ({self.reason})"


class RoleChange(NamedTuple):
    """A change of master.

    Attributes:
        partition: the partition's name.
        node: the node that becomes master; None where one steps down and nobody follows.
        previous: the node that is master no more; None where a partition had too few.
        reason: why.
    """

    partition: str
    node: str | None
    previous: str | None
    reason: str

    def __str__(self) -> str:
        return (
            f"partition {self.partition}: master {self.previous or 'nobody'} -> "
            f"{self.node or 'nobody'} ({self.reason})"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Columns(Sequence[Any]):
    """Entries by columns, all of one length: an entry is made when it is asked for.

    Attributes:
        partitions: int32 partition numbers, ascending.
        nodes: int32 node numbers, -1 for none.
        reasons: uint8, of `Reason`.
    """

    partitions: NDArray[np.int32]
    nodes: NDArray[np.int32]
    reasons: NDArray[np.uint8]
    names: Names

    def __len__(self) -> int:
        return len(self.partitions)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self._entry(i) for i in range(*position.indices(len(self)))]
        return self._entry(range(len(self))[position])

    def __iter__(self) -> Iterator[Any]:
        return map(self._entry, range(len(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)}>"

    def _entry(self, position: int) -> Any:
        raise NotImplementedError

    def by_reason(self) -> dict[str, int]:
        """Count the entries by reason, as `leaving` or `above-share`; the most frequent first."""
        counts = np.bincount(self.reasons, minlength=len(Reason))
        order = np.argsort(-counts, kind="stable").tolist()
        return {
            Reason(kind).name.lower().replace("_", "-"): int(counts[kind])
            for kind in order
            if counts[kind]
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moves(_Columns):
    """The copies that must be filled with data; iteration gives a `Move` for each.

    Attributes:
        sources: int32, a node that has the data, -1 where no copy is left.
        replaced: int32, the node that gives up its copy for this one, -1 where nobody does.
    """

    sources: NDArray[np.int32]
    replaced: NDArray[np.int32]

    def _entry(self, position: int) -> Move:
        partition, node = int(self.partitions[position]), int(self.nodes[position])
        return Move(
            self.names.keys.name(partition),
            self.names.nodes.names[node],
            self.names.node(int(self.sources[position])),
            self.names.reason(
                int(self.reasons[position]), partition, node, int(self.replaced[position])
            ),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Drops(_Columns):
    """The copies that are given up; iteration gives a `Drop` for each.

    Attributes:
        successors: int32, the node that is filled in its place, -1 where none is.
    """

    successors: NDArray[np.int32]

    def _entry(self, position: int) -> Drop:
        partition, node = int(self.partitions[position]), int(self.nodes[position])
        return Drop(
            self.names.keys.name(partition),
            self.names.nodes.names[node],
            self.names.reason(
                int(self.reasons[position]), partition, int(self.successors[position]), node
            ),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RoleChanges(_Columns):
    """The changes of master; iteration gives a `RoleChange` for each.

    `nodes` holds who becomes master. The first masters of a partition on copies that are new to
    it are no change.

    Attributes:
        previous: int32, the node that is master no more, -1 where a partition had too few.
    """

    previous: NDArray[np.int32]

    def _entry(self, position: int) -> RoleChange:
        partition, node = int(self.partitions[position]), int(self.nodes[position])
        previous = int(self.previous[position])
        return RoleChange(
            self.names.keys.name(partition),
            self.names.node(node),
            self.names.node(previous),
            self.names.reason(int(self.reasons[position]), partition, node, previous),
        )
