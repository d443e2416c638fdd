"""Choosing among equal plans, the slow way: the same exchanges in the same order, with counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placing.exchange import reach_of
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import Roles, RolesProblem

SWEEPS, WORD = 8, (1 << 64) - 1


def pair_counts(
    placed: NDArray[np.int32], is_master: NDArray[np.bool_]
) -> Counter[tuple[int, int]]:
    """How often each node (second) is slave where another (first) is master."""
    counts: Counter[tuple[int, int]] = Counter()
    for row, leads in zip(placed.tolist(), is_master.tolist(), strict=True):
        masters = [n for n, lead in zip(row, leads, strict=True) if lead and n >= 0]
        slaves = [n for n, lead in zip(row, leads, strict=True) if not lead and n >= 0]
        counts.update((m, s) for m in masters for s in slaves)
    return counts


def new_positions(problem: PlacementProblem, placed: NDArray[np.int32]) -> list[tuple[int, int]]:
    """Row and column of each copy that is new and not pinned, the last of a row first."""
    found = []
    for p, row in enumerate(placed.tolist()):
        pins = [] if problem.pinned is None else problem.pinned[p].tolist()
        for column in reversed(range(len(row))):
            if row[column] >= 0 and row[column] not in problem.current[p]:
                if row[column] not in pins:
                    found.append((p, column))
            elif row[column] >= 0:
                break
    return found


def may_stand(
    problem: PlacementProblem, placed: NDArray[np.int32], p: int, column: int, node: int
) -> bool:
    """Whether the copy may stand on `node` instead, as far as its own row is concerned."""
    rest = [n for k, n in enumerate(placed[p].tolist()) if k != column and n >= 0]
    old = int(placed[p, column])
    if node in (*rest, old) or node in problem.current[p]:
        return False
    if (
        problem.partition_class is not None
        and problem.class_eligible is not None
        and not problem.class_eligible[problem.partition_class[p], node]
    ):
        return False
    return all(
        level[old] == level[node]
        or [level[n] for n in rest].count(level[old]) == [level[n] for n in rest].count(level[node])
        for level in problem.levels
    )


def partners(count: int, own: int, sweep: int) -> Iterator[int]:
    """The numbers that a number is compared with in a sweep, in this order."""
    for attempt in range(count if count <= 32 else 16):
        if count <= 32:
            yield (own + attempt) % count
            continue
        mixed = own * 0x9E3779B97F4A7C15 + attempt * 0xBF58476D1CE4E5B9 + sweep * 0x94D049BB133111EB
        mixed &= WORD
        mixed = (mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93 & WORD
        yield mixed * count >> 64


class Scatter:
    def __init__(
        self, problem: PlacementProblem, roles_problem: RolesProblem, roles: Roles
    ) -> None:
        self.problem, self.roles_problem, self.roles = problem, roles_problem, roles
        self.placed = roles_problem.placed.copy()
        self.counts = pair_counts(self.placed, roles.is_master)
        self.limits = [self.limit(node) for node in range(len(roles_problem.may_lead))]

    def limit(self, node: int) -> int:
        leads, fewest = 0, int(self.placed.shape[1])
        for p in range(len(self.placed)):
            leads += node in self.masters(p)
            slaves = int(np.count_nonzero((self.placed[p] >= 0) & ~self.roles.is_master[p]))
            if node in self.masters(p) and slaves:
                fewest = min(fewest, slaves)
        return fewest * -(-leads // max(1, int(reach_of(self.problem)[node])))

    def masters(self, p: int) -> list[int]:
        chosen = self.placed[p][self.roles.is_master[p]]
        return [n for n in chosen.tolist() if n >= 0]

    def excess(self, p: int, column: int) -> int:
        node = int(self.placed[p, column])
        return max([0, *(self.counts[m, node] - self.limits[m] for m in self.masters(p))])

    def run(self, most_attempts: int = 20_000) -> NDArray[np.int32]:
        self.left = most_attempts
        slaves = [
            position
            for position in new_positions(self.problem, self.placed)
            if not self.roles.is_master[position]
        ]
        self.looked_at = set(range(len(slaves)))
        for sweep in range(SWEEPS):
            excesses = {i: self.excess(*slaves[i]) for i in sorted(self.looked_at)}
            crowded = sorted((i for i in excesses if excesses[i]), key=lambda i: -excesses[i])
            self.looked_at = set(crowded)
            if not sum([self.move(slaves, i, sweep) for i in crowded]):
                break
        return self.placed

    def move(self, slaves: list[tuple[int, int]], own: int, sweep: int) -> bool:
        if not self.excess(*slaves[own]):
            return False
        for number in partners(len(slaves), own, sweep):
            self.left -= 1
            if self.left < 0:
                return False
            one, other = slaves[own], slaves[number]
            if self.may_exchange(one, other) and self.is_better(one, other):
                self.placed[one], self.placed[other] = self.placed[other], self.placed[one]
                self.counts = pair_counts(self.placed, self.roles.is_master)
                self.looked_at.add(number)
                return True
        return False

    def may_exchange(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        a, b = int(self.placed[one]), int(self.placed[other])
        prices = self.roles.certificate.prices
        current = self.roles_problem.current_masters
        return (
            a != b
            and b not in current[one[0]]
            and a not in current[other[0]]
            and prices[a].tolist() == prices[b].tolist()
            and may_stand(self.problem, self.placed, *one, b)
            and may_stand(self.problem, self.placed, *other, a)
        )

    def is_better(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        a, b = int(self.placed[one]), int(self.placed[other])
        mine, theirs = self.masters(one[0]), self.masters(other[0])
        if set(mine) & set(theirs):
            return False
        before = [self.counts[m, a] for m in mine] + [self.counts[m, b] for m in theirs]
        after = [self.counts[m, b] + 1 for m in mine] + [self.counts[m, a] + 1 for m in theirs]
        return sum(after) < sum(before) and max(after) <= max(before)


def is_above(gets: float, has: float) -> bool:
    return gets - has > 1e-9 * (abs(gets) + abs(has))


class Choosing:
    """New copies that take the best of what they are offered."""

    def __init__(
        self,
        problem: PlacementProblem,
        placed: NDArray[np.int32],
        score: Callable[[int, int], float],
    ) -> None:
        self.problem, self.score = problem, score
        self.placed = placed.copy()
        self.new = new_positions(problem, placed)
        self.scores = [score(p, int(placed[p, column])) for p, column in self.new]
        self.roomy: list[int] = []
        self.gain = 0.0
        self.first = 0  # those before are full

    def run(self) -> NDArray[np.int32]:
        total = 0.0
        for sweep in range(SWEEPS):
            if not self.new:
                break
            self.gain, self.first, first = 0.0, 0, self.new[0][0]
            nodes = [n for n in range(len(self.problem.eligible)) if self.problem.eligible[n]]
            self.roomy = sorted(filter(self.has_room, nodes), key=lambda n: -self.score(first, n))
            for number in range(len(self.new)):
                self.shift(number, sweep)
                self.exchange(number, sweep)
            total += self.gain
            if self.gain <= total / 64:
                break
        return self.placed

    def load(self, node: int) -> int:
        return int(np.count_nonzero(self.placed == node))

    def has_room(self, node: int) -> bool:
        return bool(self.problem.lower[node] <= self.load(node) < self.problem.upper[node])

    def offers(self, number: int, sweep: int) -> list[int]:
        drawn = list(partners(len(self.roomy), number, sweep))
        half = len(drawn) // 2
        return self.roomy[self.first : self.first + half] + [self.roomy[k] for k in drawn[half:]]

    def shift(self, number: int, sweep: int) -> None:
        p, column = self.new[number]
        node = int(self.placed[p, column])
        while self.first < len(self.roomy) and not self.has_room(self.roomy[self.first]):
            self.first += 1
        if self.first == len(self.roomy):
            return
        if not self.problem.lower[node] < self.load(node) <= self.problem.upper[node]:
            return
        best, most = node, self.scores[number]
        for offer in self.offers(number, sweep):
            if self.has_room(offer) and may_stand(self.problem, self.placed, p, column, offer):
                score = self.score(p, offer)
                if is_above(score, most):
                    best, most = offer, score
        self.gain += most - self.scores[number]
        self.placed[p, column] = best
        self.scores[number] = most

    def exchange(self, number: int, sweep: int) -> None:
        one = self.new[number]
        best, most, chosen = number, 0.0, (0.0, 0.0)
        for partner in partners(len(self.new), number, sweep):
            other = self.new[partner]
            a, b = int(self.placed[one]), int(self.placed[other])
            if a == b or not may_stand(self.problem, self.placed, *one, b):
                continue
            if not may_stand(self.problem, self.placed, *other, a):
                continue
            scores = (self.score(one[0], b), self.score(other[0], a))
            has = self.scores[number] + self.scores[partner]
            if sum(scores) - has > most and is_above(sum(scores), has):
                best, most, chosen = partner, sum(scores) - has, scores
        if best != number:
            other = self.new[best]
            self.placed[one], self.placed[other] = self.placed[other], self.placed[one]
            self.scores[number], self.scores[best] = chosen
            self.gain += most
