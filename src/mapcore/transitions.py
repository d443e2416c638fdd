"""Whether the change from one map to another is made of single, allowed hops.

`validate_transitions` holds every cell of two maps against the tables of `mapcore.states` and names
those that no table allows:

- placement: no change, a single hop of one of the tables given, or the commit of a takeover by a
  pending copy;
- running: no change or a single hop of `RUNNING`, where both maps have a copy: without a copy
  there is no running state, nor a pause;
- pauses: unchanged where placement or running state change, as a transition never touches them;
  they may change by themselves.

All verdicts are worked out once, for every pair of state codes, from the tables; what walks the
maps only looks them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntFlag
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.comparison import CODE_COUNT, common_nodes, compare_cells, match_partitions
from mapcore.errors import MapError, TransitionError
from mapcore.keys import HashKeys, KeyFunction
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.states import (
    LITERAL,
    PERSISTENCE_PAUSED,
    PLACEMENT_MASK,
    REPLICATION_PAUSED,
    RUNNING,
    RUNNING_SHIFT,
    SAFE,
    TAKEOVER_COMMITS,
    Placement,
    Running,
    TransitionTable,
    describe_code,
    is_valid_code,
    placement_of,
    running_of,
)

__all__ = [
    "Reason",
    "TransitionReport",
    "Violation",
    "validate_transitions",
    "verdict_table",
]

_PAUSES = PERSISTENCE_PAUSED | REPLICATION_PAUSED


class Reason(IntFlag):
    """What is wrong with the change of a cell; several may hold at once."""

    PLACEMENT = 1
    RUNNING = 2
    PAUSES = 4


class Violation(NamedTuple):
    """One cell whose change no table allows.

    Attributes:
        partition: the partition's name.
        node: the node's name.
        before: the state code before.
        after: the state code after.
        reason: what is wrong with it.
        tables: the names of the tables for placements that were asked.
    """

    partition: str
    node: str
    before: int
    after: int
    reason: Reason
    tables: tuple[str, ...]

    def __str__(self) -> str:
        change = f"{describe_code(self.before)} -> {describe_code(self.after)}"
        return f"{self.partition}: {self.node} {change}: {'; '.join(self._reasons())}"

    def _reasons(self) -> Iterator[str]:
        if self.reason & Reason.PLACEMENT:
            before, after = placement_of(self.before).label, placement_of(self.after).label
            yield f"no hop of {' or '.join(self.tables)} from {before} to {after}"
        if self.reason & Reason.RUNNING:
            before, after = running_of(self.before).label, running_of(self.after).label
            yield f"no running hop from {before} to {after}"
        if self.reason & Reason.PAUSES:
            yield "a transition never changes pauses"


class TransitionReport(Sequence[Violation]):
    """The cells that break the tables, by partition and then node; empty if none does.

    Attributes:
        partitions: int64 partition number of each cell.
        node_numbers: int32 number of each cell's node in `nodes`.
        before: uint8 state codes before.
        after: uint8 state codes after.
        reasons: uint8 bits of `Reason`.
        keys: the key function of both maps; it names the partitions.
        nodes: the nodes of both maps.
        tables: the names of the tables for placements.
    """

    __slots__ = (
        "after",
        "before",
        "keys",
        "node_numbers",
        "nodes",
        "partitions",
        "reasons",
        "tables",
    )

    def __init__(
        self,
        cells: Sequence[NDArray[Any]],
        keys: KeyFunction,
        nodes: NodeIndex,
        tables: tuple[str, ...],
    ) -> None:
        self.partitions, self.node_numbers, self.before, self.after, self.reasons = cells
        self.keys = keys
        self.nodes = nodes
        self.tables = tables

    def __len__(self) -> int:
        return len(self.partitions)

    def __getitem__(self, item: int) -> Violation:  # type: ignore[override]
        return Violation(
            self.keys.name(int(self.partitions[item])),
            self.nodes.names[int(self.node_numbers[item])],
            int(self.before[item]),
            int(self.after[item]),
            Reason(int(self.reasons[item])),
            self.tables,
        )

    def __str__(self) -> str:
        return self.report()

    def report(self, limit: int = 20) -> str:
        """Return a line for each of the first `limit` cells, and one for all others."""
        if not self:
            return "all transitions are allowed"
        lines = [str(self[position]) for position in range(min(limit, len(self)))]
        if len(self) > limit:
            lines.append(f"and {len(self) - limit:,} more")
        return "\n".join(lines)

    def check(self) -> None:
        """Raise a `TransitionError` that names the first cells, if there are any."""
        if self:
            raise TransitionError(f"found {len(self):,} wrong transitions\n{self.report(5)}")


@cache
def verdict_table(tables: tuple[TransitionTable, ...] = (LITERAL, SAFE)) -> NDArray[np.uint8]:
    """Return what is wrong with each pair of state codes, as bits of `Reason`.

    Returns:
        uint8, 128 by 128, read-only; 0 for what is allowed, and for what is no state code.
    """
    placement_wrong = np.ones((len(Placement),) * 2, dtype=bool)
    for hops in (table.hops for table in tables):
        placement_wrong &= hops != np.arange(len(Placement))
    for commit in TAKEOVER_COMMITS:
        placement_wrong[commit] = False
    running_wrong = RUNNING.hops != np.arange(len(Running))

    codes = np.array([code for code in range(CODE_COUNT) if is_valid_code(code)], dtype=np.uint8)
    before, after = codes[:, None], codes[None, :]
    has_both = (before != 0) & (after != 0)
    moves = ((before ^ after) & ~np.uint8(_PAUSES)) != 0
    running = (codes & ~np.uint8(_PAUSES)) >> RUNNING_SHIFT
    placement = codes & PLACEMENT_MASK
    verdicts = np.zeros((CODE_COUNT, CODE_COUNT), dtype=np.uint8)
    verdicts[np.ix_(codes, codes)] = (
        placement_wrong[np.ix_(placement, placement)] * Reason.PLACEMENT
        | (running_wrong[np.ix_(running, running)] & has_both) * Reason.RUNNING
        | (((before ^ after) & _PAUSES != 0) & moves & has_both) * Reason.PAUSES
    )
    verdicts.flags.writeable = False
    return verdicts


def validate_transitions(
    before: PartitionMap,
    after: PartitionMap,
    *,
    tables: Sequence[TransitionTable] = (LITERAL, SAFE),
) -> TransitionReport:
    """Name every cell whose change from `before` to `after` no table allows.

    Args:
        before: a map.
        after: a map over the same partitions; nodes are matched by name.
        tables: what placements may do; `(SAFE,)` for planned work only.

    Raises:
        MapError: the maps have different partitions.

    Matrices over the same nodes are compared at the memory's speed, indexes in time linear in
    their copies.
    """
    partitions = match_partitions(before.keys, after.keys)
    if not partitions.are_same or _bounds(before.keys) != _bounds(after.keys):
        raise MapError(
            f"found maps over {_describe(before.keys)} and over {_describe(after.keys)}, "
            "expected the same partitions"
        )
    nodes = common_nodes(before.nodes, after.nodes)
    verdicts = verdict_table(tuple(tables))
    cells = compare_cells(before, after, verdicts, partitions, nodes)
    return TransitionReport(cells, before.keys, nodes, tuple(table.name for table in tables))


def _bounds(keys: KeyFunction) -> list[tuple[bytes, bytes | None]] | None:
    if isinstance(keys, HashKeys):
        return None
    return [(item.start, item.end) for item in keys.ranges]


def _describe(keys: KeyFunction) -> str:
    return f"{len(keys):,} {keys.label} partitions"
