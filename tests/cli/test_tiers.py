from __future__ import annotations

import json
from pathlib import Path

import pytest

from mapcore.planning.tiers.plans import TierPlan
from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE
from tests.cli.test_command import start

SMALL = ("--clients", "100", "--proxies", "10", "--max-connections", "4")


def test_numbers_are_enough_for_a_report(run: Run) -> None:
    result = run("tiers", "1000", *SMALL)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == ("tier of 10 proxies between 100 clients and 1,000 nodes, version 0.1")
    assert "  all together                             100,000           5,400" in lines
    assert "certificate: proven optimal" in lines


def test_names_come_from_documents_and_lists(run: Run, write: Write) -> None:
    clients = write("app1@group-1\napp2@group-2\nme@here@\n\n", "clients")
    proxies = write("p1@group-1\np2@group-1\np3@group-2\np4@group-2\n", "proxies")
    result = run(
        "tiers", COUCHBASE, "--clients", clients, "--proxies", proxies, "--max-connections", "2",
        "--client", "app1", "--client", "me@here", "--json",
    )  # fmt: skip
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["nodes"], document["clients"], document["groups"]) == (50, 3, 1)
    first, second = document["routes"]
    assert first == {"client": "app1", "group": 0, "proxies": first["proxies"]}
    assert set(first["proxies"]) == {"p1", "p2"}
    assert second["client"] == "me@here"


def test_the_next_tier_follows_the_one_that_was_written(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert run("tiers", "1000", *SMALL, "-o", str(first)).exit_code == 0
    arguments = ("--clients", "100", "--proxies", "9", "--max-connections", "4")
    result = run("tiers", "1000", *arguments, "--previous", str(first), "-o", str(second), "--json")
    change = json.loads(result.stdout)["change"]
    assert change["disturbedClients"] == 0
    before = TierPlan.from_json(first.read_bytes())
    assert change["opened"] == change["closed"] == len(before.clients_of("proxy9"))
    assert TierPlan.from_json(second.read_bytes()).version == (0, 2)


def test_a_client_is_shown_its_proxies_group_by_group(run: Run) -> None:
    result = run("tiers", "1000", *SMALL, "--client", "client7")
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["client", "group", "proxies"]
    assert [row.split()[:2] for row in rows] == [["client7", "0"], ["client7", "1"]]


def test_strict_exits_with_1_where_something_could_not_be_had(run: Run, write: Write) -> None:
    clients = write("a@z1\nb@z2\n", "clients")
    arguments = ("--clients", clients, "--proxies", write("p@z1\n", "p"), "--max-connections", "1")
    assert run("tiers", "5", *arguments).exit_code == 0
    result = run("tiers", "5", *arguments, "--strict")
    assert result.exit_code == 1
    assert "clients are served outside of their zone: b" in result.stdout


@pytest.mark.parametrize(
    ("nodes", "clients", "message"),
    [
        ("0", "1", "found 10 proxies and 0 nodes that take part"),
        ("5", "no-such-file", "no-such-file: No such file or directory"),
        ("-", "-", "only one of nodes, clients and proxies can be standard input"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    run: Run, nodes: str, clients: str, message: str
) -> None:
    arguments = ("--clients", clients, "--proxies", "10", "--max-connections", "4")
    result = run("tiers", nodes, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_name_that_stands_twice_is_named_with_its_line(run: Run, write: Write) -> None:
    path = write("a\nb@z\na\n", "names")
    result = run("tiers", path, *SMALL)
    assert result.exit_code == 2
    assert result.stderr == f"mapcore: {path}: line 3: found 'a', expected a name, once\n"


def test_an_unknown_client_and_a_wrong_tier_are_named(run: Run, write: Write) -> None:
    result = run("tiers", "10", *SMALL, "--client", "bob")
    assert "client: found 'bob', expected one of 100 in the plan" in result.stderr
    path = write("{}", "tier.json")
    result = run("tiers", "10", *SMALL, "--previous", path)
    assert result.stderr.startswith(f"mapcore: {path}: document: found ")


def test_the_program_reads_names_from_a_pipe() -> None:
    planning = start(["tiers", "-", *SMALL, "--json"])
    answer, _ = planning.communicate("n1@z1\nn2@z2\n")
    assert planning.returncode == 0
    assert json.loads(answer)["nodes"] == 2
