"""What waits, and why: changes that may not start now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import Hold, Situation
from mapcore.actualizing.starting.admission import THROTTLE_NAMES, Admitted
from mapcore.actualizing.throttles import THROTTLES
from mapcore.maps import PartitionMap
from mapcore.states import describe_code

__all__ = ["HeldBack", "Waiting", "waiting_changes"]

_FIELDS: Final = {row.attribute: row.field for row in THROTTLES}


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One change that has to wait.

    Attributes:
        map: the map's name.
        partition: the partition's name.
        node: the node whose copy would change; of switches the one that they wait for, if any.
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

    @property
    def reason(self) -> str:
        """What it waits for: the field of a throttle, or words."""
        return self.throttle or self.hold.text

    def __str__(self) -> str:
        why = self.hold.text if self.throttle is None else f"held back by {self.throttle}"
        what = f"{self.node} {self.change}" if self.node else self.change
        return f"{self.map}/{self.partition}: {what}: {why}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The proposals of one map that wait, as an array."""

    name: str
    current: PartitionMap
    rows: NDArray[Any]
    throttles: NDArray[np.int8]
    switches: Sequence[HeldBack] = ()

    def __len__(self) -> int:
        return len(self.rows) + len(self.switches)

    def counts(self) -> dict[str, int]:
        """Return how many wait for what."""
        holds = np.bincount(self.rows["hold"], minlength=len(Hold)).tolist()
        counts = {
            hold.text: holds[hold] for hold in Hold if holds[hold] and hold is not Hold.THROTTLE
        }
        by = np.bincount(self.throttles[self.throttles >= 0], minlength=len(THROTTLE_NAMES))
        for number, count in enumerate(by.tolist()):
            if count:
                field_name = _FIELDS[THROTTLE_NAMES[number]]
                counts[field_name] = counts.get(field_name, 0) + count
        for entry in self.switches:
            counts[entry.reason] = counts.get(entry.reason, 0) + 1
        return counts

    def entries(self, partition: str | None) -> Iterator[HeldBack]:
        """Iterate over the changes that wait, of all partitions or of one."""
        chosen = np.arange(len(self.rows))
        if partition is not None:
            try:
                number = self.current.keys.number(partition)
            except KeyError:
                return
            chosen = np.flatnonzero(self.rows["partition"] == number)
        for entry in self.switches:
            if partition in (None, entry.partition):
                yield entry
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


def waiting_changes(
    name: str,
    situation: Situation,
    proposals: NDArray[Any],
    chosen: Admitted,
    switches: Sequence[HeldBack],
) -> Waiting:
    """Return the proposals that do not start."""
    waits = ~chosen.starts
    throttles = np.where(
        proposals["hold"][waits] == Hold.THROTTLE, chosen.blockers[waits], np.int8(-1)
    ).astype(np.int8)
    return Waiting(name, situation.current, proposals[waits], throttles, tuple(switches))
