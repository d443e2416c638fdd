"""Edges of a directed graph in which every node keeps its degrees, whatever is exchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["Edges"]


class Edges:
    """The edges of a graph over numbered nodes, each in a zone; no node has one to itself.

    Attributes:
        degree: how many edges begin, and end, at a node.
    """

    def __init__(self, targets: NDArray[np.int32], zones: NDArray[np.int32]) -> None:
        self.degree = int(targets.shape[1])
        self._zones: list[int] = zones.tolist()
        self._known: list[int] = list(range(len(targets)))
        self._out: list[set[int]] = [set(row) for row in targets.tolist()]
        self._into: list[set[int]] = [set() for _ in self._out]
        for node, row in enumerate(self._out):
            for target in row:
                self._into[target].add(node)

    @classmethod
    def over(
        cls,
        count: int,
        zones: NDArray[np.int32],
        targets: NDArray[np.int32],
        numbers: NDArray[np.int64],
    ) -> Edges:
        """Return the edges of another graph among the nodes that stay.

        Args:
            count: of the nodes now.
            zones: of the nodes now.
            targets: of the other graph.
            numbers: for each node of the other graph its number now, -1 if it is gone.
        """
        edges = cls(np.zeros((count, 0), np.int32), zones)
        edges.degree = int(targets.shape[1])
        for node, row in zip(numbers.tolist(), numbers[targets].tolist(), strict=True):
            for target in row:
                if node >= 0 and target >= 0:
                    edges._add(node, target)
        edges._known = [node for node in numbers.tolist() if node >= 0]
        return edges

    def targets(self) -> NDArray[np.int32]:
        """Return int32, nodes by degree: where the edges of each node lead, in order."""
        rows = [sorted(row) for row in self._out]
        return np.array(rows, dtype=np.int32).reshape(len(rows), self.degree)

    def _add(self, source: int, target: int) -> None:
        self._out[source].add(target)
        self._into[target].add(source)

    def _remove(self, source: int, target: int) -> None:
        self._out[source].discard(target)
        self._into[target].discard(source)

    def _may_add(self, source: int, target: int) -> bool:
        return source != target and target not in self._out[source]

    def _is_within(self, source: int, target: int) -> bool:
        return self._zones[source] == self._zones[target]

    def _list(self) -> Iterator[tuple[int, int]]:
        for source, row in enumerate(self._out):
            for target in sorted(row):
                yield source, target

    def loose_ends(self) -> list[tuple[int, int]]:
        """Return pairs of a node with too few edges out and one with too few in, each once."""
        lacking_out = [
            node for node in self._known for _ in range(self.degree - len(self._out[node]))
        ]
        lacking_in = [
            node for node in self._known for _ in range(self.degree - len(self._into[node]))
        ]
        # Opposite ends are paired, so that neighbours on the circle do not meet themselves.
        half = len(lacking_in) // 2
        return list(zip(lacking_out, lacking_in[half:] + lacking_in[:half], strict=True))

    def join(self, before: int, after: int) -> bool:
        """Lead an edge more out of `before` and one more into `after`.

        Straight if that may be, otherwise by way of another edge c -> d, which becomes
        `before` -> d and c -> `after`; edges within zones only where nothing else will do.
        """
        straight = self._may_add(before, after)
        if straight and not self._is_within(before, after):
            self._add(before, after)
            return True
        fallback: tuple[int, int] | None = None
        for middle, end in self._from(before, after):
            if self._may_add(before, end) and self._may_add(middle, after):
                if not self._is_within(before, end) and not self._is_within(middle, after):
                    self._detour(before, after, middle, end)
                    return True
                fallback = fallback or (middle, end)
        if straight:
            self._add(before, after)
        elif fallback is not None:
            self._detour(before, after, *fallback)
        else:
            return False
        return True

    def _detour(self, before: int, after: int, middle: int, end: int) -> None:
        self._remove(middle, end)
        self._add(before, end)
        self._add(middle, after)

    def _from(self, *mixed: int) -> Iterator[tuple[int, int]]:
        """Iterate over the edges, from a place that depends on the numbers given."""
        count = len(self._out)
        begin = sum((number + 1) * 7919 for number in mixed) % count
        for shift in range(count):
            source = (begin + shift) % count
            for target in sorted(self._out[source]):
                yield source, target

    def insert(self, node: int) -> bool:
        """Put a node without edges into the middle of as many edges as it shall have."""
        chosen: dict[int, int] = {}
        for is_strict in (True, False):
            for source in self._apart(node):
                if len(chosen) == self.degree:
                    break
                if source in chosen or source == node:
                    continue
                if is_strict and self._is_within(source, node):
                    continue
                taken = {node, *chosen.values()}
                for target in sorted(self._out[source] - taken):
                    if not (is_strict and self._is_within(node, target)):
                        chosen[source] = target
                        break
        if len(chosen) < self.degree:
            return False
        for source, target in chosen.items():
            self._remove(source, target)
            self._add(source, node)
            self._add(node, target)
        return True

    def _apart(self, node: int) -> Iterator[int]:
        """Iterate over all nodes; the first of them, as many as peers, stand far apart."""
        count = len(self._out)
        stride = max(1, count // self.degree)
        for first in range(stride):
            for place in range(first, count, stride):
                yield (place + node * 7919) % count

    def leave_zones(self, bound: int) -> None:
        """Exchange edges within zones for edges that leave them, until no more can, or `bound`."""
        within = [edge for edge in self._list() if self._is_within(*edge)]
        count = len(within)
        for source, target in within:
            if count <= bound:
                return
            if target in self._out[source] and self._leave(source, target):
                count -= 1

    def _leave(self, source: int, target: int) -> bool:
        """Exchange one edge within a zone with one outside it."""
        zone = self._zones[source]
        for middle, end in self._from(source, target):
            if zone in (self._zones[middle], self._zones[end]):
                continue
            if self._may_add(source, end) and self._may_add(middle, target):
                self._remove(source, target)
                self._detour(source, target, middle, end)
                return True
        return False

    def unite(self, part: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
        """Exchange the ends of two edges, one in each of two parts without edges between them."""
        best: tuple[bool, int, int, int, int] | None = None
        for source in part.tolist()[:16]:
            for target in sorted(self._out[source]):
                for middle in other.tolist()[:16]:
                    for end in sorted(self._out[middle]):
                        worse = self._is_within(source, end) + self._is_within(
                            middle, target
                        ) > self._is_within(source, target) + self._is_within(middle, end)
                        if best is None or (best[0] and not worse):
                            best = (worse, source, target, middle, end)
        if best is None:
            return False
        _, source, target, middle, end = best
        self._remove(source, target)
        self._detour(source, target, middle, end)
        return True
