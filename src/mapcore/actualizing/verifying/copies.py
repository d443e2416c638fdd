"""Masters and copies in sync of each partition."""

from __future__ import annotations

from mapcore.actualizing.verifying.promises import Broken, RowChange
from mapcore.actualizing.verifying.rows import Row, in_sync, leaders

__all__ = ["EnoughCopies", "OneMaster", "StaysLed"]


class OneMaster:
    """A partition of a `masterSlave` map never has two masters, or more than it had."""

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where a step adds a master to another one."""
        if not change.ends.is_single_master:
            return
        found = list(leaders(change.after))
        if len(found) > 1 and len(found) >= len(list(leaders(change.before))):
            raise Broken("masters", f"found masters on {' and '.join(found)}, expected one")


class EnoughCopies:
    """No step leaves fewer copies in sync than there were at first, or shall be."""

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where a step takes away a copy that is needed."""
        gone = change.ends.gone
        before, left = (_count(row, gone) for row in (change.before, change.after))
        if left >= before:
            return
        least = min(_count(*known) for known in change.ends.references(change.partition))
        if left < least:
            raise Broken("in sync", f"found {left} copies in sync, expected {least}")


class StaysLed:
    """A partition that shall be led keeps a master as long as a copy of it is in sync."""

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where a step takes away the last master."""
        gone = change.ends.gone
        was_led, is_led = (any(leaders(row, gone)) for row in (change.before, change.after))
        left = _count(change.after, gone)
        if was_led and left and not is_led and any(leaders(change.ends.goal(change.partition))):
            raise Broken("master lost", f"found no master, but {left} copies in sync")


def _count(row: Row, gone: frozenset[str]) -> int:
    return sum(1 for _ in in_sync(row, gone))
