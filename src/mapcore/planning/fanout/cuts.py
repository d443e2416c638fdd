"""Why the cells of R cannot be more even: cuts, each a sum that leaves no other choice.

Take some nodes as sources and some as sinks. What these sources send, less what these sinks
receive, has to go from these sources to the other sinks, less what the other sources send to these
sinks. With every cell between `least` and `most` that is at most `most` for each of the former
edges, less `least` for each of the latter. Where it is not enough, no flow has such cells
(Hoffman's circulation theorem). Nothing here is shared with what finds flows: it checks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "Cut", "CutSums", "Demand", "leasts_in_question", "most_needed", "sums_of"]

NEVER: Final = np.iinfo(np.int64).max // 4
"""What `most` would have to be where none is enough."""


@dataclass(frozen=True, eq=False)
class Demand:
    """What is to flow along which edges.

    Attributes:
        targets: int32, nodes by peers.
        masters: int64 by node: how many partitions it leads; a cell can be no more, as a node holds
            a partition once.
        sent: int64 by node: the sum of its row.
        received: int64 by node: the sum of its column.
    """

    targets: NDArray[np.int32]
    masters: NDArray[np.int64]
    sent: NDArray[np.int64]
    received: NDArray[np.int64]

    @cached_property
    def is_used(self) -> NDArray[np.bool_]:
        """The edges that can carry anything: bool, nodes by peers."""
        return (self.sent[:, None] > 0) & (self.received[self.targets] > 0)

    @cached_property
    def mean(self) -> tuple[int, int]:
        """The floor and the ceiling of the mean cell; zeros where no edge can carry anything."""
        total, edges = int(self.sent.sum()), int(np.count_nonzero(self.is_used))
        return (total // edges, -(-total // edges)) if edges else (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Some nodes as sources and some as sinks.

    Attributes:
        sources: bool by node.
        sinks: bool by node.
    """

    sources: NDArray[np.bool_]
    sinks: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CutSums:
    """What a cut asks of bounds on cells.

    Attributes:
        surplus: what its sources send, less what its sinks receive.
        limits: int64, ascending: the most that edges from a source in it to a sink that is not can
            carry at all.
        leaving: int64: how many such edges have each of these limits.
        entering: how many edges lead from a source that is not in it to a sink that is.
    """

    surplus: int
    limits: NDArray[np.int64]
    leaving: NDArray[np.int64]
    entering: int

    def carries(self, least: int, most: int) -> int:
        """Return the most that can leave the cut, less the least that has to enter it."""
        return int(np.minimum(self.limits, most) @ self.leaving) - least * self.entering

    def most_needed(self, least: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what `most` has to be at the least, for each `least`; NEVER where none will do."""
        need = self.surplus + least * self.entering
        if not len(self.limits):
            return np.where(need > 0, NEVER, 0)
        # With `most` at each limit in turn, what leaves; between two limits it grows evenly.
        growing = np.cumsum(self.leaving[::-1])[::-1]
        reached = np.concatenate([[0], np.cumsum(np.diff(self.limits, prepend=0) * growing)])
        last = np.searchsorted(reached, need) - 1  # the last limit at which it is not enough
        inside = np.clip(last, 0, len(self.limits) - 1)
        below = np.concatenate([[0], self.limits])[inside]
        needed = below - (reached[inside] - need) // growing[inside]
        return np.where(need <= 0, 0, np.where(last < len(self.limits), needed, NEVER))


def sums_of(cut: Cut, demand: Demand) -> CutSums:
    """Return what a cut asks of the cells."""
    to_inside = demand.is_used & cut.sinks[demand.targets]
    edges_inside = np.count_nonzero(to_inside, axis=1)
    edges_outside = np.count_nonzero(demand.is_used, axis=1) - edges_inside
    leaving_from = cut.sources & (edges_outside > 0)
    limits, number = np.unique(demand.masters[leaving_from], return_inverse=True)
    leaving = np.bincount(number, edges_outside[leaving_from], minlength=len(limits))
    return CutSums(
        int(demand.sent[cut.sources].sum() - demand.received[cut.sinks].sum()),
        limits,
        leaving.astype(np.int64),
        int(edges_inside[~cut.sources].sum()),
    )


def leasts_in_question(demand: Demand) -> NDArray[np.int64]:
    """Return every least cell that there could be: up to the mean."""
    return np.arange(demand.mean[0] + 1, dtype=np.int64)


def most_needed(demand: Demand, cuts: list[CutSums]) -> NDArray[np.int64]:
    """Return what the most cell has to be at the least, for each least cell in question."""
    least = leasts_in_question(demand)
    needed = np.maximum(demand.mean[1], least)
    for cut in cuts:
        needed = np.maximum(needed, cut.most_needed(least))
    return needed
