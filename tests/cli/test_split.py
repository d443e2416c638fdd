from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mapcore
from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, changing, partitions
from tests.cli.test_command import start


def ranges() -> dict[str, Any]:
    """Return a document with two ranges on the same two nodes."""
    row = {"master": ["x"], "slave": ["y"]}
    return {
        "settings": {"keyFunc": "range", "constraints": {"master": 1, "slave": 1}},
        "nodes": {"x": {}, "y": {}},
        "map": {"type": "current", "keyFunc": "range", "partitions": {"a-h": row, "i-z": row}},
    }


KEYS = "apple\nberry\ncherry\ndate\njam\nkiwi\n"


def target_ranges(path: Path) -> list[str]:
    target = mapcore.load(path).target
    assert target is not None
    return list(target.keys.names())


def test_a_range_is_cut_at_keys(run: Run, write: Write, tmp_path: Path) -> None:
    target = tmp_path / "next.json"
    result = run("split", write(ranges()), "a-h", "--at", "f", "--at", "d", "-o", str(target))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "map: 2 ranges before, 4 after: 1 removed, 3 added",
        "",
        "range  from  up to  in place of",
        "a-c    a     d      a-h",
        "d-e    d     f      a-h",
        "f-h    f     i      a-h",
    ]
    assert target_ranges(target) == ["a-c", "d-e", "f-h", "i-z"]
    assert run("steps", str(target), "--next").exit_code == 0


def test_a_range_is_cut_where_keys_are_even(run: Run, write: Write) -> None:
    path, keys = write(ranges()), write(KEYS, "keys")
    result = run("split", path, "a-h", "--keys", keys, "--parts", "2", "--json")
    assert json.loads(result.stdout) == {
        "map": "map",
        "ranges": {"before": 2, "after": 3},
        "removed": [{"range": "a-h", "start": "a", "end": "i"}],
        "added": [
            {"range": "a-b", "start": "a", "end": "c", "source": "a-h", "weight": 2.0},
            {"range": "c-h", "start": "c", "end": "i", "source": "a-h", "weight": 2.0},
        ],
    }


def test_without_a_range_the_heaviest_are_cut(run: Run, write: Write) -> None:
    result = run("split", write(ranges()), "--keys", "-", "--parts", "3", "--json", stdin=KEYS)
    assert [item["range"] for item in json.loads(result.stdout)["removed"]] == ["a-h"]


def test_keys_may_have_sizes(run: Run, write: Write) -> None:
    keys = write("apple\t1\njam\t10\nkiwi\t10\n", "keys")
    result = run("split", write(ranges()), "--keys", keys, "--sizes", "--parts", "3", "--json")
    assert [item["weight"] for item in json.loads(result.stdout)["added"]] == [10.0, 10.0]
    wrong = write("apple\t1\njam\n", "wrong")
    result = run("split", write(ranges()), "--keys", wrong, "--sizes", "--parts", "3")
    assert result.exit_code == 2
    assert f"{wrong}: line 2: found 'jam', expected a key, a tab, and a number" in result.stderr


def test_a_document_without_a_map_gets_ranges_that_plan_fills(
    run: Run, write: Write, tmp_path: Path
) -> None:
    document = ranges()
    del document["map"]
    split, planned = tmp_path / "split.json", tmp_path / "planned.json"
    arguments = ("--keys", write(KEYS, "keys"), "--parts", "3", "-o", str(split))
    assert run("split", write(document), *arguments).exit_code == 0
    assert run("plan", str(split), "-o", str(planned)).exit_code == 0
    assert len(target_ranges(planned)) == 3


def test_the_target_is_split_when_asked(run: Run, write: Write, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    run("split", write(ranges()), "a-h", "--at", "d", "-o", str(first))
    result = run("split", str(first), "i-z", "--at", "m", "--target", "-o", str(second))
    assert result.exit_code == 0
    assert target_ranges(second) == ["a-c", "d-h", "i-l", "m-z"]


def test_merged_ranges_are_one_again(run: Run, write: Write, tmp_path: Path) -> None:
    target = tmp_path / "next.json"
    result = run("merge", write(ranges()), "i-z", "a-h", "-o", str(target))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "map: 2 ranges before, 1 after: 2 removed, 1 added",
        "",
        "range  from  up to  in place of",
        "a-z    a     {      a-h, i-z",
    ]
    assert target_ranges(target) == ["a-z"]
    assert run("steps", str(target), "--next").exit_code == 0


def test_the_report_goes_to_standard_error_beside_a_document(run: Run, write: Write) -> None:
    for verb, *arguments in (("split", "a-h", "--at", "d"), ("merge", "a-h", "i-z")):
        result = run(verb, write(ranges()), *arguments, "-o", "-")
        assert mapcore.loads(result.stdout).target is not None
        assert result.stderr.startswith("map: 2 ranges before")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["split", "DOC", "a-h"], "expected --at, or --keys with --parts, or --partitions"),
        (["split", "DOC", "a-h", "--at", "d", "--parts", "2"], "expected --at, or --keys"),
        (["split", "DOC", "--at", "d"], "--at cuts a RANGE: found none"),
        (["split", "DOC", "a-h", "--at", "d", "--sizes"], "found no --keys"),
        (["split", "-", "--keys", "-", "--parts", "2"], "only one of document and keys"),
        (
            ["split", "DOC", "a-h", "--at", "d", "--json", "-o", "-"],
            "both print to standard",
        ),
        (["split", "DOC", "a-h", "--at", "x"], "cut b'x': expected a key inside 'a-h'"),
        (["split", "DOC", "b-c", "--at", "x"], "found no range 'b-c', expected one of the map"),
        (
            ["split", COUCHBASE, "3", "--at", "x"],
            "found a map over HashKeys(1024), expected",
        ),
        (["split", "DOC", "--partitions", "4"], "found a map over RangeKeys"),
        (["split", "DOC", "a-h", "--partitions", "4"], "splits all of a hash map: no RANGE"),
        (["split", COUCHBASE, "--partitions", "1500"], "1,500 wanted, expected one to be a multi"),
        (["split", COUCHBASE, "--partitions", "512"], "512 asked for: merge does it"),
        (["merge", COUCHBASE, "--partitions", "2048"], "2,048 asked for: split does it"),
        (["merge", "DOC", "a-h", "i-z", "--partitions", "2"], "expected either ranges, or --part"),
        (["merge", "DOC"], "expected either ranges, or --partitions"),
        (["merge", "DOC", "a-h"], "found ['a-h'], expected two or more ranges"),
        (["merge", "DOC", "a-h", "i-z", "--target"], "found current, expected a target map"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, write: Write, arguments: list[str], message: str
) -> None:
    path = write(ranges())
    result = run(*(path if argument == "DOC" else argument for argument in arguments))
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_program_splits_what_comes_in_by_a_pipe() -> None:
    splitting = start(["split", "-", "i-z", "--at", "m", "--json"])
    answer, _ = splitting.communicate(json.dumps(ranges()))
    assert splitting.returncode == 0
    assert [item["range"] for item in json.loads(answer)["added"]] == ["i-l", "m-z"]


def test_the_program_merges_what_comes_in_by_a_pipe() -> None:
    merging = start(["merge", "-", "a-h", "i-z", "--json"])
    answer, _ = merging.communicate(json.dumps(ranges()))
    assert merging.returncode == 0
    assert [item["range"] for item in json.loads(answer)["added"]] == ["a-z"]
    assert [item["range"] for item in json.loads(answer)["removed"]] == ["a-h", "i-z"]


def test_the_program_says_in_one_line_what_cannot_be_merged() -> None:
    merging = start(["merge", "-", "a-h", "q"])
    answer, error = merging.communicate(json.dumps(ranges()))
    assert (merging.returncode, answer) == (2, "")
    assert error == "mapcore: <stdin>: found no range 'q', expected one of the map\n"


def test_hash_partitions_are_split_and_merged_again(run: Run, write: Write, tmp_path: Path) -> None:
    more, fewer = str(tmp_path / "more.json"), str(tmp_path / "fewer.json")
    split = run("split", write(changing()), "--partitions", "4", "-o", more)
    assert split.stdout == (
        "users: 2 hash partitions before, 4 after: each becomes 2 where it stands\n"
    )
    steps = run("steps", more, "--next", "--json").stdout.splitlines()
    assert json.loads(steps[1])["numPartitions"] == 4
    assert run("lookup", more, "key").stdout == run("lookup", write(changing()), "key").stdout
    merged = run("merge", more, "--target", "--partitions", "2", "-o", fewer)
    assert merged.stdout.startswith("users: 4 hash partitions before, 2 after: every 2 become one")
    entry = mapcore.load(fewer).map("users")
    assert entry.target == entry.current


def test_what_is_split_where_it_stands_is_no_difference(
    run: Run, write: Write, tmp_path: Path
) -> None:
    more = str(tmp_path / "more.json")
    assert run("split", write(changing()), "--partitions", "4", "-o", more).exit_code == 0
    result = run("diff", more)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"before: {more}, current map users, 2 hash partitions",
        f"after: {more}, target map users, 4 hash partitions",
        "no copies differ",
    ]
    answer = json.loads(run("diff", more, "--json").stdout)
    assert (answer["before"]["partitions"], answer["after"]["partitions"]) == (2, 4)
    assert answer["changes"] == []


def test_what_must_move_before_partitions_become_one_is_counted(run: Run, write: Write) -> None:
    rows = [{"master": ["a"], "slave": ["b"]}, {"master": ["b"], "slave": ["c"]}]
    document = changing()
    document["maps"]["users"] = {"current": partitions(*rows)}
    result = run("merge", write(document), "--partitions", "1", "--json")
    assert json.loads(result.stdout) == {
        "map": "users",
        "partitions": {"before": 2, "after": 1},
        "copiesMoved": 1,
    }
    beside = run("merge", write(document), "--partitions", "1", "-o", "-")
    assert mapcore.loads(beside.stdout).map("users").target is not None
    assert beside.stderr.endswith("every 2 become one, 1 copies move first\n")
