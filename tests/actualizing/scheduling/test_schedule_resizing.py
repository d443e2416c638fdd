"""Schedules in which the number of hash partitions doubles, grows or shrinks on the way."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.steps import Kind
from mapcore.actualizing.works import Work
from mapcore.cluster import Assignment, Config, Health, Node
from mapcore.errors import MapError, ScheduleError
from tests.actualizing.changes import Case, cases, map_of, rows


def change_of(before: list[str], after: list[str], **arguments: Any) -> dict[str, Work]:
    return {"map": Work(map_of(before), map_of(after), **arguments)}


def test_doubling_splits_every_copy_where_it_is_before_any_moves() -> None:
    works = change_of(["ms."], ["ms.", "m.s"])
    schedule = mapcore.schedule(works)
    assert [step.kind for step in schedule.steps] == [
        Kind.SWITCH,
        Kind.TRANSITION,
        Kind.STREAM,
        Kind.TRANSITION,
        Kind.TRANSITION,
    ]
    switch, created = schedule.steps[:2]
    assert (switch.id, switch.num_partitions, switch.round) == ("map/switch", 2, 1)
    assert switch.reason == "1 partitions become 2"
    assert created.depends_on == ("map/switch",)
    assert (schedule.rounds, schedule.bound) == (1, 1)
    assert mapcore.verify(works, steps=schedule.to_json_lines())


def test_halving_moves_copies_together_first() -> None:
    works = change_of(["ms.", "m.s"], ["ms."])
    schedule = mapcore.schedule(works)
    switch = schedule.steps[-1]
    assert (switch.kind, switch.num_partitions, switch.round) == (Kind.SWITCH, 1, 2)
    assert switch.depends_on == ("map/1/4",)
    assert mapcore.verify(works, steps=schedule.to_json_lines())


def test_masters_that_become_one_count_apart_until_then() -> None:
    works = change_of(["m.", "sm", "sm"], [".m"])
    schedule = mapcore.schedule(works)
    assert mapcore.verify(works, steps=schedule.to_json_lines())


def test_maps_that_stay_change_beside_one_whose_number_grows() -> None:
    works = change_of(["ms."] * 2, [".ms"] * 4) | {"b": Work(map_of(["ms."]), map_of(["m.s"]))}
    schedule = mapcore.schedule(works)
    assert mapcore.verify(works, steps=schedule.to_json_lines())
    assert schedule.rounds == schedule.bound


def test_a_time_line_shares_the_sizes_out() -> None:
    current = map_of(["m.."], sizes=np.array([100]))
    works = {"map": Work(current, map_of(["m.s", "ms."]))}
    config = Config(max_bytes_per_second_per_stream=10)
    schedule = mapcore.schedule(works, config=config)
    assert schedule.total_bytes == 100
    assert schedule.length == 5.0
    assert mapcore.verify(works, steps=schedule.to_json_lines(), config=config)


def test_copies_that_cannot_be_made_alike_are_not_joined() -> None:
    works = change_of(["ms.", "m.s"], ["ms."])
    schedule = mapcore.schedule(works, gone=["n1"])
    assert "map/1: n1 null -> slave: n1 is gone" in map(str, schedule.blocked)
    assert all(step.kind is not Kind.SWITCH for step in schedule.steps)


def test_a_node_that_cannot_be_asked_to_split_is_named() -> None:
    works = change_of(["ms."], ["ms.", "m.s"])
    with pytest.raises(ScheduleError, match="n1 unreachable and not gone"):
        mapcore.schedule(works, nodes=[Node(name="n1", health=Health.RED)])


def test_numbers_that_are_no_multiple_are_refused() -> None:
    works = change_of(["ms."] * 2, ["ms."] * 3)
    with pytest.raises(ScheduleError, match="expected the same partitions"):
        mapcore.schedule(works)
    with pytest.raises(MapError, match="expected the same partitions"):
        mapcore.verify(works, steps=[])


def failure(works: dict[str, Work], trees: list[dict[str, Any]]) -> tuple[str, str]:
    proof = mapcore.verify(works, steps=[json.dumps(tree) for tree in trees])
    assert proof.failure is not None
    return proof.failure.rule, proof.failure.message


def test_what_is_wrong_with_a_switch_is_found() -> None:
    works = change_of(["ms.", "m.s"], ["ms."])
    header, *trees = (json.loads(line) for line in mapcore.schedule(works).to_json_lines())
    assert header["rounds"] == 1
    early = {**trees[-1], "after": [], "round": 1}
    assert failure(works, [early, *trees[:-1]]) == (
        "switch",
        "found 1 unlike 0, expected partitions that become one to have the same copies",
    )
    assert failure(works, trees[:-1]) == ("target", "found 2 partitions of map, expected 1")
    assert failure(works, [*trees[:-1], {**trees[-1], "numPartitions": 4}])[0] == "switch"
    stays = change_of(["ms."], ["m.s"])
    assert failure(stays, [{**trees[-1], "after": []}])[0] == "switch"


@st.composite
def resizes(draw: st.DrawFn) -> tuple[dict[str, Work], Case]:
    shared = draw(cases(with_failures=False))
    width = shared.current.node_count
    masters = 1 if shared.settings.assignment is Assignment.MASTER_SLAVE else 2
    few = draw(st.integers(1, 3))
    counts = draw(st.permutations([few, few * draw(st.integers(2, 3))]))
    before = [draw(rows(width, "....ssdSQ", masters)) for _ in range(counts[0])]
    after = [draw(rows(width, "....ssdSQ", masters)) for _ in range(counts[1])]
    return {"map": Work(map_of(before), map_of(after), settings=shared.settings)}, shared


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(resizes(), st.sampled_from(["rounds", "time"]))
def test_every_moment_of_a_resize_is_safe(change: tuple[dict[str, Work], Case], by: Any) -> None:
    works, shared = change
    schedule = mapcore.schedule(works, config=shared.config, nodes=shared.nodes, by=by)
    lines = list(schedule.to_json_lines())
    proof = mapcore.verify(works, steps=lines, config=shared.config, nodes=shared.nodes)
    if not schedule.blocked:
        assert proof.is_safe, proof.report()
    elif proof.failure is not None:
        assert proof.failure.rule == "target", proof.report()
