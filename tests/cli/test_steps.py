from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mapcore.actualizing.steps import Step
from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, changing, partitions, two_maps


@pytest.fixture
def planned(run: Run, tmp_path: Path) -> str:
    """Return a document in which a node of fifty leaves."""
    path = str(tmp_path / "next.json")
    assert run("plan", COUCHBASE, "--remove", "kv-03", "-o", path).exit_code == 0
    return path


def read_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_schedule_says_how_long_it_takes_and_lists_every_step(run: Run, write: Write) -> None:
    result = run("steps", write(changing()))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "2 rounds, as few as can be"
    assert lines[1] == "8 steps: 2 streams, 0 takeovers, 6 transitions"
    assert lines[2] == "at least 2 rounds: 2 streams in the whole cluster, 1 a round"
    at = lines.index("steps")
    rows = [line.split(maxsplit=4) for line in lines[at + 2 :]]
    assert [row[:3] for row in rows if row[2] == "stream"] == [
        ["1", "users/0/2", "stream"],
        ["2", "users/1/2", "stream"],
    ]
    assert len(rows) == 8


def test_a_program_gets_a_header_and_a_step_a_line(run: Run, planned: str) -> None:
    result = run("steps", planned, "--json")
    header, *steps = read_lines(result.stdout)
    assert header["steps"] == len(steps)
    streams = [step["round"] for step in steps if step["kind"] == "stream"]
    assert header["rounds"] == header["bound"] == max(streams)
    assert [Step.from_dict(step).id for step in steps] == [step["step"] for step in steps]


def test_a_file_gets_what_json_prints(run: Run, planned: str, tmp_path: Path) -> None:
    path = tmp_path / "schedule.jsonl"
    assert run("steps", planned, "-o", str(path)).exit_code == 0
    assert path.read_text() == run("steps", planned, "--json").stdout


def test_only_the_steps_of_a_partition_are_printed_when_asked(run: Run, write: Write) -> None:
    path = write(changing())
    _, *steps = read_lines(run("steps", path, "--partition", "1", "--json").stdout)
    assert {step["partition"] for step in steps} == {"1"}
    text = run("steps", path, "--partition", "1").stdout
    assert "users/1/2" in text
    assert "users/0/" not in text


def test_what_may_start_now_stands_apart_from_what_waits(run: Run, write: Write) -> None:
    document = changing()
    for row in document["maps"]["users"]["current"]["partitions"].values():
        row["dead"] = ["c"]
    result = run("steps", write(document), "--next")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "1 steps may start now, 3 changes wait",
        "",
        "waiting",
        "changes  for",
        "      2  new copies are filled before old ones go",
        "      1  maxBackfills",
        "",
        "may start now",
        "step         kind    partition  node    change         reason",
        "users/0/0.0  stream  0          a -> c  dead -> slave  balance",
    ]


def test_explain_names_the_throttle_that_holds_a_change_back(run: Run, write: Write) -> None:
    document = changing()
    for row in document["maps"]["users"]["current"]["partitions"].values():
        row["dead"] = ["c"]
    path = write(document)
    lines = run("steps", path, "--explain", "--partition", "1").stdout.splitlines()
    at = lines.index("why the others wait")
    assert lines[at + 1].split() == ["map", "partition", "node", "change", "why"]
    assert "users  1          c     dead -> slave  held back by maxBackfills" in lines
    assert not any(line.startswith("users  0") for line in lines)
    header, *steps = read_lines(run("steps", path, "--explain", "--json").stdout)
    assert (header["steps"], header["waiting"]) == (len(steps), len(header["heldBack"])) == (1, 3)
    throttled = [each for each in header["heldBack"] if each["throttle"]]
    assert throttled == [
        {
            "map": "users",
            "partition": "1",
            "node": "c",
            "change": "dead -> slave",
            "why": "held back by maxBackfills",
            "throttle": "maxBackfills",
        }
    ]


def test_maps_share_their_throttles_where_none_is_named(run: Run, write: Write) -> None:
    document = changing()
    users = document["maps"]["users"]
    for row in users["current"]["partitions"].values():
        row["dead"] = ["c"]
    document["maps"]["orders"] = users
    path = write(document)
    header, *_ = read_lines(run("steps", path, "--next", "--json").stdout)
    assert header["heldBackBy"]["maxBackfills"] == 3
    header, *_ = read_lines(run("steps", path, "--next", "--json", "--map", "users").stdout)
    assert header["heldBackBy"]["maxBackfills"] == 1


def three_maps() -> dict[str, Any]:
    """Return a document with two maps on their way, and one that has no target."""
    document = changing()
    users = document["maps"]["users"]
    document["maps"] |= {"orders": users, "logs": {"current": users["current"]}}
    return document


def test_all_maps_that_change_are_scheduled_together(run: Run, write: Write) -> None:
    path = write(three_maps())
    header, *steps = read_lines(run("steps", path, "--json").stdout)
    assert header["maps"] == ["users", "orders"]
    streams = [(each["round"], each["map"]) for each in steps if each["kind"] == "stream"]
    assert [when for when, _ in streams] == [1, 2, 3, 4]
    assert {name for when, name in streams if when <= 2} == {"users", "orders"}
    header, *steps = read_lines(run("steps", path, "--json", "--map", "orders").stdout)
    assert (header["map"], header["rounds"]) == ("orders", 2)
    both = run("steps", path, "--json", "--map", "orders", "--map", "users").stdout
    assert read_lines(both)[0]["rounds"] == 4


def test_a_partition_of_one_of_several_maps_is_named_with_it(run: Run, write: Write) -> None:
    path = write(three_maps())
    for options in ((), ("--next",)):
        lines = run("steps", path, "--partition", "orders/1", "--json", *options).stdout
        _, *steps = read_lines(lines)
        assert {(step["map"], step["partition"]) for step in steps} <= {("orders", "1")}
        lines = run("steps", path, "--partition", "1", "--json").stdout
        _, *steps = read_lines(lines)
        assert {step["map"] for step in steps} == {"users", "orders"}
    wrong = run("steps", path, "--partition", "logs/1")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "found no partition 'logs/1' (--partition)" in wrong.stderr


def test_a_node_that_is_gone_is_failed_over(run: Run, write: Write) -> None:
    document = changing()
    document["maps"]["users"]["target"] = partitions(*[{"master": ["b"], "slave": ["c"]}] * 2)
    _, *steps = read_lines(run("steps", write(document), "--gone", "a", "--json").stdout)
    takeovers = [step for step in steps if step["kind"] == "takeover"]
    assert {step["source"]["to"] for step in takeovers} == {"dead"}


def test_changes_that_cannot_be_made_exit_with_1(run: Run, write: Write) -> None:
    result = run("steps", write(changing()), "--gone", "c")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    at = lines.index("cannot be done")
    rows = [line.split(maxsplit=5) for line in lines[at + 2 :]]
    assert ["users", "0", "c", "null", "->", "slave  c is gone"] in rows
    assert len(rows) == 4


def test_nothing_to_do_is_said(run: Run, write: Write) -> None:
    document = changing()
    users = document["maps"]["users"]
    users["target"] = users["current"]
    result = run("steps", write(document))
    assert result.stdout.splitlines() == ["nothing to do: the maps agree"]
    assert result.exit_code == 0


def test_other_throttles_may_be_tried(run: Run, write: Write) -> None:
    path = write(changing())
    first, *_ = run("steps", path, "--throttle", "maxBackfills=2").stdout.splitlines()
    assert first == "1 rounds, as few as can be"
    header, *_ = read_lines(run("steps", path, "--throttle", "maxBackfills=none", "--json").stdout)
    assert header["rounds"] == 1
    document = changing()
    for row in document["maps"]["users"]["current"]["partitions"].values():
        row["dead"] = ["c"]
    path = write(document)
    next_now = run("steps", path, "--next", "--throttle", "maxBackfills=2").stdout
    assert next_now.startswith("2 steps may start now")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("maxBackfill=2", "found 'maxBackfill', expected one of maxStreamsIntoNode"),
        ("maxBackfills=few", "expected maxBackfills=N, or maxBackfills=none for no limit"),
        ("maxBackfills", "expected maxBackfills=N"),
        ("maxFullScansPerVolumeType=1", "found 'maxFullScansPerVolumeType', expected one of"),
    ],
)
def test_a_wrong_throttle_is_named(run: Run, write: Write, given: str, message: str) -> None:
    result = run("steps", write(changing()), "--throttle", given)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_throttle_that_allows_nothing_is_wrong_use(run: Run, write: Write) -> None:
    result = run("steps", write(changing()), "--throttle", "maxBackfills=0")
    assert result.exit_code == 2
    assert "maxBackfills" in result.stderr


def test_a_partition_without_steps_is_said_to_have_none(run: Run, write: Write) -> None:
    document = changing()
    users = document["maps"]["users"]
    users["target"]["partitions"]["1"] = users["current"]["partitions"]["1"]
    result = run("steps", write(document), "--partition", "1")
    assert result.stdout.splitlines()[-1] == "no steps of 1"


def test_a_picture_is_drawn(run: Run, planned: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "gantt.svg"
    assert run("steps", planned, "--plot", str(path)).exit_code == 0
    assert "<!-- kv-30 -->" in path.read_text()


def test_a_picture_of_no_known_kind_is_wrong_use(run: Run, write: Write, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = str(tmp_path / "gantt.bad")
    for verb in ("steps", "plan"):
        result = run(verb, write(changing()), "--plot", path)
        assert result.exit_code == 2
        assert f"{path}: found ending '.bad', expected that of a picture" in result.stderr


def test_what_is_wrong_is_said_in_one_line(run: Run, write: Write) -> None:
    path = write(two_maps())
    result = run("steps", path, "--map", "logs")
    assert result.exit_code == 2
    assert result.stderr.endswith("found current, expected a target map\n")
    document = two_maps()
    del document["maps"]["users"]["target"]
    message = "found no target beside a current map in users, logs, expected both for one of them"
    assert message in run("steps", write(document, "none.json")).stderr
    result = run("steps", path, "--map", "users", "--partition", "7")
    assert (result.exit_code, result.stderr.split(": ")[-1]) == (
        2,
        "found no partition '7' (--partition)\n",
    )
    result = run("steps", path, "--map", "users", "--next", "--by", "time")
    assert "--plot, --output and --by are about whole schedules" in result.stderr
