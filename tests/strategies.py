"""Hypothesis strategies for maps."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.states import is_valid_code

CODES = [code for code in range(128) if is_valid_code(code)]
COMMON_CODES = [0, 0, 0, 0x12, 0x13, 0x11]
codes = st.one_of(st.sampled_from(COMMON_CODES), st.sampled_from(CODES))


def state_matrices(
    most_partitions: int = 6, most_nodes: int = 20
) -> st.SearchStrategy[NDArray[np.uint8]]:
    """Return matrices of state codes, partitions by nodes, down to no node at all."""
    shapes = st.tuples(st.integers(1, most_partitions), st.integers(0, most_nodes))
    return npst.arrays(np.uint8, shapes, elements=codes, fill=st.just(0))


def node_names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


@st.composite
def maps(draw: st.DrawFn, most_partitions: int = 6, most_nodes: int = 20) -> PartitionMap:
    """Return a map, as a matrix or as an index, over some of a common set of names in any order."""
    states = draw(state_matrices(most_partitions, most_nodes))
    names = draw(st.permutations(node_names(most_nodes)))[: states.shape[1]]
    return as_matrix_or_index(PartitionMap.from_dense(states, names), draw(st.booleans()))


def as_matrix_or_index(held: PartitionMap, matrix: bool) -> PartitionMap:
    """Return an equal map that holds only one of its two forms."""
    if matrix:
        return PartitionMap.from_dense(held.states, held.nodes, keys=held.keys)
    return PartitionMap.from_index(
        held.offsets, held.copy_nodes, held.copy_codes, held.nodes, keys=held.keys
    )
