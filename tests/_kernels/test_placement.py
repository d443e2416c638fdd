"""What the placement kernels count, against counts by the definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mapcore._kernels import _placement

NODES = 6
ROWS = st.lists(st.lists(st.integers(0, NODES - 1), max_size=5, unique=True), max_size=6)


def table(rows: list[list[int]], width: int = 5) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    made = np.full((len(rows), width), -1, np.int32)
    for number, row in enumerate(rows):
        made[number, : len(row)] = row
    return made


@given(
    ROWS,
    st.lists(st.lists(st.integers(0, 3), min_size=NODES, max_size=NODES), max_size=3),
    st.lists(st.integers(0, 1), min_size=6, max_size=6),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_excess_is_what_stands_above_the_share_of_a_value(
    rows: list[list[int]], levels: list[list[int]], row_class: list[int], shares: list[int]
) -> None:
    by_class = np.array(shares, np.int32).reshape(2, 3)[:, : len(levels)]
    counted = _placement.count_excess(
        table(rows),
        np.array(row_class, np.int32),
        np.array(levels, np.int32).reshape(-1, NODES),
        np.ascontiguousarray(by_class),
    )
    assert counted == [
        sum(
            max(0, count - by_class[row_class[number], k])
            for number, row in enumerate(rows)
            for count in Counter(level[node] for node in row).values()
        )
        for k, level in enumerate(levels)
    ]


@given(st.lists(st.tuples(*[st.permutations(range(NODES)).map(lambda nodes: nodes[:3])] * 2)))
def test_rows_are_put_in_order_and_counted(pairs: list[tuple[list[int], list[int]]]) -> None:
    now, then = [row for row, _ in pairs], [row for _, row in pairs]
    ordered, loads = table(then, 4), np.zeros(NODES, np.int64)
    moves = _placement.order_rows(table(now, 3), ordered, loads)
    wanted = [
        [n for n in row if n in set(new)] + [n for n in new if n not in set(row)]
        for row, new in pairs
    ]
    assert ordered.tolist() == [[*row, -1] for row in wanted]
    assert moves == sum(len(set(new) - set(row)) for row, new in pairs)
    assert loads.tolist() == [sum(node in row for row in then) for node in range(NODES)]
