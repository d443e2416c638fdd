"""What each partition could do next on its way from the current map to the target map.

A proposal is one change that is safe by itself: it follows the tables, leaves enough copies in
sync and the partition with its master. Which proposals are started is a question of throttles
(`mapcore.actualizing.starting`). Proposals that have to wait carry the reason why. The rules are in
`_kernels/propose.hpp`, one function a question:

- a pending copy without a takeover under way devolves;
- without a copy at all, the partition is founded on its master to be;
- without a master, a slave in sync becomes it;
- a master that shall not be one gives over to one that shall, in one takeover;
- new copies are created, made to run and filled;
- copies in sync are dropped one at a time, once nothing is left to fill, and never below the
  number asked for;
- dead copies are collected; running states and pauses become what the target says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _proposals
from mapcore.actualizing.rows import places_of
from mapcore.actualizing.steps import Kind, Step
from mapcore.maps import PartitionMap
from mapcore.states import RUNNING, Placement, Running, state_code

__all__ = [
    "PROPOSAL",
    "Action",
    "Hold",
    "NodeFlag",
    "Priority",
    "RowFlag",
    "Situation",
    "in_flight",
    "is_exclusive",
    "propose",
]


class Action(IntEnum):
    """What a proposal does."""

    CREATE = 0
    FILL = 1
    FOUND = 2
    PROMOTE = 3
    DEMOTE = 4
    TAKEOVER = 5
    FAILOVER = 6
    DROP = 7
    COLLECT = 8
    RUN = 9
    PERSISTENCE = 10
    REPLICATION = 11
    DEVOLVE = 12


class Priority(IntEnum):
    """What goes first: masters, then lost redundancy, then balance, then clean-up."""

    MASTERLESS = 0
    REDUNDANCY = 1
    URGENT = 2
    BALANCE = 3
    ROLES = 4
    CLEAN_UP = 5


class Hold(IntEnum):
    """Why a proposal has to wait, apart from throttles."""

    FREE = 0
    UNREACHABLE = 1
    GONE = 2
    NO_SOURCE = 3
    UNFILLED = 4
    NEEDED = 5
    IN_FLIGHT = 6
    GRACE = 7
    LOST = 8
    LAST_MASTER = 9
    PEAK = 10
    THROTTLE = 11
    APART = 12

    @property
    def text(self) -> str:
        """The reason in words."""
        return _HOLD_TEXTS[self]


_HOLD_TEXTS: Final = {
    Hold.FREE: "may start",
    Hold.UNREACHABLE: "the node cannot be reached and is not known to be gone",
    Hold.GONE: "the node is gone",
    Hold.NO_SOURCE: "no copy is in sync and runs that it could be filled from",
    Hold.UNFILLED: "new copies are filled before old ones go",
    Hold.NEEDED: "fewer copies than asked for would be in sync",
    Hold.IN_FLIGHT: "another step of the partition comes first",
    Hold.GRACE: "dead for less than the grace time",
    Hold.LOST: "every copy in sync is on a node that is gone; the data would be lost",
    Hold.LAST_MASTER: "the target has no master for it",
    Hold.PEAK: "the node would lead more partitions than at its peak",
    Hold.THROTTLE: "held back by a throttle",
    Hold.APART: "partitions that become one do not stand together yet",
}


class NodeFlag(IntFlag):
    """What is known of a node."""

    GONE = 1
    UNREACHABLE = 2
    RELEASED = 4


class RowFlag(IntFlag):
    """What is known of a partition."""

    ADDITIVE_IN_FLIGHT = 1
    EXCLUSIVE_IN_FLIGHT = 2
    STAGED = 4
    HAS_SOURCE = 8
    LOSS_ACCEPTED = 16


_BUSY: Final = 1
_TOO_EARLY: Final = 2

PROPOSAL: Final = np.dtype(
    [
        ("partition", np.int64),
        ("node", np.int32),
        ("other", np.int32),
        ("because", np.int32),
        ("action", np.uint8),
        ("before", np.uint8),
        ("after", np.uint8),
        ("priority", np.uint8),
        ("hold", np.uint8),
        ("in_sync", np.uint8),
    ],
    align=True,
)
"""One proposal.

`node` changes from state code `before` to `after`; `other` is the master that a takeover ends, -1
for other actions; `because` is a node whose copy is to go, -1 where there is none. `in_sync` counts
the copies in sync that the partition has now, up to 255.
"""
assert PROPOSAL.itemsize == 32

_CHUNK: Final = 1 << 16


def is_exclusive(step: Step) -> bool:
    """Whether a step must be the only one in its partition.

    Steps that only add to a partition, or clear away what is dead, may run beside each other;
    changes of role and drops may not.
    """
    if step.kind is Kind.TRANSITION:
        return step.before not in ("null", "dead")
    return step.kind in (Kind.TAKEOVER, Kind.SWITCH)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that proposals depend on.

    Attributes:
        current: what is.
        target: what shall be, over the same nodes and partitions.
        in_flight: the steps under way.
        node_flags: uint8 `NodeFlag` of each node.
        row_flags: uint8 `RowFlag` of each partition; what is in flight is added.
        preferred: int32, who is promoted in a partition without a master, -1 for no preference.
        single_master: whether a partition may have only one master; then no target may have more.
        warms_up: whether copies warm when they are created, and cool and stop before they go.
        too_early: (partition, node) numbers of dead copies within their grace time.
        source_rows: int64, the partition that those flagged `HAS_SOURCE` are filled from.
        merged: partitions that are filled from the copies of several others on the same node.
    """

    current: PartitionMap
    target: PartitionMap
    in_flight: tuple[Step, ...]
    node_flags: NDArray[np.uint8]
    row_flags: NDArray[np.uint8]
    preferred: NDArray[np.int32]
    single_master: bool = True
    warms_up: bool = False
    too_early: tuple[tuple[int, int], ...] = ()
    source_rows: NDArray[np.int64] | None = None
    merged: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def created_code(self) -> int:
        """The state code of a copy that has just been created."""
        return state_code(Placement.DEAD, Running.WARMING if self.warms_up else Running.RUNNING)


def propose(situation: Situation) -> NDArray[Any]:
    """Return all proposals, as an array of `PROPOSAL`, by partition.

    Partitions that have what they shall have are passed over at the memory's speed.
    """
    current, target = situation.current, situation.target
    assert current.nodes == target.nodes
    assert len(current.keys) == len(target.keys)
    row_flags, busy = in_flight(situation)
    longest = int(np.diff(current.offsets).max(initial=0) + np.diff(target.offsets).max(initial=0))
    chunks, row = [], 0
    current_flags = _copy_flags(current, busy, situation.too_early)
    target_flags = _copy_flags(target, busy, ())
    while row < len(row_flags):
        chunk = np.empty(_CHUNK + 3 * longest + 4, dtype=PROPOSAL)
        row, written = _proposals.propose(
            current.offsets,
            current.copy_nodes,
            current.copy_codes,
            current_flags,
            target.offsets,
            target.copy_nodes,
            target.copy_codes,
            target_flags,
            situation.node_flags,
            row_flags,
            situation.preferred,
            RUNNING.hops,
            situation.single_master,
            situation.warms_up,
            situation.created_code,
            row,
            chunk.view(np.uint8).reshape(len(chunk), PROPOSAL.itemsize),
        )
        chunks.append(chunk[:written].copy())
    return np.concatenate(chunks)


def in_flight(situation: Situation) -> tuple[NDArray[np.uint8], set[tuple[int, int]]]:
    """Return the flags of partitions, and the cells that steps are under way for."""
    flags = situation.row_flags.copy()
    keys, numbers = situation.current.keys, situation.current.nodes.numbers
    busy = set()
    for step in situation.in_flight:
        flag = RowFlag.EXCLUSIVE_IN_FLIGHT if is_exclusive(step) else RowFlag.ADDITIVE_IN_FLIGHT
        for partition in step.partitions:
            flags[keys.number(partition)] |= np.uint8(flag)
        for partition, node in step.taken:
            if node in numbers:
                busy.add((keys.number(partition), numbers[node]))
    return flags, busy


def _copy_flags(
    held: PartitionMap,
    busy: Iterable[tuple[int, int]],
    too_early: Iterable[tuple[int, int]],
) -> NDArray[np.uint8]:
    """Return the flags of each copy, by those of the cells that have any."""
    flags = np.zeros(held.copy_count, dtype=np.uint8)
    for cells, flag in ((busy, _BUSY), (too_early, _TOO_EARLY)):
        pairs = np.array(list(cells), dtype=np.int64).reshape(-1, 2)
        places = places_of(held, pairs[:, 0], pairs[:, 1])
        flags[places[places >= 0]] |= np.uint8(flag)
    return flags
