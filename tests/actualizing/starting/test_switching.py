from __future__ import annotations

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import NextSteps, next_steps
from mapcore.actualizing.steps import Kind
from mapcore.cluster import Config, Health, Node
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import split
from mapcore.planning.partitioning.resizing import resized
from tests.actualizing.test_next_steps import made
from tests.actualizing.test_repartition import finish, moved, ranged

RED = [Node(name="y", health=Health.RED)]


def about_to_switch(current: PartitionMap) -> tuple[LiveMap, PartitionMap]:
    """Return a map whose range a-h may be replaced by its parts at once."""
    live = LiveMap(current)
    target = split(current, "a-h", "d")
    live.follow(target)
    while (steps := next_steps(live, target))[0].kind is not Kind.SWITCH:
        finish(live, steps)
    return live, target


def waits(steps: NextSteps) -> list[str]:
    return [str(entry) for entry in steps.held_back() if "->" in str(entry)]


def test_what_a_switch_waits_for_is_said() -> None:
    current = ranged(a_h="xm")
    target = split(current, "a-h", "d")
    assert waits(next_steps(current, target)) == [
        "map/a-h: x a-h -> a-c, d-h: new copies are filled before old ones go"
    ]


def test_a_switch_waits_for_a_node_that_may_still_serve_the_old_range() -> None:
    live, target = about_to_switch(ranged(a_h="xm ys"))
    steps = next_steps(live, target, nodes=RED)
    assert list(steps) == []
    assert waits(steps) == [
        "map/a-h: y a-h -> a-c, d-h: the node cannot be reached and is not known to be gone"
    ]


def test_a_switch_counts_among_the_steps_of_the_cluster() -> None:
    live, target = about_to_switch(ranged(a_h="xm", i_z="xm"))
    fuller = moved(target, i_z="xm ys")
    steps = next_steps(live, fuller, config=Config(max_steps=1))
    assert [step.partition for step in steps] == ["i-z"]
    assert waits(steps) == ["map/a-h: a-h -> a-c, d-h: held back by maxSteps"]


def test_a_switch_is_the_only_change_of_its_ranges() -> None:
    live, target = about_to_switch(ranged(a_h="xm yd"))
    assert [step.kind for step in next_steps(live, target)] == [Kind.SWITCH]
    live, target = LiveMap(live.snapshot()), moved(target, a_c="xm zs")
    assert [step.kind for step in next_steps(live, target)] == [Kind.TRANSITION]


def test_a_switch_that_nobody_wants_any_more_is_cancelled() -> None:
    live, target = about_to_switch(ranged(a_h="xm ys"))
    (switch,) = next_steps(live, target)
    live.start(switch)
    assert next_steps(live, target).cancel == ()
    assert next_steps(live, ranged(a_h="xm ys")).cancel == (switch,)
    assert next_steps(live, moved(target, a_c="xm ys zs")).cancel == (switch,)
    resize = resized(made("am bs"), 2)
    hashed = LiveMap(made("am bs"))
    (doubling,) = next_steps(hashed, resize)
    hashed.start(doubling)
    assert next_steps(hashed, resize).cancel == ()
    assert next_steps(hashed, made("am bs")).cancel == (doubling,)


def test_halving_waits_until_partitions_that_become_one_stand_together() -> None:
    steps = next_steps(made("am", "bm"), made("am"))
    assert waits(steps)[0] == (
        "map/0: 2 partitions -> 1: partitions that become one do not stand together yet"
    )


def test_resizing_waits_for_a_node_that_cannot_be_asked() -> None:
    current = made("am bs")
    red = [Node(name="b", health=Health.RED)]
    steps = next_steps(current, resized(current, 2), nodes=red)
    assert list(steps) == []
    assert waits(steps) == [
        "map/0: b 1 partitions -> 2: the node cannot be reached and is not known to be gone"
    ]
