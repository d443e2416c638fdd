"""The checker proves what is optimal, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mapcore.planning.certificates.copies import check_placement
from mapcore.planning.placing.placement import Placement, place
from mapcore.planning.placing.placement_problem import PlacementProblem
from tests.planning.random_clusters import beside_others, random_mixed_problem, random_problem
from tests.twins.placement_oracle import Score, best, score

SEEDS = range(80)


Prices = NDArray[np.int64]


def with_prices(
    placement: Placement,
    missing_prices: Prices,
    spread_prices: Prices,
    balance_prices: Prices,
    sum_prices: Prices,
    move_prices: Prices,
) -> Placement:
    old = placement.certificate
    certificate = replace(
        old,
        missing_prices=old.missing_prices + missing_prices,
        spread_prices=old.spread_prices + spread_prices,
        balance_prices=old.balance_prices + balance_prices,
        sum_prices=old.sum_prices + sum_prices,
        move_prices=old.move_prices + move_prices,
    )
    return replace(placement, certificate=certificate)


def proven(problem: PlacementProblem, placement: Placement) -> Score:
    """The bounds of the checker, where they claim nothing the cost itself."""
    proof = check_placement(problem, placement)
    assert proof.fault is None
    missing, *spread, imbalance, in_sum, moves = (
        cost if bound is None else bound
        for cost, bound in zip(proof.costs, proof.bounds, strict=True)
    )
    return Score(missing, tuple(spread), imbalance, in_sum, moves)


MakesProblem = Callable[[int, int], PlacementProblem]


def with_others(seed: int, depth: int) -> PlacementProblem:
    return beside_others(random_problem(seed, depth, 16, 20), seed)


def mixed_with_others(seed: int, depth: int) -> PlacementProblem:
    return beside_others(random_mixed_problem(seed, depth, 12, 12), seed)


KINDS = pytest.mark.parametrize(
    "make", [random_problem, random_mixed_problem, with_others, mixed_with_others]
)


@KINDS
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_what_the_planner_places_is_proven_optimal(make: MakesProblem, depth: int) -> None:
    for seed in SEEDS:
        problem = make(seed, depth)
        placement = place(problem)
        proof = check_placement(problem, placement)
        assert proof.is_optimal, (seed, proof)
        spread, moves = placement.spread_excess, placement.moves
        imbalances = placement.imbalance, placement.sum_imbalance
        assert proof.costs == (placement.missing, *spread, *imbalances, moves)


@KINDS
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_no_prices_claim_more_than_is_true(make: MakesProblem, depth: int) -> None:
    for seed in SEEDS:
        problem = make(seed, depth)
        optimum, optimal_nodes = best(problem)
        placement = replace(place(problem), nodes=optimal_nodes)
        rng = np.random.default_rng(seed)
        for scale in (1, 3, 1000):
            nodes = len(problem.eligible)
            shaken = with_prices(
                placement,
                missing_prices=rng.integers(-1, 2, nodes) * (scale == 3),
                spread_prices=rng.integers(-1, 2, problem.levels.shape) * (scale == 3),
                balance_prices=rng.integers(-scale, scale + 1, nodes),
                sum_prices=rng.integers(-scale, scale + 1, nodes),
                move_prices=rng.integers(-scale, scale + 1, nodes),
            )
            assert proven(problem, shaken) <= optimum, (seed, scale)


@KINDS
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_damaged_placement_is_called_optimal_only_if_it_is(
    make: MakesProblem, depth: int
) -> None:
    for seed in SEEDS:
        problem = make(seed, depth)
        placement = place(problem)
        optimum, _ = best(problem)
        rng = np.random.default_rng(seed)
        nodes = placement.nodes.copy()
        if not nodes.size:
            continue
        nodes[rng.integers(len(nodes)), rng.integers(nodes.shape[1])] = rng.integers(
            -1, len(problem.eligible)
        )
        proof = check_placement(problem, replace(placement, nodes=nodes))
        try:
            is_optimal = score(problem, nodes) == optimum
        except AssertionError:
            assert proof.fault
            is_optimal = False
        assert proof.is_optimal == is_optimal, seed


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ([[0, 0]], "two copies of a partition on a node"),
        ([[0, 3]], "a copy on a node that may not hold it"),
        ([[-1, 0]], "a hole in a row"),
        ([[0, 9]], "a node that there is not"),
        ([[0, 1], [0, 1]], "not a row for each partition"),
        ([[0, 1, 2]], "more copies than asked for"),
    ],
)
def test_what_is_no_placement_is_called_so(cells: list[list[int]], fault: str) -> None:
    problem = PlacementProblem(
        current=np.full((1, 0), -1, np.int32),
        copy_counts=np.array([2], np.int32),
        eligible=np.array([True, True, True, False]),
        lower=np.zeros(4, np.int64),
        upper=np.ones(4, np.int64),
        levels=np.zeros((0, 4), np.int32),
    )
    placement = replace(place(problem), nodes=np.array(cells, np.int32))
    proof = check_placement(problem, placement)
    assert proof.fault == fault
    assert not proof.is_optimal


def test_bounds_state_the_gap_of_a_placement_that_is_not_the_best() -> None:
    problem = PlacementProblem(
        current=np.array([[0], [1], [0], [1]], np.int32),
        copy_counts=np.ones(4, np.int32),
        eligible=np.ones(2, np.bool_),
        lower=np.full(2, 2, np.int64),
        upper=np.full(2, 2, np.int64),
        levels=np.zeros((0, 2), np.int32),
    )
    placement = place(problem)
    swapped = check_placement(problem, replace(placement, nodes=1 - placement.nodes))
    assert swapped.costs == (0, 0, 0, 4)
    assert swapped.bounds == (0, 0, 0, 0)


def test_a_plan_of_needless_moves_is_refused_with_its_gap() -> None:
    refused = 0
    for seed in SEEDS:
        problem = random_problem(seed, depth=1)
        placement = place(problem)
        optimum, _ = best(problem)
        rng = np.random.default_rng(seed)
        nodes = placement.nodes.copy()
        for _ in range(10):  # two partitions swap a copy: loads stay, moves may not
            (one, other), slot = rng.integers(len(nodes), size=2), rng.integers(nodes.shape[1])
            nodes[[one, other], slot] = nodes[[other, one], slot]
        proof = check_placement(problem, replace(placement, nodes=nodes))
        if proof.fault or score(problem, nodes) == optimum:
            continue
        refused += 1
        assert not proof.is_optimal, seed
        assert proven(problem, replace(placement, nodes=nodes)) <= optimum, seed
    assert refused > len(SEEDS) // 4


def test_wrong_prices_prove_nothing() -> None:
    unproven = 0
    for seed in SEEDS:
        problem = random_problem(seed, depth=2)
        placement, nodes = place(problem), len(problem.eligible)
        rng = np.random.default_rng(seed)
        none = np.zeros(nodes, np.int64)
        wrong = with_prices(
            placement,
            missing_prices=none,
            spread_prices=np.zeros_like(problem.levels, np.int64),
            balance_prices=rng.integers(-9, 10, nodes) * 2,
            sum_prices=none,
            move_prices=none,
        )
        unproven += not check_placement(problem, wrong).is_optimal
    assert unproven > len(SEEDS) // 2
