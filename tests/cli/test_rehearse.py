from __future__ import annotations

import json
from pathlib import Path

import mapcore
from tests.cli.conftest import Run, Write
from tests.cli.documents import changing
from tests.cli.test_command import start


def test_a_run_is_reported_and_leaves_the_document_at_its_target(
    run: Run, write: Write, tmp_path: Path
) -> None:
    path, reached = write(changing()), str(tmp_path / "reached.json")
    result = run("rehearse", path, "-o", reached)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2 seconds: every map is its target",
        "8 steps: stream 2, transition 6",
    ]
    users = mapcore.load(reached).map("users")
    assert users.current == users.target
    assert run("steps", reached).stdout == "nothing to do: the maps agree\n"


def test_what_a_run_did_can_be_proven(run: Run, write: Write) -> None:
    path = write(changing())
    made = run("rehearse", path, "--json").stdout
    header = json.loads(made.splitlines()[0])
    assert header == {"maps": ["users"], "seconds": 2.0, "steps": 8, "done": True, "waiting": {}}
    assert run("verify", path, "-", stdin=made).stdout.startswith("safe: 8 steps")


def test_a_run_may_be_stopped_and_gone_on_with(run: Run, write: Write) -> None:
    stopped = run("rehearse", write(changing()), "--until", "1", "-o", "-")
    assert stopped.exit_code == 0
    assert stopped.stderr.startswith("1 seconds: not all maps are their targets\n")
    rest = run("rehearse", "-", "--json", stdin=stopped.stdout)
    assert json.loads(rest.stdout.splitlines()[0])["seconds"] == 1.0


def test_changes_that_wait_for_ever_exit_with_1(run: Run, write: Write) -> None:
    result = run("rehearse", write(changing()), "--gone", "c")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].split(maxsplit=1) == ["2", "the node is gone"]


def test_what_cannot_be_rehearsed_is_said_in_one_line(run: Run, write: Write) -> None:
    path = write(changing())
    for arguments, message in (
        (("--map", "logs"), "found no map called 'logs', expected one of users (--map)"),
        (("--gone", "z"), "found no node 'z' (--gone)"),
        (("--json", "-o", "-"), "both print to standard output"),
        (("--until", "-1"), "-1.0 is not in the range"),
    ):
        result = run("rehearse", path, *arguments)
        assert result.exit_code == 2
        assert message in result.stderr


def test_the_program_rehearses_what_comes_in_by_a_pipe() -> None:
    rehearsing = start(["rehearse", "-", "--json"])
    answer, _ = rehearsing.communicate(json.dumps(changing()))
    assert rehearsing.returncode == 0
    assert json.loads(answer.splitlines()[0])["done"] is True
