"""What steps are made of: kinds, copies, changes of state codes, and costs."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from mapcore.states import (
    PERSISTENCE_PAUSED,
    PLACEMENT_MASK,
    REPLICATION_PAUSED,
    Placement,
    Running,
)

__all__ = ["PAUSES", "PLACEMENTS", "RUNNING_STATES", "CellChange", "Cost", "End", "Kind"]

PAUSES: Final = {"persistence": PERSISTENCE_PAUSED, "replication": REPLICATION_PAUSED}
"""What can be paused, and its bit in a state code."""

PLACEMENTS: Final = {placement.label: placement for placement in Placement}
RUNNING_STATES: Final = {running.label: running for running in Running}


class Kind(Enum):
    """What a step does."""

    TRANSITION = "transition"
    STREAM = "stream"
    TAKEOVER = "takeover"
    RUNNING = "running"
    PAUSE = "pause"
    RESUME = "resume"
    SWITCH = "switch"


class CellChange(NamedTuple):
    """A compare-and-swap of some bits of a state code.

    Attributes:
        partition: the name of the copy's partition.
        node: the node of the copy.
        mask: the bits that are looked at and written.
        before: what they must be.
        after: what they become.
    """

    partition: str
    node: str
    mask: int
    before: int
    after: int

    def fits(self, code: int) -> bool:
        """Whether a state code is what this change expects."""
        return code & self.mask == self.before

    def apply(self, code: int) -> int:
        """Return the state code after the change; a copy that becomes null leaves nothing."""
        changed = code & ~self.mask | self.after
        return changed if changed & PLACEMENT_MASK else 0

    def reversed(self) -> CellChange:
        """Return the change that takes this one back."""
        return self._replace(before=self.after, after=self.before)


class Cost(NamedTuple):
    """What a step costs one node while it runs."""

    streams_in: int = 0
    streams_out: int = 0
    full_scans: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One of the copies of a step: its node, its placement before and after, its volume.

    `partition` and `map` are there where they are not those of the step: the source of a range
    that is split off, or of an index.
    """

    node: str
    before: str = msgspec.field(name="from")
    after: str = msgspec.field(name="to")
    volume: str | None = None
    partition: str | None = None
    map: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as they stand in JSON."""
        tree = {"node": self.node, "from": self.before, "to": self.after}
        for name in ("volume", "partition", "map"):
            value = getattr(self, name)
            if value is not None:
                tree[name] = value
        return tree

    def __str__(self) -> str:
        words = self.node
        if self.partition is not None:
            words += " " + "/".join(part for part in (self.map, self.partition) if part)
        words += f" {self.before}" + ("" if self.before == self.after else f" -> {self.after}")
        return words + (f" on {self.volume}" if self.volume else "")
