from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import NextSteps, next_steps
from mapcore.actualizing.steps import Kind, Step
from mapcore.cluster import Assignment, Config, Settings
from mapcore.documents import load
from mapcore.errors import MapError
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import merge, split
from mapcore.routing import Router
from mapcore.states import Placement, Running, placement_of, state_code
from tests.actualizing.test_next_steps import LETTERS

EXAMPLES = Path(__file__).parents[2] / "examples"
MULTI = Settings(assignment=Assignment.MULTI_MASTER)
KEYS = ["a", "bear", "c", "czar", "d", "eel", "hzz"]


def ranged(**rows: str) -> PartitionMap:
    """Build a map of ranges from rows such as `a_c="xm ys"`; one letter a node."""
    return PartitionMap.from_copies(
        [[(word[0], LETTERS[word[1]]) for word in row.split()] for row in rows.values()],
        "wxyz",
        keys=RangeKeys(KeyRange.from_name(name.replace("_", "-")) for name in rows),
    )


def moved(held: PartitionMap, **rows: str) -> PartitionMap:
    """Return a map with the copies of some partitions replaced."""
    names = list(held.keys.names())
    given = {name.replace("_", "-"): row for name, row in rows.items()}
    return PartitionMap.from_copies(
        [
            [(word[0], LETTERS[word[1]]) for word in given[name].split()]
            if name in given
            else held.copies(number)
            for number, name in enumerate(names)
        ],
        held.nodes,
        keys=held.keys,
    )


def told(step: Step) -> str:
    if step.kind is Kind.SWITCH:
        return f"switch {', '.join(step.retire or ())} -> {', '.join(step.serve or ())}"
    if step.source is not None and step.target is not None:
        origin = f"{step.source.node} {step.source.partition or step.partition}"
        return f"{step.partition} {step.target.node} -> {step.target.after} from {origin}"
    return f"{step.partition} {step.node} -> {step.after}"


def finish(live: LiveMap, steps: NextSteps) -> list[str]:
    for step in steps:
        live.start(step)
    for step in steps:
        live.complete(step.id)
    live.check()
    return [told(step) for step in steps]


def driven(live: LiveMap, target: PartitionMap, settings: Settings = MULTI) -> list[list[str]]:
    turns = []
    live.follow(target)
    while steps := next_steps(live, target, settings=settings):
        turns.append(finish(live, steps))
        live.follow(target)
    return turns


def test_a_split_fills_beside_its_source_and_switches_over_at_once() -> None:
    current = ranged(a_h="xm ys", i_z="xm")
    live = LiveMap(current)
    target = split(current, "a-h", "d")
    turns = driven(live, target)
    assert turns == [
        ["a-c x -> dead", "d-h x -> dead"],
        ["a-c x -> slave from x a-h", "d-h x -> slave from x a-h"],
        ["a-c y -> dead", "d-h y -> dead"],
        ["a-c y -> slave from y a-h", "d-h y -> slave from y a-h"],
        ["switch a-h -> a-c, d-h"],
        ["a-h x -> null"],
        ["a-h y -> null"],
    ]
    assert live.snapshot() == target
    assert live.snapshot().sources == target.sources


def test_keys_are_answered_by_a_master_at_every_moment_of_a_split() -> None:
    current = ranged(a_h="xm ys", i_z="xm")
    target = moved(split(current, "a-h", "d"), a_c="ym zs", d_h="zm xs")
    live = LiveMap(current)
    live.follow(target)
    answers = []
    while steps := next_steps(live, target):
        for step in steps:
            live.start(step)
            live.complete(step.id)
            router = Router(live.snapshot())
            assert all(router[key] for key in KEYS)
            answers.append(tuple(router.partition_name(key) for key in KEYS))
    before = ("a-h",) * len(KEYS)
    after = ("a-c",) * 4 + ("d-h",) * 3
    assert [answer for i, answer in enumerate(answers) if i == 0 or answers[i - 1] != answer] == [
        before,
        after,
    ]


def test_a_part_that_stands_elsewhere_is_filled_over_the_network() -> None:
    current = ranged(a_h="xm")
    live = LiveMap(current)
    target = moved(split(current, "a-h", "d"), a_c="xm", d_h="zm")
    turns = driven(live, target)
    assert "d-h z -> slave from x a-h" in turns[1]
    assert live.snapshot() == target


def test_a_merge_takes_up_its_parts_on_each_node() -> None:
    current = ranged(a_c="xm ys", d_h="xm ys")
    live = LiveMap(current)
    target = merge(current, ["a-c", "d-h"])
    turns = driven(live, target)
    assert ["switch a-c, d-h -> a-h"] in turns
    assert live.snapshot() == target


def test_a_merge_first_brings_its_parts_together() -> None:
    current = ranged(a_c="xm", d_h="ym")
    target = ranged(a_h="xm")
    live = LiveMap(current)
    assert driven(live, target) == [
        ["d-h x -> dead", "a-h x -> dead"],
        ["d-h x -> slave from y d-h"],
        ["a-h x -> slave from x a-c"],
        ["switch a-c, d-h -> a-h"],
        ["a-c x -> null", "d-h y -> null"],
        ["d-h x -> null"],
    ]
    assert live.snapshot() == target


def test_a_range_that_does_not_run_is_started_to_be_split() -> None:
    stopped = state_code(Placement.MASTER, Running.STOPPED)
    keys = RangeKeys([KeyRange.from_name("a-h")])
    live = LiveMap(PartitionMap.from_copies([[("x", stopped)]], "wxyz", keys=keys))
    target = split(ranged(a_h="xm"), "a-h", "d")
    driven(live, target)
    assert live.snapshot() == target


def test_parts_follow_their_masters_before_they_are_merged() -> None:
    paused = state_code(Placement.SLAVE, replication_paused=True)
    current = ranged(a_c="xm ys", d_h="xm ys")
    rows: list[list[tuple[str, int]]] = [
        list(current.copies(0)),
        [current.copies(1)[0], ("y", paused)],
    ]
    live = LiveMap(PartitionMap.from_copies(rows, current.nodes, keys=current.keys))
    target = merge(current, ["a-c", "d-h"])
    live.follow(target)
    assert "d-h y -> None" in finish(live, next_steps(live, target))
    driven(live, target)
    assert live.snapshot() == target


def test_a_range_that_is_split_gets_a_master_where_it_has_none() -> None:
    current = ranged(a_h="xs ys")
    target = moved(split(current, "a-h", "d"), a_c="xm ys", d_h="xm ys")
    live = LiveMap(current)
    live.follow(target)
    assert told(next_steps(live, target)[0]) == "a-h x -> master"


def test_the_step_of_a_merge_names_what_it_takes_up() -> None:
    current = ranged(a_c="xm", d_h="xm")
    live = LiveMap(current)
    target = merge(current, ["a-c", "d-h"])
    live.follow(target)
    finish(live, next_steps(live, target))
    (step,) = next_steps(live, target)
    assert step.sources == ("a-c", "d-h")
    assert Step.from_json(step.to_json()) == step


def loads_of(held: PartitionMap) -> dict[str, tuple[int, float]]:
    assert held.sizes is not None
    assert held.weights is not None
    loads = zip(held.sizes.tolist(), held.weights.tolist(), strict=True)
    return dict(zip(held.keys.names(), loads, strict=True))


def test_sizes_and_weights_go_along_through_a_split_and_a_merge() -> None:
    current = ranged(a_h="xm ys", i_z="xm").replace(
        sizes=np.array([10, 7]), weights=np.array([4.0, 1.0])
    )
    live = LiveMap(current)
    target = split(current, "a-h", "d")
    live.follow(target)
    assert loads_of(live.snapshot()) == {
        "a-h": (10, 4.0),
        "a-c": (5, 2.0),
        "d-h": (5, 2.0),
        "i-z": (7, 1.0),
    }
    finish(live, next_steps(live, target))
    assert {step.size_bytes for step in next_steps(live, target)} == {5}
    driven(live, target)
    assert loads_of(live.snapshot()) == loads_of(target)
    driven(live, current)
    assert loads_of(live.snapshot()) == loads_of(current)


def test_a_target_without_sizes_and_weights_takes_none_away() -> None:
    current = ranged(a_h="xm", i_z="xm").replace(
        sizes=np.array([10, 7]), weights=np.array([4.0, 1.0])
    )
    live = LiveMap(current)
    bare = split(current, "a-h", ["d", "f"]).replace(sizes=None, weights=None)
    driven(live, bare)
    assert loads_of(live.snapshot()) == {
        "a-c": (3, 4 / 3),
        "d-e": (3, 4 / 3),
        "f-h": (3, 4 / 3),
        "i-z": (7, 1.0),
    }
    driven(live, merge(bare, ["a-c", "d-e", "f-h"]))
    assert loads_of(live.snapshot()) == {"a-h": (9, 4.0), "i-z": (7, 1.0)}


def test_a_master_of_the_source_that_is_lost_is_failed_over_while_it_is_split() -> None:
    current = ranged(a_h="xm ys")
    target = split(current, "a-h", "d")
    live = LiveMap(current)
    live.follow(target)
    finish(live, next_steps(live, target))
    steps = next_steps(live, target, gone=["x"])
    assert told(steps[0]) == "a-h y -> master from x a-h"


def test_nothing_is_filled_from_a_range_that_gets_another_master_now() -> None:
    live = LiveMap(ranged(a_h="xm ys"))
    target = moved(split(live.snapshot(), "a-h", "d"), a_c="ym", d_h="ym")
    live.follow(target)
    finish(live, next_steps(live, target))
    steps = next_steps(live, target, gone=["x"])
    assert [told(step) for step in steps] == ["a-h y -> master from x a-h"]
    assert {str(entry) for entry in steps.held_back("a-c")} == {
        "map/a-c: y dead -> slave: another step of the partition comes first"
    }


def test_parts_of_a_range_that_is_not_collected_yet_are_merged_after_it() -> None:
    current = ranged(a_h="xm ys")
    first = split(current, "a-h", ["c", "e"])
    live = LiveMap(current)
    live.follow(first)
    turns: list[list[str]] = []
    while not turns or not turns[-1][0].startswith("switch"):
        turns.append(finish(live, next_steps(live, first)))
    second = merge(first, ["c-d", "e-h"])
    driven(live, second)
    assert live.snapshot() == second


def test_a_split_that_is_taken_back_leaves_nothing() -> None:
    current = ranged(a_h="xm ys")
    target = split(current, "a-h", "d")
    for turns in range(8):
        live = LiveMap(current)
        live.follow(target)
        for _ in range(turns):
            finish(live, next_steps(live, target))
        driven(live, current)
        assert live.snapshot() == current, turns


def test_a_split_in_the_middle_loads_as_a_document_and_goes_on() -> None:
    current = ranged(a_h="xm ys")
    target = split(current, "a-h", "d")
    for turns in range(8):
        live = LiveMap(current)
        live.follow(target)
        for _ in range(turns):
            finish(live, next_steps(live, target))
        resumed = LiveMap(live.snapshot())
        driven(resumed, target)
        assert resumed.snapshot() == target


def test_the_document_of_the_notes_is_the_end_of_such_a_split() -> None:
    notes = load(EXAMPLES / "notes-range-split.json")
    target = notes.target
    assert target is not None
    whole = PartitionMap.from_copies(
        [target.copies(0), target.copies(2)],
        target.nodes,
        keys=RangeKeys(KeyRange.from_name(name) for name in ("a-h", "i-z")),
    )
    live = LiveMap(whole)
    turns = driven(live, target, notes.map().settings)
    assert ["switch a-h -> a-c, d-h"] in turns
    assert live.snapshot() == target
    assert live.snapshot().sources == {0: "a-h", 1: "a-h"}
    assert list(next_steps(target, target, settings=notes.map().settings)) == []


def test_ranges_that_cut_across_each_other_are_an_error() -> None:
    current = ranged(a_d="xm", e_h="xm")
    target = ranged(a_b="xm", c_f="xm", g_h="xm")
    with pytest.raises(MapError, match="range 'c-f': found 'a-d', 'e-h' serving keys of it"):
        next_steps(current, target)


def test_a_name_that_stands_for_other_keys_is_an_error() -> None:
    current = ranged(a_h="xm")
    keys = RangeKeys([KeyRange("a-h", b"a", b"c")])
    target = PartitionMap.from_copies([current.copies(0)], current.nodes, keys=keys)
    with pytest.raises(MapError, match="found other keys in the current map"):
        next_steps(current, target)


def masters_of(held: PartitionMap, key: str) -> list[str]:
    """Return the ranges with a master, of those that hold a key."""
    leading = (Placement.MASTER, Placement.PENDING_MASTER)
    keys = held.keys
    assert isinstance(keys, RangeKeys)
    return [
        keys.name(number)
        for number in keys.covering(key)
        if any(placement_of(copy.code) in leading for copy in held.copies(number))
    ]


def changed(held: PartitionMap, chance: random.Random) -> PartitionMap:
    """Split the first range somewhere, or merge the first two."""
    names = list(held.keys.names())
    if len(names) > 2 and chance.random() < 0.5:
        return merge(held, names[:2])
    inside = KeyRange.from_name(names[0])
    cuts = [cut for cut in "bcdefgh" if cut in inside and cut.encode() != inside.start]
    return split(held, names[0], chance.choice(cuts)) if cuts else held


@pytest.mark.parametrize("seed", range(50))
def test_every_key_has_one_answer_whatever_happens_while_ranges_change(seed: int) -> None:
    chance = random.Random(seed)
    reached = ranged(a_h="xm ys", i_z="zm ws")
    live = LiveMap(reached)
    target = reached
    for _ in range(4):
        wanted = changed(reached, chance)
        try:
            next_steps(live, wanted)
            target = wanted
        except MapError:
            # What serves now cuts across it: first back to where it can be reached from.
            target = reached
        for _ in range(chance.randrange(40)):
            live.follow(target)
            steps = next_steps(live, target, config=Config(max_steps=3))
            for step in steps.cancel:
                live.fail(step.id)
            for step in list(steps)[: chance.randint(0, 3)]:
                live.start(step)
            if live.in_flight:
                step_id = chance.choice(list(live.in_flight))
                (live.complete if chance.random() < 0.7 else live.fail)(step_id)
            live.check()
            for key in KEYS:
                assert len(masters_of(live.snapshot(), key)) == 1, key
        if chance.random() < 0.6:
            live.cancel_all()
            driven(live, target, Settings())
            assert live.snapshot() == target
            reached = target
    live.cancel_all()
    driven(live, target, Settings())
    assert live.snapshot() == target
    assert len(live.snapshot().keys) == len(target.keys)


def test_a_split_elsewhere_waits_until_what_is_left_of_the_first_is_gone() -> None:
    current = ranged(a_h="xm ys")
    live = LiveMap(current)
    first, second = split(current, "a-h", "d"), split(current, "a-h", "f")
    live.follow(first)
    finish(live, next_steps(live, first))
    finish(live, next_steps(live, first))
    live.follow(second)
    assert [told(step) for step in next_steps(live, second)] == [
        "a-c x -> dead",
        "d-h x -> dead",
    ]
    driven(live, second)
    assert live.snapshot() == second
