from __future__ import annotations

import pytest

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import next_steps
from mapcore.actualizing.steps import Step
from mapcore.errors import MapError, StepRefused
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import resized
from mapcore.routing import Router
from tests.actualizing.test_next_steps import FREE, made

KEYS = [f"user:{i}" for i in range(200)]


def test_doubling_is_one_step_and_then_the_copies_move() -> None:
    current, target = made("am bs", "bm as"), made("am bs", "bm as", "cm as", "bm cs")
    live = LiveMap(current)
    (step,) = next_steps(live, target, config=FREE)
    assert str(step) == ("map/0/0.0: switch 0: all -> 4 partitions (2 partitions become 4)")
    assert Step.from_json(step.to_json()) == step
    before = Router(live.snapshot())
    live.start(step)
    assert list(next_steps(live, target)) == []
    live.complete(step.id)
    after = Router(live.snapshot())
    assert [before.node(key) for key in KEYS] == [after.node(key) for key in KEYS]
    assert [live.epoch(str(partition)) for partition in range(4)] == [1, 1, 1, 1]
    finish(live, target)


def finish(live: LiveMap, target: PartitionMap) -> None:
    while steps := next_steps(live, target, config=FREE):
        for step in steps:
            live.start(step)
        for step in steps:
            live.complete(step.id)
    assert live.snapshot() == target


def test_halving_moves_the_copies_together_first() -> None:
    current, target = made("am bs", "bm as", "cm as", "dm cs"), made("am bs", "bm cs")
    live = LiveMap(current)
    routers = []
    while steps := next_steps(live, target, config=FREE):
        for step in steps:
            live.start(step)
            live.complete(step.id)
            routers.append(Router(live.snapshot()))
    assert live.snapshot() == target
    assert all(router[key] for router in routers for key in KEYS)


def test_resizing_waits_for_what_is_under_way_and_nothing_starts_beside_it() -> None:
    live = LiveMap(made("am bs"))
    (create,) = next_steps(live, made("am bs cs"), config=FREE)
    live.start(create)
    target = resized(made("am bs"), 2)
    assert list(next_steps(live, target)) == []
    live.fail(create.id)
    (switch,) = next_steps(live, target)
    live.start(switch)
    with pytest.raises(StepRefused, match="under way, expected none"):
        live.start(create)


def test_numbers_that_do_not_divide_are_an_error() -> None:
    with pytest.raises(MapError, match="expected one to be a multiple of the other"):
        next_steps(made("am", "am"), made("am", "am", "am"))
