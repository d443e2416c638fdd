"""Shares by their definition, in fractions, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor


def share_bounds(
    total: int, weights: Sequence[float], among: Sequence[bool], most: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Fill up nodes that cannot take their share until all others can."""
    shares = [Fraction(0)] * len(weights)
    free = {node for node, weight in enumerate(weights) if among[node] and weight > 0}
    left = Fraction(total)
    while free:
        weight_sum = sum(Fraction(weights[node]) for node in free)
        due = {node: left * Fraction(weights[node]) / weight_sum for node in free}
        full = {node for node in free if due[node] > most[node]}
        if not full:
            for node in free:
                shares[node] = due[node]
            break
        for node in full:
            shares[node] = Fraction(most[node])
        left -= sum(most[node] for node in full)
        free -= full
    return [floor(share) for share in shares], [ceil(share) for share in shares]
