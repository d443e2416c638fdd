"""`place` finds the best placement, in the order of the objective, and the same one every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapcore.errors import PlanError
from mapcore.planning.placing.placement import Placement, place
from mapcore.planning.placing.placement_problem import PlacementProblem
from tests.planning.random_clusters import beside_others, random_mixed_problem, random_problem
from tests.twins.placement_oracle import Score, best, score


def even_problem(
    partitions: int, nodes: int, copies: int, zones: int, current: object = None
) -> PlacementProblem:
    share = partitions * copies
    rows = np.full((partitions, 0), -1, np.int32) if current is None else np.asarray(current)
    return PlacementProblem(
        current=rows.astype(np.int32),
        copy_counts=np.full(partitions, copies, np.int32),
        eligible=np.ones(nodes, np.bool_),
        lower=np.full(nodes, share // nodes, np.int64),
        upper=np.full(nodes, -(-share // nodes), np.int64),
        levels=(np.arange(nodes, dtype=np.int32) % zones)[None, :],
    )


def claimed(placement: Placement) -> Score:
    return Score(
        placement.missing,
        placement.spread_excess,
        placement.imbalance,
        placement.sum_imbalance,
        placement.moves,
    )


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("first", range(0, 400, 100))
def test_no_placement_is_better_than_the_one_found(depth: int, first: int) -> None:
    for seed in range(first, first + 100):
        problem = random_problem(seed, depth, most_nodes=40)
        placement = place(problem)
        assert score(problem, placement.nodes) == best(problem)[0], seed
        assert claimed(placement) == score(problem, placement.nodes), seed


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("first", range(0, 150, 50))
def test_no_placement_is_better_where_partitions_differ(depth: int, first: int) -> None:
    for seed in range(first, first + 50):
        problem = random_mixed_problem(seed, depth)
        placement = place(problem)
        assert score(problem, placement.nodes) == best(problem)[0], seed
        assert claimed(placement) == score(problem, placement.nodes), seed


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("first", range(0, 200, 100))
def test_no_placement_is_better_in_sum_with_other_maps(depth: int, first: int) -> None:
    for seed in range(first, first + 100):
        plain = random_problem(seed, depth, most_nodes=20, most_partitions=24)
        problem = beside_others(plain, seed)
        placement = place(problem)
        assert score(problem, placement.nodes) == best(problem)[0], seed
        assert claimed(placement) == score(problem, placement.nodes), seed


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_no_placement_of_partitions_that_differ_is_better_in_sum(depth: int) -> None:
    for seed in range(100):
        problem = beside_others(random_mixed_problem(seed, depth, 14, 16), seed)
        placement = place(problem)
        assert score(problem, placement.nodes) == best(problem)[0], seed
        assert claimed(placement) == score(problem, placement.nodes), seed


def test_a_limit_that_spread_must_yield_to_costs_no_more_spread_than_it_must() -> None:
    problem = replace(
        even_problem(partitions=10, nodes=3, copies=2, zones=3),
        levels=np.array([[0, 1, 1]], np.int32),
        node_limit=np.array([7, 10, 10], np.int64),
    )
    placement = place(problem)
    assert np.count_nonzero(placement.nodes == 0) == 7
    assert (placement.missing, placement.spread_excess) == (0, (3,))


def test_limits_below_what_is_asked_leave_the_rest_missing() -> None:
    problem = replace(even_problem(10, 4, 2, 2), node_limit=np.array([5, 5, 3, 0], np.int64))
    placement = place(problem)
    assert placement.missing == 7
    assert np.bincount(placement.nodes[placement.nodes >= 0], minlength=4).tolist() == [5, 5, 3, 0]


def test_pinned_copies_stay_where_they_are() -> None:
    pinned = np.full((12, 1), 3, np.int32)
    problem = replace(even_problem(12, 8, 2, 4), pinned=pinned)
    assert np.all((place(problem).nodes == 3).any(axis=1))


def test_partitions_stay_on_the_nodes_of_their_class() -> None:
    problem = replace(
        even_problem(20, 6, 2, 3),
        partition_class=(np.arange(20) % 2).astype(np.int32),
        class_eligible=np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], np.bool_),
    )
    nodes = place(problem).nodes
    assert nodes[::2].max() <= 2
    assert nodes[1::2].min() >= 3


def test_a_fresh_map_has_every_copy_in_a_zone_of_its_own() -> None:
    placement = place(even_problem(partitions=12, nodes=8, copies=2, zones=4))
    assert claimed(placement) == Score(0, (0,), 0, 0, 24)


def test_placing_again_moves_nothing() -> None:
    fresh = place(even_problem(200, 17, 3, 4))
    again = place(even_problem(200, 17, 3, 4, fresh.nodes))
    assert again.moves == 0
    assert np.array_equal(again.nodes, fresh.nodes)


def test_the_same_problem_gives_the_same_placement() -> None:
    problem = random_problem(7, depth=2)
    assert np.array_equal(place(problem).nodes, place(problem).nodes)


def test_kept_copies_stand_first_in_their_order_and_new_ones_after_them() -> None:
    for seed in range(100):
        problem = random_problem(seed)
        for now, then in zip(problem.current.tolist(), place(problem).nodes.tolist(), strict=True):
            kept = [n for n in now if n >= 0 and n in then]
            assert then[: len(kept)] == kept


def test_a_node_added_takes_its_share_and_no_other_copy_moves() -> None:
    fresh = place(even_problem(300, 10, 3, 5)).nodes
    placement = place(even_problem(300, 11, 3, 5, fresh))
    assert placement.moves == 900 // 11
    assert np.count_nonzero(placement.nodes == 10) == placement.moves


def test_where_any_copy_may_go_to_a_new_node_the_last_of_a_partition_does() -> None:
    fresh = place(even_problem(300, 10, 3, 5)).nodes
    placed = place(even_problem(300, 11, 3, 5, fresh)).nodes
    assert np.array_equal(placed[:, :2], fresh[:, :2])


def test_fewer_nodes_than_copies_leaves_copies_missing() -> None:
    problem = even_problem(partitions=5, nodes=2, copies=3, zones=2)
    placement = place(problem)
    assert placement.missing == 5
    assert np.all(placement.nodes[:, 2] == -1)


def test_no_eligible_node_leaves_all_copies_missing() -> None:
    problem = random_problem(3, depth=1)
    nobody = PlacementProblem(
        problem.current,
        problem.copy_counts,
        np.zeros_like(problem.eligible),
        problem.lower,
        problem.upper,
        problem.levels,
    )
    placement = place(nobody)
    assert placement.missing == problem.copy_counts.sum()
    assert np.all(placement.nodes == -1)


def test_no_partitions_need_no_copies() -> None:
    placement = place(even_problem(partitions=0, nodes=3, copies=2, zones=1))
    assert placement.nodes.shape[0] == 0
    assert placement.missing == 0


def test_a_fresh_map_is_not_laid_out_in_step() -> None:
    nodes = place(even_problem(partitions=2000, nodes=40, copies=2, zones=4)).nodes
    pairs = {tuple(sorted(row)) for row in nodes.tolist()}
    assert len(pairs) > 500  # of the 600 that zones allow; in step it would be about 100


def test_what_interrupt_raises_stops_the_plan() -> None:
    rng = np.random.default_rng(1)
    current = rng.integers(0, 2000, (300_000, 1))
    problem = even_problem(300_000, 2000, 5, 9, current)

    def interrupt() -> None:
        raise TimeoutError("enough")

    with pytest.raises(TimeoutError, match="enough"):
        place(problem, interrupt=interrupt)


def test_a_value_in_two_values_of_the_level_above_is_an_error() -> None:
    problem = even_problem(4, 4, 1, 2)
    crossed = np.array([[0, 0, 1, 1], [0, 1, 1, 0]], np.int32)
    with pytest.raises(PlanError, match="level above"):
        place(
            PlacementProblem(
                problem.current,
                problem.copy_counts,
                problem.eligible,
                problem.lower,
                problem.upper,
                crossed,
            )
        )


def test_arrays_that_do_not_fit_together_are_an_error() -> None:
    problem = even_problem(4, 4, 1, 2)
    with pytest.raises(PlanError, match=r"current of shape \(3, 0\), expected 4 rows"):
        place(
            PlacementProblem(
                problem.current[:3],
                problem.copy_counts,
                problem.eligible,
                problem.lower,
                problem.upper,
                problem.levels,
            )
        )
