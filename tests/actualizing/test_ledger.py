from __future__ import annotations

from mapcore.actualizing.ledger import Ledger
from mapcore.actualizing.next_steps import next_steps
from mapcore.cluster import Config
from tests.actualizing.test_next_steps import made

CURRENT, TARGET = made("am bs", "am bd"), made("am cs", "am bs")
STEPS = next_steps(CURRENT, TARGET, config=Config(max_steps=1))
FILL = STEPS[0]


def test_it_says_what_a_partition_waits_for_and_since_when() -> None:
    ledger = Ledger()
    ledger.waits(STEPS, 10.0)
    ledger.waits(STEPS, 14.0)
    assert ledger.why("map", "0", 15.0).splitlines() == [
        "waits for 5.000 s: map/0: c null -> dead: held back by maxSteps",
        "waits for 5.000 s: map/0: b slave -> dead: new copies are filled before old ones go",
    ]
    assert [entry.node for _, entry in ledger.waiting(node="c")] == ["c"]


def test_what_waits_for_another_reason_starts_to_wait_anew() -> None:
    ledger = Ledger()
    ledger.waits(STEPS, 10.0)
    ledger.waits(next_steps(CURRENT, TARGET, gone=["c"]), 14.0)
    assert {since for since, _ in ledger.waiting(node="c")} == {14.0}
    ledger.waits(next_steps(TARGET, TARGET), 20.0)
    assert list(ledger.waiting()) == []


def test_it_says_what_is_under_way_and_what_happened_last() -> None:
    ledger = Ledger()
    ledger.started(FILL, 1.0)
    assert ledger.why("map", "1").splitlines()[0] == f"under way since 1.000: {FILL}"
    ledger.ended(FILL, "failed", 2.5, "connection lost")
    assert ledger.why("map", "1").splitlines() == [
        f"last: 1.000 started {FILL}",
        f"last: 2.500 failed {FILL}: connection lost",
    ]
    assert ledger.why("map", "7") == "map/7: nothing asked, nothing done"


def test_entries_are_found_by_partition_node_and_step() -> None:
    ledger = Ledger()
    ledger.started(FILL, 1.0)
    ledger.ended(FILL, "done", 2.0)
    assert [entry.event for entry in ledger.entries(node="b")] == ["started", "done"]
    assert list(ledger.entries(node="c")) == list(ledger.entries(partition="0")) == []
    assert [entry.to_dict()["event"] for entry in ledger.entries(step_id=FILL.id)] == [
        "started",
        "done",
    ]


def test_the_oldest_entries_go_first() -> None:
    ledger = Ledger(2)
    for second in range(3):
        ledger.started(FILL, second)
    assert [entry.seconds for entry in ledger.entries()] == [1, 2]
    assert len(ledger) == 2


def test_stuck_steps_are_written_down() -> None:
    ledger = Ledger()
    stuck = next_steps(CURRENT, TARGET, [FILL], now=1e9)
    assert stuck.stuck == (FILL,)
    ledger.started(FILL, 0.0)
    ledger.waits(stuck, 1e9)
    assert [entry.event for entry in ledger.entries()] == ["started", "stuck"]
    assert ledger.why("map", "1").startswith(f"stuck, under way since 0.000: {FILL}")


def test_a_step_that_stays_stuck_is_written_down_once() -> None:
    ledger = Ledger()
    for second in range(5):
        ledger.waits(next_steps(CURRENT, TARGET, [FILL], now=1e9 + second), 1e9 + second)
    assert [entry.seconds for entry in ledger.entries()] == [1e9]


def test_what_is_under_way_is_known_when_its_entry_has_gone() -> None:
    ledger = Ledger(1)
    ledger.started(FILL, 1.0)
    other = next_steps(TARGET, made("am bs cs", "am bs"))[0]
    ledger.started(other, 2.0)
    ledger.ended(other, "done", 3.0)
    assert f"under way since 1.000: {FILL}" in ledger.why("map", "1").splitlines()
