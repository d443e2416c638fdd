from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, one_map, two_maps


def test_equal_maps_exit_with_0(run: Run) -> None:
    result = run("diff", COUCHBASE, COUCHBASE)
    assert result.exit_code == 0
    assert "the maps are equal" in result.stdout


def test_maps_that_differ_exit_with_1_and_list_the_changes(run: Run, write: Write) -> None:
    before = write(one_map(), "a.json")
    document = one_map()
    document["map"]["partitions"]["1"] = {"master": ["a"], "slave": ["d"]}
    after = write(document, "b.json")
    result = run("diff", before, after)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"before: {before}, current map",
        f"after: {after}, current map",
        "3 changes in 1 partition: 1 added, 1 removed, 1 changed",
        "1 move, 1 drop, 1 role change",
        "",
        "work by node",
        "node  copies to fill  copies to drop",
        "c                  0               1",
        "d                  1               0",
        "",
        "changes",
        "partition  node  kind     state",
        "1          a     changed  slave -> master",
        "1          c     removed  master -> null",
        "1          d     added    null -> slave",
    ]
    assert (
        run("diff", before, after, "--summary").stdout.splitlines()
        == (result.stdout.splitlines()[:4])
    )


def test_a_program_gets_one_json_document(run: Run, write: Write) -> None:
    path = write(two_maps())
    result = run("diff", path, "--map", "users", "--json")
    assert result.exit_code == 1
    read = json.loads(result.stdout)
    assert read["before"] == {"document": path, "map": "users", "type": "current"}
    assert read["after"] == {"document": path, "map": "users", "type": "target"}
    assert (read["equal"], read["counts"]["moves"], len(read["changes"])) == (False, 1, 3)
    summary = json.loads(run("diff", path, "--map", "users", "--json", "--summary").stdout)
    assert "changes" not in summary


def test_by_default_the_current_map_is_compared_with_the_target(run: Run, write: Write) -> None:
    path = write(two_maps())
    arguments = ("diff", path, path, "--map", "users", "--json")
    assert json.loads(run(*arguments).stdout)["after"]["type"] == "target"
    for form in ("current", "target"):
        result = run(*arguments, f"--{form}")
        assert result.exit_code == 0
        assert json.loads(result.stdout)["before"]["type"] == form


def test_one_document_without_both_maps_has_nothing_to_compare(run: Run, write: Write) -> None:
    path = write(two_maps())
    result = run("diff", path, "--map", "logs")
    assert result.exit_code == 2
    assert "found current, expected a target map" in result.stderr
    assert run("diff", path, "--current").exit_code == 2


def test_only_one_document_can_be_standard_input(run: Run, write: Write) -> None:
    with open(COUCHBASE) as file:
        assert run("diff", "-", COUCHBASE, stdin=file.read()).exit_code == 0
    result = run("diff", "-", "-")
    assert result.exit_code == 2
    assert "only one of the documents" in result.stderr


def test_all_maps_of_two_documents_are_compared(run: Run, write: Write, tmp_path: Path) -> None:
    path, after = write(two_maps()), str(tmp_path / "next.json")
    run("plan", path, "--remove", "a", "-o", after)
    result = run("diff", path, after)
    assert result.exit_code == 1
    assert "current map users" in result.stdout
    assert "current map logs" in result.stdout
    document = json.loads(run("diff", path, after, "--json").stdout)
    assert set(document["maps"]) == {"users", "logs"}
    assert document["maps"]["logs"]["before"]["map"] == "logs"


def test_a_map_with_nothing_to_compare_is_named_and_left_out(run: Run, write: Write) -> None:
    result = run("diff", write(two_maps()))
    assert result.exit_code == 1
    assert "target map users" in result.stdout
    assert "found current, expected a target map" in result.stderr
