from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.times import Times, find_times
from tests.actualizing.strategies import Problem, even_limits, moves_from_rows, problems
from tests.twins.rounds import uses


def broken_limits(moves: Moves, limits: StreamLimits, found: Times) -> list[str]:
    """Return what a time line breaks at the start of any stream: nothing is worse than then."""
    wrong = []
    for at in sorted(set(found.starts.tolist())):
        counts: dict[object, int] = {}
        for move in np.flatnonzero((found.starts <= at) & (at < found.finishes)).tolist():
            for key, limit in uses(moves, limits, move, int(found.sources[move])):
                counts[key] = counts.get(key, 0) + 1
                if counts[key] > limit:
                    wrong.append(f"{counts[key]} of {key} at {at}")
    for move in range(len(moves)):
        filler = int(found.filled_by[move])
        if filler >= 0 and found.finishes[filler] > found.starts[move]:
            wrong.append(f"move {move} starts before its source is filled")
    return wrong


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_every_limit_is_kept_at_every_instant(problem: Problem, seed: int) -> None:
    moves, limits = problem
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 100, len(moves)).astype(np.float64)
    rates = random.integers(1, 4, limits.node_count).astype(np.float64)
    found = find_times(moves, limits, sizes, rates)
    assert broken_limits(moves, limits, found) == []
    sources = limits.node_of_volume[found.sources]
    slower = np.minimum(rates[sources], rates[moves.targets]) if len(moves) else np.ones(0)
    assert np.allclose(found.finishes - found.starts, sizes / slower)
    assert found.end_seconds == found.finishes.max(initial=0.0)
    assert found.bound_seconds <= found.end_seconds * (1 + 1e-9)


def uneven(nodes: int, partitions: int, copies: int) -> tuple[Moves, NDArray[np.float64]]:
    random = np.random.default_rng(5)
    rows: list[tuple[int, int, list[int]]] = []
    for partition in range(partitions):
        chosen = random.permutation(nodes)[: copies + 1].tolist()
        rows.append((partition, chosen[0], chosen[1:]))
    return moves_from_rows(rows), np.exp(random.normal(0, 0.5, partitions))


@pytest.mark.parametrize("joint", [None, 4])
def test_unequal_streams_end_close_to_the_bound(joint: int | None) -> None:
    moves, sizes = uneven(nodes=40, partitions=4000, copies=3)
    limits = even_limits(40, joint=joint)
    found = find_times(moves, limits, sizes, np.ones(40))
    assert broken_limits(moves, limits, found) == []
    assert found.end_seconds <= 1.03 * found.bound_seconds


def test_streams_are_packed_where_the_longest_first_would_end_late() -> None:
    # Longest first puts 5, 4 and 3 into one slot and ends at 11 or later; 3 + 3 + 3 = 5 + 4.
    rows = [(partition, 0, [1 + partition]) for partition in range(5)]
    sizes = np.array([5.0, 4.0, 3.0, 3.0, 3.0])
    found = find_times(moves_from_rows(rows), even_limits(6, into=2), sizes, np.ones(6))
    assert broken_limits(moves_from_rows(rows), even_limits(6, into=2), found) == []
    assert found.end_seconds == pytest.approx(9.0)


def test_few_streams_from_volumes_that_are_read_one_at_a_time_end_close_to_the_bound() -> None:
    moves, sizes = uneven(nodes=30, partitions=300, copies=2)
    limits = even_limits(30, into=4, out=4, scans=1)
    found = find_times(moves, limits, sizes, np.ones(30))
    assert broken_limits(moves, limits, found) == []
    assert found.end_seconds <= 1.03 * found.bound_seconds


def test_streams_under_way_go_on_while_others_change_places() -> None:
    moves, sizes = uneven(nodes=8, partitions=40, copies=2)
    moves.in_flight[[3, 5]] = True
    found = find_times(moves, even_limits(8, joint=2), sizes, np.ones(8))
    assert found.starts[[3, 5]].tolist() == [0.0, 0.0]
    assert broken_limits(moves, even_limits(8, joint=2), found) == []


def test_equal_streams_take_as_long_as_rounds() -> None:
    rows = [(partition, 1 + partition % 4, [0]) for partition in range(12)]
    found = find_times(moves_from_rows(rows), even_limits(5), np.full(12, 10.0), np.full(5, 2.0))
    assert found.end_seconds == found.bound_seconds == 30.0
    assert found.reasons[0].kind == "out"


def test_a_copy_that_has_just_been_filled_serves_at_once() -> None:
    rows = [(0, node, [0]) for node in (1, 2, 3)]
    limits = even_limits(4, out=1)
    found = find_times(moves_from_rows(rows), limits, np.full(3, 8.0), np.ones(4))
    assert sorted(found.starts.tolist()) == [0.0, 8.0, 16.0]


def test_no_moves_take_no_time() -> None:
    found = find_times(moves_from_rows([]), even_limits(2), np.ones(0), np.ones(2))
    assert (found.end_seconds, found.bound_seconds) == (0.0, 0.0)
