"""`place_coupled` balances loads of unequal partitions, keeps within volumes, and says how well."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from mapcore.planning.certificates.coupled import check_coupled
from mapcore.planning.placing.coupled import place_coupled
from mapcore.planning.placing.placement import Placement, place
from mapcore.planning.placing.placement_problem import Measures, PlacementProblem, Room
from tests.planning.random_clusters import random_mixed_problem, random_problem
from tests.twins.packing_oracle import best, score


def sized(problem: PlacementProblem, seed: int, *, tight: bool = False) -> PlacementProblem:
    """Give partitions sizes, nodes shares by their ceilings, and, if tight, too little room."""
    rng = random.Random(seed)
    partitions = len(problem.copy_counts)
    spread = rng.choice([0.2, 1.0, 1.5])
    sizes = np.array([1 + int(rng.lognormvariate(3, spread)) for _ in range(partitions)], np.int64)
    total = int((sizes * problem.copy_counts).sum())
    weights = np.where(problem.eligible, problem.upper, 0)
    fair = total * weights // max(1, int(weights.sum()))
    width = int(np.median(sizes))
    room = None
    if tight:
        factor = rng.choice([0.7, 1.0, 1.2, 2.0])
        room = Room(
            (fair * factor).astype(np.int64) + rng.choice([0, width]),
            np.full(len(fair), rng.choice([int(sizes.max()), int(np.percentile(sizes, 80))])),
        )
    measures = Measures(
        "bytes", sizes, sizes, np.maximum(fair - width, 0), fair, fair + width, room
    )
    return replace(problem, measures=measures)


def again(problem: PlacementProblem, placed: Placement) -> Placement:
    return place_coupled(replace(problem, current=placed.nodes))


@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("first", range(0, 160, 40))
def test_every_placement_is_legal_and_recounted(first: int, tight: bool) -> None:
    for seed in range(first, first + 40):
        problem = sized(random_mixed_problem(seed), seed, tight=tight)
        placed = place_coupled(problem)
        found = score(problem, placed.nodes)
        proof = check_coupled(problem, placed)
        assert proof.fault is None, seed
        assert found.missing == placed.missing == proof.counts.costs[0], seed
        assert found.excess == placed.spread_excess == proof.counts.costs[1:-3], seed
        assert found.imbalance == placed.imbalance == proof.imbalance, seed
        assert found.moved == proof.moved >= proof.moved_bound, seed


@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("first", range(0, 160, 40))
def test_planning_again_moves_nothing(first: int, tight: bool) -> None:
    for seed in range(first, first + 40):
        problem = sized(random_mixed_problem(seed), seed, tight=tight)
        placed = place_coupled(problem)
        repeated = again(problem, placed)
        assert repeated.moves == 0, seed
        assert np.array_equal(repeated.nodes, placed.nodes), seed


@pytest.mark.parametrize("first", range(0, 160, 80))
def test_counts_and_spread_are_as_good_as_those_of_equal_partitions(first: int) -> None:
    for seed in range(first, first + 40):
        problem = random_mixed_problem(seed)
        placed, equal = place_coupled(sized(problem, seed)), place(problem)
        assert (placed.missing, placed.spread_excess) == (equal.missing, equal.spread_excess), seed


def test_no_placement_of_tiny_clusters_is_better_in_counts_and_few_are_in_balance() -> None:
    even = 0
    for seed in range(60):
        problem = sized(random_problem(seed, most_nodes=5, most_partitions=6), seed)
        placed = place_coupled(problem)
        found, least = score(problem, placed.nodes), best(problem)
        assert found[:2] == least[:2], seed
        assert found.imbalance >= least.imbalance, seed
        assert check_coupled(problem, placed).imbalance_bound <= least.imbalance, seed
        even += found.imbalance == least.imbalance
        if found.imbalance == least.imbalance:
            assert check_coupled(problem, placed).moved_bound <= least.moved <= found.moved, seed
    assert even >= 54
