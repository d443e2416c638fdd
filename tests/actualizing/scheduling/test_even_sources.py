from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcore._kernels import _schedule
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.rounds import with_filled_copies
from tests.actualizing.strategies import Problem, even_limits, moves_from_rows, problems


def even_sources(moves: Moves, limits: StreamLimits, sizes: list[float]) -> list[int]:
    """Return the source node of each move."""
    choice = moves.candidates_begin[:-1].copy()
    rates = np.ones(limits.node_count)
    _schedule.even_sources(moves.given(), limits.given(), np.array(sizes), rates, choice)
    sources: list[int] = limits.node_of_volume[moves.candidates[choice]].tolist()
    return sources


def test_no_node_sends_more_than_it_must() -> None:
    rows = [(partition, 3 + partition, [0, 1, 2]) for partition in range(6)]
    sizes = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    sources = even_sources(moves_from_rows(rows), even_limits(9, out=1), sizes)
    assert np.bincount(sources, sizes).tolist()[:3] == [7.0, 7.0, 7.0]


def test_streams_come_from_nodes_that_have_little_to_take_in() -> None:
    rows = [(0, 0, [4]), (1, 0, [5]), (2, 3, [0, 1])]
    assert even_sources(moves_from_rows(rows), even_limits(6, joint=2), [1.0] * 3) == [4, 5, 1]


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_no_copy_is_filled_from_one_that_waits_for_it(problem: Problem, seed: int) -> None:
    moves, limits = problem
    wider = with_filled_copies(moves, "others")
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 100, len(moves)).astype(np.float64)
    choice = wider.candidates_begin[:-1].copy()
    rates = np.ones(limits.node_count)
    _schedule.even_sources(wider.given(), limits.given(), sizes, rates, choice)
    assert (wider.candidates_begin[:-1] <= choice).all()
    assert (choice < wider.candidates_begin[1:]).all()
    filled_by = wider.filled_by[choice].tolist()
    for move in range(len(moves)):
        passed = 0
        while move >= 0:
            move = filled_by[move]
            passed += 1
            assert passed <= len(moves)
