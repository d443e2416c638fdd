from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.steps import Kind, Step
from mapcore.cluster import Assignment, Cluster, ClusterMap, Config, Mode, Node, Settings, Volume
from mapcore.errors import MapcoreError, ScheduleError
from mapcore.states import Placement
from tests.actualizing.changes import Case, case, cases

slow = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(cases(), st.sampled_from(["rounds", "time"]))
def test_every_moment_is_safe_whatever_fails(change: Case, by: Any) -> None:
    schedule = change.schedule(by=by)
    proof = change.verify(schedule.to_json_lines())
    if not schedule.blocked:
        assert proof.is_safe, proof.report()
    elif proof.failure is not None:
        # All that can be done is done safely; what cannot is named.
        assert proof.failure.rule == "target", proof.report()


@slow
@given(cases(with_failures=False))
def test_a_step_waits_only_for_steps_before_it(change: Case) -> None:
    seen: set[str] = set()
    for step in change.schedule().steps:
        assert set(step.depends_on) <= seen
        seen.add(step.id)


@slow
@given(cases(with_failures=False), st.randoms(use_true_random=False))
def test_any_order_that_follows_the_dependencies_is_safe(change: Case, random: Any) -> None:
    schedule = change.schedule()
    if schedule.blocked:
        return
    waiting, order, done = list(schedule.steps), [], set[str]()
    while waiting:
        ready = [step for step in waiting if set(step.depends_on) <= done]
        step = random.choice(ready)
        waiting.remove(step)
        done.add(step.id)
        order.append(Step.from_dict(step.to_dict() | {"round": None}))
    proof = change.verify(order)
    # Which node may lead more, and when, is a matter of the order in which steps are listed.
    assert proof.failure is None or proof.failure.rule == "peak", proof.report()


def kinds(steps: Any) -> list[str]:
    """Return steps as short text."""
    return [
        f"{step.round} {step.kind.value} "
        + " ".join(f"{end.node}:{end.before[0]}>{end.after[0]}" for end in step.ends)
        for step in steps
    ]


def test_a_move_of_a_slave_is_filled_before_the_old_copy_goes() -> None:
    steps = case(["ms."], ["m.s"]).schedule().steps
    assert kinds(steps) == [
        "1 transition n2:n>d",
        "1 stream n0:m>m n2:d>s",
        "2 transition n1:s>d",
        "2 transition n1:d>n",
    ]
    assert [step.id for step in steps] == ["map/0/1", "map/0/2", "map/0/3", "map/0/4"]
    assert [step.depends_on for step in steps] == [
        (),
        ("map/0/1",),
        ("map/0/2",),
        ("map/0/3",),
    ]


def test_a_move_of_the_master_is_a_takeover_between_fill_and_drop() -> None:
    assert kinds(case(["m."], [".m"]).schedule().steps) == [
        "1 transition n1:n>d",
        "1 stream n0:m>m n1:d>s",
        "2 takeover n0:m>s n1:s>m",
        "2 transition n0:s>d",
        "2 transition n0:d>n",
    ]


def test_a_change_of_roles_takes_no_round() -> None:
    schedule = case(["ms"], ["sm"]).schedule()
    assert (schedule.rounds, schedule.bound) == (0, 0)
    assert kinds(schedule.steps) == ["1 takeover n0:m>s n1:s>m"]


def test_a_master_on_a_gone_node_is_replaced_at_once_and_then_refilled() -> None:
    change = case(["ms.."], [".s.m"], Node(name="n0", mode=Mode.GONE))
    steps = change.schedule().steps
    assert kinds(steps) == [
        "1 takeover n0:m>d n1:s>m",
        "1 transition n3:n>d",
        "1 transition n0:d>n",
        "1 stream n1:m>m n3:d>s",
        "2 takeover n1:m>s n3:s>m",
    ]
    assert steps[0].reason == "n0 is gone"
    assert change.verify(steps)


def test_first_copies_need_no_stream() -> None:
    schedule = case(["..."], ["ms."]).schedule()
    assert schedule.stream_count == 0
    assert [step.reason for step in schedule.steps][:2] == ["first copy", "first copy"]


def test_several_masters_change_on_their_own() -> None:
    change = case(["mm.."], ["m.ms"], settings=Settings(assignment=Assignment.MULTI_MASTER))
    schedule = change.schedule()
    assert {step.kind for step in schedule.steps} == {Kind.TRANSITION, Kind.STREAM}
    assert change.verify(schedule.steps)


def test_pending_copies_are_settled_first() -> None:
    steps = case(["Pp"], ["ms"]).schedule().steps
    assert kinds(steps) == ["1 transition n0:p>m", "1 transition n1:p>s"]


def test_reasons_say_why_a_copy_moves() -> None:
    leaving = Node(name="n0", mode=Mode.LEAVING)
    assert {step.reason for step in case(["ms."], [".ms"], leaving).schedule().steps} == {
        "n0 is leaving"
    }
    lost = case(["m.."], ["ms."]).schedule().steps
    assert lost[-1].reason == "1 of 2 copies in sync"


def test_lost_redundancy_comes_before_balance() -> None:
    before = ["ms."] * 6 + ["m.."] * 6
    after = ["m.s"] * 6 + ["m.s"] * 6
    schedule = case(before, after).schedule()
    rounds = [step.round or 0 for step in schedule.steps if step.kind is Kind.STREAM]
    urgent = [
        step.round or 0
        for step in schedule.steps
        if step.kind is Kind.STREAM and "in sync" in step.reason
    ]
    assert schedule.rounds == schedule.bound == max(rounds)
    assert max(urgent) == 3


def test_what_cannot_be_done_is_named_and_nothing_is_given_up_for_it() -> None:
    change = case(["ms.", "m.."], ["m.s", "m.s"], Node(name="n2", mode=Mode.GONE))
    schedule = change.schedule()
    assert len(schedule.rows) == 0
    assert [str(entry) for entry in schedule.blocked] == [
        "map/0: n1 slave -> null: another copy of it is lost or cannot be filled",
        "map/0: n2 null -> slave: n2 is gone",
        "map/1: n2 null -> slave: n2 is gone",
    ]
    assert schedule.header()["blocked"] == 3
    assert "3 changes cannot be made" in schedule.report()


def test_lost_data_is_never_founded_anew() -> None:
    gone = Node(name="n0", mode=Mode.GONE)
    schedule = case(["md."], ["..m"], gone).schedule()
    assert [entry.reason for entry in schedule.blocked if entry.node == "n2"] == [
        "no copy in sync is left to fill it from"
    ]
    assert schedule.stream_count == 0


def even_takeovers(nodes: int, per_node: int) -> Case:
    """Return a change in which every node hands all its masters to the next node."""
    before, after = [], []
    for node in range(nodes):
        row = ["."] * nodes
        row[node], row[(node + 1) % nodes] = "m", "s"
        other = ["s" if letter == "m" else "m" if letter == "s" else "." for letter in row]
        before += ["".join(row)] * per_node
        after += ["".join(other)] * per_node
    return case(before, after)


def peak_of_masters(change: Case) -> int:
    masters = change.current.loads(Placement.MASTER)
    numbers = change.current.nodes.numbers
    peak = int(masters.max())
    for step in change.schedule().steps:
        if step.kind is Kind.TAKEOVER and step.source and step.target:
            masters[numbers[step.source.node]] -= 1
            masters[numbers[step.target.node]] += 1
            peak = max(peak, int(masters.max()))
    return peak


def test_takeovers_in_a_ring_lift_one_node_by_one_master() -> None:
    assert peak_of_masters(even_takeovers(nodes=5, per_node=8)) == 9


def test_takeovers_lift_no_node_above_the_present_peak() -> None:
    # Nodes in a chain: each gives its masters to the next one, the last to an empty node.
    before, after = [], []
    for node in range(4):
        row = ["."] * 5
        row[node], row[node + 1] = "m", "s"
        before += ["".join(row)] * 6
        row[node], row[node + 1] = "s", "m"
        after += ["".join(row)] * 6
    assert peak_of_masters(case(before, after)) == 6


def test_a_takeover_that_waits_for_others_falls_into_no_stream_of_its_partition() -> None:
    change = case(["m...", "sm.."], [".m..", "m..s"], sizes=np.array([1, 2]))
    schedule = change.schedule(by="time")
    assert change.verify(schedule.to_json_lines())


def test_bytes_and_last_rounds_are_counted_by_node() -> None:
    change = case(["m..", "m.."], ["ms.", "m.s"], sizes=np.array([100, 50]))
    schedule = change.schedule()
    assert schedule.total_bytes == 150
    assert schedule.bytes_in == {"n1": 100, "n2": 50}
    assert schedule.bytes_out == {"n0": 150}
    assert schedule.finish == {"n0": 1, "n1": 1, "n2": 1}


def test_volumes_stand_with_their_copies() -> None:
    node = Node(name="n0", volumes=(Volume(type="hdd", path="/data0"),))
    change = case(["m...."] * 4, ["mssss"] * 4, node)
    schedule = change.schedule()
    streams = [step for step in schedule.steps if step.kind is Kind.STREAM]
    at_once: dict[tuple[int, str | None], int] = {}
    for step in streams:
        assert step.source is not None
        if step.source.node == "n0":
            assert step.source.volume == "/data0"
            at_once[step.round or 0, "n0"] = at_once.get((step.round or 0, "n0"), 0) + 1
    assert set(at_once.values()) == {1}
    assert change.verify(schedule.steps)


def test_the_nearest_copy_is_the_source_on_demand() -> None:
    nodes = [Node(name=f"n{n}", location=f"z{n % 2}") for n in range(4)]
    change = case(["sm.."] * 8, ["smss"] * 8, *nodes, config=Config(source_choice="nearest"))
    pairs = {
        (step.source.node, step.target.node)
        for step in change.schedule().steps
        if step.kind is Kind.STREAM and step.source and step.target
    }
    assert pairs == {("n0", "n2"), ("n1", "n3")}


def test_streams_under_way_hold_their_place_in_the_first_round() -> None:
    change = case(["md.", "m.."], ["ms.", "m.s"], config=Config(max_streams_out_of_node=1))
    under_way = Step.from_dict(
        {
            "step": "x",
            "map": "map",
            "partition": "0",
            "kind": "stream",
            "source": {"node": "n0", "from": "master", "to": "master"},
            "target": {"node": "n1", "from": "dead", "to": "slave"},
        }
    )
    for _ in range(2):
        steps = change.schedule(in_flight=[under_way]).steps
        rounds = {step.partition: step.round for step in steps if step.kind is Kind.STREAM}
        assert rounds == {"0": 1, "1": 2}


def test_a_time_line_is_used_where_sizes_and_a_rate_are_known() -> None:
    config = Config(max_bytes_per_second_per_stream=10)
    change = case(["m..", "m.."], ["ms.", "m.s"], sizes=np.array([100, 50]), config=config)
    schedule = change.schedule()
    assert schedule.is_timed
    assert schedule.rounds is None
    assert schedule.length == schedule.bound == 10.0
    assert schedule.finish == {"n0": 10.0, "n1": 10.0, "n2": 5.0}
    assert change.schedule(by="rounds").rounds == 1
    lines = [json.loads(line) for line in schedule.to_json_lines()]
    assert lines[0]["seconds"] == lines[0]["secondsBound"] == 10.0
    stream = next(line for line in lines if line.get("kind") == "stream")
    assert (stream["start"], stream["finish"]) == (0.0, 10.0)
    assert "round" not in stream
    assert change.verify(schedule.to_json_lines())


def test_json_lines_have_the_documented_shape() -> None:
    lines = [json.loads(line) for line in case(["m."], [".m"]).schedule().to_json_lines()]
    assert lines[0] == {
        "map": "map",
        "rounds": 1,
        "bound": 1,
        "steps": 5,
        "streams": 1,
        "blocked": 0,
    }
    assert lines[2] == {
        "step": "map/0/2",
        "round": 1,
        "map": "map",
        "partition": "0",
        "kind": "stream",
        "source": {"node": "n0", "from": "master", "to": "master"},
        "target": {"node": "n1", "from": "dead", "to": "slave"},
        "block": [],
        "after": ["map/0/1"],
        "reason": "balance",
    }


def test_a_saved_schedule_can_be_verified(tmp_path: Path) -> None:
    change = case(["ms."] * 50, [".ms"] * 50)
    path = tmp_path / "steps.jsonl"
    change.schedule().save(path)
    assert change.verify(path.read_text())


def test_a_report_names_what_makes_the_schedule_long() -> None:
    text = case(["m....."] * 10, ["msss.."] * 10).schedule().report(limit=2)
    assert "rounds" in text.splitlines()[0]
    assert "30 streams" in text
    assert "at least" in text
    assert "more steps" in text.splitlines()[-1]
    assert case(["m."], ["m."]).schedule().report() == "nothing to do: the maps agree"


def test_steps_can_be_sliced_and_counted_without_making_all() -> None:
    steps = case(["ms."] * 5, ["m.s"] * 5).schedule().steps
    assert len(steps) == 20
    assert [step.id for step in steps[:2]] == [steps[0].id, steps[1].id]
    assert steps[-1].id == list(steps)[-1].id
    with pytest.raises(IndexError):
        steps[20]


def test_a_plot_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "schedule.png"
    case(["m....."] * 10, ["msss.."] * 10).schedule().plot(path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MapcoreError, match=r"pip install 'mapcore\[plot\]'"):
        case(["m."], ["ms"]).schedule().plot(tmp_path / "x.png")


def test_a_cluster_is_scheduled_as_a_whole() -> None:
    change = case(["m."], [".m"])
    entry = ClusterMap(settings=Settings(), current=change.current, target=change.target)
    cluster = Cluster(nodes=change.nodes, maps={"users": entry})
    schedule = mapcore.schedule(cluster)
    assert schedule.name == "users"
    assert schedule.steps[0].id == "users/0/1"
    with pytest.raises(ScheduleError, match="without current or target"):
        mapcore.schedule(Cluster(maps={"users": ClusterMap(settings=Settings())}))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (["m."] * 2, ["m."] * 3, "expected the same partitions"),
        (["m."], ["p."], "partition 0: found a pending copy"),
        (["m."], ["mm"], "partition 0: found 2 masters, expected at most one"),
    ],
)
def test_maps_that_cannot_be_scheduled_raise_one_clear_error(
    before: list[str], after: list[str], message: str
) -> None:
    with pytest.raises(ScheduleError, match=message):
        case(before, after).schedule()


def test_a_throttle_of_zero_is_refused_if_copies_must_be_filled() -> None:
    config = Config(max_streams_into_node=0)
    with pytest.raises(ScheduleError, match="maxStreamsIntoNode: found 0, expected at least 1"):
        case(["m."], ["ms"], config=config).schedule()
    assert case(["ms"], ["sm"], config=config).schedule().rounds == 0


def test_a_partition_from_another_map_is_not_founded_with_nothing_in_it() -> None:
    change = case(["..."], ["ms."])
    change = change._replace(target=change.target.replace(sources={0: "users/17"}))
    with pytest.raises(ScheduleError, match="'users/17' as its source"):
        change.schedule()
