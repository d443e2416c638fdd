"""Which copies are masters: as many as asked, balanced, with the fewest changes of role."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mapcore.errors import PlanError
from mapcore.planning.roles import RolesProblem, assign_roles


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
