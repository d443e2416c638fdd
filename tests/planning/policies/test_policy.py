"""Policies of users: they choose among equal plans, and what is wrong with one is said at once."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

import mapcore
from mapcore.errors import MapcoreError, PlanError
from mapcore.keys import HashKeys
from mapcore.maps import NodeIndex
from mapcore.planning.placing.exchange import choose_by_score
from mapcore.planning.policies.policy import bind_policy
from tests.planning.clusters import cluster, even, settings
from tests.planning.placing.test_exchange import random_case
from tests.twins.exchange import Choosing

pytest.importorskip("numba")


def prefers_free_memory(partition: int, node: int, free: Any) -> float:
    return float(free[node])


def of_pairs(partition: int, node: int, table: Any) -> float:
    return float(table[partition % table.shape[0], node])


def fails_at_three(partition: int, node: int) -> float:
    return 1.0 / (node - 3)


def is_never_a_number(partition: int, node: int) -> float:
    return math.nan if node == 2 and partition == 0 else 0.0


def rarely_fails(partition: int, node: int) -> float:
    return math.inf if partition == 7 and node != 0 else float(node)


def is_text(partition: int, node: int) -> Any:
    return "much"


def uses_objects(partition: int, node: int) -> Any:
    return {str(node): partition}["1"].bit_length()


def reads_too_far(partition: int, node: int, free: Any) -> float:
    return float(free[node + 100])


FREE = np.array([3.0, 9.0, 1.0, 7.0, 5.0, 2.0, 8.0, 4.0, 6.0])


def test_nodes_with_free_memory_hold_the_copies_that_do_not_divide_evenly() -> None:
    found = cluster(even(9, 9), settings(1, 2, 22))  # 66 copies: 7 or 8 a node
    plan = mapcore.plan(found, policy=mapcore.policy(prefers_free_memory, FREE))
    loads = plan.target.loads()
    assert sorted(loads[FREE >= 7].tolist()) == [8, 8, 8]
    assert sorted(loads[FREE < 7].tolist()) == [7] * 6
    assert plan.certificate.is_optimal
    assert not mapcore.plan(
        plan.cluster.with_current(plan.target), policy=mapcore.policy(prefers_free_memory, FREE)
    ).moves


def test_numbers_by_name_follow_the_nodes_of_the_plan() -> None:
    found = cluster(even(8, 8), settings(1, 2, 22))
    by_name = {f"n{number}": float(free) for number, free in enumerate(FREE)}
    plan = mapcore.plan(
        found, add={"n8": "z8"}, policy=mapcore.policy(prefers_free_memory, by_name)
    )
    assert sorted(plan.target.loads()[FREE >= 7].tolist()) == [8, 8, 8]
    with pytest.raises(PlanError, match="found no number for node 'n9'"):
        mapcore.plan(found, add={"n9": "z8"}, policy=mapcore.policy(prefers_free_memory, by_name))


def test_a_policy_adds_no_move_and_changes_no_kept_copy() -> None:
    fresh = mapcore.plan(cluster(even(9, 3), settings(1, 2, 90)))
    before = fresh.cluster.with_current(fresh.target)
    table = np.random.default_rng(1).random((90, 9))
    with_policy = mapcore.plan(before, remove=["n4"], policy=mapcore.policy(of_pairs, table))
    without = mapcore.plan(before, remove=["n4"])
    assert len(with_policy.moves) == len(without.moves) == 30
    assert with_policy.certificate.is_optimal
    outcome = with_policy.work.policy
    assert outcome is not None
    placed = [table[int(move.partition), int(move.node[1])] for move in with_policy.moves]
    assert outcome.after == pytest.approx(sum(placed))
    assert outcome.after > outcome.before
    assert f"policy of_pairs: scores of new copies add up to {outcome.after:,.6g}" in (
        with_policy.report()
    )
    assert with_policy.to_dict()["policy"]["after"] == outcome.after


def test_a_policy_has_nothing_to_choose_where_no_data_moves() -> None:
    fresh = mapcore.plan(cluster(even(), settings()))
    plan = mapcore.plan(
        fresh.cluster.with_current(fresh.target), maintain=["n0"], policy=lambda p, n: n * 1.0
    )
    assert plan.work.policy is None


def test_a_policy_scores_the_partitions_of_one_map() -> None:
    found = cluster(even(), settings())
    entry = found.map()
    two = found.with_maps({"users": entry, "orders": entry})
    with pytest.raises(PlanError, match="found 2 maps, expected the name of the one"):
        mapcore.plan(two, policy=lambda partition, node: 0.0)
    outcome = mapcore.plan(two, map="users", policy=lambda partition, node: 0.0).work.policy
    assert outcome is not None


@pytest.mark.parametrize("block", range(4))
def test_the_kernel_equals_its_slow_twin_and_only_improves(block: int) -> None:
    table = np.random.default_rng(block).integers(0, 9, (60, 12)) / 8
    nodes = NodeIndex([f"n{number}" for number in range(12)])
    bound = bind_policy(mapcore.policy(of_pairs, table), nodes, HashKeys(60))
    for seed in range(block * 20, block * 20 + 20):
        problem, roles_problem, _ = random_case(seed)
        before = roles_problem.placed
        slow = Choosing(problem, before, lambda p, n: float(table[p % 60, n])).run()
        after = before.copy()
        outcome = choose_by_score(problem, after, bound)
        assert (seed, after.tolist()) == (seed, slow.tolist())
        assert outcome.after >= outcome.before
        assert _imbalance(problem, after) == _imbalance(problem, before)
        kept = (before[:, :, None] == problem.current[:, None, :]).any(axis=2)
        assert np.array_equal(before[kept], after[kept])


def _imbalance(problem: Any, placed: Any) -> int:
    loads = np.bincount(placed[placed >= 0], minlength=len(problem.eligible))
    outside = np.maximum(loads - problem.upper, 0) + np.maximum(problem.lower - loads, 0)
    return int((outside**2).sum())


@pytest.mark.parametrize(
    ("function", "arrays", "message"),
    [
        (fails_at_three, (), "raised ZeroDivisionError: .* partition '0' and node 'n3'"),
        (is_never_a_number, (), "gave nan for partition '0' and node 'n2'"),
        (rarely_fails, (), "gave inf for partition '7'"),
        (is_text, (), "does not compile: "),
        (uses_objects, (), "does not compile: "),
        (reads_too_far, (FREE,), "raised IndexError: .* out of bounds"),
    ],
)
def test_a_policy_that_does_not_work_says_why(
    function: Any, arrays: tuple[Any, ...], message: str
) -> None:
    found = cluster(even(), settings(partitions=120))
    with pytest.raises(PlanError, match=f"^policy {function.__name__}: {message}") as caught:
        mapcore.plan(found, policy=mapcore.policy(function, *arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("text",), "found 'text', expected a function"),
        ((abs,), "expected a plain Python function"),
        ((prefers_free_memory,), "expected 2 parameters: partition, node"),
        ((is_text, FREE), "expected 3 parameters: partition, node, and one for each array"),
        ((prefers_free_memory, "abc"), "found str, expected an array of numbers"),
        ((prefers_free_memory, 5.0), r"found an array of shape \(\), expected one or two"),
    ],
)
def test_what_makes_no_policy_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        mapcore.policy(*arguments)


def test_a_policy_without_numba_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MapcoreError, match=r"pip install 'mapcore\[policy\]'"):
        mapcore.plan(cluster(even(), settings()), policy=lambda partition, node: 0.0)


def test_what_interrupt_raises_ends_the_choice() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    problem, roles_problem, _ = random_case(3)
    bound = bind_policy(rarely_zero, NodeIndex(["n0"]), HashKeys(1))
    with pytest.raises(KeyboardInterrupt):
        choose_by_score(problem, roles_problem.placed, bound, interrupt=stop)


def rarely_zero(partition: int, node: int) -> float:
    return float(node)
