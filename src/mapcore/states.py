"""State codes of copies, and the tables that say how a copy gets from one state to another.

A state code is one unsigned byte:

| bits | meaning | values |
| --- | --- | --- |
| 0-2 | placement | null, dead, slave, master, pending (slave), pending (master) |
| 3-4 | running | stopped, warming, running, cooling |
| 5 | persistence paused | 0, 1 |
| 6 | replication paused | 0, 1 |

The four parts are independent of each other. A cell without a copy is 0; it has no running state
and no pauses. Each table holds one hop for each pair: where a copy that is in the state of the row
goes next on its way to the state of the column. `LITERAL` is for copies whose node cannot be
reached; `SAFE` steps down by way of slave and is for all planned work; `RUNNING` is the table of
the running state. `PAIRED` lists the changes of two copies that may be committed as one.

All of it is data. What checks whole maps against it is `mapcore.transitions`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mapcore.errors import TransitionError

__all__ = [
    "LEADING",
    "LITERAL",
    "PAIRED",
    "PERSISTENCE_PAUSED",
    "PLACEMENT_MASK",
    "REPLICATION_PAUSED",
    "RUNNING",
    "RUNNING_MASK",
    "RUNNING_SHIFT",
    "SAFE",
    "TABLES",
    "TAKEOVER_COMMITS",
    "PairedTransition",
    "Placement",
    "Running",
    "TransitionTable",
    "describe_code",
    "is_valid_code",
    "next_hop",
    "paired_transition",
    "placement_of",
    "running_of",
    "state_code",
]


class Placement(IntEnum):
    """What a copy is to its partition: bits 0-2 of a state code."""

    NULL = 0
    DEAD = 1
    SLAVE = 2
    MASTER = 3
    PENDING_SLAVE = 4
    PENDING_MASTER = 5

    @property
    def label(self) -> str:
        """The name in documents: `slave`, `pendingSlave` and so on."""
        return _PLACEMENT_LABELS[self]

    @property
    def devolved(self) -> Placement:
        """What this placement becomes after a restart: pending states devolve, others stay."""
        return _DEVOLVED.get(self, self)


class Running(IntEnum):
    """Whether the process that serves a copy runs: bits 3-4 of a state code."""

    STOPPED = 0
    WARMING = 1
    RUNNING = 2
    COOLING = 3

    @property
    def label(self) -> str:
        """The name in documents: `stopped`, `warming`, `running`, `cooling`."""
        return self.name.lower()

    @property
    def is_online(self) -> bool:
        """Whether a router may send requests here: yes, unless stopped."""
        return self is not Running.STOPPED


_PLACEMENT_LABELS: Final = {
    Placement.NULL: "null",
    Placement.DEAD: "dead",
    Placement.SLAVE: "slave",
    Placement.MASTER: "master",
    Placement.PENDING_SLAVE: "pendingSlave",
    Placement.PENDING_MASTER: "pendingMaster",
}
_DEVOLVED: Final = {
    Placement.PENDING_SLAVE: Placement.SLAVE,
    Placement.PENDING_MASTER: Placement.MASTER,
}

LEADING: Final = (Placement.MASTER, Placement.PENDING_MASTER)
"""The placements of a copy that leads its partition, a takeover under way included."""

PLACEMENT_MASK: Final = 0b0000_0111
RUNNING_SHIFT: Final = 3
RUNNING_MASK: Final = 0b0001_1000
PERSISTENCE_PAUSED: Final = 0b0010_0000
REPLICATION_PAUSED: Final = 0b0100_0000


def state_code(
    placement: Placement,
    running: Running = Running.RUNNING,
    *,
    persistence_paused: bool = False,
    replication_paused: bool = False,
) -> int:
    """Return the state code of a copy; 0 for `Placement.NULL`, whatever the rest says."""
    if placement == Placement.NULL:
        return 0
    return (
        int(placement)
        | int(running) << RUNNING_SHIFT
        | (PERSISTENCE_PAUSED if persistence_paused else 0)
        | (REPLICATION_PAUSED if replication_paused else 0)
    )


def placement_of(code: int) -> Placement:
    """Return the placement in a state code."""
    return Placement(code & PLACEMENT_MASK)


def running_of(code: int) -> Running:
    """Return the running state in a state code."""
    return Running((code & RUNNING_MASK) >> RUNNING_SHIFT)


def is_valid_code(code: int) -> bool:
    """Whether `code` is a state code: a known placement, no unused bit, nothing beside null."""
    placement = code & PLACEMENT_MASK
    return 0 <= code < 128 and placement <= Placement.PENDING_MASTER and (placement > 0 or not code)


def describe_code(code: int) -> str:
    """Return a state code as stable text: `slave`, `slave warming`, `master replication-paused`.

    The running state is left out where it is `running`, which is what a copy is unless said.
    """
    words = [placement_of(code).label]
    if code:
        if running_of(code) != Running.RUNNING:
            words.append(running_of(code).label)
        if code & PERSISTENCE_PAUSED:
            words.append("persistence-paused")
        if code & REPLICATION_PAUSED:
            words.append("replication-paused")
    return " ".join(words)


class TransitionTable:
    """Next hops between states: `hops[current, wanted]` is where a copy goes first.

    The diagonal holds the state itself. `states` names rows and columns.
    """

    __slots__ = ("hops", "name", "states")

    def __init__(self, name: str, states: tuple[str, ...], hops: NDArray[np.uint8]) -> None:
        self.name = name
        self.states = states
        self.hops = hops

    def allows(self, before: int, after: int) -> bool:
        """Whether `before` to `after` is a single hop of this table, or no change."""
        return bool(self.hops[before, after] == after)

    def __str__(self) -> str:
        width = max(map(len, self.states)) + 1
        lines = [" " * width + "| " + " ".join(f"{state:{width}}" for state in self.states)]
        lines.append("-" * width + "+" + "-" * (len(self.states) * (width + 1)))
        for row, state in enumerate(self.states):
            cells = (
                "-" if row == column else self.states[hop]
                for column, hop in enumerate(self.hops[row])
            )
            lines.append(f"{state:{width}}| " + " ".join(f"{cell:{width}}" for cell in cells))
        return "\n".join(line.rstrip() for line in lines)


def _placement_table(name: str, rows: dict[str, str]) -> TransitionTable:
    """Extend the four rows of the notes by the two pending states.

    A pending copy first becomes what it devolves to. A copy becomes pending only from the state
    that the pending state devolves to.
    """
    letters = "ndsm"
    count = len(Placement)
    hops = np.empty((count, count), dtype=np.uint8)
    for letter, row in rows.items():
        current = letters.index(letter)
        hops[current, :4] = [letters.index(hop) for hop in row]
        for pending, base in _DEVOLVED.items():
            hops[current, pending] = pending if base == current else hops[current, base]
    for pending, base in _DEVOLVED.items():
        hops[pending] = base
        hops[pending, pending] = pending
    hops.flags.writeable = False
    return TransitionTable(name, tuple(placement.label for placement in Placement), hops)


def _running_table() -> TransitionTable:
    letters = "swrc"
    rows = {"s": "swww", "w": "cwrc", "r": "ccrc", "c": "ssrc"}
    hops = np.array([[letters.index(hop) for hop in rows[row]] for row in letters], dtype=np.uint8)
    hops.flags.writeable = False
    return TransitionTable("running", tuple(running.label for running in Running), hops)


LITERAL: Final = _placement_table("literal", {"n": "nddd", "d": "ndss", "s": "ddsm", "m": "dddm"})
SAFE: Final = _placement_table("safe", {"n": "nddd", "d": "ndss", "s": "ddsm", "m": "sssm"})
RUNNING: Final = _running_table()
TABLES: Final = {table.name: table for table in (LITERAL, SAFE, RUNNING)}


class PairedTransition(NamedTuple):
    """Two changes of placement that are committed as one, at a source and at a target."""

    name: str
    source_before: Placement
    source_after: Placement
    target_before: Placement
    target_after: Placement

    def __str__(self) -> str:
        return (
            f"{self.name}: source {self.source_before.label} -> {self.source_after.label}, "
            f"target {self.target_before.label} -> {self.target_after.label}"
        )


PAIRED: Final = (
    PairedTransition(
        "takeover", Placement.MASTER, Placement.DEAD, Placement.SLAVE, Placement.MASTER
    ),
    PairedTransition(
        "takeover", Placement.MASTER, Placement.SLAVE, Placement.SLAVE, Placement.MASTER
    ),
    PairedTransition(
        "replica", Placement.MASTER, Placement.MASTER, Placement.DEAD, Placement.SLAVE
    ),
    PairedTransition(
        "replica", Placement.MASTER, Placement.MASTER, Placement.SLAVE, Placement.SLAVE
    ),
)


def _pending(placement: Placement) -> Placement:
    return next(pending for pending, base in _DEVOLVED.items() if base is placement)


TAKEOVER_COMMITS: Final = tuple(
    dict.fromkeys(
        change
        for pair in PAIRED
        if pair.name == "takeover"
        for change in (
            (_pending(pair.source_before), pair.source_after),
            (_pending(pair.target_before), pair.target_after),
        )
    )
)
"""What the commit of a takeover makes of its two copies, which were pending until then."""


def paired_transition(
    source_before: Placement,
    source_after: Placement,
    target_before: Placement,
    target_after: Placement,
) -> PairedTransition:
    """Return the paired transition that these four placements make.

    Raises:
        TransitionError: no paired transition allows it.
    """
    wanted = (source_before, source_after, target_before, target_after)
    for pair in PAIRED:
        if wanted == (pair.source_before, pair.source_after, pair.target_before, pair.target_after):
            return pair
    raise TransitionError(
        f"no paired transition takes the source from {source_before.label} to "
        f"{source_after.label} with the target from {target_before.label} to "
        f"{target_after.label}; allowed: " + "; ".join(map(str, PAIRED))
    )


@overload
def next_hop(table: TransitionTable, current: int, wanted: int) -> int: ...
@overload
def next_hop(
    table: TransitionTable, current: NDArray[Any], wanted: NDArray[Any] | int
) -> NDArray[np.uint8]: ...
@overload
def next_hop(table: TransitionTable, current: int, wanted: NDArray[Any]) -> NDArray[np.uint8]: ...


def next_hop(table: TransitionTable, current: ArrayLike, wanted: ArrayLike) -> Any:
    """Return the next state of a copy that is `current` and is to become `wanted`.

    Args:
        table: `LITERAL` or `SAFE` for placements, `RUNNING` for running states.
        current: a state of that table (not a whole state code), or an array of them.
        wanted: likewise; arrays broadcast against each other.

    Returns:
        An int for two scalars, else a uint8 array.

    Raises:
        TransitionError: a value is not a state of the table.
    """
    count = len(table.states)
    for argument, values in (("current", np.asarray(current)), ("wanted", np.asarray(wanted))):
        if not np.issubdtype(values.dtype, np.integer):
            raise TransitionError(f"{argument}: found dtype {values.dtype}, expected integers")
        if values.size and (values.min() < 0 or values.max() >= count):
            wrong = values[(values < 0) | (values >= count)].flat[0]
            raise TransitionError(
                f"{argument}: found state {wrong}, expected 0 to {count - 1} "
                f"({', '.join(table.states)})"
            )
    hops = table.hops[current, wanted]  # type: ignore[index]
    return hops if isinstance(hops, np.ndarray) else int(hops)
