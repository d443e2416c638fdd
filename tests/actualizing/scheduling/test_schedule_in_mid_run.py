"""Schedules that start in the middle of a run: streams and takeovers are under way."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.steps import Kind
from mapcore.actualizing.works import Work
from tests.actualizing.changes import Case, case, cases, map_of


def in_mid_run(before: list[str], after: list[str], count: int) -> tuple[LiveMap, Any]:
    """Return a live map whose first steps are under way, and its target."""
    live, target = LiveMap(map_of(before)), map_of(after)
    live.follow(target)
    for step in list(mapcore.next_steps(live, target))[:count]:
        live.start(step)
    return live, target


def test_a_takeover_under_way_is_finished_first() -> None:
    live, target = in_mid_run(["ms"], ["sm"], 1)
    assert [entry.step.kind for entry in live.in_flight.values()] == [Kind.TAKEOVER]
    schedule = mapcore.schedule(live, target)
    assert [(step.kind, step.reason) for step in schedule.steps] == [(Kind.TAKEOVER, "under way")]
    assert mapcore.verify(live, target, schedule.to_json_lines())
    assert schedule.cancel == ()
    proof = mapcore.verify(live.snapshot(), target, schedule.to_json_lines())
    assert proof.failure is not None
    assert proof.failure.message == "found n0 pendingMaster, expected master"


def test_a_takeover_that_the_target_does_not_want_is_cancelled_and_devolves() -> None:
    live, _ = in_mid_run(["ms"], ["sm"], 1)
    target = map_of(["ms"])
    schedule = mapcore.schedule(live, target)
    assert [step.id for step in schedule.cancel] == list(live.in_flight)
    assert {step.reason for step in schedule.steps} == {"no takeover is under way"}
    assert mapcore.verify(live.snapshot(), target, schedule.to_json_lines())


def test_streams_under_way_are_in_the_first_round_and_others_are_cancelled() -> None:
    live, target = in_mid_run(["md.", "md."], ["ms.", "ms."], 2)
    schedule = mapcore.schedule(live, target)
    assert {step.round for step in schedule.steps if step.kind is Kind.STREAM} == {1}
    assert schedule.cancel == ()
    other = map_of(["m..", "m.."])
    assert len(mapcore.schedule(live, other).cancel) == 2


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(with_failures=False), st.integers(0, 12), st.data())
def test_a_run_stopped_anywhere_goes_on_as_a_schedule(
    change: Case, ticks: int, data: st.DataObject
) -> None:
    live = LiveMap(change.current)
    live.follow(change.target)
    known: dict[str, Any] = {
        "nodes": change.nodes,
        "config": change.config,
        "settings": change.settings,
    }
    for tick in range(ticks):
        for step in mapcore.next_steps(live, change.target, now=float(tick), **known):
            live.start(step, float(tick))
        for step_id in list(live.in_flight):
            if data.draw(st.booleans()):
                live.complete(step_id, float(tick))
    work = {"map": Work(live, change.target, settings=change.settings)}
    fixed: dict[str, Any] = {"nodes": change.nodes, "config": change.config, "now": float(ticks)}
    schedule = mapcore.schedule(work, **fixed)
    proof = mapcore.verify(work, steps=schedule.to_json_lines(), **fixed)
    if not schedule.blocked:
        assert proof.is_safe, proof.report()
    elif proof.failure is not None:
        assert proof.failure.rule == "target", proof.report()


def test_a_change_without_anything_under_way_is_no_run() -> None:
    change = case(["ms."], ["m.s"])
    assert change.schedule().cancel == ()
