"""Rows of a fresh placement go to partitions that have some of their nodes."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mapcore.planning.peers.matching import matched

ROWS = st.lists(
    st.lists(st.integers(0, 8), min_size=3, max_size=3, unique=True), min_size=1, max_size=30
)


def test_a_row_with_more_of_a_partitions_nodes_goes_first() -> None:
    current = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.int32)
    rows = np.array([[8, 6, 1], [2, 0, 1], [4, 0, 7]], np.int32)
    classes = np.zeros(3, np.int32)
    assert matched(rows, current, classes).tolist() == [[2, 0, 1], [4, 0, 7], [8, 6, 1]]


@given(ROWS, st.integers(0, 2**32 - 1))
def test_rows_in_another_order_are_found_again(rows: list[list[int]], seed: int) -> None:
    current = np.array(rows, np.int32)
    generator = np.random.default_rng(seed)
    shuffled = generator.permuted(current[generator.permutation(len(rows))], axis=1)
    found = matched(shuffled, current, np.zeros(len(rows), np.int32))
    assert [sorted(row) for row in found.tolist()] == [sorted(row) for row in rows]


@given(ROWS, st.data())
def test_every_row_is_used_once_within_its_class(
    rows: list[list[int]], data: st.DataObject
) -> None:
    width = data.draw(st.integers(1, 4))
    one = st.lists(st.integers(-1, 8), min_size=width, max_size=width)
    current = np.array(data.draw(st.lists(one, min_size=len(rows), max_size=len(rows))), np.int32)
    classes = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))), np.int32
    )
    found = matched(np.array(rows, np.int32), current, classes)

    def used(taken: list[list[int]]) -> Counter[tuple[int, ...]]:
        pairs = zip(classes.tolist(), taken, strict=True)
        return Counter((number, *row) for number, row in pairs)

    assert used(found.tolist()) == used(rows)
