"""The argument of certificates: at the right prices, nobody regrets where copies stand.

Let every node be paid a price for each copy it holds. What partitions pay, nodes earn: no total
changes. A copy would rather be elsewhere where it and its price cost less beside the partition's
other copies; a node would rather hold more or fewer. What each would save alone is its regret, and
no placement costs less than this one less all regrets: nodes choose apart, and what a partition's
copies cost is convex at each value of nested levels, so M-convex: exchanging all of them saves no
more than each exchange alone (Murota, Discrete Convex Analysis, 6.2). So any prices give a true
bound; where nobody has regrets, nothing is better. Costs and prices are compared part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DEAREST",
    "Box",
    "Ints",
    "Proof",
    "Recount",
    "outside_of",
    "proof_of",
    "ranked",
    "regrets_of_nodes",
    "saved_by",
]

DEAREST: Final = 1 << 36  # any prices will do: so large ones can be added up in 64 bits

Ints = NDArray[np.int64]
Box = tuple[Ints, Ints]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a choice costs, recounted, and what none goes below; the first part counts most.

    Attributes:
        fault: why it is none at all, or None.
        costs: of placements (missing, excess by level, imbalance, imbalance of the sum over maps,
            moves); of masters (imbalance, imbalance of the sum, changes, not preferred), with
            `keep_current` the changes first.
        bounds: least of each part among the best in all parts before; None where not proven.
    """

    fault: str | None
    costs: tuple[int, ...] = ()
    bounds: tuple[int | None, ...] = ()

    @property
    def is_optimal(self) -> bool:
        """Whether the choice is sound, and none is better."""
        return self.fault is None and self.costs == self.bounds


@dataclass(frozen=True, slots=True, eq=False)
class Recount:
    """What a choice is, recounted, and what its copies regret at the prices.

    Attributes:
        fault: why it is none at all, or None.
        costs: by part.
        regrets: of its copies, by part.
        prices: parts by nodes.
        loads: by node.
        limit: the most that each node may have.
        boxes: by part, between what loads nodes pay nothing.
        own: the part that is imbalance; the next one is that of the sum over maps.
    """

    fault: str | None
    costs: NDArray[Any] = field(default_factory=lambda: np.zeros(0, object))
    regrets: NDArray[Any] = field(default_factory=lambda: np.zeros(0, object))
    prices: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    loads: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    limit: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: Mapping[int, Box] = field(default_factory=dict)
    own: int = 0

    @property
    def proof(self) -> Proof:
        """How good the choice is, once nodes are asked too."""
        if self.fault:
            return Proof(self.fault)
        of_nodes = regrets_of_nodes(self.prices, self.loads, self.limit, self.boxes)
        return proof_of(self.costs, self.regrets + of_nodes)


def saved_by(ordered: Ints, own: Ints, best: Ints) -> Ints:
    """What those copies save, by part, whose own rank is above the best that they could have."""
    better = own > best
    saved: Ints = (ordered[:, own[better]] - ordered[:, best[better]]).sum(axis=1)
    return saved


def ranked(prices: Ints, units: Ints) -> tuple[Ints, Ints]:
    """All sums of a price and a unit in ascending order, and where in it each of them is."""
    costs = (prices[:, :, None] + units[:, None, :]).reshape(len(prices), -1)
    order = np.lexsort(costs[::-1])
    ordered, rank = costs[:, order], np.empty(len(order), np.int64)
    first = np.append(True, (ordered[:, 1:] != ordered[:, :-1]).any(axis=0))
    rank[order] = np.cumsum(first) - 1
    return ordered[:, first], rank.reshape(-1, units.shape[1])


def regrets_of_nodes(
    prices: Ints, loads: Ints, limit: Ints, boxes: Mapping[int, Box]
) -> NDArray[np.object_]:
    """What nodes would save, by part, at the load from 0 to limit that is best at the prices.

    A part with a box costs a node the squared distance of its load outside (lower, upper).
    """
    first, last = np.zeros_like(limit), limit
    for part, slope in enumerate(prices):
        if part in boxes:
            lower, upper = boxes[part]
            least = np.where(slope > 0, upper + slope // 2, lower + slope // 2)
            most = np.where(slope < 0, lower - -slope // 2, upper + (slope + 1) // 2)
            first, last = np.clip(least, first, last), np.clip(most, first, last)
        else:
            first, last = np.where(slope > 0, last, first), np.where(slope < 0, first, last)
    saved = prices * (first - loads)
    for part, box in boxes.items():
        saved[part] += outside_of(loads, *box) ** 2 - outside_of(first, *box) ** 2
    return np.array([sum(part.tolist()) for part in saved], object)


def outside_of(loads: Ints, lower: Ints, upper: Ints) -> Ints:
    """By node: its load less the nearest that is within its share."""
    outside: Ints = loads - np.clip(loads, lower, upper)
    return outside


def proof_of(costs: NDArray[Any], regrets: NDArray[Any]) -> Proof:
    """Costs, and what is below them by no more than the regrets."""
    known = np.cumsum([0, *(regrets[:-1] != 0)]) == 0
    bounds = [int(c - r) if k else None for c, r, k in zip(costs, regrets, known, strict=True)]
    return Proof(None, tuple(map(int, costs)), tuple(bounds))
