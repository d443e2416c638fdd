"""Every error that mapcore raises on purpose.

All are kinds of `MapcoreError`, so that a caller can catch what comes from mapcore and nothing
else. Each says what was found, where, and what was expected. An `AssertionError` is never meant
for the caller: it is a bug in mapcore.
"""

from __future__ import annotations

__all__ = [
    "DocumentError",
    "KeyNotCovered",
    "MapError",
    "MapcoreError",
    "MemoryBudgetError",
    "Misdirected",
    "NoCopy",
    "NoMaster",
    "PlanError",
    "RangeError",
    "ScheduleError",
    "StepRefused",
    "TransitionError",
    "VersionWindowError",
    "WireError",
]


class MapcoreError(Exception):
    """The base of all errors that mapcore raises on purpose."""


class DocumentError(MapcoreError):
    """A document that cannot be loaded.

    Attributes:
        path: where in the document, as in `map.partitions."17".master[0]`; line and column where
            it is not even JSON; empty for the whole.
        found: what stands there.
        expected: what should stand there.
        source: the name of the file, or None if the document did not come from a file.
    """

    def __init__(self, path: str, found: str, expected: str, source: str | None = None) -> None:
        self.path = path
        self.found = found
        self.expected = expected
        self.source = source
        super().__init__(path, found, expected, source)

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.source, self.path or "document") if part)
        return f"{where}: found {self.found}, expected {self.expected}"


class MapError(MapcoreError, ValueError):
    """Arrays or arguments that do not make a map."""


class RangeError(MapError):
    """A range of keys that cannot be, alone or beside the others.

    Attributes:
        name: the name of the range.
        found: what is wrong with it.
        expected: what it should be.
    """

    def __init__(self, name: str, found: str, expected: str) -> None:
        self.name = name
        self.found = found
        self.expected = expected
        super().__init__(name, found, expected)

    def __str__(self) -> str:
        return f"range {self.name!r}: found {self.found}, expected {self.expected}"


class MemoryBudgetError(MapcoreError, MemoryError):
    """A dense form that would not fit the memory budget of its map.

    Attributes:
        needed_bytes: what the dense form would take.
        budget_bytes: what the map may take.
    """

    def __init__(self, needed_bytes: int, budget_bytes: int) -> None:
        self.needed_bytes = needed_bytes
        self.budget_bytes = budget_bytes
        super().__init__(needed_bytes, budget_bytes)

    def __str__(self) -> str:
        return (
            f"the dense form takes {self.needed_bytes:,} bytes, the memory budget is "
            f"{self.budget_bytes:,}: use the compact index, or raise memory_budget_bytes"
        )


class TransitionError(MapcoreError, ValueError):
    """A change of state that no transition table allows."""


class PlanError(MapcoreError, ValueError):
    """A change that cannot be planned as asked, such as removing a node that is not there."""


class ScheduleError(MapcoreError, ValueError):
    """A change that cannot be scheduled as asked, or limits that allow no stream at all."""


class KeyNotCovered(MapcoreError, LookupError):  # noqa: N818 - the condition is the name
    """A key that falls into a gap between ranges.

    Attributes:
        key: the key.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        super().__init__(key)

    def __str__(self) -> str:
        return f"no partition covers the key {self.key!r}"


class NoCopy(MapcoreError, LookupError):  # noqa: N818 - the condition is the name
    """A partition that has no copy, of those asked for, that a request could be sent to now.

    Attributes:
        partition: the partition's name.
        copies: what is known of its copies, as text.
    """

    wanted = "copy that a request could be sent to"

    def __init__(self, partition: str, copies: str) -> None:
        self.partition = partition
        self.copies = copies
        super().__init__(partition, copies)

    def __str__(self) -> str:
        return f"partition {self.partition} has no {self.wanted}; its copies: " + (
            self.copies or "none"
        )


class NoMaster(NoCopy):
    """A partition that has no copy which could be its master now."""

    wanted = "master"


class VersionWindowError(MapcoreError, ValueError):
    """A map or document whose version lies outside the window that this process works with."""


class Misdirected(MapcoreError, LookupError):  # noqa: N818 - the condition is the name
    """A request that came to a node which does not serve its key, and that twice.

    Attributes:
        node: the second node.
        version: of the map that led there.
        node_version: of that node's own map.
    """

    def __init__(self, node: str, version: str, node_version: str) -> None:
        self.node = node
        self.version = version
        self.node_version = node_version
        super().__init__(node, version, node_version)

    def __str__(self) -> str:
        return (
            f"node {self.node} does not serve the key that the map of version {self.version} sends "
            f"to it; its own map is of version {self.node_version}"
        )


class StepRefused(MapcoreError):  # noqa: N818 - the condition is the name
    """A step whose expectations do not hold any more; nothing was changed.

    It is no fault of anybody: the map changed after the step was made. New steps are made from the
    map as it is.

    Attributes:
        step: the step's id.
        found: what is.
        expected: what the step expects.
    """

    def __init__(self, step: str, found: str, expected: str) -> None:
        self.step = step
        self.found = found
        self.expected = expected
        super().__init__(step, found, expected)

    def __str__(self) -> str:
        return f"step {self.step}: found {self.found}, expected {self.expected}"


class WireError(MapcoreError, ValueError):
    """Bytes that are no snapshot or delta, or a damaged one."""
