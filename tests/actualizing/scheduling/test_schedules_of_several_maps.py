"""Several maps over the same nodes make one schedule, and are verified as one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.scheduling.schedule import Schedule
from mapcore.actualizing.steps import Kind
from mapcore.actualizing.works import Work
from mapcore.cluster import Assignment, Cluster, ClusterMap, Config, Node, Settings, Volume
from mapcore.errors import ScheduleError
from mapcore.maps import PartitionMap
from tests.actualizing.changes import Case, cases, map_of, nodes_of

slow = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def works_of(**maps: tuple[PartitionMap, PartitionMap]) -> dict[str, Work]:
    return {name: Work(current, target) for name, (current, target) in maps.items()}


def moving(count: int, **attributes: Any) -> tuple[PartitionMap, PartitionMap]:
    """Return a change in which so many slaves move from n1 to n2."""
    return map_of(["ms."] * count, **attributes), map_of(["m.s"] * count)


def rounds_of(schedule: Schedule, name: str) -> list[int]:
    steps = schedule.steps
    return [step.round or 0 for step in steps if step.map == name and step.kind is Kind.STREAM]


def test_limits_hold_for_all_maps_and_the_bound_is_over_their_sum() -> None:
    works = works_of(users=moving(4), orders=moving(2))
    schedule = mapcore.schedule(works, config=Config(max_streams_into_node=2))
    assert (schedule.rounds, schedule.bound) == (3, 3)
    assert schedule.names == ("users", "orders")
    assert schedule.header() == {
        "maps": ["users", "orders"],
        "rounds": 3,
        "bound": 3,
        "steps": 24,
        "streams": 6,
        "blocked": 0,
    }
    assert mapcore.verify(works, steps=schedule.to_json_lines())
    assert "streams into n2" in schedule.report()


def test_a_schedule_that_heeds_only_its_own_map_is_refused() -> None:
    works = works_of(users=moving(4), orders=moving(4))
    lines = [
        line
        for name, work in works.items()
        for line in mapcore.schedule({name: work}).to_json_lines()
        if '"step":' in line
    ]
    proof = mapcore.verify(works, steps=lines)
    assert proof.failure is not None
    assert proof.failure.rule == "throttle"


def test_a_map_with_many_steps_does_not_starve_one_with_few() -> None:
    works = works_of(big=moving(400), small=moving(10))
    schedule = mapcore.schedule(works)
    assert schedule.rounds == schedule.bound == 205
    # In turns, two at a time: one of each in every round.
    assert max(rounds_of(schedule, "small")) == 10
    sizes = {"sizes": np.full(400, 10)}, {"sizes": np.full(10, 10)}
    timed = works_of(big=moving(400, **sizes[0]), small=moving(10, **sizes[1]))
    config = Config(max_bytes_per_second_per_stream=10)
    schedule = mapcore.schedule(timed, config=config)
    small = [
        r for r, step in zip(schedule.rows, schedule.steps, strict=True) if step.map == "small"
    ]
    assert schedule.length == 205.0
    assert max(row["finish"] for row in small) == 10.0
    assert mapcore.verify(timed, steps=schedule.to_json_lines(), config=config)


def test_the_masters_of_a_node_are_those_of_all_maps() -> None:
    works = works_of(
        a=(map_of(["ms."] * 4), map_of(["sm."] * 4)), b=(map_of([".ms"] * 4), map_of([".sm"] * 4))
    )
    schedule = mapcore.schedule(works)
    masters, peak = {"n0": 4, "n1": 4, "n2": 0}, 0
    for step in schedule.steps:
        assert step.source is not None
        assert step.target is not None
        masters[step.source.node] -= 1
        masters[step.target.node] += 1
        peak = max(peak, *masters.values())
    assert peak == 4
    assert mapcore.verify(works, steps=schedule.steps)


def cluster_of(works: dict[str, Work], nodes: tuple[Node, ...], config: Config) -> Cluster:
    maps = {
        name: ClusterMap(settings=work.settings, current=work.snapshot(), target=work.target)
        for name, work in works.items()
    }
    return Cluster(nodes=nodes, maps=maps, config=config)


def test_a_cluster_brings_the_maps_that_have_a_current_and_a_target_map() -> None:
    cluster = cluster_of(works_of(a=moving(1), b=moving(1)), (), Config(max_backfills=1))
    idle = ClusterMap(settings=Settings(), current=map_of(["m.."]))
    cluster = cluster.with_maps({**cluster.maps, "idle": idle})
    schedule = mapcore.schedule(cluster)
    assert schedule.names == ("a", "b")
    assert schedule.rounds == 2
    assert mapcore.verify(cluster, steps=schedule.steps)


def test_a_plan_of_several_maps_is_scheduled_as_a_whole() -> None:
    nodes = tuple(Node(name=name, volumes=(Volume(type="ssd"),)) for name in ("n0", "n1", "n2"))
    cluster = cluster_of(works_of(a=moving(4), b=moving(4)), nodes, Config())
    plan = mapcore.plan(cluster, add={"n9": ""})
    assert isinstance(plan, mapcore.ClusterPlan)
    schedule = mapcore.schedule(plan)
    assert schedule.names == ("a", "b")
    assert mapcore.verify(plan, steps=schedule.steps)


def test_steps_of_a_map_that_is_not_there_are_refused() -> None:
    works = works_of(a=moving(1))
    lines = [line.replace('"a"', '"b"') for line in mapcore.schedule(works).to_json_lines()]
    proof = mapcore.verify(works, steps=lines)
    assert proof.failure is not None
    assert proof.failure.message == "found map 'b', expected 'a'"


def test_what_cannot_be_done_is_named_with_its_map() -> None:
    works = works_of(a=moving(1), b=(map_of(["d.."]), map_of(["m.."])))
    schedule = mapcore.schedule(works)
    assert [str(entry) for entry in schedule.blocked] == [
        "b/0: n0 dead -> master: no copy in sync is left to fill it from"
    ]


def test_no_maps_are_no_schedule() -> None:
    with pytest.raises(ScheduleError, match="found no maps"):
        mapcore.schedule({})


@st.composite
def several(draw: st.DrawFn) -> tuple[dict[str, Work], Case]:
    """Return maps over the same nodes, and a case that has these and the config."""
    first = draw(cases(with_failures=True))
    nodes = draw(nodes_of(6, True))
    works = {}
    for name in ("a", "b", "c")[: draw(st.integers(2, 3))]:
        change = draw(cases(with_failures=True))
        works[name] = Work(change.current, change.target, settings=change.settings)
    return works, first._replace(nodes=nodes)


@slow
@given(several(), st.sampled_from(["rounds", "time"]))
def test_every_moment_is_safe(maps: tuple[dict[str, Work], Case], by: Any) -> None:
    works, shared = maps
    schedule = mapcore.schedule(works, config=shared.config, nodes=shared.nodes, by=by)
    lines = list(schedule.to_json_lines())
    proof = mapcore.verify(works, steps=lines, config=shared.config, nodes=shared.nodes)
    if not schedule.blocked:
        assert proof.is_safe, proof.report()
    elif proof.failure is not None:
        assert proof.failure.rule == "target", proof.report()
    assert [json.loads(line)["step"] for line in lines[1:]] == [s.id for s in schedule.steps]


def test_each_map_has_its_own_assignment() -> None:
    multi = Settings(assignment=Assignment.MULTI_MASTER)
    works = {
        "one": Work(map_of(["ms."]), map_of(["sm."])),
        "many": Work(map_of(["mm."]), map_of(["m.m"]), settings=multi),
    }
    schedule = mapcore.schedule(works)
    assert mapcore.verify(works, steps=schedule.steps)
    assert {step.kind for step in schedule.steps if step.map == "many"} == {
        Kind.TRANSITION,
        Kind.STREAM,
    }
