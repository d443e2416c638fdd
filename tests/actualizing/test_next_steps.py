from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.next_steps import Work, next_steps, next_steps_of_maps
from mapcore.actualizing.proposals import Hold
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.view import NodeView
from mapcore.cluster import Config, Health, Mode, Node, Volume
from mapcore.errors import MapError
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import Placement, Running, state_code

LETTERS = {
    "m": state_code(Placement.MASTER),
    "s": state_code(Placement.SLAVE),
    "d": state_code(Placement.DEAD),
}
NODES = "abcdefgh"
FREE = Config(max_streams_into_node=None, max_streams_out_of_node=None)


def made(*rows: str, **attributes: Any) -> PartitionMap:
    """Build a map from rows such as `am bs`: node a master, node b slave."""
    copies = [[(word[0], LETTERS[word[1]]) for word in row.split()] for row in rows]
    return PartitionMap.from_copies(copies, NODES, **attributes)


def told(steps: Iterable[Step]) -> list[str]:
    """Return steps in short: `0 b dead -> slave from a`."""
    return [_short(step) for step in steps]


def _short(step: Step) -> str:
    if step.source is None or step.target is None:
        return f"{step.partition} {step.node} {step.before} -> {step.after}"
    words = f"{step.partition} {step.target.node} {step.target.before} -> {step.target.after}"
    return f"{words} from {step.source.node}"


def driven(
    live: LiveMap, target: PartitionMap, config: Config = FREE, **rest: Any
) -> list[list[str]]:
    """Run to the end, all that may start at once, and return what ran in each turn."""
    turns = []
    while steps := next_steps(live, target, config=config, **rest):
        turns.append(told(steps))
        for step in steps:
            live.start(step)
        for step in steps:
            live.complete(step.id)
    return turns


def test_a_move_is_create_fill_take_over_drop_collect() -> None:
    live = LiveMap(made("am bs"))
    assert driven(live, made("cm bs")) == [
        ["0 c null -> dead"],
        ["0 c dead -> slave from a"],
        ["0 c slave -> master from a"],
        ["0 a slave -> dead"],
        ["0 a dead -> null"],
    ]
    assert live.snapshot() == made("cm bs")


def test_equal_maps_need_no_steps() -> None:
    assert next_steps(made("am bs"), made("am bs")).explain() == (
        "0 steps may start, 0 changes wait"
    )


def test_nodes_are_matched_by_name() -> None:
    current = PartitionMap.from_copies([[("x", LETTERS["m"])]], ["x", "y"])
    target = PartitionMap.from_copies([[("x", LETTERS["m"]), ("z", LETTERS["s"])]], ["z", "x"])
    assert told(next_steps(current, target)) == ["0 z null -> dead"]


def test_maps_over_another_key_function_are_refused() -> None:
    ranges = PartitionMap.from_copies([[]], NODES, keys=RangeKeys([KeyRange.from_name("-")]))
    with pytest.raises(MapError, match="expected the same key function"):
        next_steps(made("am"), ranges)


def test_lost_redundancy_goes_before_balance_and_that_before_clean_up() -> None:
    current = made("am bs cs gd", "am bs cs", "am bs dd", "am dd ed")
    target = made("am bs cs", "am bs ds", "am bs ds", "am ds es")
    config = Config(max_streams_into_node=1, max_streams_out_of_node=None)
    steps = next_steps(current, target, config=config)
    # Partition 3 has one copy left, 2 has two; both want d, and 3 goes first.
    assert told(steps) == ["3 d dead -> slave from a", "0 g dead -> null"]
    held = {entry.partition: entry.throttle for entry in steps.held_back() if entry.throttle}
    assert held == {
        "1": "maxStreamsIntoNode",
        "2": "maxStreamsIntoNode",
        "3": "maxChangesPerPartition",
    }


def test_a_partition_without_a_master_goes_before_everything() -> None:
    steps = next_steps(made("am bs", "as bs"), made("am cs", "am bs"), config=Config(max_steps=1))
    assert told(steps) == ["1 a slave -> master"]


def test_steps_carry_what_is_expected() -> None:
    live = LiveMap(made("am bs", version=(3, 7)))
    (step,) = next_steps(live, made("am cs"), name="users")
    assert (step.id, step.map, step.version, step.epoch) == ("users/0/3.7", "users", (3, 7), 0)
    assert step.stuck_after_seconds == 60.0


@pytest.mark.parametrize(
    ("config", "streams"),
    [
        (FREE, 4),
        (Config(max_streams_into_node=1, max_streams_out_of_node=None), 1),
        (Config(max_streams_into_node=None, max_streams_out_of_node=2), 4),
        (Config(max_streams_into_node=None, max_streams_out_of_node=1), 2),
        (
            Config(
                max_streams_into_node=None, max_streams_out_of_node=None, max_streams_per_node=3
            ),
            3,
        ),
        (Config(max_streams_into_node=None, max_streams_out_of_node=None, max_backfills=3), 3),
        (Config(max_streams_into_node=None, max_streams_out_of_node=None, max_steps=2), 2),
        (
            Config(
                max_streams_into_node=None,
                max_streams_out_of_node=None,
                max_streams_between_zones=1,
            ),
            3,
        ),
    ],
)
def test_no_more_streams_start_than_a_throttle_lets(config: Config, streams: int) -> None:
    current, target = made(*["am bs cd"] * 4), made(*["am bs cs"] * 4)
    # b stands with c, a stands elsewhere; two scans of the one volume of b at once.
    nodes = [
        Node(name="a", location="z1"),
        Node(name="b", location="z2", volumes=(Volume(type="hdd", path="/d"),)),
        Node(name="c", location="z2"),
    ]
    limited = Config(
        **{name: getattr(config, name) for name in config.__struct_fields__}
        | {"max_full_scans_per_volume_type": {"hdd": 2}}
    )
    steps = next_steps(current, target, config=limited, nodes=nodes)
    assert len(steps) == streams
    assert steps.held_back_count == 4 - streams


def test_a_volume_takes_no_more_scans_than_its_type_allows() -> None:
    nodes = [Node(name="a", volumes=(Volume(type="hdd", path="/d"),))]
    steps = next_steps(made(*["am bd"] * 3), made(*["am bs"] * 3), config=FREE, nodes=nodes)
    (step,) = steps
    assert step.source is not None
    assert step.source.volume == "/d"
    assert steps.held_back_by == {"maxFullScansPerVolumeType": 2}


def test_what_is_under_way_counts_for_the_throttles() -> None:
    current, target = made(*["am bd"] * 3), made(*["am bs"] * 3)
    first = next_steps(current, target, config=Config(max_backfills=2))
    assert len(first) == 2
    again = next_steps(current, target, in_flight=first, config=Config(max_backfills=2))
    assert told(again) == []
    assert again.held_back_by == {"maxBackfills": 1}


def test_sources_share_the_load() -> None:
    steps = next_steps(made(*["am bs cs dd"] * 6), made(*["am bs cs ds"] * 6), config=FREE)
    sources = [step.source.node for step in steps if step.source]
    assert {node: sources.count(node) for node in "abc"} == {"a": 2, "b": 2, "c": 2}


def test_the_nearest_source_is_taken_on_demand() -> None:
    nodes = [
        Node(name=name, location=place)
        for name, place in (("a", "z1/r1"), ("b", "z2/r1"), ("c", "z2/r2"), ("d", "z2/r2"))
    ]
    current, target = made("am bs cs dd"), made("am bs cs ds")
    config = Config(source_choice="nearest")
    assert told(next_steps(current, target, config=config, nodes=nodes)) == [
        "0 d dead -> slave from c"
    ]


def test_a_node_that_cannot_be_reached_is_left_alone_until_it_is_gone() -> None:
    red = [Node(name="a", health=Health.RED)]
    waiting = next_steps(made("am bs"), made("bm cs"), nodes=red)
    assert told(waiting) == ["0 c null -> dead"]
    assert [entry.hold for entry in waiting.held_back()] == [Hold.UNREACHABLE]
    gone = next_steps(made("am bs"), made("bm cs"), nodes=red, gone=["a"])
    assert told(gone)[0] == "0 b slave -> master from a"
    assert gone[0].reason == "a is gone"
    assert gone[0].source is not None
    assert (gone[0].source.before, gone[0].source.after) == ("master", "dead")


def test_data_that_only_lost_nodes_have_is_not_given_up_silently() -> None:
    current, target = made("am bs"), made("cm ds")
    waiting = next_steps(current, target, gone=["a", "b"])
    assert told(waiting) == []
    assert {entry.hold for entry in waiting.held_back()} == {Hold.LOST}
    live = LiveMap(current)
    driven(live, target, gone=["a", "b"], accept_loss=["0"])
    assert live.snapshot() == target


def test_masters_pass_in_an_order_that_lifts_no_node_above_its_peak() -> None:
    # a gives one to b, b gives one to c: b must give before it takes.
    current = made("am bs", "am bs", "bm cs", "bm cs")
    target = made("as bm", "am bs", "bs cm", "bm cs")
    assert driven(LiveMap(current), target) == [
        ["2 c slave -> master from b"],
        ["0 b slave -> master from a"],
    ]


def test_a_cycle_of_masters_is_opened_when_nothing_else_is_left() -> None:
    current, target = made("am bs", "bm cs", "cm as"), made("as bm", "bs cm", "cs am")
    live = LiveMap(current)
    turns = driven(live, target)
    assert [len(turn) for turn in turns] == [1, 1, 1]
    assert live.snapshot() == target


def test_masters_leave_a_node_in_maintenance_at_once() -> None:
    current, target = made("am bs", "bm as"), made("as bm", "bm as")
    nodes = [Node(name="a", mode=Mode.MAINTENANCE)]
    (step,) = next_steps(current, target, nodes=nodes)
    assert step.kind is Kind.TAKEOVER
    assert step.reason == "a is in maintenance"


def test_steps_of_partitions_that_there_are_no_more_are_cancelled() -> None:
    (create,) = next_steps(made("am", "am", "am"), made("am", "am", "am bs"))
    assert next_steps(made("am"), made("am"), [create]).cancel == (create,)


def test_a_fill_that_nobody_wants_any_more_is_cancelled_and_cleared() -> None:
    live = LiveMap(made("am bs cd"))
    (fill,) = next_steps(live, made("am bs cs"))
    live.start(fill)
    changed = next_steps(live, made("am bs ds"))
    assert changed.cancel == (fill,)
    live.fail(fill.id)
    driven(live, made("am bs ds"))
    assert live.snapshot() == made("am bs ds")


def test_a_drop_that_is_not_safe_any_more_is_cancelled() -> None:
    live = LiveMap(made("am bs cs"))
    (drop,) = next_steps(live, made("am bs"))
    live.start(drop)
    assert next_steps(live, made("am bs")).cancel == ()
    assert next_steps(live, made("am bs cs")).cancel == (drop,)
    assert next_steps(live, made("am bs"), gone=["b"]).cancel == (drop,)


def test_a_step_that_takes_too_long_is_stuck() -> None:
    (fill,) = next_steps(made("am bd", sizes=[5_000_000]), made("am bs"), config=FREE)
    assert fill.stuck_after_seconds == 65.0
    for now, stuck in ((65.0, ()), (65.1, (fill,))):
        found = next_steps(made("am bd"), made("am bs"), [Underway(fill, 0.0)], FREE, now)
        assert found.stuck == stuck


def test_streams_carry_the_rate_that_they_may_not_exceed() -> None:
    config = Config(max_bytes_per_second_per_node=1000)
    (fill,) = next_steps(made("am bd", sizes=[7]), made("am bs"), config=config)
    assert (fill.size_bytes, fill.bytes_per_second) == (7, 500)


def test_copies_warm_before_they_are_filled_and_cool_before_they_go() -> None:
    live = LiveMap(made("am bs"))
    turns = driven(live, made("am cs"), Config(warms_up=True))
    assert turns == [
        ["0 c null -> dead"],
        ["0 c warming -> running"],
        ["0 c dead -> slave from a"],
        ["0 b slave -> dead"],
        ["0 b running -> cooling"],
        ["0 b cooling -> stopped"],
        ["0 b dead -> null"],
    ]


def test_pauses_become_what_the_target_says_and_nothing_else_changes() -> None:
    paused = state_code(Placement.SLAVE, replication_paused=True)
    target = PartitionMap.from_copies([[("a", LETTERS["m"]), ("b", paused)]], NODES)
    live = LiveMap(made("am bs"))
    (pause,) = next_steps(live, target)
    assert (pause.kind, pause.node, pause.what) == (Kind.PAUSE, "b", "replication")
    driven(live, target)
    assert live.code("0", "b") == paused
    (resume,) = next_steps(live, made("am bs"))
    assert (resume.kind, resume.what) == (Kind.RESUME, "replication")


def test_a_stopped_copy_starts_to_run_when_it_is_needed_as_a_source() -> None:
    stopped = state_code(Placement.MASTER, Running.STOPPED)
    live = LiveMap(PartitionMap.from_copies([[("a", stopped)]], NODES))
    driven(live, made("bm"))
    assert live.snapshot() == made("bm")


def paused(node: str, placement: Placement) -> tuple[str, int]:
    return node, state_code(placement, replication_paused=True)


def test_a_copy_follows_its_master_again_before_it_takes_over() -> None:
    current = PartitionMap.from_copies([[("a", LETTERS["m"]), paused("b", Placement.SLAVE)]], NODES)
    assert driven(LiveMap(current), made("bm as")) == [
        ["0 b None -> None"],
        ["0 b slave -> master from a"],
    ]


def test_of_two_copies_the_one_that_follows_becomes_master() -> None:
    current = PartitionMap.from_copies([[paused("a", Placement.SLAVE), ("b", LETTERS["s"])]], NODES)
    assert told(next_steps(current, made("am bs")))[0] == "0 b slave -> master"


def test_a_copy_that_does_not_follow_is_no_source_where_another_does() -> None:
    current = PartitionMap.from_copies(
        [
            [("a", LETTERS["m"]), paused("b", Placement.SLAVE), (name, LETTERS["d"])]
            for name in "cd"
        ],
        NODES,
    )
    target = PartitionMap.from_copies(
        [
            [("a", LETTERS["m"]), paused("b", Placement.SLAVE), (name, LETTERS["s"])]
            for name in "cd"
        ],
        NODES,
    )
    config = Config(max_streams_out_of_node=1)
    assert told(next_steps(current, target, config=config)) == ["0 c dead -> slave from a"]


def test_dead_copies_are_kept_for_the_grace_time() -> None:
    live = LiveMap(made("am bs cs"))
    (drop,) = next_steps(live, made("am bs"))
    live.start(drop, 100.0)
    live.complete(drop.id, 100.0)
    config = Config(dead_grace_seconds=30.0)
    early = next_steps(live, made("am bs"), config=config, now=129.0)
    assert told(early) == []
    assert [entry.hold for entry in early.held_back()] == [Hold.GRACE]
    assert told(next_steps(live, made("am bs"), config=config, now=130.0)) == ["0 c dead -> null"]


def test_a_map_with_much_to_do_does_not_starve_one_with_little() -> None:
    works = {
        "big": Work(made(*["am bd"] * 50), made(*["am bs"] * 50)),
        "small": Work(made(*["am bd"] * 2), made(*["am bs"] * 2)),
    }
    config = Config(max_streams_into_node=4, max_streams_out_of_node=None)
    steps = next_steps_of_maps(works, config)
    assert sorted(step.map for step in steps) == ["big", "big", "small", "small"]


def test_a_view_made_once_serves_as_well_as_nodes() -> None:
    current, target = made("am bs"), made("bm cs")
    nodes = [Node(name="a", mode=Mode.LEAVING)]
    view = NodeView(nodes, [current])
    assert list(next_steps(current, target, nodes=view)) == list(
        next_steps(current, target, nodes=nodes)
    )
    assert told(next_steps(current, target, nodes=view, gone=["a"]))[0].endswith("from a")


def test_what_waits_is_explained() -> None:
    text = next_steps(
        made("am bs", "am bd"), made("am cs", "am bs"), config=Config(max_steps=1), name="users"
    ).explain()
    assert text.splitlines() == [
        "1 steps may start, 2 changes wait",
        "  1: maxSteps",
        "  1: new copies are filled before old ones go",
        "users/1/0.0: stream 1: a master, b dead -> slave (1 copies in sync)",
        "users/0: c null -> dead: held back by maxSteps",
        "users/0: b slave -> dead: new copies are filled before old ones go",
    ]
