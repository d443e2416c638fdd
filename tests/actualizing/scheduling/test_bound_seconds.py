from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.bound_seconds import TimeReason, least_seconds
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from tests.actualizing.strategies import even_limits, moves_from_rows
from tests.twins.balance import balance


def strongest(
    rows: list[tuple[int, int, list[int]]], limits: StreamLimits, sizes: list[float]
) -> TimeReason:
    rates = np.ones(limits.node_count)
    return least_seconds(moves_from_rows(rows), limits, np.array(sizes), rates)[0]


def test_a_node_needs_the_seconds_of_what_comes_in_over_its_limit() -> None:
    rows = [(partition, 0, [1 + partition]) for partition in range(4)]
    found = strongest(rows, even_limits(5, into=2), [4.0, 3.0, 2.0, 3.0])
    assert found == TimeReason(6.0, "in", (0,))


def test_one_stream_more_than_slots_follows_another() -> None:
    rows = [(partition, 0, [1 + partition]) for partition in range(3)]
    found = strongest(rows, even_limits(4, into=2), [5.0, 4.0, 3.0])
    assert found == TimeReason(7.0, "in", (0,))


def test_three_of_five_streams_share_one_of_two_slots() -> None:
    rows = [(partition, 0, [1 + partition]) for partition in range(5)]
    assert strongest(rows, even_limits(6, into=2), [1.0] * 5) == TimeReason(3.0, "in", (0,))


def test_the_longest_stream_is_a_reason_of_its_own() -> None:
    assert strongest([(0, 0, [1])], even_limits(2), [9.0]).seconds == 9.0


def test_streams_that_only_two_nodes_can_send_are_counted_together() -> None:
    rows = [(partition, 2 + partition, [0, 1]) for partition in range(4)]
    found = strongest([*rows, (4, 6, [0, 7])], even_limits(8, out=1), [6.0] * 5)
    assert found == TimeReason(12.0, "out", (0, 1))


def test_streams_that_must_go_from_zone_to_zone_are_counted_by_pairs_of_zones() -> None:
    rows = [(partition, 4 + partition, [partition]) for partition in range(4)]
    zones = np.array([0, 0, 1, 1, 2, 2, 2, 2], dtype=np.int32)
    limits = replace(even_limits(8), zones=zones, between_zones=1)
    found = strongest(rows, limits, [2.0, 3.0, 1.0, 1.0])
    assert found == TimeReason(5.0, "zones", (0, 2))


def test_streams_that_can_come_from_either_of_two_zones_are_counted_together() -> None:
    rows = [(partition, 4 + partition, [0, 2]) for partition in range(4)]
    zones = np.array([0, 0, 1, 1, 2, 2, 2, 2], dtype=np.int32)
    limits = replace(even_limits(8), zones=zones, between_zones=1)
    found = strongest(rows, limits, [2.0] * 4)
    assert (found.seconds, found.kind, sorted(found.members)) == (4.0, "zones", [0, 1, 2])


def test_a_stream_within_three_nodes_of_one_slot_each_keeps_the_others_waiting() -> None:
    rows = [(0, 1, [0]), (1, 2, [1]), (2, 0, [2])]
    found = strongest(rows, even_limits(3, joint=1), [2.0, 2.0, 2.0])
    assert found.seconds == 6.0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_streams_spread_over_places_as_the_twin_spreads_them(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    own = st.lists(st.integers(0, count - 1), min_size=1, max_size=4, unique=True)
    places = data.draw(st.lists(own, min_size=0, max_size=12))
    number = st.integers(1, 20).map(float)
    lengths = [data.draw(number) for _ in places]
    limits = [data.draw(st.integers(1, 4)) for _ in range(count)]
    besides = [data.draw(number) for _ in range(count)]
    share = np.zeros(sum(map(len, places)))
    load = np.array(besides)
    _schedule.balance(
        moves_from_rows([(row, count, held) for row, held in enumerate(places)]).given(),
        np.array(lengths),
        np.array([place for held in places for place in held], dtype=np.int32),
        np.array(limits, dtype=np.int32),
        load,
        share,
    )
    expected = balance(lengths, places, limits, besides, sweeps=300)
    twin_load = np.array(besides)
    for length, held, parts in zip(lengths, places, expected, strict=True):
        twin_load[held] += length * np.array(parts)
    assert load == pytest.approx(twin_load, abs=1e-3 * (1 + sum(lengths)))
    begin = np.concatenate([[0], np.cumsum([len(held) for held in places])]).astype(int)
    for row in range(len(places)):
        assert share[begin[row] : begin[row + 1]].sum() == pytest.approx(1.0)


def test_no_streams_spread_over_nothing() -> None:
    nothing, none = np.zeros(0), np.zeros(0, dtype=np.int32)
    load = np.ones(2)
    _schedule.balance(
        moves_from_rows([]).given(), nothing, none, np.ones(2, np.int32), load, nothing
    )
    assert load.tolist() == [1.0, 1.0]


def test_bounds_are_not_above_what_sums_of_fractions_come_to() -> None:
    sizes = np.full(9, 0.1)
    moves: Moves = moves_from_rows([(partition, 0, [1]) for partition in range(9)])
    found = least_seconds(moves, even_limits(2, into=1), sizes, np.ones(2))
    assert 0.9 - 1e-12 < found[0].seconds <= float(sizes.sum())
