"""Which copies are masters: as many as asked, balanced, with the fewest changes of role."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mapcore.errors import PlanError
from mapcore.planning.certificates.roles import check_roles
from mapcore.planning.placing.roles import Roles, RolesCertificate, RolesProblem, assign_roles
from tests.twins.roles_oracle import best_costs


def problem(
    placed: list[list[int]], current: list[list[int]], share: tuple[int, int], **changes: Any
) -> RolesProblem:
    table = np.array(placed, np.int32)
    node_count = int(table.max(initial=-1)) + 1
    values: dict[str, Any] = {
        "placed": table,
        "current_masters": np.array(current, np.int32),
        "master_counts": np.ones(len(table), np.int32),
        "may_lead": np.ones(node_count, np.bool_),
        "lower": np.full(node_count, share[0], np.int64),
        "upper": np.full(node_count, share[1], np.int64),
    }
    return RolesProblem(**(values | changes))


def random_problem(seed: int) -> RolesProblem:
    """A small cluster: weights, short rows, wrong masters, nodes that may not lead."""
    rng = random.Random(seed)
    node_count = rng.randint(1, 20)
    width = rng.randint(1, min(5, node_count))
    partitions = rng.randint(1, 50)
    most_masters = rng.choice([1, 1, 2, 3])
    nodes = range(node_count)
    is_skewed = rng.random() < 0.5

    def copies() -> list[int]:
        count = width if rng.random() < 0.9 else rng.randint(0, width)
        ranked = sorted(nodes, key=lambda node: rng.random() * (1 + node * is_skewed))
        return ranked[:count] + [-1] * (width - count)

    placed = [copies() for _ in range(partitions)]

    def some_masters(habit: str) -> list[list[int]]:
        rows = []
        for row in placed:
            count = rng.randint(0, most_masters)
            held = [node for node in row if node >= 0]
            chosen = {
                "none": [],
                "kept": rng.sample(held, min(count, len(held))),
                "random": rng.sample(nodes, min(count, node_count)),
                "lowest": sorted(held)[:1],
            }[habit]
            rows.append(chosen + [-1] * (most_masters - len(chosen)))
        return rows

    asked = [rng.randint(rng.random() > 0.1, most_masters) for _ in placed]
    kinds = rng.choice([[1], [1, 2, 4], [0, 1], [1, 10]])
    weights = np.array([rng.choice(kinds) for _ in nodes], np.int64)
    total = max(1, int(weights.sum()))
    current = some_masters(rng.choice(["none", "kept", "random", "lowest"]))
    preferred = some_masters(rng.choice(["kept", "random", "lowest"]))
    candidates = np.array([[rng.random() < 0.7 for _ in row] for row in placed])
    return RolesProblem(
        placed=np.array(placed, np.int32),
        current_masters=np.array(current, np.int32),
        master_counts=np.array(asked, np.int32),
        may_lead=np.array([rng.random() < 0.9 for _ in nodes]),
        lower=sum(asked) * weights // total,
        upper=-(-sum(asked) * weights // total),
        preferred=np.array(preferred, np.int32) if rng.random() < 0.4 else None,
        keep_current=rng.random() < 0.3,
        candidates=candidates if rng.random() < 0.3 else None,
    )


def beside_others(given: RolesProblem, seed: int) -> RolesProblem:
    """The problem where other maps have masters on the same nodes, more or less evenly."""
    rng = random.Random(seed)
    most = rng.choice([1, 2, 6])
    nodes = len(given.lower)
    lower = given.lower + np.array([rng.randint(-most, most) for _ in range(nodes)], np.int64)
    upper = lower + np.array([rng.randint(0, 1) for _ in range(nodes)], np.int64)
    return replace(given, sum_lower=lower, sum_upper=upper)


def oracle_costs(given: RolesProblem) -> tuple[int, int, int, int]:
    """The optimum in the order in which the checker states it."""
    imbalance, in_sum, changes, others = best_costs(given)
    if given.keep_current:
        return changes, imbalance, in_sum, others
    return imbalance, in_sum, changes, others


def masters(given: RolesProblem) -> list[list[int]]:
    roles = assign_roles(given)
    return [
        sorted(row[chosen].tolist())
        for row, chosen in zip(given.placed, roles.is_master, strict=True)
    ]


def test_masters_stay_where_they_are_balanced() -> None:
    assert masters(problem([[0, 1], [1, 0]], [[0], [1]], (1, 1))) == [[0], [1]]


def test_a_new_map_is_balanced() -> None:
    assert masters(problem([[0, 1], [0, 2]], [[-1], [-1]], (0, 1))) in ([[0], [2]], [[1], [0]])


def test_a_current_master_without_a_copy_is_replaced() -> None:
    given = problem(
        [[0, 1]],
        [[2]],
        (0, 1),
        may_lead=np.ones(3, np.bool_),
        lower=np.zeros(3, np.int64),
        upper=np.ones(3, np.int64),
    )
    assert assign_roles(given).role_changes == 1


def test_several_masters_are_chosen_where_several_are_asked() -> None:
    given = problem([[0, 1, 2]], [[1]], (0, 1), master_counts=np.array([2], np.int32))
    assert len(masters(given)[0]) == 2
    assert 1 in masters(given)[0]


def test_a_node_in_maintenance_is_no_master_even_alone() -> None:
    given = problem([[0, -1], [0, 1]], [[0], [0]], (0, 2), may_lead=np.array([False, True]))
    roles = assign_roles(given)
    assert roles.is_master.tolist() == [[False, False], [False, True]]
    assert roles.missing == 1


def test_more_masters_than_copies_are_reported_missing() -> None:
    given = problem([[0, -1]], [[0]], (0, 1), master_counts=np.array([3], np.int32))
    assert assign_roles(given).missing == 2


@pytest.mark.parametrize("block", range(10))
def test_the_choice_is_the_exact_optimum_and_proves_it(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        plain = random_problem(seed)
        for given in (plain, beside_others(plain, seed)):
            proof = check_roles(given, assign_roles(given))
            best = oracle_costs(given)
            assert (seed, proof.fault, proof.costs, proof.bounds) == (seed, None, best, best)


def test_the_same_problem_has_the_same_answer() -> None:
    for seed in range(50):
        given = random_problem(seed)
        once, again = assign_roles(given), assign_roles(given)
        assert (once.is_master == again.is_master).all()
        assert (once.certificate.prices == again.certificate.prices).all()


def test_planning_again_changes_no_role() -> None:
    for seed in range(200):
        given = replace(random_problem(seed), preferred=None)
        chosen = assign_roles(given).is_master
        settled = replace(
            given, current_masters=np.where(chosen, given.placed, -1).astype(np.int32)
        )
        again = assign_roles(settled)
        assert again.role_changes == 0
        assert (again.is_master == chosen).all()


def test_prices_are_zero_where_nothing_had_to_move() -> None:
    given = problem([[0, 1], [1, 0]], [[0], [1]], (1, 1))
    assert not assign_roles(given).certificate.prices.any()


def test_masters_return_to_where_they_were_before_maintenance() -> None:
    rng = random.Random(5)
    placed = [rng.sample(range(12), 3) for _ in range(120)]
    before = problem(placed, [[-1]] * 120, (10, 10))
    first = np.array(masters(before), np.int32)
    maintained = replace(before, current_masters=first, may_lead=np.arange(12) != 4)
    during = np.array(masters(maintained), np.int32)
    assert 4 not in during
    after = replace(before, current_masters=during, preferred=first)
    assert masters(after) == first.tolist()


def test_current_masters_stay_where_that_is_asked_and_the_rest_is_balanced() -> None:
    given = problem(
        [[0, 1], [0, 1], [0, 1], [0, 1]], [[0], [0], [0], [-1]], (2, 2), keep_current=True
    )
    assert masters(given) == [[0], [0], [0], [1]]
    assert assign_roles(replace(given, keep_current=False)).imbalance == 0


def test_what_interrupt_raises_ends_the_search() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assign_roles(random_problem(0), interrupt=stop)


def test_hopeless_balance_takes_little_work() -> None:
    rng = np.random.default_rng(3)
    partitions, node_count = 15_000, 30
    others = np.argsort(rng.random((partitions, 9)), axis=1)[:, :2] + 1
    placed = np.hstack([np.zeros((partitions, 1), np.int64), others]).astype(np.int32)
    given = RolesProblem(
        placed=placed,
        current_masters=placed[:, :1].copy(),
        master_counts=np.ones(partitions, np.int32),
        may_lead=np.ones(node_count, np.bool_),
        lower=np.full(node_count, partitions // node_count, np.int64),
        upper=np.full(node_count, partitions // node_count, np.int64),
    )
    asked = []
    roles = assign_roles(given, interrupt=lambda: asked.append(1))
    # It is asked once at the start, and then after every million steps.
    assert len(asked) <= 4
    assert roles.imbalance == 10 * 1000**2 + 20 * 500**2
    assert check_roles(given, roles).is_optimal


def test_damaged_choices_are_never_called_optimal() -> None:
    unnoticed = 0
    for seed in range(300):
        given = random_problem(seed)
        roles = assign_roles(given)
        damaged = roles.is_master.copy()
        rng = random.Random(seed)
        row = rng.randrange(len(damaged))
        damaged[row] = np.array(rng.sample(damaged[row].tolist(), damaged.shape[1]))
        proof = check_roles(given, recounted(given, roles, damaged))
        assert not proof.is_optimal or proof.costs == oracle_costs(given)
        unnoticed += proof.is_optimal
        wrong = damaged.copy()
        wrong[row] = ~wrong[row]
        assert check_roles(given, recounted(given, roles, wrong)).fault is not None or (
            2 * damaged[row].sum() == damaged.shape[1]
        )
    assert unnoticed < 250


def test_false_claims_are_found() -> None:
    given = random_problem(1)
    roles = assign_roles(given)
    assert check_roles(given, roles).fault is None
    assert check_roles(given, replace(roles, imbalance=roles.imbalance + 1)).fault is not None
    assert check_roles(given, replace(roles, role_changes=-1)).fault is not None
    assert check_roles(given, replace(roles, missing=99)).fault is not None


def test_no_prices_claim_more_than_the_optimum() -> None:
    for seed in range(300):
        given = beside_others(random_problem(seed), seed)
        rng = np.random.default_rng(seed)
        largest = [1, 5, 2**40][seed % 3]
        prices = rng.integers(-largest, largest, (len(given.may_lead), 4), endpoint=True)
        roles = replace(assign_roles(given), certificate=RolesCertificate(prices))
        proof = check_roles(given, roles)
        known = [
            cost if bound is None else bound
            for cost, bound in zip(proof.costs, proof.bounds, strict=True)
        ]
        assert tuple(known) <= oracle_costs(given)


def recounted(given: RolesProblem, roles: Roles, is_master: np.ndarray[Any, Any]) -> Roles:
    """The roles with other masters, and with honest claims about them."""
    proof = check_roles(given, replace(roles, is_master=is_master))
    if not proof.costs:
        return replace(roles, is_master=is_master)
    imbalance, changes = proof.costs[0], proof.costs[2]
    if given.keep_current:
        changes, imbalance = proof.costs[:2]
    return replace(roles, is_master=is_master, imbalance=imbalance, role_changes=changes)


def test_no_partitions_need_no_masters() -> None:
    given = problem([[]], [[-1]], (0, 0), master_counts=np.zeros(1, np.int32))
    empty = replace(
        given,
        placed=given.placed[:0],
        current_masters=given.current_masters[:0],
        master_counts=given.master_counts[:0],
    )
    assert assign_roles(empty).is_master.shape == (0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"placed": np.zeros((2, 2), np.int64)}, "placed: found int64"),
        ({"master_counts": np.ones(3, np.int32)}, r"master_counts: found int32 of shape \(3,\)"),
        ({"lower": np.array([2, 0], np.int64)}, "node 0: found lower 2 and upper 1"),
        ({"placed": np.array([[0, 9], [0, 1]], np.int32)}, "placed: found node 9"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        replace(problem([[0, 1], [1, 0]], [[0], [1]], (0, 1)), **changes)
