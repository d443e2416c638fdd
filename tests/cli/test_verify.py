from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run, Write
from tests.cli.documents import changing
from tests.cli.test_command import start


@pytest.fixture
def document(write: Write) -> str:
    return write(changing())


@pytest.fixture
def lines(run: Run, document: str) -> list[str]:
    return run("steps", document, "--json").stdout.splitlines()


def test_the_schedule_that_steps_makes_is_safe(run: Run, document: str, lines: list[str]) -> None:
    for arguments, stdin in (((), None), (("-",), "\n".join(lines))):
        result = run("verify", document, *arguments, stdin=stdin)
        assert result.exit_code == 0
        assert result.stdout.startswith("safe: 8 steps at 5 moments")


def test_a_schedule_may_be_one_array_of_steps(
    run: Run, write: Write, document: str, lines: list[str]
) -> None:
    schedule = write([json.loads(line) for line in lines[1:]], "schedule.json")
    assert run("verify", document, schedule).exit_code == 0
    spread_out = write(json.dumps([json.loads(line) for line in lines[1:]], indent=2), "b.json")
    assert run("verify", document, spread_out).exit_code == 0


def test_a_step_too_early_is_the_first_moment_that_is_not_safe(
    run: Run, write: Write, document: str, lines: list[str]
) -> None:
    header, *steps = map(json.loads, lines)
    for step in steps:
        step["round"] = 1
    schedule = write("\n".join(map(json.dumps, [header, *steps])), "schedule.jsonl")
    result = run("verify", document, schedule)
    assert result.exit_code == 1
    assert result.stdout.startswith("not safe after ")
    assert "round 1" in result.stdout
    answer = json.loads(run("verify", document, schedule, "--json").stdout)
    assert not answer["safe"]
    assert answer["failure"]["moment"] == "round 1"


def test_a_schedule_that_stops_short_is_not_safe(
    run: Run, write: Write, document: str, lines: list[str]
) -> None:
    schedule = write("\n".join(lines[:3]), "schedule.jsonl")
    result = run("verify", document, schedule, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["failure"]["rule"] == "target"


def test_a_transition_that_no_table_allows_is_not_safe(
    run: Run, write: Write, document: str
) -> None:
    step = {"step": "1", "map": "users", "partition": "0", "kind": "transition", "node": "c"}
    schedule = write([step | {"from": "null", "to": "master"}], "schedule.json")
    result = run("verify", document, schedule)
    assert result.exit_code == 1
    assert "(transitions)" in result.stdout


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ('{"rounds": 1}\n{"step": 3}', "line 2"),
        ('[{"step": "1"}]', "item 1"),
        ("[1, 2", "document"),
        ("no steps", "malformed"),
        ("", "found no steps, expected a step in JSON a line"),
        ('{"maps": {}}', "found no steps"),
    ],
)
def test_what_is_no_schedule_is_named_with_its_place(
    run: Run, write: Write, document: str, content: str, where: str
) -> None:
    schedule = write(content, "schedule.json")
    result = run("verify", document, schedule)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"mapcore: {schedule}: ")
    assert where in result.stderr or where == "document"


def test_a_schedule_for_other_throttles_is_proven_by_those(run: Run, document: str) -> None:
    wider = ("--throttle", "maxBackfills=2")
    made = run("steps", document, *wider, "--json").stdout
    result = run("verify", document, "-", stdin=made)
    assert result.exit_code == 1
    assert "(throttle)" in result.stdout
    assert run("verify", document, "-", *wider, stdin=made).exit_code == 0


def test_a_schedule_may_have_nothing_to_do(run: Run, write: Write) -> None:
    document = changing()
    users = document["maps"]["users"]
    users["target"] = users["current"]
    path = write(document)
    made = run("steps", path, "-o", "-").stdout
    assert made.count("\n") == 1
    assert run("verify", path, "-", stdin=made).stdout.startswith("safe: 0 steps")
    assert run("verify", path, "-", stdin="[]").exit_code == 0


def test_a_node_that_is_not_there_is_wrong_use(run: Run, document: str) -> None:
    for verb in ("steps", "verify"):
        result = run(verb, document, "--gone", "nobody")
        assert result.exit_code == 2
        assert result.stderr == f"mapcore: {document}: found no node 'nobody' (--gone)\n"


def test_the_steps_of_all_maps_are_proven_together(run: Run, write: Write) -> None:
    document = changing()
    document["maps"]["orders"] = document["maps"]["users"]
    path = write(document)
    assert run("verify", path).stdout.startswith("safe: 16 steps")
    made = run("steps", path, "--json").stdout
    assert run("verify", path, "-", stdin=made).exit_code == 0
    one = run("steps", path, "--map", "users", "--json").stdout
    assert run("verify", path, "-", "--map", "users", stdin=one).exit_code == 0
    short = run("verify", path, "-", stdin=one)
    assert short.exit_code == 1
    assert "(target)" in short.stdout
    other = run("steps", path, "--map", "orders", "--json").stdout
    beside = one + "\n".join(other.splitlines()[1:])
    assert "(throttle)" in run("verify", path, "-", stdin=beside).stdout
    unknown = run("verify", path, "-", "--map", "orders", stdin=one)
    assert unknown.exit_code == 1
    assert "map 'users'" in unknown.stdout


def test_only_one_of_the_files_can_be_standard_input(run: Run) -> None:
    assert "only one of document and schedule" in run("verify", "-", "-").stderr


def test_the_program_proves_what_the_program_made(document: str) -> None:
    made, _ = start(["steps", document, "--json"]).communicate()
    proving = start(["verify", document, "-", "--json"])
    answer, _ = proving.communicate(made)
    assert proving.returncode == 0
    assert json.loads(answer)["safe"] is True
