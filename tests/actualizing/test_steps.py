from __future__ import annotations

import json
from typing import Any

import pytest

from mapcore.actualizing.steps import (
    CellChange,
    Cost,
    End,
    Kind,
    Step,
    steps_from_json,
    steps_to_json,
)
from mapcore.errors import DocumentError, TransitionError
from mapcore.states import Placement, Running, state_code

MASTER, SLAVE, DEAD = (
    state_code(kind) for kind in (Placement.MASTER, Placement.SLAVE, Placement.DEAD)
)

CREATE = (
    '{"step":"users/17/3","round":3,"map":"users","partition":"17","kind":"transition",'
    '"node":"nodeY","from":"null","to":"dead","after":[],"reason":"nodeX is leaving"}'
)
STREAM = (
    '{"step":"users/17/4","round":3,"map":"users","partition":"17","kind":"stream",'
    '"bytes":1048576,'
    '"source":{"node":"nodeX","from":"master","to":"master","volume":"/data0"},'
    '"target":{"node":"nodeY","from":"dead","to":"slave","volume":"/data1"},'
    '"block":[],"after":["users/17/3"],"reason":"nodeX is leaving"}'
)
TAKEOVER = (
    '{"step":"users/17/5","round":4,"map":"users","partition":"17","kind":"takeover",'
    '"source":{"node":"nodeX","from":"master","to":"slave"},'
    '"target":{"node":"nodeY","from":"slave","to":"master"},'
    '"block":["write"],"after":["users/17/4"],"reason":"nodeX is leaving"}'
)
RUN = (
    '{"step":"m/1/1","map":"m","partition":"1","kind":"running","node":"a","from":"warming",'
    '"to":"running","after":[],"reason":"","version":[1,4],"epoch":2,"stuckAfterSeconds":60.0}'
)
PAUSE = (
    '{"step":"m/1/1","map":"m","partition":"1","kind":"pause","node":"a","what":"replication",'
    '"after":[],"reason":""}'
)
SWITCH = (
    '{"step":"m/a-h/1","map":"m","partition":"a-h","kind":"switch","retire":["a-h"],'
    '"serve":["a-c","d-h"],"changes":['
    '{"node":"x","from":"master","to":"dead","partition":"a-h"},'
    '{"node":"x","from":"slave","to":"master","partition":"a-c"},'
    '{"node":"y","from":"slave","to":"master","partition":"d-h"}],'
    '"after":[],"reason":"split of a-h"}'
)


def changed(code: int, changes: tuple[CellChange, ...], node: str) -> int:
    for change in changes:
        if change.node == node:
            assert change.fits(code)
            code = change.apply(code)
    return code


@pytest.mark.parametrize("line", [CREATE, STREAM, TAKEOVER, RUN, PAUSE, SWITCH])
def test_a_step_is_a_line_of_json_and_comes_back_from_it(line: str) -> None:
    step = Step.from_json(line)
    assert step.to_json() == line
    assert Step.from_dict(json.loads(line)) == step


def test_steps_are_lines_after_a_header_which_is_passed_over() -> None:
    steps = [Step.from_json(CREATE), Step.from_json(STREAM)]
    text = steps_to_json(steps)
    assert text == f"{CREATE}\n{STREAM}\n"
    assert steps_from_json('{"rounds": 7, "bound": 7}\n' + text + "\n") == steps


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert Step.from_json(CREATE[:-1] + ',"priority":7}') == Step.from_json(CREATE)


@pytest.mark.parametrize(
    ("text", "path"),
    [("[1]", "line 1"), (CREATE + "\n{", "line 2"), (CREATE + "\n" + PAUSE[:-1], "line 2")],
)
def test_a_line_that_is_no_step_is_named(text: str, path: str) -> None:
    with pytest.raises(DocumentError) as caught:
        steps_from_json(text)
    assert caught.value.path == path


def edited(line: str, **fields: Any) -> str:
    tree = json.loads(line)
    for name, value in fields.items():
        tree[name.rstrip("_")] = value
    return json.dumps({name: value for name, value in tree.items() if value is not None})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (edited(CREATE, to="slave"), "no hop of safe or literal from null to slave"),
        (edited(CREATE, to="leader"), "found state 'leader'"),
        (edited(CREATE, node=None), "found no node"),
        (edited(CREATE, from_=None), "found no from"),
        (edited(RUN, to="stopped"), "no running hop from warming to stopped"),
        (edited(RUN, to="slave"), "found state 'slave', expected one of stopped"),
        (edited(PAUSE, what="reads"), "found state 'reads'"),
        (
            edited(STREAM, target={"node": "nodeX", "from": "dead", "to": "slave"}),
            "nodeX as source and target",
        ),
        (
            edited(STREAM, target={"node": "nodeY", "from": "null", "to": "slave"}),
            "no paired transition",
        ),
        (
            edited(
                TAKEOVER,
                source={"node": "nodeX", "from": "master", "to": "master"},
                target={"node": "nodeY", "from": "dead", "to": "slave"},
            ),
            "expected a takeover",
        ),
        (edited(SWITCH, serve=None), "found no serve"),
        (
            edited(SWITCH, changes=[{"node": "x", "from": "dead", "to": "slave"}]),
            "found x dead -> slave, expected a copy that dies",
        ),
    ],
)
def test_what_no_table_allows_is_refused(line: str, message: str) -> None:
    with pytest.raises(TransitionError, match=message):
        Step.from_json(line)


def test_a_slave_may_be_the_source_of_a_stream() -> None:
    source = {"node": "nodeX", "from": "slave", "to": "slave"}
    assert Step.from_json(edited(STREAM, source=source)).is_fill


def test_a_takeover_is_pending_between_start_and_commit() -> None:
    step = Step.from_json(TAKEOVER)
    old, new = (
        changed(code, step.on_start, node) for code, node in ((MASTER, "nodeX"), (SLAVE, "nodeY"))
    )
    assert (old & 7, new & 7) == (Placement.PENDING_MASTER, Placement.PENDING_SLAVE)
    assert changed(old, step.on_complete, "nodeX") == SLAVE
    assert changed(new, step.on_complete, "nodeY") == MASTER
    assert changed(old, step.on_fail, "nodeX") == MASTER
    assert changed(new, step.on_fail, "nodeY") == SLAVE


def test_taking_over_from_a_node_that_is_gone_asks_nobody() -> None:
    gone = End(node="nodeX", before="master", after="dead")
    step = Step.from_json(edited(TAKEOVER, source=gone.to_dict()))
    assert changed(MASTER, step.on_start, "nodeX") == MASTER
    assert changed(MASTER, step.on_complete, "nodeX") == DEAD
    assert changed(SLAVE, step.on_complete, "nodeY") == MASTER
    assert step.on_fail == ()


@pytest.mark.parametrize("pauses", [{}, {"replication_paused": True}])
def test_a_transition_leaves_running_state_and_pauses_alone(pauses: dict[str, bool]) -> None:
    step = Step.from_json(STREAM)
    before = state_code(Placement.DEAD, Running.WARMING, **pauses)
    assert changed(before, step.on_complete, "nodeY") == state_code(
        Placement.SLAVE, Running.WARMING, **pauses
    )


def test_a_copy_that_becomes_null_keeps_nothing() -> None:
    step = Step.from_json(edited(CREATE, from_="dead", to="null"))
    # The whole cell is emptied, whatever ran or was paused in it.
    before = state_code(Placement.DEAD, Running.COOLING, replication_paused=True)
    assert changed(before, step.on_complete, "nodeY") == 0


def test_a_copy_is_created_running_unless_the_step_says_otherwise() -> None:
    assert changed(0, Step.from_json(CREATE).on_complete, "nodeY") == DEAD
    warming = Step.from_json(edited(CREATE, running="warming"))
    assert changed(0, warming.on_complete, "nodeY") == state_code(Placement.DEAD, Running.WARMING)


def test_running_and_pauses_change_only_their_own_bits() -> None:
    warming = state_code(Placement.MASTER, Running.WARMING, persistence_paused=True)
    done = changed(warming, Step.from_json(RUN).on_complete, "a")
    assert done == state_code(Placement.MASTER, Running.RUNNING, persistence_paused=True)
    paused = changed(done, Step.from_json(PAUSE).on_complete, "a")
    assert paused == state_code(Placement.MASTER, persistence_paused=True, replication_paused=True)
    resume = Step.from_json(edited(PAUSE, kind="resume"))
    assert changed(paused, resume.on_complete, "a") == done


def test_a_stream_costs_its_source_a_scan_and_both_ends_the_bytes() -> None:
    assert Step.from_json(STREAM).costs == {
        "nodeX": Cost(streams_out=1, full_scans=1, bytes_out=1048576),
        "nodeY": Cost(streams_in=1, bytes_in=1048576),
    }
    assert Step.from_json(TAKEOVER).costs == {"nodeX": Cost(), "nodeY": Cost()}


def test_a_step_as_text_says_what_why_and_how_much() -> None:
    assert str(Step.from_json(STREAM)) == (
        "users/17/4: stream 17: nodeX master on /data0, nodeY dead -> slave on /data1, "
        "1,048,576 bytes (nodeX is leaving)"
    )
    assert str(Step.from_json(PAUSE)) == "m/1/1: pause 1: replication of a"
    assert str(Step.from_json(SWITCH)) == ("m/a-h/1: switch a-h: a-h -> a-c, d-h (split of a-h)")
    assert Step.from_json(TAKEOVER).kind is Kind.TAKEOVER


def test_a_copy_may_be_filled_from_another_partition_on_its_own_node() -> None:
    source = {"node": "nodeY", "from": "master", "to": "master", "partition": "3"}
    step = Step.from_json(edited(STREAM, source=source))
    assert [(change.partition, change.node) for change in step.on_complete] == [
        ("3", "nodeY"),
        ("17", "nodeY"),
    ]
    other_map = Step.from_json(edited(STREAM, source=source | {"map": "orders"}))
    assert [change.partition for change in other_map.on_complete] == ["17"]
    assert "nodeY orders/3 master" in str(other_map)


def test_a_switch_changes_all_its_copies_in_one_commit() -> None:
    step = Step.from_json(SWITCH)
    assert [
        (change.partition, change.node, change.before, change.after) for change in step.on_complete
    ] == [("a-h", "x", 3, 1), ("a-c", "x", 2, 3), ("d-h", "y", 2, 3)]


def test_a_step_says_which_partitions_it_touches_and_which_copies_it_takes() -> None:
    def of(**fields: object) -> tuple[set[str], list[tuple[str, str]]]:
        step = Step.from_dict({"step": "s", "map": "m", "partition": "p"} | fields)
        return set(step.partitions), list(step.taken)

    end = {"node": "a", "from": "master", "to": "master"}
    target = {"node": "b", "from": "dead", "to": "slave"}
    stream = {"kind": "stream", "target": target}
    assert of(kind="pause", node="a", what="persistence") == ({"p"}, [("p", "a")])
    assert of(**stream, source=end) == ({"p"}, [("p", "b")])
    assert of(**stream, source=end | {"partition": "q"}) == ({"p", "q"}, [("p", "b")])
    assert of(**stream, source=end | {"partition": "q", "map": "n"}) == ({"p"}, [("p", "b")])
    changes = [
        {"node": "a", "from": "master", "to": "dead", "partition": "q"},
        {"node": "b", "from": "slave", "to": "master", "partition": "r"},
    ]
    switch = of(kind="switch", retire=["q"], serve=["r"], changes=changes)
    assert switch == ({"p", "q", "r"}, [("q", "a"), ("r", "b")])
