"""How many copies each node is due: the floor and the ceiling of its weighted share.

A node's share of a total is total x weight / sum of weights, but no more than the node's `most`;
what a node cannot take, the others share by weight. Weights are floats and taken at their exact
binary value: all arithmetic here is on integers, so that the same weights give the same shares on
every machine. Nodes of one weight are computed as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bounds", "share_bounds", "shares_with_fixed", "widened"]

Bounds = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The floor and the ceiling of each node's share, int64."""


def share_bounds(
    total: int,
    weights: Sequence[float],
    weight_numbers: NDArray[np.int32],
    among: NDArray[np.bool_],
    most: int | NDArray[np.int64],
) -> Bounds:
    """Share a total out by weight.

    Args:
        total: what is shared out.
        weights: distinct weights, finite and not negative.
        weight_numbers: each node's number in `weights`.
        among: which nodes get a share; the others get 0, as do nodes of weight 0.
        most: the most that a node can take, for all or by node.

    Complexity: linear in nodes, and k log k in the k distinct pairs of weight and `most`.
    """
    whole = _integers(weights)
    taking = among
    if 0 in whole:
        taking = among & np.array([weight > 0 for weight in whole])[weight_numbers]
    if isinstance(most, int):
        caps, groups = [most], weight_numbers
    else:
        distinct, cap_numbers = np.unique(most, return_inverse=True)
        caps, groups = distinct.tolist(), weight_numbers * len(distinct) + cap_numbers
    # A group is the nodes of one weight and one cap; one more is those that get nothing.
    nothing = len(whole) * len(caps)
    count = int(np.count_nonzero(taking))
    if nothing == 1 and count == len(groups):
        sizes = np.array([count, 0])
    else:
        groups = np.where(taking, groups, nothing)
        sizes = np.bincount(groups, minlength=nothing + 1)
    used = np.flatnonzero(sizes[:nothing]).tolist()
    floors, ceilings = _fill(
        total,
        [whole[group // len(caps)] for group in used],
        [caps[group % len(caps)] for group in used],
        [int(sizes[group]) for group in used],
    )
    by_group = np.zeros((2, nothing + 1), np.int64)
    by_group[:, used] = floors, ceilings
    return by_group[0].take(groups), by_group[1].take(groups)


def shares_with_fixed(
    total: int,
    weights: Sequence[float],
    weight_numbers: NDArray[np.int32],
    among: NDArray[np.bool_],
    most: int | NDArray[np.int64],
    fixed: NDArray[np.int64],
) -> Bounds:
    """Share a total out by weight where some nodes can neither take nor give.

    A node in maintenance keeps the copies that it has. As long as they are within its share, the
    shares of the others are as if it took part; so a balanced cluster stays balanced while a node
    is in maintenance. Where it has more or less, the others share what is left.

    Args:
        total: what is shared out, fixed copies included.
        weights: distinct weights.
        weight_numbers: each node's number in `weights`.
        among: which nodes get a share; those that are fixed are in it.
        most: the most that a node can take.
        fixed: what a node holds and keeps, -1 for nodes that are free.
    """
    outside = np.zeros(len(fixed), np.bool_)
    held = np.flatnonzero(fixed >= 0)
    while True:
        left = total - int(fixed[outside].sum())
        lower, upper = share_bounds(max(0, left), weights, weight_numbers, among & ~outside, most)
        lower[outside] = upper[outside] = fixed[outside]
        wrong = held[(fixed[held] < lower[held]) | (fixed[held] > upper[held])]
        if not len(wrong):
            break
        outside[wrong] = True
    lower[held] = upper[held] = fixed[held]
    return lower, upper


def widened(
    bounds: Bounds, slack: int, most: NDArray[np.int64] | int, among: NDArray[np.bool_]
) -> Bounds:
    """Return bounds that each of some nodes may exceed by `slack`, within 0 and `most`.

    What a node is due even above its `most` stays as it is.
    """
    lower, upper = bounds
    highest = np.maximum(np.minimum(upper + slack, most), upper)
    return (
        np.where(among, np.maximum(lower - slack, 0), lower),
        np.where(among, highest, upper),
    )


def _integers(weights: Sequence[float]) -> list[int]:
    """Return integers in exactly the proportions of the weights."""
    exact = [Fraction(weight) for weight in weights]
    scale = lcm(*(weight.denominator for weight in exact))
    return [weight.numerator * (scale // weight.denominator) for weight in exact]


def _fill(
    total: int, weights: list[int], caps: list[int], sizes: list[int]
) -> tuple[list[int], list[int]]:
    """Return floors and ceilings by group: groups fill up to their caps, lowest water first.

    A group is full at the water level cap / weight; groups are taken in that order until one is
    not full at the level of what is left.
    """
    floors, ceilings = [0] * len(sizes), [0] * len(sizes)
    order = sorted(range(len(sizes)), key=lambda group: Fraction(caps[group], weights[group]))
    left, weight_sum = total, sum(w * size for w, size in zip(weights, sizes, strict=True))
    for position, group in enumerate(order):
        if left * weights[group] <= caps[group] * weight_sum:
            for open_group in order[position:]:
                floors[open_group], rest = divmod(left * weights[open_group], weight_sum)
                ceilings[open_group] = floors[open_group] + (rest > 0)
            break
        floors[group] = ceilings[group] = caps[group]
        left -= caps[group] * sizes[group]
        weight_sum -= weights[group] * sizes[group]
    return floors, ceilings
