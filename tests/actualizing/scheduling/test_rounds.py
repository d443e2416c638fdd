from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from mapcore.actualizing.scheduling.bound import least_rounds
from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits
from mapcore.actualizing.scheduling.rounds import find_rounds
from mapcore.errors import ScheduleError
from tests.actualizing.strategies import Problem, even_limits, moves_from_rows, problems
from tests.twins.rounds import broken_limits, can_be_done

MOST_MOVES_FOR_EXACT = 9


@settings(max_examples=300, deadline=None)
@given(problems())
def test_every_limit_is_kept_in_every_round(problem: Problem) -> None:
    moves, limits = problem
    found = find_rounds(moves, limits)
    assert broken_limits(moves, limits, found.round_of_move, found.sources) == []
    assert found.rounds == found.round_of_move.max(initial=-1) + 1
    assert found.bound <= found.rounds


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(problems(most_nodes=5, most_partitions=4))
def test_no_schedule_has_fewer_rounds_than_the_bound(problem: Problem) -> None:
    moves, limits = problem
    assume(1 < len(moves) <= MOST_MOVES_FOR_EXACT)
    bound = find_rounds(moves, limits).bound
    assume(bound > 1)
    assert not can_be_done(moves, limits, bound - 1)


# That there is no exception is no theorem: the examples are the same in every run.
@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much],
)
@given(problems(most_nodes=5, most_partitions=4))
def test_small_schedules_are_as_short_as_can_be(problem: Problem) -> None:
    moves, limits = problem
    assume(1 < len(moves) <= MOST_MOVES_FOR_EXACT)
    found = find_rounds(moves, limits)
    assert found.is_optimal or not can_be_done(moves, limits, found.rounds - 1)


@settings(max_examples=30, deadline=None)
@given(problems())
def test_the_same_moves_get_the_same_schedule(problem: Problem) -> None:
    first, second = find_rounds(*problem), find_rounds(*problem)
    assert np.array_equal(first.round_of_move, second.round_of_move)
    assert np.array_equal(first.sources, second.sources)


@settings(max_examples=50, deadline=None)
@given(problems())
def test_each_reason_says_how_many_rounds_it_needs(problem: Problem) -> None:
    found = find_rounds(*problem)
    assert max((reason.rounds for reason in found.reasons), default=0) == found.bound
    for reason in found.reasons:
        if reason.kind != "volumes":
            assert reason.rounds == -(-reason.moves // reason.per_round)


def test_no_moves_take_no_round() -> None:
    found = find_rounds(moves_from_rows([]), even_limits(3))
    assert (found.rounds, found.bound, found.reasons) == (0, 0, ())
    assert len(found.round_of_move) == 0


def shuffled(nodes: int, partitions: int, copies: int, seed: int = 1) -> Moves:
    """Return moves of all copies of all partitions to other nodes, evenly."""
    random = np.random.default_rng(seed)
    rows: list[tuple[int, int, list[int]]] = []
    offsets = random.permutation(partitions * nodes)[:partitions] % nodes
    for partition, offset in enumerate(offsets.tolist()):
        holders = [(offset + step * 3) % nodes for step in range(copies)]
        rows += [(partition, (holder + 1) % nodes, holders) for holder in holders]
    return moves_from_rows(rows)


@pytest.mark.parametrize(
    ("joint", "scans"),
    [
        *((joint, UNLIMITED) for joint in (None, 4, 3, 2, 1)),
        *((joint, 1) for joint in (None, 4, 3, 1)),
    ],
)
def test_rounds_equal_the_bound(joint: int | None, scans: int) -> None:
    moves = shuffled(nodes=40, partitions=2000, copies=3)
    limits = even_limits(40, joint=joint, scans=scans)
    found = find_rounds(moves, limits)
    assert broken_limits(moves, limits, found.round_of_move, found.sources) == []
    assert found.rounds == found.bound


def test_a_few_busy_nodes_among_many_idle_ones_take_little_memory() -> None:
    rows = [(partition, partition % 3, [3 + partition % 5000]) for partition in range(60_000)]
    moves, limits = moves_from_rows(rows), even_limits(5003)
    found = find_rounds(moves, limits)
    assert found.rounds == found.bound == 10_000
    assert broken_limits(moves, limits, found.round_of_move, found.sources) == []


def test_a_node_without_a_limit_sends_all_at_once() -> None:
    rows = [(partition, 1 + partition, [0]) for partition in range(50)]
    assert find_rounds(moves_from_rows(rows), even_limits(51, out=UNLIMITED)).rounds == 1
    assert find_rounds(moves_from_rows(rows), even_limits(51, out=5)).rounds == 10


def test_urgent_moves_come_first_where_that_costs_nothing() -> None:
    rows = [(partition, 1 + partition % 2, [0]) for partition in range(40)]
    moves = moves_from_rows(rows)
    is_urgent = np.arange(40) >= 30
    found = find_rounds(replace(moves, is_urgent=is_urgent), even_limits(3))
    assert found.rounds == 20
    assert found.round_of_move[is_urgent].max() == 4


def test_streams_that_run_already_stay_in_the_first_round() -> None:
    rows = [(partition, 1 + partition % 4, [0]) for partition in range(12)]
    in_flight = np.zeros(12, dtype=bool)
    in_flight[[9, 11]] = True
    found = find_rounds(replace(moves_from_rows(rows), in_flight=in_flight), even_limits(5))
    assert found.round_of_move[in_flight].tolist() == [0, 0]
    assert found.rounds == found.bound == 6


def test_copies_filled_in_the_same_run_serve_as_sources() -> None:
    # One node holds everything; three copies of each partition go to eight empty nodes.
    rows = [
        (partition, 1 + (partition + step) % 8, [0]) for partition in range(80) for step in range(3)
    ]
    moves, limits = moves_from_rows(rows), even_limits(9)
    found = find_rounds(moves, limits)
    assert broken_limits(moves, limits, found.round_of_move, found.sources) == []
    assert found.bound <= found.rounds <= found.bound + 2 < 80 * 3 // 2
    assert (found.filled_by >= 0).any()


def test_reasons_name_what_makes_the_schedule_long() -> None:
    rows = [(partition, 1 + partition % 4, [0]) for partition in range(40)]
    found = find_rounds(moves_from_rows(rows), even_limits(5, out=1))
    assert found.reasons[0].kind == "volumes"
    assert found.reasons[0].members == (0,)
    assert (found.reasons[0].moves, found.reasons[0].per_round) == (40, 1)
    into_one = [(partition, 0, [1 + partition % 4]) for partition in range(40)]
    first = find_rounds(moves_from_rows(into_one), even_limits(5)).reasons[0]
    assert (first.kind, first.members, first.rounds) == ("in", (0,), 20)


def test_odd_joint_limits_leave_a_slot_over() -> None:
    # A triangle under a joint limit of 1: one stream at a time, though no node has more than two.
    rows = [(0, 1, [0]), (1, 2, [1]), (2, 0, [2])]
    moves, limits = moves_from_rows(rows), even_limits(3, joint=1)
    assert least_rounds(moves, limits)[0].kind == "slots"
    assert find_rounds(moves, limits).rounds == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.array([5], np.int32)}, r"targets\[0\]: found 5, expected 0 to 2"),
        ({"targets": np.array([0], np.int32)}, "move 0: found its target node among its sources"),
        ({"candidates_begin": np.array([0, 0])}, "candidates_begin: found 0 to 0, expected 0 to 1"),
        ({"partitions": np.array([-1], np.int32)}, r"partitions\[0\]: found -1"),
        ({"in_flight": np.zeros(2, bool)}, r"in_flight: found shape \(2,\), expected \(1,\)"),
    ],
)
def test_moves_that_do_not_fit_raise_one_clear_error(change: dict[str, Any], message: str) -> None:
    moves = replace(moves_from_rows([(0, 1, [0])]), **change)
    with pytest.raises(ScheduleError, match=message):
        find_rounds(moves, even_limits(3))


def test_a_move_without_a_source_is_refused() -> None:
    with pytest.raises(ScheduleError, match="move 1: found no candidate"):
        find_rounds(moves_from_rows([(0, 1, [0]), (1, 2, [])]), even_limits(3))


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(ScheduleError, match=r"into_node\[0\]: found 0, expected 1 to"):
        find_rounds(moves_from_rows([(0, 1, [0])]), even_limits(3, into=0))


def test_odd_sets_are_found_among_many_nodes() -> None:
    triangles = [
        (3 * first + step, 3 * first + (step + 1) % 3, [3 * first + step])
        for first in range(6)
        for step in range(3)
    ]
    found = find_rounds(moves_from_rows(triangles), even_limits(18, joint=1))
    assert (found.rounds, found.bound, found.reasons[0].kind) == (3, 3, "odd set")


def test_ctrl_c_stops_the_search() -> None:
    # Triangles under a joint limit of 1, chained: no schedule reaches the bound, and that is hard
    # to see.
    rows: list[tuple[int, int, list[int]]] = []
    for _ in range(40):
        for first in range(0, 18, 3):
            for source, target in ((0, 1), (1, 2), (2, 0)):
                rows.append((len(rows), first + target, [first + source]))
    rows += [(len(rows) + step, 3 * step + 3, [3 * step]) for step in range(5)]
    moves, limits = moves_from_rows(rows), even_limits(18, joint=1)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        find_rounds(moves, limits, effort=1e6)
    assert time.monotonic() - start < 30


def in_three_zones(nodes: int, between: int) -> StreamLimits:
    """Return limits on nodes of which each third is a zone."""
    zones = (np.arange(nodes) * 3 // nodes).astype(np.int32)
    return replace(even_limits(nodes, out=9, into=9), zones=zones, between_zones=between)


def test_sources_are_taken_from_zones_that_have_room() -> None:
    rows = [(partition, 4 + partition % 2, [0, 2]) for partition in range(8)]
    found = find_rounds(moves_from_rows(rows), in_three_zones(6, between=1))
    assert (found.rounds, found.bound, found.reasons[0].kind) == (4, 4, "zones")
    assert sorted(found.reasons[0].members) == [0, 1, 2]


def test_a_copy_in_its_zone_spares_a_stream_from_another() -> None:
    # Two new copies in zone 2: one comes from zone 0, the other from that one.
    rows = [(partition, target, [0]) for partition in range(4) for target in (4, 5)]
    found = find_rounds(moves_from_rows(rows), in_three_zones(6, between=1))
    assert found.bound == 4
    assert found.rounds == 5  # the last partition's second copy follows its first


def test_new_copies_of_two_zones_may_hand_on_to_one_another() -> None:
    # From zone 0 to 1 and on to 2, or to 2 and on to 1: no pair of zones has four streams.
    rows = [(partition, target, [0]) for partition in range(4) for target in (2, 4)]
    found = find_rounds(moves_from_rows(rows), in_three_zones(6, between=1))
    assert found.bound <= found.rounds <= 4
