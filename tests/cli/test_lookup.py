from __future__ import annotations

import json
import zlib

import pytest

from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, RANGES, one_map, partitions, two_maps

with open(COUCHBASE) as _file:
    PARTITIONS = json.load(_file)["map"]["partitions"]


def expected(key: bytes) -> tuple[str, str, str]:
    partition = str(zlib.crc32(key) % 1024)
    copies = PARTITIONS[partition]
    return partition, ",".join(copies["master"]), ",".join(copies["slave"])


def test_each_key_gets_a_line_with_partition_masters_and_slaves(run: Run) -> None:
    keys = ["user:1", "", "ключ", "a b"]
    result = run("lookup", COUCHBASE, *keys)
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert lines[0] == ["key", "partition", "masters", "slaves"]
    assert lines[1:] == [[key, *expected(key.encode())] for key in keys]


def test_keys_come_from_standard_input_one_a_line(run: Run) -> None:
    keys = [b"user:%d" % number for number in range(1000)] + [b"", b"\xff\x00x", b"last"]
    result = run("lookup", COUCHBASE, "-", "--json", stdin=b"\n".join(keys))
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["partition"] for line in lines] == [expected(key)[0] for key in keys]
    assert [line["key"] for line in lines[:2]] == ["user:0", "user:1"]
    assert lines[-2] == {
        "key": "\\xff\x00x",
        "keyHex": "ff0078",
        "partition": expected(keys[-2])[0],
        "masters": expected(keys[-2])[1].split(","),
        "slaves": expected(keys[-2])[2].split(","),
    }


def test_a_key_that_no_range_covers_exits_with_1_after_all_are_answered(run: Run) -> None:
    result = run("lookup", RANGES, "apple", "Zebra", "zoo")
    assert result.exit_code == 1
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == [
        "partition",
        "a-c",
        "not covered",
        "i-z",
    ]
    lines = run("lookup", RANGES, "Zebra", "--json").stdout
    assert json.loads(lines) == {"key": "Zebra", "partition": None, "masters": [], "slaves": []}


def test_a_partition_without_a_master_has_none_shown(run: Run, write: Write) -> None:
    path = write({"map": {"type": "current"} | partitions({"slave": ["a"], "dead": ["b"]})})
    assert run("lookup", path, "k").stdout.splitlines()[1] == "k\t0\t-\ta"


@pytest.mark.parametrize(("form", "master"), [((), "a"), (("--target",), "b")])
def test_the_current_map_is_asked_unless_the_target_is_wanted(
    run: Run, write: Write, form: tuple[str, ...], master: str
) -> None:
    result = run("lookup", write(two_maps()), "k", "--map", "users", "--json", *form)
    assert json.loads(result.stdout)["masters"] == [master]


def test_document_and_keys_cannot_both_be_standard_input(run: Run) -> None:
    result = run("lookup", "-", "-")
    assert result.exit_code == 2
    assert "cannot both be standard input" in result.stderr


def test_a_document_without_a_map_has_nothing_to_look_up_in(run: Run, write: Write) -> None:
    document = one_map()
    del document["map"]
    result = run("lookup", write(document), "k")
    assert result.exit_code == 2
    assert "found none, expected a current map" in result.stderr
