"""The cheapest nodes for each partition, at given prices: half of the checker of placements.

They are found greedily, one copy at a time: the excess of a partition is convex at each value of
nested levels, which makes its sets of nodes a valuated matroid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placement import PlacementProblem

__all__ = ["CheapestSets", "PriceOrder", "even_share", "usable_nodes"]

_CHUNK_CELLS = 1 << 22  # partitions x values looked at in one go
_NEVER = 1 << 61


def usable_nodes(problem: PlacementProblem, p_class: int) -> NDArray[np.bool_]:
    """By node: may hold copies of partitions of this class."""
    if problem.class_eligible is None:
        return problem.eligible
    both: NDArray[np.bool_] = problem.eligible & problem.class_eligible[p_class]
    return both


def even_share(
    problem: PlacementProblem, level: NDArray[np.int32], p_class: int
) -> NDArray[np.int64]:
    """By partition: copies at a value of the level from which on they count as excess."""
    usable = usable_nodes(problem, p_class)
    values = max(1, len(np.unique(level[usable])))
    copies = np.minimum(problem.copy_counts, int(usable.sum())).astype(np.int64)
    share: NDArray[np.int64] = -(-copies // values)
    return share


class PriceOrder:
    """Prices as single numbers that compare alike, where each part may still grow by one.

    Attributes:
        key: int64 by node.
        unit: what one more of each part of the price adds to a key.
        nowhere: the key of a copy that has no node: it is one missing, and counts as a move.
        fits: whether the keys fit their integers.
    """

    def __init__(self, prices: NDArray[np.int64]) -> None:
        key = np.zeros(prices.shape[1] + 1, np.int64)
        self.unit = [0] * len(prices)
        width = 1
        for part in reversed(range(len(prices))):
            value, at = np.unique(np.append(prices[part], 0), return_inverse=True)
            # Steps of more than one compare like steps of two.
            rank = np.concatenate([[0], np.cumsum(np.clip(np.diff(value.astype(object)), 1, 2))])
            self.unit[part] = width
            width *= int(rank[-1]) + 3
            if 2 * width < _NEVER:
                key += rank.astype(np.int64)[at] * self.unit[part]
        self.fits = 2 * width < _NEVER
        self.key = key[:-1]
        self.nowhere = int(key[-1]) + self.unit[0] + self.unit[-1]


class CheapestSets:
    """The cheapest sets of nodes for partitions of one class, many partitions at a time.

    Attributes:
        taken: by node, how many of the sets it is in.
        missing: copies that are cheaper without a node; only where nodes have limits.
        excess: by level, excess of all the sets.
        moves: copies in the sets on nodes that hold none now, and missing ones.
    """

    def __init__(self, problem: PlacementProblem, order: PriceOrder, p_class: int) -> None:
        self.problem, self.order, self.usable = problem, order, usable_nodes(problem, p_class)
        self.taken = np.zeros(len(problem.eligible), np.int64)
        self.excess = np.zeros(len(problem.levels), np.int64)
        self.missing = self.moves = 0
        self.nowhere = _NEVER if problem.node_limit is None else order.nowhere
        self.copies = np.minimum(problem.copy_counts, int(self.usable.sum()))
        self.shares = [even_share(problem, level, p_class) for level in problem.levels]
        # Nodes of each innermost value from the cheapest on, as many as a partition can look at.
        inner = problem.levels[-1] if len(problem.levels) else np.zeros_like(problem.eligible, int)
        nodes = np.flatnonzero(self.usable)
        nodes = nodes[np.lexsort([order.key[nodes], inner[nodes]])]
        value, begin, count = np.unique(inner[nodes], return_index=True, return_counts=True)
        depth = int(self.copies.max(initial=0)) + problem.current.shape[1] + 1
        column = np.arange(depth)
        at = np.minimum(begin[:, None] + column, max(0, len(nodes) - 1))
        self.line = np.where(column < count[:, None], nodes[at] if len(nodes) else -1, -1)
        self.line_of = np.zeros(int(inner.max(initial=0)) + 1, np.int64)
        self.line_of[value] = np.arange(len(value))
        self.line_of = self.line_of[inner]
        self.values = [level[self.line[:, 0]] for level in problem.levels]
        self.looks_at = self._lines_to_look_at(depth)

    def _lines_to_look_at(self, most: int) -> list[NDArray[np.int64]]:
        """Which lines a partition need look at: by level, by value of the level above, -1 padded.

        Of the values below one that a partition is not in yet, only the cheapest can be next.
        Others than the first `most` are none of them, but for those that hold its current nodes.
        """
        tables = []
        lines, head = np.arange(len(self.line)), self.order.key[self.line[:, 0]]
        for level in reversed(range(len(self.values))):
            above = self.values[level - 1] if level else np.zeros_like(self.values[level])
            best = lines[np.lexsort([head[lines], self.values[level][lines]])]
            best = best[np.unique(self.values[level][best], return_index=True)[1]]
            best = best[np.lexsort([head[best], above[best]])]
            _, begin, count = np.unique(above[best], return_index=True, return_counts=True)
            rank = np.arange(len(best)) - np.repeat(begin, count)
            near = np.isin(self.values[level], self.values[level][best[rank < most]])
            lines = lines[near[lines]]
            members = lines[np.argsort(above[lines], kind="stable")]
            value, begin, count = np.unique(above[members], return_index=True, return_counts=True)
            table = np.full((int(above.max(initial=0)) + 1, int(count.max(initial=0))), -1)
            column = np.arange(len(members)) - np.repeat(begin, count)
            table[np.repeat(value, count), column] = members
            tables.append(table)
        return tables[::-1]

    def _lines_of(self, now: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lines that partitions with these current nodes need look at."""
        every = np.broadcast_to(np.arange(len(self.line)), (len(now), len(self.line)))
        if not self.looks_at:
            return every
        found = [np.broadcast_to(self.looks_at[0][0], (len(now), self.looks_at[0].shape[1]))]
        for column in now.T:
            found.append(np.where(column >= 0, self.line_of[column], -1)[:, None])
            for level, table in zip(self.problem.levels, self.looks_at[1:], strict=False):
                value = np.minimum(level[column], len(table) - 1)
                found.append(np.where((column >= 0)[:, None], table[value], -1))
        near = np.concatenate(found, axis=1)
        return near if near.shape[1] < len(self.line) else every

    def add(self, rows: NDArray[np.int64]) -> None:
        """Choose the cheapest set for each of these partitions."""
        rows = rows[self.copies[rows] > 0]
        if self.problem.pinned is None:
            rows = rows[~self._keep_all(rows)]
            empty = self._held(rows).sum(axis=1) == 0  # alike but for their counts
            for copies in np.unique(self.copies[rows[empty]]):
                alike = rows[empty & (self.copies[rows] == copies)]
                self._add_chunk(alike[:1], times=len(alike))
            rows = rows[~empty]
        step = max(1, _CHUNK_CELLS // max(1, len(self.line)))
        for start in range(0, len(rows), step):
            self._add_chunk(rows[start : start + step])

    def _held(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        now = self.problem.current[rows]
        held: NDArray[np.bool_] = (now >= 0) & self.usable[now]
        return held

    def _keep_all(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Add those partitions for which what they hold now is plainly a cheapest set."""
        now, held = self.problem.current[rows], self._held(rows)
        cheapest = self.order.key[self.usable].min(initial=_NEVER) + self.order.unit[-1]
        cheapest = min(int(cheapest), self.nowhere)
        keeps = held.sum(axis=1) == self.copies[rows]
        keeps &= np.all(~held | (self.order.key[now] <= cheapest), axis=1)
        for level, share in zip(self.problem.levels, self.shares, strict=True):
            value = np.where(held, level[now], -1)
            for column in value.T:
                keeps &= (column < 0) | ((value == column[:, None]).sum(axis=1) <= share[rows])
        self.taken += np.bincount(now[held & keeps[:, None]], minlength=len(self.taken))
        return np.asarray(keeps, np.bool_)

    def _add_chunk(self, rows: NDArray[np.int64], times: int = 1) -> None:
        levels = self.problem.levels
        self.rows, self.times = rows, times
        self.counts = [
            np.zeros((len(rows), int(level.max(initial=0)) + 1), np.int16) for level in levels
        ]
        self.next = np.zeros((len(rows), len(self.line)), np.int16)
        self.now = self.problem.current[rows].astype(np.int64)
        self.open = self._held(rows)
        chosen = np.zeros(len(rows), np.int64)
        self.near = self._lines_of(self.now)
        self.apart = self.now
        if self.problem.pinned is not None:
            self.apart = np.concatenate([self.now, self.problem.pinned[rows]], axis=1)
            for pin in self.problem.pinned[rows].T:
                there = np.flatnonzero((pin >= 0) & self.usable[pin])
                self._choose(there, pin[there])
                chosen[there] += 1
        while len(active := np.flatnonzero(chosen < self.copies[rows])):
            self._choose(active, self._cheapest(active))
            chosen[active] += 1

    def _cheapest(self, active: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next node of each active partition."""
        self._pass_over_current(active)
        lines = self.near[active]
        fresh = self.line[lines, self.next[active[:, None], lines]]
        fresh = np.where(lines >= 0, fresh, -1)
        cost = np.where(fresh >= 0, self.order.key[fresh] + self.order.unit[-1], _NEVER)
        now = self.now[active]
        kept = np.where(self.open[active], self.order.key[now], _NEVER)
        for level, count, share, unit in zip(
            self.problem.levels, self.counts, self.shares, self.order.unit[1:], strict=False
        ):
            most = share[self.rows[active], None]
            of_line = level[self.line[lines, 0]]
            cost += (count[active[:, None], of_line] >= most) * unit
            kept += (count[active[:, None], level[now]] >= most) * unit
        best_line, best_now = cost.argmin(axis=1), kept.argmin(axis=1) if kept.size else None
        index = np.arange(len(active))
        best: NDArray[np.int64] = fresh[index, best_line]
        least = cost[index, best_line]
        if best_now is not None:
            keeps = kept[index, best_now] <= least
            best = np.where(keeps, now[index, best_now], best)
            least = np.where(keeps, kept[index, best_now], least)
        return np.where(least <= self.nowhere, best, -1)

    def _pass_over_current(self, active: NDArray[np.int64]) -> None:
        """A current or pinned node is never taken as a new one: step over it."""
        moved = True
        while moved:
            moved = False
            for column in self.apart[active].T:
                line = self.line_of[column]
                ahead = (column >= 0) & (self.line[line, self.next[active, line]] == column)
                self.next[active[ahead], line[ahead]] += 1
                moved = moved or bool(ahead.any())

    def _choose(self, active: NDArray[np.int64], nodes: NDArray[np.int64]) -> None:
        nowhere = int(np.count_nonzero(nodes < 0))
        self.missing += nowhere * self.times
        self.moves += nowhere * self.times
        active, nodes = active[nodes >= 0], nodes[nodes >= 0]
        was_there = (self.now[active] == nodes[:, None]) & self.open[active]
        self.open[active] &= ~was_there
        is_new = ~(self.now[active] == nodes[:, None]).any(axis=1)
        line = self.line_of[nodes]
        at_head = is_new & (self.line[line, self.next[active, line]] == nodes)
        self.next[active[at_head], line[at_head]] += 1
        self.moves += int(is_new.sum()) * self.times
        self.taken += np.bincount(nodes, minlength=len(self.taken)) * self.times
        for k, level in enumerate(self.problem.levels):
            count = self.counts[k]
            over = count[active, level[nodes]] >= self.shares[k][self.rows[active]]
            self.excess[k] += int(over.sum()) * self.times
            count[active, level[nodes]] += 1
