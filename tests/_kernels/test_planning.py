"""The planner's tables against their twins, on any rows of copies."""

from __future__ import annotations

from itertools import accumulate, chain, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore._kernels import _planning
from tests.twins import planning_tables as twin
from tests.twins.planning_tables import Row

NODES = 7
CODES = st.builds(
    lambda placement, rest: placement | rest,
    st.integers(1, 5),
    st.sampled_from((0, 16, 32, 64, 96)),
)
ROWS = st.lists(
    st.lists(
        st.tuples(st.integers(0, NODES - 1), CODES), max_size=5, unique_by=lambda copy: copy[0]
    ),
    max_size=5,
)
FLAGS = st.lists(st.integers(0, 15), min_size=NODES, max_size=NODES)
BY_NODE = st.lists(st.booleans(), min_size=NODES, max_size=NODES)
NEW_NUMBERS = st.lists(st.integers(0, 20), min_size=NODES, max_size=NODES)
SUCCESSORS = st.lists(st.integers(-1, NODES - 1), min_size=NODES, max_size=NODES)


def index(rows: list[Row]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    copies = list(chain.from_iterable(rows))
    return (
        np.fromiter(accumulate(map(len, rows), initial=0), np.int64),
        np.array([node for node, _ in copies], np.int32),
        np.array([code for _, code in copies], np.uint8),
    )


def rows_of(
    offsets: NDArray[np.int64], nodes: NDArray[np.int32], codes: NDArray[np.uint8]
) -> list[Row]:
    copies = list(zip(nodes.tolist(), codes.tolist(), strict=True))
    return [copies[begin:end] for begin, end in pairwise(offsets)]


def table(rows: list[list[int]], width: int) -> NDArray[np.int32]:
    made = np.full((len(rows), width), -1, np.int32)
    for number, row in enumerate(rows):
        made[number, : len(row)] = row
    return made


def both(now: list[Row], then: list[Row]) -> tuple[list[Row], list[Row]]:
    """As many partitions of one map as of the other."""
    count = min(len(now), len(then))
    return now[:count], then[:count]


@given(ROWS, BY_NODE, BY_NODE)
def test_a_partition_is_in_reach_by_one_copy_and_out_of_it_by_another(
    rows: list[Row], is_gone: list[bool], is_recovering: list[bool]
) -> None:
    near, far = np.empty((2, len(rows)), np.uint8)
    _planning.find_reach(
        *index(rows), np.array(is_gone, np.uint8), np.array(is_recovering, np.uint8), near, far
    )
    assert ([bool(n) for n in near], [bool(n) for n in far]) == twin.reach(
        rows, is_gone, is_recovering
    )


@given(ROWS, FLAGS, NEW_NUMBERS, st.integers(1, 4))
def test_tables_hold_who_holds_and_who_leads(
    rows: list[Row], flags: list[int], renumbered: list[int], room: int
) -> None:
    width = max((len(row) for row in rows), default=1) or 1
    held = np.empty((len(rows), width), np.int32)
    masters = np.empty((len(rows), room), np.int32)
    most = _planning.fill_tables(
        *index(rows), np.array(flags, np.uint8), np.array(renumbered, np.int32), held, masters
    )
    wanted_held, wanted_masters = twin.tables(rows, flags, renumbered)
    assert held.tolist() == table(wanted_held, width).tolist()
    assert most == max(map(len, wanted_masters), default=0)
    assert masters.tolist() == table([row[:room] for row in wanted_masters], room).tolist()


@given(ROWS, st.lists(st.booleans(), min_size=NODES, max_size=NODES), st.integers(0, 4))
def test_masters_that_there_can_be_are_counted(
    rows: list[Row], may_lead: list[bool], most: int
) -> None:
    placed = [[node for node, _ in row] for row in rows]
    counted = _planning.count_able(table(placed, 5), np.array(may_lead).view(np.uint8), most)
    assert counted == twin.able(placed, may_lead, most)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, NODES - 1), st.booleans()), max_size=5), max_size=5)
)
def test_a_target_has_masters_first(copies: list[list[tuple[int, bool]]]) -> None:
    placed = [[node for node, _ in row] for row in copies]
    roles = [[leading for _, leading in row] for row in copies]
    cells = table(placed, 5)
    is_master = table([[int(leading) for leading in row] for row in roles], 5) > 0
    offsets = np.empty(len(copies) + 1, np.int64)
    nodes, codes = np.empty(cells.size, np.int32), np.empty(cells.size, np.uint8)
    count = _planning.fill_target(cells, is_master.view(np.uint8), 3, 2, offsets, nodes, codes)
    assert rows_of(offsets, nodes[:count], codes[:count]) == twin.target(placed, roles, (3, 2))


@given(ROWS)
def test_loads_are_added_up(rows: list[Row]) -> None:
    _, nodes, _ = index(rows)
    loads = np.ones(NODES, np.int64)
    _planning.count_loads(nodes, loads)
    assert loads.tolist() == [1 + nodes.tolist().count(node) for node in range(NODES)]


@given(ROWS, ROWS)
def test_pauses_are_carried_on(now: list[Row], then: list[Row]) -> None:
    now, then = both(now, then)
    offsets, nodes, codes = index(then)
    _planning.carry_pauses(*index(now), offsets, nodes, codes)
    assert rows_of(offsets, nodes, codes) == twin.paused(now, then)


@given(ROWS, ROWS, FLAGS, SUCCESSORS)
def test_moves_say_from_where_and_in_whose_place(
    now: list[Row], then: list[Row], flags: list[int], successors: list[int]
) -> None:
    now, then = both(now, then)
    target_offsets, target_nodes, _ = index(then)

    def list_moves(room: int) -> NDArray[np.int32]:
        moves = np.empty((room, 4), np.int32)
        count = _planning.list_moves(
            *index(now),
            target_offsets,
            target_nodes,
            np.array(flags, np.uint8),
            np.array(successors, np.int32),
            np.zeros(sum(map(len, now)), np.uint8),
            moves,
        )
        return moves if room else np.empty((count, 4), np.int32)

    wanted = [list(move) for move in twin.moves(now, then, flags, successors)]
    assert len(list_moves(0)) == len(wanted)
    assert list_moves(len(wanted)).tolist() == wanted or not wanted


@given(ROWS, ROWS)
def test_drops_are_the_copies_that_a_target_does_not_have(now: list[Row], then: list[Row]) -> None:
    now, then = both(now, then)
    offsets, nodes, _ = index(now)
    target_offsets, target_nodes, _ = index(then)
    wanted = twin.drops(now, then)
    drops = np.empty((len(wanted), 3), np.int32)
    counted = _planning.list_drops(
        offsets, nodes, target_offsets, target_nodes, np.empty((0, 3), np.int32)
    )
    _planning.list_drops(offsets, nodes, target_offsets, target_nodes, drops)
    assert counted == len(wanted)
    assert drops.tolist() == [list(drop) for drop in wanted]


@given(ROWS, ROWS, FLAGS)
def test_role_changes_pair_new_masters_with_old_ones(
    now: list[Row], then: list[Row], flags: list[int]
) -> None:
    now, then = both(now, then)
    wanted = twin.role_changes(now, then, flags)
    changes = np.empty((len(wanted), 3), np.int32)
    both_maps = (*index(now), *index(then), np.array(flags, np.uint8))
    counted = _planning.list_role_changes(*both_maps, np.empty((0, 3), np.int32))
    _planning.list_role_changes(*both_maps, changes)
    assert counted == len(wanted)
    assert changes.tolist() == [list(change) for change in wanted]
