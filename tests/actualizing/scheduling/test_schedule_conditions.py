"""Running states, pauses and the time that dead copies are kept, in whole schedules."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import mapcore
from mapcore.actualizing.steps import Step
from mapcore.actualizing.works import Work
from mapcore.cluster import Config, Health, Node
from mapcore.states import Placement, Running, state_code
from tests.actualizing.changes import Case, case, map_of

WARMS = Config(warms_up=True)


def made(change: Case, **arguments: Any) -> list[str]:
    """Return the steps of a schedule, proven safe, as short text."""
    schedule = change.schedule(**arguments)
    lines = list(schedule.to_json_lines())
    proof = change.verify(lines)
    assert proof, proof.report()
    return [described(step) for step in schedule.steps]


def described(step: Step) -> str:
    what = f" {step.what}" if step.what else ""
    change = "" if step.before is None else f" {step.before}>{step.after}"
    created = f" {step.running}" if step.running else ""
    return f"{step.round} {step.kind.value} {' '.join(step.nodes)}{what}{change}{created}"


def test_a_copy_warms_before_it_is_filled_and_cools_and_stops_before_it_goes() -> None:
    assert made(case(["ms."], ["m.s"], config=WARMS)) == [
        "1 transition n2 null>dead warming",
        "1 running n2 warming>running",
        "1 stream n0 n2",
        "2 transition n1 slave>dead",
        "2 running n1 running>cooling",
        "2 running n1 cooling>stopped",
        "2 transition n1 dead>null",
    ]


def test_a_stopped_copy_that_shall_run_starts_at_once() -> None:
    assert made(case(["mS"], ["ms"])) == [
        "1 running n1 stopped>warming",
        "1 running n1 warming>running",
    ]


def test_a_copy_that_shall_stop_serves_until_others_are_filled() -> None:
    assert made(case(["ms."], ["mSs"])) == [
        "1 transition n2 null>dead",
        "1 stream n0 n2",
        "2 running n1 running>cooling",
        "2 running n1 cooling>stopped",
    ]


def test_a_stopped_copy_starts_if_nothing_else_can_fill_the_others() -> None:
    # n0 leads and is stopped, as it shall be: it runs for a while.
    stopped = state_code(Placement.MASTER, Running.STOPPED)
    slave = state_code(Placement.SLAVE)
    current = mapcore.PartitionMap.from_copies([[("n0", stopped)]], ["n0", "n1"])
    target = mapcore.PartitionMap.from_copies([[("n0", stopped), ("n1", slave)]], ["n0", "n1"])
    change = case(["m."], ["ms"])._replace(current=current, target=target)
    assert made(change) == [
        "1 transition n1 null>dead",
        "1 running n0 stopped>warming",
        "1 running n0 warming>running",
        "1 stream n0 n1",
        "2 running n0 running>cooling",
        "2 running n0 cooling>stopped",
    ]


def test_replication_goes_on_at_once_and_is_paused_at_the_end() -> None:
    assert made(case(["mRs."], ["msRs"])) == [
        "1 transition n3 null>dead",
        "1 resume n1 replication",
        "1 stream n0 n3",
        "2 pause n2 replication",
    ]


def test_persistence_changes_at_once_and_leaves_all_else_alone() -> None:
    assert made(case(["mQs"], ["msQ"])) == [
        "1 resume n1 persistence",
        "1 pause n2 persistence",
    ]


def test_a_new_copy_becomes_what_the_target_says_once_it_is_filled() -> None:
    assert made(case(["m."], ["mR"])) == [
        "1 transition n1 null>dead",
        "1 stream n0 n1",
        "2 pause n1 replication",
    ]


def test_a_dead_copy_that_is_stopped_and_paused_is_made_ready_to_be_filled() -> None:
    assert made(case(["mD"], ["ms"])) == [
        "1 running n1 stopped>warming",
        "1 running n1 warming>running",
        "1 resume n1 replication",
        "1 stream n0 n1",
    ]


def test_a_running_state_that_nobody_can_change_is_named() -> None:
    change = case(["mS"], ["ms"], Node(name="n1", health=Health.RED))
    schedule = change.schedule()
    assert [str(each) for each in schedule.blocked] == [
        "map/0: n1 slave stopped -> slave: n1 is unreachable"
    ]
    assert schedule.blocked_count == 1


GRACE = Config(dead_grace_seconds=30.0)


def test_dead_copies_are_kept_for_their_grace_time_in_rounds() -> None:
    config = Config(dead_grace_seconds=30.0, max_backfills=1)
    change = case(["ms.", "ms."], ["m.s", "m.s"], config=config)
    schedule = change.schedule()
    assert schedule.rounds == 2
    collected = [step for step in schedule.steps if step.after == "null"]
    assert [(step.round, step.wait_seconds) for step in collected] == [(3, 30.0), (3, 30.0)]
    lines = [json.loads(line) for line in schedule.to_json_lines()]
    assert lines[-1]["waitSeconds"] == 30.0
    assert change.verify(schedule.to_json_lines())


def test_dead_copies_are_kept_for_their_grace_time_on_a_time_line() -> None:
    sizes = np.array([100])
    config = Config(dead_grace_seconds=30.0, max_bytes_per_second_per_stream=10)
    change = case(["ms."], ["m.s"], sizes=sizes, config=config)
    schedule = change.schedule()
    assert schedule.length == 10.0
    assert float(schedule.rows["start"][-1]) == 40.0
    assert change.verify(schedule.to_json_lines())


def test_what_is_dead_already_waits_for_the_rest_of_its_time() -> None:
    works = {"map": Work(map_of(["md"]), map_of(["m."]), dead_since={("0", "n1"): 90.0})}
    for now, left in ((100.0, 20.0), (130.0, None)):
        schedule = mapcore.schedule(works, config=GRACE, now=now)
        assert [step.wait_seconds for step in schedule.steps] == [left]
        assert mapcore.verify(works, steps=schedule.steps, config=GRACE, now=now)


def without(lines: list[str], field: str) -> list[str]:
    trees = [json.loads(line) for line in lines]
    return [json.dumps({k: v for k, v in tree.items() if k != field}) for tree in trees]


def test_a_copy_that_is_collected_too_early_is_not_safe() -> None:
    change = case(["ms."], ["m.s"], config=GRACE)
    proof = change.verify(without(list(change.schedule().to_json_lines()), "waitSeconds"))
    assert proof.failure is not None
    assert proof.failure.rule == "grace"
    assert proof.failure.message == "found n1 collected 0 s after it died, expected 30 s"


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("running", {"node": "n2"}, "found n2 warming, expected it running"),
        ("running", {"node": "n1"}, "found n1 running, expected it stopped before it goes"),
    ],
)
def test_a_copy_that_does_not_warm_or_stop_is_not_safe(
    kind: str, fields: dict[str, str], message: str
) -> None:
    change = case(["ms."], ["m.s"], config=WARMS)
    trees = [json.loads(line) for line in change.schedule().to_json_lines()]
    left = [tree for tree in trees if tree.get("kind") != kind or tree["node"] != fields["node"]]
    for tree in left:
        tree["after"] = []
    proof = change.verify(map(json.dumps, left))
    assert proof.failure is not None
    assert (proof.failure.rule, proof.failure.message) == ("running", message)


def test_a_copy_that_is_created_running_where_it_should_warm_is_not_safe() -> None:
    change = case(["m."], ["ms"])
    lines = list(change.schedule().to_json_lines())
    proof = change._replace(config=WARMS).verify(lines)
    assert proof.failure is not None
    assert proof.failure.message == "found n1 created running, expected it warming"


def test_a_stream_from_a_stopped_copy_is_not_safe() -> None:
    stopped = case(["mS."], ["m.s"])
    lines = [
        line.replace('"n0","from":"master","to":"master"', '"n1","from":"slave","to":"slave"')
        for line in stopped.schedule().to_json_lines()
    ]
    proof = stopped.verify(lines)
    assert proof.failure is not None
    assert proof.failure.message == "found n1 stopped, expected a source that runs"
