from __future__ import annotations

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import NextSteps, next_steps
from mapcore.cluster import Config, Node
from tests.actualizing.test_next_steps import FREE, made, told


def run(live: LiveMap, steps: NextSteps) -> None:
    for step in steps.cancel:
        live.fail(step.id)
    for step in steps:
        live.start(step)


def test_a_fill_gives_way_to_the_failover_of_its_partition() -> None:
    nodes = [Node(name=name, location=zone) for name, zone in (("a", "x"), ("b", "y"), ("d", "y"))]
    live = LiveMap(made("am bs dd"))
    (fill,) = next_steps(
        live, made("am bs ds"), config=Config(source_choice="nearest"), nodes=nodes
    )
    assert fill.source is not None
    assert fill.source.node == "b"
    live.start(fill)
    steps = next_steps(live, made("bm ds"), nodes=nodes, gone=["a"])
    assert told(steps) == ["0 b slave -> master from a"]
    assert steps.cancel == (fill,)
    run(live, steps)
    assert len(live.in_flight) == 1


def test_a_fill_elsewhere_goes_on() -> None:
    live = LiveMap(made("bm cd", "am bs"))
    (fill,) = next_steps(live, made("bm cs", "am bs"))
    live.start(fill)
    steps = next_steps(live, made("bm cs", "bm"), gone=["a"])
    assert told(steps) == ["1 b slave -> master from a"]
    assert steps.cancel == ()


def test_fills_give_way_where_the_number_of_steps_leaves_no_room_for_masters() -> None:
    live = LiveMap(made("bm cd", "bm dd", "am bs", "am bs", "am bs"))
    target = made("bm cs", "bm ds", "bm", "bm", "bm")
    config = Config(max_steps=2)
    fills = next_steps(live, target, config=config)
    assert [step.kind.value for step in fills] == ["stream", "stream"]
    run(live, fills)
    steps = next_steps(live, target, config=config, gone=["a"])
    assert len(steps) == 2
    assert set(steps.cancel) == set(fills)
    run(live, steps)
    assert len(live.in_flight) == 2


def test_only_as_many_fills_give_way_as_masters_wait() -> None:
    live = LiveMap(made("bm cd", "bm dd", "am bs"))
    target = made("bm cs", "bm ds", "bm")
    config = Config(max_steps=2)
    run(live, fills := next_steps(live, target, config=config))
    steps = next_steps(live, target, config=config, gone=["a"])
    assert told(steps) == ["2 b slave -> master from a"]
    assert steps.cancel == (fills[1],)


def test_copies_that_devolve_do_so_one_after_the_other() -> None:
    live = LiveMap(made("am bs"))
    (takeover,) = next_steps(live, made("bm as"), config=FREE)
    live.start(takeover)
    pending = live.snapshot()
    assert len(next_steps(pending, made("am bs"), config=FREE)) == 1
