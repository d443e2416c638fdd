"""Whether several maps are planned as well as can be, each and in sum: by the same argument.

A copy is paid the price of its node in its map; the node pays, in each map, that price less another
which the sum of all maps pays it back. So copies choose by the prices in their map, nodes choose
how much of each map they hold by the difference, and how much they hold in sum by the other: any
such prices give a true bound (see `regrets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.certificates.regrets import Box, Ints, Proof, Recount, outside_of, proof_of
from mapcore.planning.certificates.regrets import regrets_of_nodes as regrets_of

__all__ = ["check_sum", "prices_of_sum"]

_HALF: Final = 1 << 20  # farther apart, prices in moves would be taken for prices in imbalance


def check_sum(found: Sequence[Recount], share: Box, prices: Ints | None = None) -> Proof:
    """Prove how good several maps are together.

    Args:
        found: each map recounted; what it says of the sum is not looked at.
        share: between what each node should hold in sum.
        prices: what the sum pays each node, in imbalance of the sum and in the part after it, two
            rows; any will do. By default those of `prices_of_sum`.

    Returns:
        A proof of the same parts as those of the maps, each the sum over maps; of excess, levels
        are counted from the outermost.
    """
    fault = next((each.fault for each in found if each.fault), None)
    if fault:
        return Proof(fault)
    if prices is None:
        prices = prices_of_sum(found, share)
    parts, own = max((len(each.costs), each.own) for each in found)
    costs, regrets = np.zeros((2, parts), object)
    total, limit = np.zeros((2, len(share[0])), np.int64)
    for each in found:
        net, at = each.prices.copy(), each.own
        net[at + 1 : at + 3] -= prices
        of_nodes = regrets_of(net, each.loads, each.limit, {at: each.boxes[at]})
        costs += _aligned(each.costs, each.own, parts)
        regrets += _aligned(each.regrets + of_nodes, each.own, parts)
        total += each.loads
        limit += each.limit
    paid = np.zeros((parts, len(total)), np.int64)
    paid[own + 1 : own + 3] = prices
    regrets += regrets_of(paid, total, limit, {own + 1: share})
    costs[own + 1] = int((outside_of(total, *share)[limit > 0] ** 2).sum())
    return proof_of(costs, regrets)


def prices_of_sum(found: Sequence[Recount], share: Box) -> Ints:
    """What the sum pays each node so that nobody has regrets, where that can be; two rows.

    In each map, a node that could hold more must not be paid less than the copy is worth there, and
    one that could hold fewer not more. The sum bounds it too, by what one copy more or less costs.
    """
    total = np.sum([each.loads for each in found], axis=0)
    none = np.zeros_like(total)
    floor = least = _joined(_slope(total - 1, *share), none)
    ceiling = most = _joined(_slope(total, *share), none)
    for each in found:
        price, in_sum, after = each.prices[each.own : each.own + 3]
        lower, upper = each.boxes[each.own]
        first = np.where(price > 0, upper + price // 2, lower + price // 2)
        last = np.where(price < 0, lower - -price // 2, upper + (price + 1) // 2)
        worth = _joined(in_sum, after)
        may_gain = each.loads < last.clip(0, each.limit)
        may_lose = each.loads > first.clip(0, each.limit)
        least = np.where(may_gain, np.maximum(least, worth), least)
        most = np.where(may_lose, np.minimum(most, worth), most)
    chosen = np.clip(np.minimum(least, most), floor, ceiling)
    after = (chosen + _HALF) % (2 * _HALF) - _HALF
    return np.stack([(chosen - after) // (2 * _HALF), after])


def _aligned(parts: NDArray[Any], own: int, count: int) -> NDArray[Any]:
    """The parts of one map among those of maps with more levels, which stand before `own`."""
    return np.insert(parts.astype(object), [own] * (count - len(parts)), 0)


def _joined(in_sum: Ints, after: Ints) -> Ints:
    joined: Ints = in_sum * (2 * _HALF) + np.clip(after, 1 - _HALF, _HALF - 1)
    return joined


def _slope(total: Ints, lower: Ints, upper: Ints) -> Ints:
    """What one copy more adds to the squares."""
    slope: Ints = np.where(
        total >= upper, 2 * (total - upper) + 1, np.minimum(2 * (total - lower) + 1, 0)
    )
    return slope
