"""A right schedule is proven safe, and every kind of damage to it is caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.steps import Step
from mapcore.cluster import Config, Mode, Node, Settings, Volume
from mapcore.errors import DocumentError, MapError
from tests.actualizing.changes import Case, case, cases, map_of

Tree = dict[str, Any]

BUSY = case(
    ["ms...", "ms...", ".ms..", "..ms.", "...ms", "s...m"],
    ["m.s..", "..ms.", "..sm.", "s..m.", "m...s", "ms..."],
    *(Node(name=f"n{n}", location=f"z{n % 2}", volumes=(Volume(type="ssd"),)) for n in range(5)),
)


def lines_of(change: Case, **arguments: Any) -> tuple[Tree, list[Tree]]:
    header, *steps = (json.loads(line) for line in change.schedule(**arguments).to_json_lines())
    return header, steps


def rule(change: Case, steps: list[Tree]) -> str | None:
    proof = change.verify("\n".join(map(json.dumps, steps)))
    return None if proof.failure is None else proof.failure.rule


def test_a_schedule_is_safe_with_and_without_its_header() -> None:
    header, steps = lines_of(BUSY)
    assert rule(BUSY, [header, *steps]) is None
    assert rule(BUSY, steps) is None
    assert BUSY.verify(BUSY.schedule().steps)


def first(steps: list[Tree], kind: str, **fields: Any) -> Tree:
    return next(
        step
        for step in steps
        if step["kind"] == kind and all(step.get(key) == value for key, value in fields.items())
    )


def drop_of(steps: list[Tree]) -> Tree:
    return first(steps, "transition", **{"from": "slave", "to": "dead"})


def without(steps: list[Tree], gone: Tree) -> None:
    steps.remove(gone)


def early_drop(steps: list[Tree]) -> None:
    drop = drop_of(steps)
    drop["after"], drop["round"] = [], 1
    steps.remove(drop)
    steps.insert(0, drop)


def drop_master(steps: list[Tree]) -> None:
    takeover = first(steps, "takeover")
    step = {
        "step": "map/x",
        "map": "map",
        "round": 1,
        "partition": takeover["partition"],
        "kind": "transition",
        "node": takeover["source"]["node"],
        "from": "master",
        "to": "slave",
    }
    steps.insert(0, step)


def second_master(steps: list[Tree]) -> None:
    takeover = first(steps, "takeover")
    takeover["kind"] = "transition"
    takeover |= {"node": takeover["target"]["node"], "from": "slave", "to": "master"}
    for key in ("source", "target", "block"):
        del takeover[key]


def twice(steps: list[Tree]) -> None:
    stream = first(steps, "stream")
    again = dict(stream, step="map/again", after=[], round=99)
    target = stream["target"]["node"]
    common = {"map": "map", "partition": stream["partition"], "kind": "transition", "node": target}
    steps += [
        {"step": "map/back", "round": 98, "from": "slave", "to": "dead", **common},
        again,
    ]


def set_in(kind: str, **changes: Any) -> Callable[[list[Tree]], None]:
    def damage(steps: list[Tree]) -> None:
        first(steps, kind).update(changes)

    return damage


def wrong_state(steps: list[Tree]) -> None:
    first(steps, "stream")["source"] |= {"node": "n4", "from": "slave", "to": "slave"}


def stream_before_its_creation(steps: list[Tree]) -> None:
    created = first(steps, "transition", **{"from": "null"})
    created["round"] = 50


def literal_hop(steps: list[Tree]) -> None:
    takeover = first(steps, "takeover")
    node, partition = takeover["source"]["node"], takeover["partition"]
    steps.insert(
        0,
        {
            "step": "map/literal",
            "map": "map",
            "round": 1,
            "partition": partition,
            "kind": "transition",
            "node": node,
            "from": "master",
            "to": "dead",
        },
    )


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda steps: without(steps, first(steps, "takeover")), {"order", "state"}),
        (lambda steps: without(steps, first(steps, "stream")), {"order", "state"}),
        (lambda steps: without(steps, steps[-1]), {"target"}),
        (lambda steps: without(steps, drop_of(steps)), {"order"}),
        (early_drop, {"in sync"}),
        (drop_master, {"master lost"}),
        (second_master, {"masters"}),
        (twice, {"moved twice", "in sync", "state"}),
        (set_in("stream", partition="4711"), {"state"}),
        (set_in("stream", map="other"), {"state"}),
        (set_in("stream", after=["nobody"]), {"order"}),
        (set_in("stream", step="map/0/1"), {"order"}),
        (wrong_state, {"state"}),
        (stream_before_its_creation, {"order"}),
        (literal_hop, {"transitions"}),
    ],
)
def test_damage_is_caught(damage: Callable[[list[Tree]], None], expected: set[str]) -> None:
    _, steps = lines_of(BUSY)
    damage(steps)
    assert rule(BUSY, steps) in expected


def mutate(steps: list[Tree], data: st.DataObject) -> str:
    """Damage a schedule in one place in a way that no schedule survives."""
    place = data.draw(st.integers(0, len(steps) - 1))
    step = steps[place]
    kind = data.draw(st.sampled_from(["remove", "repeat", "wait", "swap ends", "hop", "rename"]))
    if kind == "remove":
        del steps[place]
    elif kind == "repeat":
        steps.insert(place + 1, dict(step))
    elif kind == "wait":
        step["after"] = [*step["after"], steps[-1]["step"]] if place < len(steps) - 1 else ["x"]
    elif kind == "swap ends" and "source" in step:
        step["source"]["node"], step["target"]["node"] = (
            step["target"]["node"],
            step["source"]["node"],
        )
    elif kind == "hop" and step["kind"] == "transition":
        step["to"] = data.draw(
            st.sampled_from([s for s in ("null", "dead", "slave", "master") if s != step["to"]])
        )
    else:
        step["partition"] = "999"
    return kind


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(with_failures=False), st.data())
def test_no_damage_goes_unnoticed(change: Case, data: st.DataObject) -> None:
    schedule = change.schedule()
    _, *steps = (json.loads(line) for line in schedule.to_json_lines())
    if schedule.blocked or not steps:
        return
    assert rule(change, steps) is None
    mutate(steps, data)
    assert rule(change, steps) is not None


def test_the_first_moment_that_fails_is_named() -> None:
    _, steps = lines_of(BUSY)
    early_drop(steps)
    proof = BUSY.verify("\n".join(map(json.dumps, steps)))
    assert not proof
    assert proof.failure is not None
    assert proof.failure.moment == "round 1"
    assert proof.failure.step == steps[0]["step"]
    assert proof.report().startswith("not safe after 0 steps: round 1, step map/")
    assert proof.to_dict()["failure"]["rule"] == "in sync"


def test_rates_are_kept_on_a_time_line() -> None:
    config = Config(max_bytes_per_second_per_node=20, max_streams_out_of_node=2)
    change = case(["m..", "m.."], ["ms.", "m.s"], sizes=np.array([100, 50]), config=config)
    _, steps = lines_of(change)
    assert rule(change, steps) is None
    for step in steps:
        if step["kind"] == "stream":
            step["finish"] = step["start"] + (step["finish"] - step["start"]) / 2
    assert rule(change, steps) == "throttle"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(max_streams_into_node=1), "streams into"),
        (Config(max_streams_out_of_node=1), "streams out of"),
        (Config(max_streams_per_node=1), "streams of"),
        (Config(max_backfills=1), "streams in the cluster"),
        (Config(max_streams_between_zones=1), "streams from zone"),
        (Config(max_full_scans_per_volume_type={"ssd": 1}), "full scans of"),
        (Config(max_steps=1), "steps in the cluster"),
    ],
)
def test_each_throttle_is_looked_at(config: Config, expected: str) -> None:
    unlimited = Config(max_streams_into_node=None, max_streams_out_of_node=None)
    many = case(
        ["m....."] * 6,
        ["mss..s"] * 6,
        *(
            Node(name=f"n{n}", location=f"z{n % 2}", volumes=(Volume(type="ssd"),))
            for n in range(6)
        ),
        config=unlimited,
    )
    lines = list(many.schedule().to_json_lines())
    assert many.verify(lines)
    strict = many._replace(config=config)
    proof = strict.verify(lines)
    assert proof.failure is not None
    assert proof.failure.rule == "throttle"
    assert strict.verify(strict.schedule().steps)


def test_changes_of_a_partition_are_counted() -> None:
    change = case(["m.."], ["mss"], config=Config(max_changes_per_partition=2))
    lines = list(change.schedule().to_json_lines())
    assert change.verify(lines)
    assert change._replace(config=Config()).verify(lines).failure is not None


def test_steps_of_somebody_else_run_one_after_the_other() -> None:
    change = case(["ms."], ["m.s"])
    steps: list[Tree] = [
        {"step": "1", "kind": "transition", "node": "n2", "from": "null", "to": "dead"},
        {
            "step": "2",
            "kind": "stream",
            "source": {"node": "n1", "from": "slave", "to": "slave"},
            "target": {"node": "n2", "from": "dead", "to": "slave"},
        },
        {"step": "3", "kind": "transition", "node": "n1", "from": "slave", "to": "dead"},
        {"step": "4", "kind": "transition", "node": "n1", "from": "dead", "to": "null"},
    ]
    trees: list[Tree] = [{"map": "map", "partition": "0", **step} for step in steps]
    assert rule(change, trees) is None
    trees[1], trees[2] = trees[2], trees[1]
    proof = change.verify([Step.from_dict(tree) for tree in trees])
    assert proof.failure is not None
    assert (proof.failure.moment, proof.failure.rule) == ("step 2", "in sync")


def test_copies_on_gone_nodes_do_not_count() -> None:
    change = case(["mss"], ["m.s"], Node(name="n2", mode=Mode.GONE))
    step = {"step": "1", "map": "map", "partition": "0", "kind": "transition", "node": "n1"}
    assert rule(change, [step | {"from": "slave", "to": "dead"}]) == "in sync"


def test_lines_that_are_no_steps_are_named() -> None:
    with pytest.raises(DocumentError, match="line 2"):
        BUSY.verify('{"rounds": 1}\n{"step": 1}')
    with pytest.raises(DocumentError, match="line 1"):
        BUSY.verify("nonsense")


def test_steps_that_no_table_allows_are_not_safe() -> None:
    step = {"step": "1", "map": "map", "partition": "0", "kind": "transition", "node": "n1"}
    assert rule(BUSY, [step | {"from": "null", "to": "master"}]) == "transitions"


def test_maps_over_other_partitions_are_refused() -> None:
    with pytest.raises(MapError, match="expected the same partitions"):
        mapcore.verify(map_of(["m."] * 2), map_of(["m."] * 3), [], settings=Settings())
