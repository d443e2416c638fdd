from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mapcore.actualizing.rows import codes_at, with_rows
from mapcore.maps import PartitionMap
from tests.strategies import CODES, maps


@given(maps(), st.data())
def test_cells_are_looked_up_in_the_index_as_in_the_matrix(
    held: PartitionMap, data: st.DataObject
) -> None:
    if not held.node_count:
        return
    cells = data.draw(
        st.lists(
            st.tuples(st.integers(0, held.partition_count - 1), st.integers(0, held.node_count - 1))
        )
    )
    rows, nodes = np.array(cells, dtype=np.int64).reshape(-1, 2).T
    assert codes_at(held, rows, nodes).tolist() == held.states[rows, nodes].tolist()


@given(maps(), st.data())
def test_rows_are_replaced_and_others_stay(held: PartitionMap, data: st.DataObject) -> None:
    if not held.node_count:
        return
    codes = st.sampled_from([code for code in CODES if code])
    row = st.dictionaries(st.integers(0, held.node_count - 1), codes)
    rows = data.draw(st.dictionaries(st.integers(0, held.partition_count - 1), row))
    expected = held.states.copy()
    for number, cells in rows.items():
        expected[number] = 0
        for node, code in cells.items():
            expected[number, node] = code
    assert np.array_equal(with_rows(held, rows).states, expected)
