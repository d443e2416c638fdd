from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore.errors import MapError, MemoryBudgetError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap, Version
from mapcore.states import Placement, state_code
from tests.strategies import as_matrix_or_index, maps, node_names, state_matrices
from tests.twins.maps import cells, copies_from_dense, dense_from_copies

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
DEAD = state_code(Placement.DEAD)
PENDING_SLAVE = state_code(Placement.PENDING_SLAVE)
PENDING_MASTER = state_code(Placement.PENDING_MASTER)


def small_map() -> PartitionMap:
    return PartitionMap.from_copies(
        [[("a", MASTER), ("b", SLAVE)], [("c", SLAVE), ("b", MASTER), ("a", DEAD)]], ["a", "b", "c"]
    )


# Matrix and index


@given(state_matrices())
def test_the_index_of_a_matrix_lists_its_cells_masters_first(states: NDArray[np.uint8]) -> None:
    held = PartitionMap.from_dense(states, node_names(states.shape[1]))
    read = [
        [(held.nodes.number(copy.node), copy.code) for copy in held.copies(partition)]
        for partition in range(held.partition_count)
    ]
    assert read == copies_from_dense(states)


@given(state_matrices())
def test_the_matrix_of_an_index_holds_its_copies(states: NDArray[np.uint8]) -> None:
    held = PartitionMap.from_dense(states, node_names(states.shape[1]))
    parts = held.offsets, held.copy_nodes, held.copy_codes
    assert np.array_equal(dense_from_copies(*parts, node_count=held.node_count), states)
    assert np.array_equal(PartitionMap.from_index(*parts, held.nodes).states, states)


@given(st.integers(1, 4), st.integers(1, 9), st.data())
def test_a_strided_or_transposed_matrix_means_what_it_shows(
    partitions: int, nodes: int, data: st.DataObject
) -> None:
    wide = data.draw(state_matrices(8, 18).filter(lambda states: states.size > 0))
    for view in (wide[::2], wide[:, ::2], wide.T, wide[::-1, ::-1]):
        held = PartitionMap.from_dense(view, node_names(view.shape[1]))
        assert np.array_equal(held.states, view)
        assert held.states.flags.c_contiguous


@given(st.permutations([MASTER, SLAVE, SLAVE, DEAD, PENDING_SLAVE, PENDING_MASTER]))
def test_copies_come_by_placement_and_else_as_given(given_codes: list[int]) -> None:
    order = [MASTER, SLAVE, PENDING_MASTER, PENDING_SLAVE, DEAD]
    held = PartitionMap.from_index([0, 6], range(6), given_codes, node_names(6))
    expected = sorted(enumerate(given_codes), key=lambda item: order.index(item[1]))
    assert [(held.nodes.number(c.node), c.code) for c in held.copies(0)] == expected


def test_a_full_row_in_the_worst_order_is_sorted_in_linear_time() -> None:
    count = 40_000
    given_codes = np.resize(np.array([DEAD, SLAVE, MASTER], np.uint8), count)
    held = PartitionMap.from_dense(given_codes[None, :], node_names(count))
    again = PartitionMap.from_index(
        [0, count], np.arange(count)[::-1], given_codes[::-1], held.nodes
    )
    assert (np.diff(held.copy_codes.astype(int)) <= 0).all()
    assert again == held


@pytest.mark.parametrize("matrix", [True, False])
def test_one_cell_is_read_the_same_from_both_forms(matrix: bool) -> None:
    held = as_matrix_or_index(small_map(), matrix)
    assert [[held.state(partition, node) for node in range(3)] for partition in range(2)] == [
        [MASTER, SLAVE, 0],
        [DEAD, MASTER, SLAVE],
    ]


def test_a_form_is_built_when_it_is_first_asked_for() -> None:
    held = small_map()
    assert (held.has_index, held.is_dense) == (True, False)
    before = held.byte_count
    assert held.states.shape == held.shape == (2, 3)
    assert held.is_dense
    assert held.byte_count == before + 6


@pytest.mark.parametrize(("partition", "node"), [(-1, 0), (2, 0), (0, -1), (0, 3)])
def test_cells_outside_the_map_are_refused(partition: int, node: int) -> None:
    with pytest.raises(IndexError, match=r"cell \(.*\) of \(2, 3\)"):
        small_map().state(partition, node)


def test_partitions_outside_the_map_are_refused() -> None:
    with pytest.raises(IndexError, match="partition 2 of 2"):
        small_map().copies(2)


def test_copies_describe_themselves() -> None:
    assert [str(copy) for copy in small_map().copies(1)] == ["b master", "c slave", "a dead"]


# Equality


@given(maps(), st.booleans(), st.booleans())
def test_equal_cells_make_equal_maps_in_whatever_form(
    held: PartitionMap, matrix: bool, other_matrix: bool
) -> None:
    assert as_matrix_or_index(held, matrix) == as_matrix_or_index(held, other_matrix)
    assert held.replace(version=(3, 4)) == held


@given(state_matrices(2, 4), state_matrices(2, 4))
def test_maps_are_equal_if_and_only_if_their_matrices_are(
    first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> None:
    a, b = (PartitionMap.from_dense(m, node_names(m.shape[1])) for m in (first, second))
    assert (a == b) is np.array_equal(first, second)


@given(maps(), st.data())
def test_the_order_of_copies_does_not_count(held: PartitionMap, data: st.DataObject) -> None:
    copies = [
        data.draw(st.permutations(held.copies(partition)))
        for partition in range(held.partition_count)
    ]
    assert PartitionMap.from_copies(copies, held.nodes) == held


def test_other_keys_other_nodes_and_other_things_are_not_equal() -> None:
    held = small_map()
    ranges = RangeKeys([KeyRange.from_name("a-m"), KeyRange.from_name("n-z")])
    parts = held.offsets, held.copy_nodes, held.copy_codes
    assert held != PartitionMap.from_index(*parts, held.nodes, keys=ranges)
    assert held != PartitionMap.from_index(*parts, ["a", "b", "x"])
    assert held != "a map"


# Immutability


def test_nothing_in_a_map_can_be_written_to() -> None:
    held = small_map().replace(sizes=np.array([1, 2]), weights=np.array([1.0, 2.0]))
    assert held.sizes is not None
    assert held.weights is not None
    for array in (
        held.states,
        held.offsets,
        held.copy_nodes,
        held.copy_codes,
        held.sizes,
        held.weights,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_map_keeps_its_own_copy_of_writable_arrays() -> None:
    states = np.array([[MASTER, SLAVE]], dtype=np.uint8)
    sizes = np.array([7])
    offsets, numbers, given_codes = np.array([0, 1]), np.array([1]), np.array([MASTER])
    dense = PartitionMap.from_dense(states, ["a", "b"], sizes=sizes)
    index = PartitionMap.from_index(offsets, numbers, given_codes, ["a", "b"])
    states[:] = 0
    sizes[:] = 0
    numbers[:] = 0
    assert dense.copy_count == 2
    assert dense.sizes is not None
    assert dense.sizes.tolist() == [7]
    assert index.copies(0)[0].node == "b"


def test_a_map_cannot_be_hashed() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(small_map())


# What the builders refuse


@pytest.mark.parametrize(
    ("states", "nodes", "message"),
    [
        (np.zeros(3, np.uint8), "abc", r"states: found uint8 of shape \(3,\)"),
        (np.zeros((1, 3), np.int8), "abc", "states: found int8 of shape"),
        (np.zeros((2, 3), np.uint8), "ab", r"found shape \(2, 3\), expected 2 partitions by 2"),
        (np.array([[0, 128]], np.uint8), "ab", r"states\[0, 1\]: found 128"),
        (np.array([[0, 0], [6, 0]], np.uint8), "ab", r"states\[1, 0\]: found 6"),
        (np.array([[8]], np.uint8), "a", r"states\[0, 0\]: found 8, expected a state code"),
        (np.zeros((1, 2), np.uint8), "aa", "found node 'a' twice"),
        (np.zeros((1, 1), np.uint8), [""], "empty name"),
        (np.zeros((0, 1), np.uint8), "a", "found 0 partitions"),
    ],
)
def test_wrong_matrices_are_refused(states: Any, nodes: Any, message: str) -> None:
    with pytest.raises(MapError, match=message):
        PartitionMap.from_dense(states, nodes)


@pytest.mark.parametrize("position", [0, 7, 8, 15, 16])
def test_the_first_wrong_code_is_found_wherever_it_stands(position: int) -> None:
    states = np.zeros((1, 17), np.uint8)
    states[0, position] = 7
    with pytest.raises(MapError, match=rf"states\[0, {position}\]: found 7"):
        PartitionMap.from_dense(states, node_names(17))


@pytest.mark.parametrize(
    ("offsets", "nodes", "codes", "message"),
    [
        ([0, 1, 2], [0, 3], [MASTER, MASTER], "partition 1: found node number 3, expected 0 to 2"),
        ([0, 1], [-1], [MASTER], "partition 0: found node number -1"),
        ([0, 2], [1, 1], [MASTER, SLAVE], "partition 0: found node 'b' twice"),
        ([0, 1], [0], [0], "found code 0, expected a state code with a placement"),
        ([0, 1], [0], [128], "found code 128"),
        ([0, 1], [0], [6], "found code 6"),
        ([0, 1], [0], [300], "codes: found 300, expected 0 to 255"),
        ([0, 1], [2**32], [MASTER], "nodes: found 4294967296"),
        ([0, 1], [0.5], [MASTER], "nodes: found float64, expected integers"),
        ([0], [], [], r"found offsets \(1,\)"),
        ([0, 1], [0, 1], [MASTER], r"nodes \(2,\), codes \(1,\)"),
        ([0, 2, 1], [0], [MASTER], "offsets: expected ascending numbers from 0 to 1"),
        ([1, 1], [0], [MASTER], "offsets: expected ascending"),
    ],
)
def test_wrong_indexes_are_refused(offsets: Any, nodes: Any, codes: Any, message: str) -> None:
    with pytest.raises(MapError, match=message):
        PartitionMap.from_index(offsets, nodes, codes, ["a", "b", "c"])


def test_an_index_must_have_as_many_rows_as_there_are_keys() -> None:
    with pytest.raises(MapError, match="offsets: found 2 entries, expected 4"):
        PartitionMap.from_index([0, 1], [0], [MASTER], ["a"], keys=HashKeys(3))


def test_unknown_nodes_are_refused_by_name() -> None:
    with pytest.raises(MapError, match="partition 1: found node 'x', which is unknown"):
        PartitionMap.from_copies([[("a", MASTER)], [("x", MASTER)]], ["a"])


def test_sizes_and_weights_have_one_entry_a_partition() -> None:
    for attributes in ({"sizes": [1, 2, 3]}, {"weights": [1.0]}):
        with pytest.raises(MapError, match=r"expected \(2,\)"):
            small_map().replace(**attributes)


def test_replace_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match=r"got \['nodes'\]"):
        small_map().replace(nodes=["a"])


# Tables


def test_a_table_has_a_column_for_each_state_and_gaps_below_zero() -> None:
    held = PartitionMap.from_table([[0, 1], [1, -1], [-1, -1]], [MASTER, SLAVE], ["a", "b"])
    assert cells(held) == {("0", "a"): MASTER, ("0", "b"): SLAVE, ("1", "b"): MASTER}


def test_a_table_needs_a_code_for_each_column() -> None:
    with pytest.raises(MapError, match=r"found shape \(1, 2\) with codes \(1,\)"):
        PartitionMap.from_table([[0, 1]], [MASTER], ["a", "b"])


# Loads and other node lists


@given(maps())
def test_loads_count_the_copies_of_each_node(held: PartitionMap) -> None:
    held_cells = cells(held)
    for wanted in ((), (Placement.MASTER,), (Placement.SLAVE, Placement.DEAD)):
        expected = [
            sum(
                node == name and (code & 7 in wanted if wanted else code & 7 > Placement.DEAD)
                for (_, node), code in held_cells.items()
            )
            for name in held.nodes
        ]
        assert held.loads(*wanted).tolist() == expected


@given(maps(most_nodes=6), st.data())
def test_the_same_map_on_other_nodes_keeps_every_copy(
    held: PartitionMap, data: st.DataObject
) -> None:
    names = data.draw(st.permutations([*held.nodes, "extra"]))
    moved = held.on_nodes(names)
    assert list(moved.nodes) == names
    assert cells(moved) == cells(held)
    assert moved.on_nodes(held.nodes) == held


def test_nodes_that_hold_copies_cannot_be_left_out() -> None:
    with pytest.raises(MapError, match="node 'a' holds copies"):
        small_map().on_nodes(["b", "c"])


def test_a_map_without_nodes_or_copies_works() -> None:
    held = PartitionMap.from_dense(np.zeros((3, 0), np.uint8), [])
    assert (held.copy_count, held.loads().tolist(), held.copies(2)) == (0, [], ())
    assert held.on_nodes(["a"]).shape == (3, 1)


def test_nodes_that_are_added_at_the_end_leave_all_numbers_as_they_are() -> None:
    held = small_map()
    longer = held.on_nodes([*held.nodes.names, "new"])
    assert longer.node_count == held.node_count + 1
    assert longer.copy_nodes is held.copy_nodes
    assert [longer.copies(p) for p in (0, 1)] == [held.copies(p) for p in (0, 1)]


def test_replaced_attributes_stand_and_the_rest_stays() -> None:
    held = small_map().replace(version=(2, 7), sources={1: "0"})
    assert held.version == Version(2, 7)
    assert (str(held.version), dict(held.sources)) == ("2.7", {1: "0"})
    assert held.replace(sizes=[5, 6]).version == Version(2, 7)


def test_a_node_index_numbers_names_in_their_order() -> None:
    nodes = NodeIndex(["x", "y"])
    assert (nodes.number("y"), list(nodes), len(nodes), nodes[0]) == (1, ["x", "y"], 2, "x")
    assert nodes == NodeIndex(["x", "y"])
    assert hash(nodes) == hash(NodeIndex(["x", "y"]))
    assert nodes != NodeIndex(["y", "x"])
    with pytest.raises(KeyError):
        nodes.number("z")


# Memory


def test_a_matrix_over_the_budget_is_refused_whichever_way_it_comes() -> None:
    compact = PartitionMap.from_table([[0]] * 5, [MASTER], ["a", "b"], memory_budget_bytes=9)
    with pytest.raises(MemoryBudgetError, match="takes 10 bytes, the memory budget is 9"):
        _ = compact.states
    with pytest.raises(MemoryBudgetError):
        PartitionMap.from_dense(np.zeros((5, 2), np.uint8), ["a", "b"], memory_budget_bytes=9)
    assert compact.replace(memory_budget_bytes=10).states.shape == (5, 2)


LARGE_MAPS = {
    "matrix of 1,440 x 40,000": """
states = np.zeros((1440, 40000), np.uint8)
states[np.arange(1440), np.arange(1440) * 27] = MASTER
states[np.arange(1440), np.arange(1440) * 27 + 1] = SLAVE
held = PartitionMap.from_dense(states, names)
changed = states.copy()
changed[7, 9] = SLAVE
after = PartitionMap.from_dense(changed, held.nodes)
assert len(diff(held, after)) == 1
""",
    "index of 1,048,576 x 3 on 40,000": """
rows = np.arange(1 << 20)
table = np.stack([rows % 40000, (rows + 1) % 40000, (rows + 2) % 40000], axis=1)
held = PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], names)
table[9, 2] = 17
after = PartitionMap.from_table(table, [MASTER, SLAVE, SLAVE], held.nodes)
assert len(diff(held, after)) == 2
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("build", LARGE_MAPS.values(), ids=LARGE_MAPS)
def test_large_maps_are_built_compared_and_read_within_a_gibibyte(build: str) -> None:
    script = f"""
import resource
import numpy as np
from mapcore import PartitionMap, Placement, diff, state_code, validate_transitions
MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)
names = [f"node{{number}}" for number in range(40000)]
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = in_use + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
{build}
assert validate_transitions(held, after)
assert held.loads().sum() == held.copy_count
assert held != after
assert held.on_nodes(names[::-1]).copies(5)[0].node == held.copies(5)[0].node
assert held.replace(version=(1, 1)) == held
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_on_keys_takes_copies_and_unknown_fields_from_the_rows_that_are_named() -> None:
    held = PartitionMap.from_copies(
        [[("a", 19), ("b", 18)], [("b", 19)]], ["a", "b"], extra={1: {"note": "kept"}}
    )
    ranges = RangeKeys(
        [
            KeyRange("x", b"a", b"b", source="old"),
            KeyRange("y", b"b", b"c"),
            KeyRange("z", b"c", None),
        ]
    )
    moved = held.on_keys(ranges, np.array([1, -1, 0]))
    assert [moved.copies(row) for row in range(3)] == [held.copies(1), (), held.copies(0)]
    assert moved.extra == {0: {"note": "kept"}}
    assert moved.sources == {0: "old"}
