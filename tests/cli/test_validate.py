from __future__ import annotations

import json

from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, RANGES, one_map


def test_right_documents_exit_with_0(run: Run) -> None:
    result = run("validate", COUCHBASE, RANGES)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{COUCHBASE}: valid: 50 nodes; maps: map (1,024 partitions)",
        f"{RANGES}: valid: 2 nodes; maps: map (3 partitions); odd: 2",
        f'{RANGES}: odd: map.partitions: a gap: no partition covers the keys from "" up to "a"',
        f'{RANGES}: odd: map.partitions: a gap: no partition covers the keys from "{{" on',
    ]


def test_what_is_odd_fails_only_if_strict(run: Run) -> None:
    assert run("validate", RANGES).exit_code == 0
    assert run("validate", RANGES, "--strict").exit_code == 1
    assert run("validate", COUCHBASE, "--strict").exit_code == 0
    read = json.loads(run("validate", RANGES, "--json").stdout)
    assert read["valid"]
    assert [problem["path"] for problem in read["problems"]] == ["map.partitions"] * 2
    assert (read["nodes"], read["maps"]) == (2, {"map": 3})


def test_a_wrong_document_exits_with_1_and_the_others_are_checked_too(
    run: Run, write: Write
) -> None:
    document = one_map()
    document["map"]["partitions"]["0"]["slave"] = ["a"]
    path = write(document)
    result = run("validate", path, COUCHBASE)
    assert result.exit_code == 1
    assert result.stderr.startswith(f'mapcore: {path}: map.partitions."0".slave[0]: found ')
    assert result.stderr.count("\n") == 1
    assert result.stdout.startswith(f"{COUCHBASE}: valid")


def test_an_error_is_a_json_document_for_a_program(run: Run, write: Write) -> None:
    path = write("{")
    result = run("validate", path, "--json")
    assert result.exit_code == 1
    read = json.loads(result.stdout)
    assert (read["document"], read["valid"]) == (path, False)
    assert set(read["error"]) == {"path", "found", "expected", "text"}
    several = json.loads(run("validate", path, COUCHBASE, "--json").stdout)
    assert [each["valid"] for each in several] == [False, True]


def test_a_document_that_cannot_be_read_exits_with_2(run: Run) -> None:
    assert run("validate", "none.json").exit_code == 2
