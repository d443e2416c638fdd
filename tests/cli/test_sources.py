"""Derived maps, and where they come from, on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Run, Write
from tests.cli.documents import partitions


def derived(count: int = 2, **fields: Any) -> dict[str, Any]:
    """Return a document in which an index is to be founded; `fields` for its first partition."""
    target = partitions(*[{"master": ["x"], "source": f"users/{i}"} for i in range(count)])
    current = partitions(*[{"dead": ["x"], "source": f"users/{i}"} for i in range(count)])
    current["partitions"]["0"] |= fields
    return {
        "config": {"maxBackfills": 1},
        "nodes": {"a": {}, "b": {}, "x": {}},
        "maps": {
            "users": {"current": partitions(*[{"master": ["a"], "slave": ["b"]}] * count)},
            "by-city": {"current": current, "target": target},
        },
    }


def fed(source_master: str) -> dict[str, Any]:
    """Return a document whose index is fed by a, at 100; the master of its source may be b."""
    document = derived(1)
    maps = document["maps"]
    maps["by-city"]["current"]["partitions"]["0"] = {
        "master": ["x"],
        "source": "users/0",
        "feeds": {"x": {"node": "a", "sequenceNumber": 100}},
    }
    row = {"master": [source_master], "reach": {source_master: [60, 110]}}
    maps["users"]["current"]["partitions"]["0"] = row
    return document


def steps_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_index_is_founded_from_its_source(run: Run, write: Write) -> None:
    header, step = steps_of(run("steps", write(derived()), "--explain", "--json").stdout)
    assert (step["kind"], step["source"]["map"], step["source"]["partition"]) == (
        "stream",
        "users",
        "0",
    )
    assert (step["target"]["node"], step["reason"]) == ("x", "first copy of users/0")
    assert header["heldBack"][-1] == {
        "map": "by-city",
        "partition": "1",
        "node": "x",
        "change": "from users/1",
        "why": "held back by maxBackfills",
        "throttle": "maxBackfills",
    }
    assert header["waiting"] == len(header["heldBack"]) == sum(header["heldBackBy"].values())
    assert header["heldBackBy"]["maxBackfills"] == 1


def test_a_feed_goes_on_from_where_it_stopped(run: Run, write: Write) -> None:
    assert "0 steps may start now" in run("steps", write(fed("a")), "--next").stdout
    _, step = steps_of(run("steps", write(fed("b")), "--next", "--json").stdout)
    assert step["resumeFrom"] == 100
    assert "goes on from 100" in run("steps", write(fed("b")), "--next").stdout


def test_an_index_that_says_nothing_of_feeds_is_left_alone(run: Run, write: Write) -> None:
    document = derived(1, master=["x"], dead=[])
    assert run("steps", write(document), "--next").stdout == (
        "0 steps may start now, 0 changes wait\n"
    )


def test_sources_may_be_in_the_document_of_another_cluster(run: Run, write: Write) -> None:
    document = derived(1)
    users = document["maps"].pop("users")
    for form in ("current", "target"):
        row = document["maps"]["by-city"][form]["partitions"]["0"]
        row["source"] = "paris:users/0"
    path = write(document)
    missing = run("steps", path, "--next")
    assert missing.exit_code == 2
    assert "found source 'paris:users/0', expected MAP/PARTITION with one" in missing.stderr
    paris = {"nodes": {"p": {}, "q": {}}, "maps": {"users": users}}
    users["current"]["partitions"]["0"] = {"master": ["p"], "slave": ["q"]}
    source = ("--source", "paris=" + write(paris, "paris.json"))
    _, step = steps_of(run("steps", path, "--next", "--json", *source).stdout)
    assert step["source"]["node"] == "p"
    any_copy = run("steps", path, "--next", "--json", "--follow", "any", *source).stdout
    assert steps_of(any_copy)[1]["source"]["node"] == "q"


def test_nodes_of_two_clusters_must_have_different_names(run: Run, write: Write) -> None:
    other = write({"nodes": {"x": {}}}, "other.json")
    result = run("steps", write(derived()), "--next", "--source", f"paris={other}")
    assert result.exit_code == 2
    assert f"mapcore: {other}: found node 'x' of " in result.stderr


@pytest.mark.parametrize("given", ["paris", "=x", "paris="])
def test_a_source_has_a_name_and_a_document(run: Run, write: Write, given: str) -> None:
    result = run("steps", write(derived()), "--next", "--source", given)
    assert result.exit_code == 2
    assert f"--source: found {given!r}, expected NAME=DOC" in result.stderr


def test_a_whole_schedule_stays_within_a_map(run: Run, write: Write) -> None:
    result = run("steps", write(derived()))
    assert result.exit_code == 2
    assert "partition '0' of 'by-city' has no copy yet and comes from 'users/0'" in result.stderr
    moved = fed("a")
    moved["nodes"]["y"] = {}
    moved["maps"]["by-city"]["target"]["partitions"]["0"]["master"] = ["y"]
    assert run("steps", write(moved, "moved.json")).exit_code == 0
