"""Rules that a plan breaks: how many slaves, what could be had at all, and why not more.

How few breaks there can be is counted for each class of partitions as if it had the nodes to
itself: for every place where a master may stand, how many nodes stand at each closeness to it. That
is a true bound, as limits, balance and other partitions can only take nodes away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placing.rules import CompiledRules, intervals_of, match, rules_in_force

if TYPE_CHECKING:
    from mapcore.cluster import Rule
    from mapcore.planning.facts import PlanFacts
    from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["breaks_of", "describe_rule", "explain_breaks", "least_breaks"]


@dataclass(frozen=True, slots=True)
class _BestPlace:
    """The best that a partition can do for its rules.

    Attributes:
        breaks: slaves that match no rule.
        leader: a node that may lead it so; -1 where none may lead.
        by_closeness: nodes that stand as close to it, but no more than there are slaves.
    """

    breaks: int
    leader: int
    by_closeness: tuple[int, ...]


def describe_rule(rule: Rule) -> str:
    """Return a rule in words."""
    words = []
    if rule.same is not None:
        words.append(f"the same {rule.same}")
    if rule.different is not None:
        words.append(f"{'another' if words else 'in another'} {rule.different}")
    text = " as the master, but ".join(words)
    return f"in {text}" if rule.same is not None else f"{text} than the master"


def least_breaks(problem: PlacementProblem, missing: int = 0) -> int:
    """Return how many slaves match no rule in any placement with as many copies missing."""
    if problem.rules is None:
        return 0
    asked = 0
    is_fixed, total = _breaks_of_fixed(problem, problem.rules)
    for usable, partitions in _classes(problem):
        copies = np.minimum(problem.copy_counts[partitions], np.count_nonzero(usable))
        asked += int(copies.sum())
        counts, numbers = np.unique(copies[~is_fixed[partitions]], return_counts=True)
        for count, number in zip(counts.tolist(), numbers.tolist(), strict=True):
            total += _best_place(problem.rules, usable, count).breaks * number
    never = int(problem.copy_counts.sum(dtype=np.int64)) - asked
    return max(0, total - max(0, missing - never))


def _breaks_of_fixed(
    problem: PlacementProblem, rules: CompiledRules
) -> tuple[NDArray[np.bool_], int]:
    """Return the partitions whose copies are all pinned, and the slaves of them that match no rule.

    Where these are on nodes in maintenance nobody leads, and nothing counts as broken.
    """
    if problem.pinned is None:
        return np.zeros(len(problem.copy_counts), np.bool_), 0
    counts = np.count_nonzero(problem.pinned >= 0, axis=1)
    is_fixed = (counts >= problem.copy_counts) & (counts > 0)
    rows = problem.pinned[is_fixed]
    rows = np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)
    levels, shares = np.empty((0, len(problem.eligible)), np.int32), np.empty((len(rows), 0), int)
    return is_fixed, int(rules.costs(rows, levels, shares).sum())


def breaks_of(rules: CompiledRules, usable: NDArray[np.bool_], copies: int) -> int:
    """Return how many slaves of a partition match no rule, wherever on these nodes it stands."""
    return _best_place(rules, usable, copies).breaks


def explain_breaks(plan: PlanFacts) -> Iterator[str]:
    """Say which partitions break rules, why, and what would change it."""
    broken = plan.broken_rules
    partitions = np.flatnonzero(broken)
    if not len(partitions):
        return
    names = [plan.target.keys.name(partition) for partition in partitions[:5].tolist()]
    more = f" and {len(partitions) - 5:,} more" if len(partitions) > 5 else ""
    slaves = int(broken.sum())
    yield (
        f"settings.rules: {slaves:,} {'slave stands' if slaves == 1 else 'slaves stand'} against "
        f"them, in {len(partitions):,} {'partition' if len(partitions) == 1 else 'partitions'} "
        f"({', '.join(names)}{more}): {_why(plan, slaves, int(partitions[0]))}"
    )


def _why(plan: PlanFacts, broken: int, partition: int) -> str:
    problem, placement, rules = plan.work.placement_problem, plan.work.placement, plan.work.rules
    assert rules is not None
    for number, (rule, _) in enumerate(rules_in_force(plan.work.asked.settings)):
        levels = plan.work.asked.settings.levels
        if rule.same and rule.different and levels.index(rule.same) >= levels.index(rule.different):
            return (
                f"slave[{number}] contradicts itself, as a node in the same {rule.same} is not in "
                f"another {rule.different}; leave one of the two out"
            )
    if problem is None or placement is None:
        return "no data moves in this plan; plan with rebuild to move them"
    usable = next(usable for usable, rows in _classes(problem) if partition in rows)
    best = _best_place(rules, usable, plan.work.asked.copies)
    least = least_breaks(problem, placement.missing)
    if broken > least and not best.breaks:
        return f"none with fewer was found, though {least:,} is all that is proven to be needed"
    short = _shortage(plan, best)
    also = "" if broken == least else f"; {broken - least:,} more, as none with fewer was found"
    return f"no placement has fewer than {least:,}, as {short}{also}"


def _shortage(plan: PlanFacts, best: _BestPlace) -> str:
    """Say what the best place for a master lacks, and what to add there."""
    if best.leader < 0:
        return "no node may lead"
    settings = plan.work.asked.settings
    left = list(best.by_closeness)
    unmet = []
    for rule, interval in intervals_of(settings):
        lacking = interval[2] - match([interval], left)
        if lacking:
            unmet.append((rule, lacking))
    name = plan.target.nodes.names[best.leader]
    rule, lacking = unmet[0]
    phrase = describe_rule(rule).replace("the master", name)
    keep = settings.constraints.slave - best.breaks
    return (
        f"even for the best master, such as one on {name}, too few nodes stand "
        f"{describe_rule(rule)}: add {lacking} {phrase}, or lower constraints.slave to {keep}"
    )


def _classes(problem: PlacementProblem) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
    if problem.class_eligible is None or problem.partition_class is None:
        yield problem.eligible, np.arange(len(problem.copy_counts))
        return
    for number, narrower in enumerate(problem.class_eligible):
        yield problem.eligible & narrower, np.flatnonzero(problem.partition_class == number)


def _best_place(rules: CompiledRules, usable: NDArray[np.bool_], copies: int) -> _BestPlace:
    slaves = copies - rules.masters
    leaders = np.flatnonzero(usable & rules.may_lead)
    if slaves <= 0 or not len(leaders):
        return _BestPlace(0, -1, ())
    alike = np.full(
        (len(leaders), rules.ancestors.shape[1] + 2), np.count_nonzero(usable), np.int64
    )
    for depth, values in enumerate(rules.ancestors.T, 1):
        alike[:, depth] = np.bincount(values[usable], minlength=int(values.max()) + 1)[
            values[leaders]
        ]
    alike[:, -1] = 1  # the leader itself
    nodes = np.minimum(alike[:, :-1] - alike[:, 1:], copies - 1)
    kinds, first = np.unique(nodes, axis=0, return_index=True)
    best = min(
        (max(0, slaves - match(rules.intervals.tolist(), kind.tolist())), int(at), tuple(kind))
        for kind, at in zip(kinds, leaders[first], strict=True)
    )
    return _BestPlace(best[0], best[1], tuple(map(int, best[2])))
