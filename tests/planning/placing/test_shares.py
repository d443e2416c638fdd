from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mapcore.planning.placing.shares import share_bounds, shares_with_fixed
from tests.twins import shares as twin

WEIGHTS = st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 1e-300, 1e300, 7.25])


def bounds(
    total: int, weights: list[float], among: list[bool], most: int | list[int]
) -> tuple[list[int], list[int]]:
    distinct = list(dict.fromkeys(weights))
    numbers = np.array([distinct.index(weight) for weight in weights], np.int32)
    room = most if isinstance(most, int) else np.array(most, np.int64)
    lower, upper = share_bounds(total, distinct, numbers, np.array(among, bool), room)
    return lower.tolist(), upper.tolist()


@given(st.data())
def test_shares_are_those_of_the_definition(data: st.DataObject) -> None:
    nodes = data.draw(st.lists(st.tuples(WEIGHTS, st.booleans(), st.integers(0, 40)), max_size=12))
    weights, among = [node[0] for node in nodes], [node[1] for node in nodes]
    most = [node[2] for node in nodes]
    total = data.draw(st.integers(0, 300))
    assert bounds(total, weights, among, most) == twin.share_bounds(total, weights, among, most)


@given(st.lists(WEIGHTS, max_size=12), st.integers(0, 300), st.integers(0, 50))
def test_one_limit_for_all_is_the_same_limit_for_each(
    weights: list[float], total: int, most: int
) -> None:
    among = [True] * len(weights)
    assert bounds(total, weights, among, most) == bounds(
        total, weights, among, [most] * len(weights)
    )


def test_shares_by_weight_are_rounded_down_and_up() -> None:
    assert bounds(10, [1.0, 1.0, 2.0], [True] * 3, 10) == ([2, 2, 5], [3, 3, 5])


def test_a_tenth_is_taken_at_its_binary_value() -> None:
    # 0.1 is a little more than a tenth, and 0.3 a little less than three: the share is below 3.
    assert bounds(4, [0.1, 0.3], [True] * 2, 9) == ([1, 2], [2, 3])


def test_what_a_full_node_cannot_take_the_others_share() -> None:
    assert bounds(10, [8.0, 1.0, 1.0], [True] * 3, 4) == ([4, 3, 3], [4, 3, 3])


def fixed_bounds(total: int, weights: list[float], fixed: list[int]) -> tuple[list[int], list[int]]:
    distinct = list(dict.fromkeys(weights))
    lower, upper = shares_with_fixed(
        total,
        distinct,
        np.array([distinct.index(weight) for weight in weights], np.int32),
        np.ones(len(weights), bool),
        1000,
        np.array(fixed, np.int64),
    )
    return lower.tolist(), upper.tolist()


def test_a_node_that_keeps_its_share_leaves_the_others_theirs() -> None:
    assert fixed_bounds(10, [1.0, 1.0, 1.0], [-1, 4, -1]) == ([3, 4, 3], [4, 4, 4])


def test_what_a_node_keeps_above_its_share_the_others_do_without() -> None:
    assert fixed_bounds(12, [1.0, 1.0, 1.0], [-1, 8, -1]) == ([2, 8, 2], [2, 8, 2])


def test_what_a_node_keeps_below_its_share_the_others_hold() -> None:
    assert fixed_bounds(12, [1.0, 1.0, 2.0], [0, -1, -1]) == ([0, 4, 8], [0, 4, 8])


def test_a_node_that_keeps_more_than_there_is_leaves_nothing() -> None:
    assert fixed_bounds(2, [1.0, 1.0], [5, -1]) == ([5, 0], [5, 0])
