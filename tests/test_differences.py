from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore.differences import Change, diff
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import Placement, Running, describe_code, state_code
from tests.strategies import as_matrix_or_index, maps, node_names, state_matrices
from tests.twins.maps import changed_cells

MASTER, SLAVE, DEAD = (
    state_code(placement) for placement in (Placement.MASTER, Placement.SLAVE, Placement.DEAD)
)


def hash_map(rows: list[dict[str, int]], nodes: str = "abc") -> PartitionMap:
    return PartitionMap.from_copies([row.items() for row in rows], nodes)


def range_map(rows: dict[str, dict[str, int]], nodes: str = "abc") -> PartitionMap:
    keys = RangeKeys(KeyRange.from_name(name) for name in rows)
    copies = [rows[name].items() for name in keys.names()]
    return PartitionMap.from_copies(copies, nodes, keys=keys)


# Against the slow twins


@given(maps(), maps(), st.booleans(), st.booleans())
def test_a_diff_holds_the_cells_that_differ_by_name(
    before: PartitionMap, after: PartitionMap, matrix_before: bool, matrix_after: bool
) -> None:
    difference = diff(
        as_matrix_or_index(before, matrix_before), as_matrix_or_index(after, matrix_after)
    )
    read = {(change.partition, change.node): change[2:] for change in difference}
    assert read == changed_cells(before, after)
    assert len(difference) == len(read)
    order = list(zip(difference.partitions.tolist(), difference.node_numbers.tolist(), strict=True))
    assert order == sorted(order)


@given(state_matrices(4, 60), st.data())
def test_matrices_and_indexes_give_the_same_arrays_as_numpy(
    states: NDArray[np.uint8], data: st.DataObject
) -> None:
    other = states.copy()
    for position in data.draw(st.sets(st.integers(0, max(0, states.size - 1)), max_size=9)):
        if states.size:
            other.flat[position] = data.draw(st.sampled_from([0, MASTER, SLAVE, DEAD]))
    before = PartitionMap.from_dense(states, node_names(states.shape[1]))
    after = PartitionMap.from_dense(other, before.nodes)
    partitions, nodes = np.nonzero(states != other)
    for matrix in (True, False):
        difference = diff(as_matrix_or_index(before, matrix), as_matrix_or_index(after, matrix))
        assert np.array_equal(difference.partitions, partitions)
        assert np.array_equal(difference.node_numbers, nodes)
        assert np.array_equal(difference.before, states[partitions, nodes])
        assert np.array_equal(difference.after, other[partitions, nodes])


@pytest.mark.parametrize("matrix", [True, False])
@pytest.mark.parametrize("position", [0, 7, 8, 255, 256, 4095, 4096, 5000, 8191, 9998, 9999])
def test_a_single_difference_is_found_wherever_it_stands(position: int, matrix: bool) -> None:
    states = np.full((2, 5000), SLAVE, np.uint8)
    before = PartitionMap.from_dense(states, node_names(5000))
    states.flat[position] = 0
    after = PartitionMap.from_dense(states, before.nodes)
    difference = diff(as_matrix_or_index(before, matrix), as_matrix_or_index(after, matrix))
    assert [(change.partition, change.node) for change in difference] == [
        (str(position // 5000), f"n{position % 5000}")
    ]


@pytest.mark.parametrize("matrix", [True, False])
@pytest.mark.parametrize("node_count", [65_535, 65_536, 70_000])
def test_maps_that_differ_everywhere_fill_any_number_of_chunks(
    node_count: int, matrix: bool
) -> None:
    before = PartitionMap.from_dense(np.zeros((2, node_count), np.uint8), node_names(node_count))
    after = PartitionMap.from_dense(np.full((2, node_count), SLAVE, np.uint8), before.nodes)
    difference = diff(as_matrix_or_index(before, matrix), as_matrix_or_index(after, matrix))
    assert difference.added.all()
    assert difference.partitions.tolist() == [0] * node_count + [1] * node_count
    assert difference.node_numbers.tolist() == [*range(node_count)] * 2


@given(maps(), st.data())
def test_a_map_equals_itself_on_nodes_in_another_order(
    held: PartitionMap, data: st.DataObject
) -> None:
    other = held.on_nodes(data.draw(st.permutations([*held.nodes, "new"])))
    difference = diff(held, other)
    assert (bool(difference), len(difference)) == (False, 0)
    assert difference.report() == "the maps are equal"


@given(maps(), maps())
def test_a_diff_the_other_way_round_swaps_added_and_removed(
    before: PartitionMap, after: PartitionMap
) -> None:
    there, back = diff(before, after), diff(after, before)
    assert {tuple(change) for change in there} == {
        (change.partition, change.node, change.after, change.before) for change in back
    }
    assert there.counts["added"] == back.counts["removed"]
    assert there.counts["moves"] == back.counts["drops"]
    assert there.added_partitions == back.removed_partitions


# What a change means


def test_copies_are_added_removed_or_changed() -> None:
    difference = diff(hash_map([{"a": MASTER, "b": SLAVE}]), hash_map([{"a": SLAVE, "c": MASTER}]))
    assert [str(change) for change in difference] == [
        "0: a master -> slave",
        "0: b slave -> null",
        "0: c null -> master",
    ]
    assert [change.kind for change in difference] == ["changed", "removed", "added"]
    assert difference.changed.tolist() == [True, False, False]
    assert difference.removed.tolist() == [False, True, False]
    assert difference.added.tolist() == [False, False, True]
    assert difference[1] == Change("0", "b", SLAVE, 0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, SLAVE, "moves"),
        (DEAD, SLAVE, "moves"),
        (0, MASTER, "moves"),
        (SLAVE, 0, "drops"),
        (MASTER, DEAD, "drops"),
        (SLAVE, MASTER, "roleChanges"),
        (MASTER, state_code(Placement.PENDING_MASTER), "roleChanges"),
        (0, DEAD, None),
        (DEAD, 0, None),
        (SLAVE, state_code(Placement.SLAVE, Running.WARMING), None),
    ],
)
def test_data_moves_only_to_copies_that_become_live(
    before: int, after: int, expected: str | None
) -> None:
    counts = diff(
        hash_map([{"a": before} if before else {}]), hash_map([{"a": after} if after else {}])
    ).counts
    meaning = {name for name in ("moves", "drops", "roleChanges") if counts[name]}
    assert meaning == ({expected} if expected else set())


def test_moves_are_counted_by_node_most_work_first() -> None:
    before = hash_map([{"a": MASTER}, {"a": MASTER}, {"b": MASTER}])
    after = hash_map([{"c": MASTER}, {"b": MASTER}, {"b": MASTER}])
    assert diff(before, after).moves_by_node() == {"a": (0, 2), "b": (1, 0), "c": (1, 0)}


# Other nodes, other partitions


def test_nodes_are_matched_by_name_and_named_where_one_map_lacks_them() -> None:
    difference = diff(hash_map([{"a": MASTER}], "xab"), hash_map([{"a": SLAVE, "c": MASTER}], "ca"))
    assert [str(change) for change in difference] == ["0: a master -> slave", "0: c null -> master"]
    assert (difference.added_nodes, difference.removed_nodes) == (("c",), ("x", "b"))


def test_versions_and_empty_nodes_make_no_difference() -> None:
    before = hash_map([{"a": MASTER}])
    assert not diff(before, hash_map([{"a": MASTER}], "abcd").replace(version=(1, 2)))


def test_more_hash_partitions_are_added_and_hold_other_keys() -> None:
    difference = diff(hash_map([{"a": MASTER}]), hash_map([{"a": MASTER}, {"b": MASTER}]))
    assert difference.added_partitions == ("1",)
    assert difference.rekeyed_partitions == ("0",)
    assert [str(change) for change in difference] == ["1: b null -> master"]
    assert not diff(hash_map([{}]), hash_map([{}, {}])).removed_partitions
    assert diff(hash_map([{}, {}]), hash_map([{}])).removed_partitions == ("1",)


def test_ranges_are_matched_by_name_in_whatever_order_they_stand() -> None:
    before = range_map({"a-c": {"a": MASTER}, "d-h": {"b": MASTER}})
    after = range_map({"A-Z": {"c": MASTER}, "a-c": {"b": MASTER}})
    difference = diff(before, after)
    assert [str(change) for change in difference] == [
        "a-c: a master -> null",
        "a-c: b null -> master",
        "d-h: b master -> null",
        "A-Z: c null -> master",
    ]
    assert difference.added_partitions == ("A-Z",)
    assert difference.removed_partitions == ("d-h",)
    assert difference.rekeyed_partitions == ()


def test_ranges_of_one_name_with_other_bounds_are_a_difference() -> None:
    before, after = (
        PartitionMap.from_copies([[("a", MASTER)]], "a", keys=RangeKeys([KeyRange("r", b"a", end)]))
        for end in (b"m", b"n")
    )
    difference = diff(before, after)
    assert (bool(difference), len(difference)) == (True, 0)
    assert difference.rekeyed_partitions == ("r",)
    assert "partitions with other keys: r" in difference.report()


def test_hash_and_range_maps_compare_by_the_names_of_partitions() -> None:
    hashed = hash_map([{"a": MASTER}])
    ranged = PartitionMap.from_copies(
        [[("a", SLAVE)]], "abc", keys=RangeKeys([KeyRange("0", b"", None)])
    )
    difference = diff(hashed, ranged)
    assert [str(change) for change in difference] == ["0: a master -> slave"]
    assert difference.rekeyed_partitions == ("0",)
    assert difference.keys_before == HashKeys(1)


# Text and documents


def test_the_report_counts_and_lists() -> None:
    before = hash_map([{"a": MASTER, "b": SLAVE}] * 12)
    after = hash_map([{"a": SLAVE, "c": MASTER}] * 12 + [{}], "acd")
    assert diff(before, after).report(2).splitlines() == [
        "36 changes in 12 partitions: 12 added, 12 removed, 12 changed",
        "12 moves, 12 drops, 12 role changes",
        "partitions only in the second map: 12",
        "partitions with other keys: 0, 1, 2, 3, 4, 5, 6, 7 and 4 more",
        "nodes only in the first map: b",
        "nodes only in the second map: d",
        "0: a master -> slave",
        "0: b slave -> null",
        "and 34 more",
    ]


def test_the_document_holds_every_change() -> None:
    before, after = hash_map([{"a": MASTER, "b": SLAVE}]), hash_map([{"a": MASTER, "c": SLAVE}])
    read = json.loads(json.dumps(diff(before, after).to_dict()))
    assert read["equal"] is False
    assert read["counts"] == {
        "added": 1,
        "removed": 1,
        "changed": 0,
        "moves": 1,
        "drops": 1,
        "roleChanges": 0,
    }
    assert read["changes"] == [
        {"partition": "0", "node": "b", "kind": "removed", "before": "slave", "after": "null"},
        {"partition": "0", "node": "c", "kind": "added", "before": "null", "after": "slave"},
    ]
    assert describe_code(SLAVE) == "slave"


def test_repr_says_how_much_differs() -> None:
    assert repr(diff(hash_map([{"a": MASTER}]), hash_map([{}]))) == ("<MapDiff 1 change>")
