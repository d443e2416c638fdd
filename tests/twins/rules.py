"""What rows of copies break, the slow way: all matchings, all leaders, word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import permutations

from mapcore.cluster import Rule

Location = tuple[str, ...]


def satisfies(slave: Location, master: Location, rule: Rule, levels: Sequence[str]) -> bool:
    """Whether a slave here stands as a rule says to a master there."""
    if rule.same is not None:
        depth = levels.index(rule.same) + 1
        if slave[:depth] != master[:depth]:
            return False
    if rule.different is not None:
        depth = levels.index(rule.different) + 1
        if slave[:depth] == master[:depth]:
            return False
    return True


def slave_rules(rules: Sequence[Rule], slaves: int) -> list[Rule]:
    """One rule for each slave that is asked for: the last for all that are left."""
    return [rules[min(number, len(rules) - 1)] for number in range(slaves)] if rules else []


def broken(
    slaves: Sequence[Location],
    masters: Sequence[Location],
    rules: Sequence[Rule],
    levels: Sequence[str],
) -> int:
    """How many slaves match no rule, relative to the master with which it is fewest."""
    if not rules or not masters:
        return 0
    return min(len(slaves) - _most_matched(slaves, master, rules, levels) for master in masters)


def least_broken(
    row: Sequence[Location],
    may_lead: Sequence[bool],
    masters: int,
    rules: Sequence[Rule],
    levels: Sequence[str],
) -> int:
    """The least over the copies that may lead; of more masters, any others may be the rest."""
    if not rules or len(row) <= masters or not masters:
        return 0
    costs = []
    for leader, able in enumerate(may_lead):
        if able:
            rest = [row[i] for i in range(len(row)) if i != leader]
            matched = _most_matched(rest, row[leader], rules, levels)
            costs.append(max(0, len(row) - masters - matched))
    return min(costs, default=0)


def excess(row: Iterable[Location], depth: int, share: int) -> int:
    """Copies above the share of a value."""
    return sum(max(0, n - share) for n in Counter(place[:depth] for place in row).values())


def _most_matched(
    slaves: Sequence[Location], master: Location, rules: Sequence[Rule], levels: Sequence[str]
) -> int:
    fits = [[satisfies(slave, master, rule, levels) for rule in rules] for slave in slaves]
    if len(slaves) <= len(rules):
        orders = permutations(range(len(rules)), len(slaves))
        return max(sum(fits[s][r] for s, r in enumerate(order)) for order in orders)
    orders = permutations(range(len(slaves)), len(rules))
    return max(sum(fits[s][r] for r, s in enumerate(order)) for order in orders)
