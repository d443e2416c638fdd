"""What a schedule consists of: maps that change, streams with their times, and all steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.blocked import Blocked, blocked_cells, blocked_changes
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.parts import Part
from mapcore.actualizing.scheduling.rounds import Rounds
from mapcore.actualizing.scheduling.step_list import StepList
from mapcore.actualizing.scheduling.times import Times
from mapcore.actualizing.steps import Step
from mapcore.actualizing.view import NodeView

__all__ = ["ScheduledChange"]


@dataclass(frozen=True, eq=False)
class ScheduledChange:
    """Steps from maps to other maps.

    Attributes:
        parts: the maps, each with what has to happen.
        moves: the copies of all maps that are filled, as arrays.
        limits: on their streams, as arrays.
        found: rounds, or times, of the moves, with the lower bound and what it comes from.
        rows: all steps as an array of `sequence.ROW`, in an order in which they may run.
    """

    parts: tuple[Part, ...]
    moves: Moves
    limits: StreamLimits
    found: Rounds | Times
    rows: NDArray[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the maps."""
        return tuple(part.name for part in self.parts)

    @property
    def name(self) -> str:
        """The map's name; those of several with commas between them."""
        return ", ".join(self.names)

    @property
    def view(self) -> NodeView:
        """The nodes of all maps."""
        return self.parts[0].change.view

    def partition_name(self, number: int) -> str:
        """Return the name of a partition, numbered among those of all maps."""
        part = next(part for part in reversed(self.parts) if part.first_partition <= number)
        name = part.change.current.keys.name(number - part.first_partition)
        return name if len(self.parts) == 1 else f"{part.name}/{name}"

    @property
    def is_timed(self) -> bool:
        """Whether steps stand on a time line in seconds; otherwise in rounds."""
        return isinstance(self.found, Times)

    @property
    def rounds(self) -> int | None:
        """The last round with a stream; None on a time line."""
        return self.found.rounds if isinstance(self.found, Rounds) else None

    @property
    def bound(self) -> int | float:
        """No schedule has fewer rounds, or ends in fewer seconds."""
        if isinstance(self.found, Times):
            return self.found.bound_seconds
        return self.found.bound

    @property
    def length(self) -> int | float:
        """Rounds, or seconds until the last stream ends."""
        if isinstance(self.found, Times):
            return self.found.end_seconds
        return self.found.rounds

    @property
    def is_optimal(self) -> bool:
        """Whether the length is that of the bound."""
        return self.found.is_optimal

    @cached_property
    def steps(self) -> Sequence[Step]:
        """All steps, made when they are asked for, in an order in which they may run."""
        return StepList(self.parts, self.rows, is_timed=self.is_timed)

    @property
    def stream_count(self) -> int:
        """How many copies are filled with data."""
        return len(self.moves)

    @cached_property
    def total_bytes(self) -> int | None:
        """What all streams move; None where sizes are not known."""
        return None if self.moves.sizes is None else int(self.moves.sizes.sum())

    @cached_property
    def bytes_in(self) -> dict[str, int]:
        """What each node takes in, where sizes are known; nodes without streams are left out."""
        return self._bytes_by(self.moves.targets)

    @cached_property
    def bytes_out(self) -> dict[str, int]:
        """What each node sends, likewise."""
        return self._bytes_by(self.limits.node_of_volume[self.found.sources])

    def _bytes_by(self, nodes: NDArray[np.int32]) -> dict[str, int]:
        if self.moves.sizes is None:
            return {}
        # Exact up to 2**53 bytes a node.
        sums = np.bincount(nodes, self.moves.sizes)
        names = self.view.index.names
        return {names[node]: int(sums[node]) for node in np.unique(nodes).tolist()}

    @cached_property
    def finish(self) -> dict[str, int | float]:
        """In which round, or after how many seconds, each node's last stream ends."""
        last = np.zeros(len(self.view))
        ends = self.rows["finish"][self.rows["move"] >= 0]
        for column in ("node", "other"):
            np.maximum.at(last, self.rows[column][self.rows["move"] >= 0], ends)
        names = self.view.index.names
        busy = np.flatnonzero(last > 0).tolist()
        if self.is_timed:
            return {names[node]: float(last[node]) for node in busy}
        return {names[node]: int(last[node]) for node in busy}

    @property
    def cancel(self) -> tuple[Step, ...]:
        """Steps under way that lead nowhere: the schedule holds once they are cancelled."""
        return tuple(
            step for part in self.parts if part.run is not None for step in part.run.cancelled
        )

    @cached_property
    def blocked(self) -> list[Blocked]:
        """Changes that cannot be made: the schedule ends in the target but for these."""
        return [
            each
            for part in self.parts
            for each in blocked_changes(part.name, part.change, part.conditions.stuck)
        ]

    @cached_property
    def blocked_count(self) -> int:
        """How many changes cannot be made."""
        return sum(
            len(blocked_cells(part.change).partitions) + len(part.conditions.stuck.partitions)
            for part in self.parts
        )
