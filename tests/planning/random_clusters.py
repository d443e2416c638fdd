"""Small random placement problems, the same for a seed everywhere."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import numpy as np

from mapcore.planning.placing.placement_problem import PlacementProblem


def shares(weights: list[int], total: int, most: int) -> list[Fraction]:
    """Weighted shares of `total`, none above `most`; the rest goes to the others by weight."""
    share, rest = [Fraction(0)] * len(weights), Fraction(total)
    left = [n for n, weight in enumerate(weights) if weight]
    while left:
        weight = sum(weights[n] for n in left)
        full = [n for n in left if rest * weights[n] > most * weight]
        for n in full or left:
            share[n] = Fraction(most) if full else rest * weights[n] / weight
        if not full:
            break
        rest -= most * len(full)
        left = [n for n in left if n not in full]
    return share


def current_rows(rng: random.Random, nodes: int, partitions: int, copies: int) -> list[list[int]]:
    """A map as it may be found: empty, partial, over-full, lopsided, or on half of the nodes."""
    kind = rng.choice(["empty", "random", "partial", "over-full", "half", "lopsided"])
    everyone = range(nodes)
    rows = []
    for _ in range(partitions):
        if kind == "empty":
            row = []
        elif kind == "random":
            row = rng.sample(everyone, min(copies, nodes))
        elif kind == "partial":
            row = rng.sample(everyone, rng.randint(0, min(copies, nodes)))
        elif kind == "over-full":
            row = rng.sample(everyone, rng.randint(0, min(copies + 3, nodes)))
        elif kind == "half":
            row = rng.sample(everyone[: max(1, nodes // 2)], min(copies, max(1, nodes // 2)))
        else:
            row = list({min(nodes - 1, int(rng.expovariate(4 / nodes))) for _ in range(copies)})
        rows.append(row)
    return rows


def padded(
    rows: list[list[int]], width: int = 0
) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    width = max([width, *map(len, rows)])
    return np.array([row + [-1] * (width - len(row)) for row in rows], np.int32).reshape(
        len(rows), width
    )


def nested_levels(
    rng: random.Random, nodes: int, depth: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Uneven zones, in them uneven racks, and so on; values numbered as they come."""
    levels = np.zeros((depth, nodes), np.int32)
    names: list[tuple[int, ...]] = [()] * nodes
    for k in range(depth):
        values = rng.randint(1, 5 if k == 0 else 4)
        weights = [rng.choice([1, 1, 2, 5]) for _ in range(values)]
        names = [(*name, rng.choices(range(values), weights)[0]) for name in names]
        order = sorted(set(names))
        rng.shuffle(order)
        levels[k] = [order.index(name) for name in names]
    return levels


def random_problem(
    seed: int, depth: int | None = None, most_nodes: int = 24, most_partitions: int = 60
) -> PlacementProblem:
    """Partitions that are all alike; 0 to 2 levels, weights 0 to 8, 1 to 5 copies."""
    rng = random.Random(seed)
    nodes, copies = rng.randint(2, most_nodes), rng.randint(1, 5)
    partitions = rng.choice([1, 2, 3, 5, 8, 13, 20, rng.randint(1, most_partitions)])
    levels = nested_levels(rng, nodes, rng.randint(0, 2) if depth is None else depth)
    choice = rng.choice([[1], [1, 2, 4], [1, 1, 1, 0], [1, 8], [1, 2, 3], range(9)])
    absent = rng.choice([0, 0, 0.1, 0.3])
    weights = [0 if rng.random() < absent else rng.choice(choice) for _ in range(nodes)]
    eligible = np.array([weight > 0 for weight in weights])
    wanted = min(copies, int(eligible.sum()))
    share = shares(weights, wanted * partitions, partitions)
    return PlacementProblem(
        current=padded(current_rows(rng, nodes, partitions, copies)),
        copy_counts=np.full(partitions, copies, np.int32),
        eligible=eligible,
        lower=np.array([floor(s) for s in share], np.int64),
        upper=np.array([ceil(s) for s in share], np.int64),
        levels=levels,
    )


def random_mixed_problem(
    seed: int, depth: int | None = None, most_nodes: int = 20, most_partitions: int = 30
) -> PlacementProblem:
    """Partitions that differ: in copies, in the nodes they may use, in pins; with limits."""
    plain = random_problem(seed, depth, most_nodes, most_partitions)
    rng = random.Random(seed + 1_000_000)
    partitions, nodes = len(plain.copy_counts), len(plain.eligible)
    counts = plain.copy_counts
    if rng.random() < 0.6:
        counts = np.array([rng.randint(0, 5) for _ in range(partitions)], np.int32)
    partition_class = class_eligible = pinned = node_limit = None
    if rng.random() < 0.6:
        classes = rng.randint(1, 3)
        partition_class = np.array([rng.randrange(classes) for _ in range(partitions)], np.int32)
        odds = [rng.choice([0.2, 0.5, 0.9, 1.0]) for _ in range(classes)]
        class_eligible = np.array([[rng.random() < o for _ in range(nodes)] for o in odds])
    if rng.random() < 0.4:
        rows: list[list[int]] = []
        for p in range(partitions):
            usable = plain.eligible.copy()
            if class_eligible is not None and partition_class is not None:
                usable &= class_eligible[partition_class[p]]
            count = min(rng.choice([0, 0, 1, 1, 2]), int(usable.sum()), int(counts[p]))
            rows.append(rng.sample([int(n) for n in np.flatnonzero(usable)], count))
        pinned = padded(rows)
    total = int(counts.sum())
    if rng.random() < 0.4:
        even = total // max(1, int(plain.eligible.sum()))
        low = 1 if rng.random() < 0.7 else 0
        node_limit = np.array([rng.randint(low * even, 2 * even + 2) for _ in range(nodes)])
    share = shares([int(w) for w in plain.upper], total, partitions)
    return replace(
        plain,
        copy_counts=counts,
        lower=np.array([floor(s) for s in share], np.int64),
        upper=np.array([ceil(s) for s in share], np.int64),
        partition_class=partition_class,
        class_eligible=class_eligible,
        pinned=pinned,
        node_limit=node_limit,
    )


def beside_others(problem: PlacementProblem, seed: int) -> PlacementProblem:
    """The problem where other maps hold copies on the same nodes, more or less evenly."""
    rng = random.Random(seed + 2_000_000)
    most = rng.choice([1, 3, 8])
    nodes = len(problem.lower)
    lower = problem.lower + np.array([rng.randint(-most, most) for _ in range(nodes)], np.int64)
    upper = lower + np.array([rng.randint(0, 1) for _ in range(nodes)], np.int64)
    return replace(problem, sum_lower=lower, sum_upper=upper)
