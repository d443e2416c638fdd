from __future__ import annotations

import pytest

from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.steps import End, Kind, Step
from mapcore.errors import StepRefused, TransitionError
from mapcore.maps import Version
from mapcore.states import Placement, placement_of, state_code
from tests.actualizing.test_next_steps import made


def hop(node: str, before: str, after: str, partition: str = "0", **fields: object) -> Step:
    tree = {"step": f"{partition}/{node}/{after}", "map": "map", "partition": partition}
    return Step.from_dict(
        tree | {"kind": "transition", "node": node, "from": before, "to": after} | fields
    )


def pair(kind: Kind, source: End, target: End) -> Step:
    return Step(id=kind.value, map="map", partition="0", kind=kind, source=source, target=target)


TAKEOVER = pair(
    Kind.TAKEOVER,
    End(node="a", before="master", after="slave"),
    End(node="b", before="slave", after="master"),
)
FILL = pair(
    Kind.STREAM,
    End(node="a", before="master", after="master"),
    End(node="c", before="dead", after="slave"),
)
PAUSE = Step(id="p", map="map", partition="0", kind=Kind.PAUSE, node="c", what="replication")


def places(live: LiveMap) -> str:
    return " ".join(
        f"{copy.node}{placement_of(copy.code).label}" for copy in live.snapshot().copies(0)
    )


def test_a_step_changes_the_map_when_it_is_completed() -> None:
    live = LiveMap(made("am bs", version=(2, 5)))
    live.start(hop("c", "null", "dead"))
    assert (places(live), live.version) == ("amaster bslave", Version(2, 5))
    live.complete("0/c/dead")
    assert (places(live), live.version) == ("amaster bslave cdead", Version(2, 6))
    assert live.snapshot().version == Version(2, 6)
    assert live.snapshot() is live.snapshot()


def test_a_takeover_is_pending_until_it_commits_both_copies() -> None:
    live = LiveMap(made("am bs"))
    live.start(TAKEOVER)
    assert places(live) == "apendingMaster bpendingSlave"
    live.check()
    live.complete("takeover")
    assert places(live) == "bmaster aslave"


def test_a_takeover_that_fails_leaves_both_as_they_were() -> None:
    live = LiveMap(made("am bs"))
    live.start(TAKEOVER)
    live.fail("takeover")
    assert places(live) == "amaster bslave"
    assert live.in_flight == {}
    live.start(TAKEOVER)


def test_the_epoch_of_a_partition_grows_when_its_master_changes() -> None:
    live = LiveMap(made("am bs", "am"))
    live.start(TAKEOVER)
    live.complete("takeover")
    assert (live.epoch("0"), live.epoch("1")) == (1, 0)
    with pytest.raises(StepRefused, match="in epoch 1, expected epoch 0"):
        live.start(hop("c", "null", "dead", epoch=0))


def test_a_step_from_an_older_picture_of_its_partition_is_refused() -> None:
    live = LiveMap(made("am bs", "am", version=(1, 4)))
    live.start(hop("c", "null", "dead", version=[1, 4]))
    live.complete("0/c/dead")
    with pytest.raises(StepRefused, match=r"partition 0 at version 1.5, expected 1.4"):
        live.start(hop("d", "null", "dead", version=[1, 4]))
    live.start(hop("d", "null", "dead", "1", version=[1, 4]))
    with pytest.raises(StepRefused, match=r"expected 2.9"):
        live.start(hop("e", "null", "dead", "1", version=[2, 9]))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (hop("b", "dead", "null"), "0 on b slave, expected dead"),
        (hop("z", "dead", "null"), "no partition or node 'z'"),
        (hop("a", "dead", "null", "9"), "no partition '9'"),
        (FILL, "0 on c null, expected dead"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(step: Step, message: str) -> None:
    live = LiveMap(made("am bs"))
    with pytest.raises(StepRefused, match=message):
        live.start(step)
    assert live.snapshot() == made("am bs")
    assert live.in_flight == {}


def test_what_no_table_allows_is_an_error() -> None:
    wrong = Step(
        id="w",
        map="map",
        partition="0",
        kind=Kind.TRANSITION,
        node="c",
        before="null",
        after="slave",
    )
    with pytest.raises(TransitionError, match="no hop"):
        LiveMap(made("am")).start(wrong)


def test_copies_of_a_step_are_reserved_until_it_ends() -> None:
    live = LiveMap(made("am bs cd"))
    live.start(FILL)
    with pytest.raises(StepRefused, match="0 on c reserved by step stream"):
        live.start(hop("c", "dead", "null"))
    with pytest.raises(StepRefused, match="the step is under way"):
        live.start(FILL)
    live.fail("stream")
    live.start(hop("c", "dead", "null"))


def test_a_pause_neither_hinders_a_stream_nor_is_undone_by_it() -> None:
    live = LiveMap(made("am bs cd"))
    live.start(FILL)
    live.start(PAUSE)
    live.complete("p")
    live.complete("stream")
    assert live.code("0", "c") == state_code(Placement.SLAVE, replication_paused=True)


def test_a_restart_ends_the_steps_of_a_node_save_what_the_store_shows_as_done() -> None:
    live = LiveMap(made("am bs cd"))
    live.start(FILL)
    assert live.restart("b") == ()
    assert live.restart("c") == (FILL,)
    live.start(TAKEOVER)
    assert live.restart("b", committed=["takeover"]) == (TAKEOVER,)
    assert places(live) == "bmaster aslave cdead"


def test_cancelling_everything_leaves_finished_steps_as_they_are() -> None:
    live = LiveMap(made("am bs"))
    live.start(hop("c", "null", "dead"))
    live.complete("0/c/dead")
    live.start(TAKEOVER)
    assert live.cancel_all() == (TAKEOVER,)
    assert places(live) == "amaster bslave cdead"
    live.check()


def test_a_successor_takes_over_what_is_under_way() -> None:
    live = LiveMap(made("am bs cd"))
    live.start(TAKEOVER, 3.0)
    successor = LiveMap(live.snapshot(), in_flight=live.in_flight.values())
    successor.check()
    with pytest.raises(StepRefused, match="0 on a reserved by step takeover"):
        successor.start(hop("a", "pendingMaster", "master"))
    assert successor.in_flight["takeover"].started_seconds == 3.0
    successor.complete("takeover")
    assert places(successor) == "bmaster aslave cdead"


def test_a_step_whose_copies_have_changed_since_is_not_taken_over() -> None:
    with pytest.raises(StepRefused, match="0 on a master, expected pending"):
        LiveMap(made("am bs"), in_flight=[Underway(TAKEOVER)])


def test_only_steps_under_way_end() -> None:
    live = LiveMap(made("am bs"))
    for end in (live.complete, live.fail):
        with pytest.raises(StepRefused, match="no such step under way"):
            end("takeover")


def test_it_is_known_since_when_a_copy_is_dead() -> None:
    live = LiveMap(made("am bs"))
    live.start(hop("b", "slave", "dead"), 10.0)
    live.complete("0/b/dead", 12.0)
    assert live.dead_since == {("0", "b"): 12.0}
    live.start(hop("b", "dead", "null"), 13.0)
    live.complete("0/b/null", 14.0)
    assert live.dead_since == {}


def test_nodes_may_be_added() -> None:
    live = LiveMap(made("am bs"))
    live.add_nodes(["b", "x"])
    live.start(hop("x", "null", "dead"))
    live.complete("0/x/dead")
    assert live.code("0", "x") == state_code(Placement.DEAD)


def test_many_rows_change_between_two_snapshots() -> None:
    live = LiveMap(made("am", "bm", "", "cm ds"))
    for partition in "023":
        live.start(hop("h", "null", "dead", partition))
        live.complete(f"{partition}/h/dead")
    assert live.snapshot() == made("am hd", "bm", "hd", "cm ds hd")
