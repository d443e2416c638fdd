"""Whole runs with time simulated."""

from __future__ import annotations

import numpy as np
import pytest

from mapcore import Node, verify
from mapcore.actualizing.rehearsal import Rehearsal
from mapcore.actualizing.verifying.timetable import Scheduled
from mapcore.actualizing.works import Work
from mapcore.cluster import Config, Mode
from mapcore.planning.partitioning.resizing import resized
from tests.actualizing.test_next_steps import made

CURRENT, TARGET = made(*["am bs"] * 4), made(*["am cs"] * 4)
ONE_STREAM = Config(max_backfills=1)


def rehearsed(config: Config, *, until: float | None = None, **works: Work) -> Rehearsal:
    rehearsal = Rehearsal(works, config)
    list(rehearsal.run(until))
    return rehearsal


def test_a_run_ends_in_the_targets_and_every_moment_of_it_is_safe() -> None:
    works = {"one": Work(CURRENT, TARGET), "two": Work(TARGET, CURRENT)}
    rehearsal = Rehearsal(works, ONE_STREAM)
    done = list(rehearsal.run())
    assert rehearsal.is_done
    assert rehearsal.now == 8
    assert rehearsal.maps == {"one": TARGET, "two": CURRENT}
    steps = [Scheduled(each.step, each.start, each.finish) for each in done]
    assert verify(works, None, steps, ONE_STREAM)


def test_a_stream_takes_as_long_as_its_bytes_at_its_rate() -> None:
    sizes = np.full(4, 500)
    config = Config(max_backfills=1, max_bytes_per_second_per_stream=100)
    rehearsal = rehearsed(config, map=Work(CURRENT.replace(sizes=sizes), TARGET))
    assert rehearsal.now == 20


def test_a_run_that_is_stopped_leaves_nothing_half_done_and_is_gone_on_with() -> None:
    stopped = rehearsed(ONE_STREAM, until=1.5, map=Work(CURRENT, TARGET))
    assert (stopped.now, stopped.underway_count, stopped.is_done) == (1.5, 0, False)
    held = stopped.maps["map"]
    assert (
        sum(
            copy.node == "c" and copy.placement.name == "SLAVE"
            for p in range(4)
            for copy in held.copies(p)
        )
        == 1
    )
    rest = rehearsed(ONE_STREAM, map=Work(held, TARGET))
    assert rest.is_done
    assert rest.now == 3


def test_dead_copies_are_kept_for_their_grace() -> None:
    rehearsal = rehearsed(Config(dead_grace_seconds=60.0), map=Work(CURRENT, TARGET))
    assert rehearsal.is_done
    assert rehearsal.now >= 61


def test_a_number_of_partitions_changes_at_once() -> None:
    held = made("am bs", "bm as")
    rehearsal = rehearsed(Config(), map=Work(held, resized(held, 8)))
    assert rehearsal.is_done
    assert rehearsal.maps["map"].partition_count == 8


@pytest.mark.parametrize("until", [None, 5.0])
def test_what_cannot_be_done_ends_the_run_with_what_it_waits_for(until: float | None) -> None:
    nodes = [Node(name="a"), Node(name="b"), Node(name="c", mode=Mode.GONE)]
    rehearsal = Rehearsal({"map": Work(CURRENT, TARGET)}, nodes=nodes)
    assert list(rehearsal.run(until)) == []
    assert not rehearsal.is_done
    assert rehearsal.waiting is not None
    assert rehearsal.waiting.held_back_by["the node is gone"] == 4
