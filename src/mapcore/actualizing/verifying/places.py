"""Where the copies of a partition stand: spread over levels, and rules of where slaves stand.

Both are measured so that a copy more never makes it worse, as the copies that are to go stand
beside the new ones for a while. Spread is what the loss of places leaves: for each number of zones,
racks and so on, the copies in sync that are left when as many, those with the most copies, are
lost. Of rules it is the slaves that can be matched to one: as in a plan, the first rule is for one
slave, the second for another, the last for all that are left.
"""

from __future__ import annotations

from collections import Counter

from mapcore.actualizing.verifying.promises import Broken, Ends, RowChange
from mapcore.actualizing.verifying.rows import Row, in_sync, leaders
from mapcore.cluster import Rule

__all__ = ["KeepsRules", "KeepsSpread"]


class KeepsSpread:
    """No step lowers the spread at a level below what it was at first, or shall be."""

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where the loss of some places would leave too few copies."""
        ends = change.ends
        for level in ends.settings.spread_levels:
            depth = ends.settings.levels.index(level) + 1
            before, after = (
                _left(ends, row, ends.gone, depth) for row in (change.before, change.after)
            )
            if all(_at(after, lost) >= left for lost, left in enumerate(before)):
                continue
            least = [_left(ends, *known, depth) for known in ends.references(change.partition)]
            for lost, left in enumerate(before):
                found, expected = _at(after, lost), min(_at(row, lost) for row in least)
                if found < min(left, expected):
                    which = "one" if lost == 0 else f"{lost + 1} of them"
                    raise Broken(
                        "spread",
                        f"found {found} copies in sync left were {which} lost at level {level}, "
                        f"those with the most copies; expected {expected}",
                    )


def _left(ends: Ends, row: Row, gone: frozenset[str], depth: int) -> list[int]:
    """Return how many copies in sync are left after the loss of 1, 2 and more places."""
    held = Counter(ends.paths[node][:depth] for node in in_sync(row, gone))
    left, found = held.total(), []
    for _, count in held.most_common():
        left -= count
        found.append(left)
    return found


def _at(found: list[int], lost: int) -> int:
    return found[lost] if lost < len(found) else 0


class KeepsRules:
    """No step lets fewer slaves keep the rules than at first, or than shall keep them.

    A failover may, as nobody has planned it. Where there are several masters no slave stands
    relative to one of them.
    """

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where a step leaves too few slaves that keep a rule."""
        ends = change.ends
        rules = ends.settings.rules.get("slave", ())
        if not rules or not ends.is_single_master:
            return
        before, after = (
            _kept(ends, row, ends.gone, rules) for row in (change.before, change.after)
        )
        if after >= before:
            return
        least = min(_kept(ends, *known, rules) for known in ends.references(change.partition))
        if after < least:
            raise Broken("rules", f"found {after} slaves that keep the rules, expected {least}")


def _kept(ends: Ends, row: Row, gone: frozenset[str], rules: tuple[Rule, ...]) -> int:
    """Return the most slaves that can be matched to a rule."""
    leader = next(leaders(row, gone), None)
    if leader is None:
        return 0
    slaves = [node for node in in_sync(row, gone) if node != leader]
    fitting = [
        [number for number, rule in enumerate(rules) if _fits(ends, rule, leader, slave)]
        for slave in slaves
    ]
    taken: dict[int, int] = {}

    def place(slave: int, seen: set[int]) -> bool:
        for number in fitting[slave]:
            if number == len(rules) - 1:
                return True
            if number not in seen:
                seen.add(number)
                if number not in taken or place(taken[number], seen):
                    taken[number] = slave
                    return True
        return False

    return sum(place(slave, set()) for slave in range(len(slaves)))


def _fits(ends: Ends, rule: Rule, leader: str, slave: str) -> bool:
    a, b = ends.paths[leader], ends.paths[slave]

    def is_same(level: str) -> bool:
        depth = ends.settings.levels.index(level) + 1
        return a[:depth] == b[:depth]

    return (rule.same is None or is_same(rule.same)) and (
        rule.different is None or not is_same(rule.different)
    )
