from __future__ import annotations

import json

import pytest

from mapcore.states import TABLES
from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, RANGES, one_map, two_maps


def test_a_cluster_is_shown_whole(run: Run, write: Write) -> None:
    result = run("show", write(one_map()))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "health: red",
        "nodes: 4 (2 green, 1 yellow, 1 red)",
        "full scans at once: ssd 10",
        "",
        "map",
        "assignment: masterSlave",
        "constraints: master 1, slave 1",
        "keyFunc: hash-crc32",
        "levels: zone, rack",
        "spread: zone, rack",
        "current: 2 partitions, 4 copies, hash-crc32, version 0.0",
        "health: red (1 green, 0 yellow, 1 red)",
        "  1 red: 0 of 1 masters, 1 of 1 slaves live",
        "copies: 0 to 2 a node, mean 1.00",
        "masters: 0 to 1 a node, mean 0.67",
        "",
        "map, by zone",
        "zone  nodes  weight  copies  masters  fewest  most",
        "z1        2       2       3        1       2     2",
        "z2        2     3.5       1        1       0     1",
        "",
        "map, by rack",
        "rack   nodes  weight  copies  masters  fewest  most",
        "z1/r1      1       1       2        1       2     2",
        "z1/r2      1       1       1        0       0     0",
        "z2/r1      2     3.5       1        1       0     1",
        "",
        "nodes",
        "node  location  health  mode         weight  masters  copies",
        "a     z1/r1     green   active            1        1       2",
        "b     z1/r2     yellow  maintenance       1        0       1",
        "c     z2/r1     red     active            1        1       1",
        "d     z2/r1     green   active          2.5        0       0",
    ]


def test_a_cluster_is_one_json_document_for_a_program(run: Run, write: Write) -> None:
    shown = json.loads(run("show", write(one_map()), "--json").stdout)
    assert shown["health"]["overall"] == "red"
    held = shown["maps"]["map"]
    assert held["type"] == "current"
    assert held["settings"]["constraints"] == {"master": 1, "slave": 1}
    assert held["health"] == {"overall": "red", "green": 1, "yellow": 0, "red": 1}
    assert held["balance"]["copies"]["max"] == 2
    assert held["levels"]["zone"]["z1"] == {"nodes": 2, "copies": 3, "masters": 1}
    assert shown["nodes"]["a"]["maps"]["map"] == {"masters": 1, "slaves": 1, "copies": 2}


def test_several_maps_are_shown_side_by_side_or_one_by_name(run: Run, write: Write) -> None:
    path = write(two_maps())
    shown = run("show", path).stdout
    assert "\nmap users\n" in shown
    assert "\nmap logs\n" in shown
    assert "masters users  copies users  masters logs  copies logs" in shown
    assert "map users" not in run("show", path, "--map", "logs").stdout


def test_the_target_is_shown_if_asked_for(run: Run, write: Write) -> None:
    path = write(two_maps())
    shown = json.loads(run("show", path, "--map", "users", "--target", "--json").stdout)
    assert shown["maps"]["users"]["type"] == "target"
    assert shown["nodes"]["b"]["maps"]["users"]["masters"] == 1
    result = run("show", path, "--map", "logs", "--target")
    assert result.exit_code == 2
    assert "found current, expected a target map" in result.stderr


def test_a_document_without_a_map_is_shown(run: Run, write: Write) -> None:
    document = one_map()
    del document["map"]
    result = run("show", write(document))
    assert result.exit_code == 0
    assert "map: none yet" in result.stdout


def test_one_partition_is_shown_with_its_copies(run: Run, write: Write) -> None:
    document = one_map()
    document["map"]["partitions"]["1"] |= {"size": 9, "running": {"a": "warming"}}
    path = write(document)
    assert run("show", path, "--partition", "1").stdout.splitlines() == [
        "partition 1, current",
        "health: red: 0 of 1 masters, 1 of 1 slaves live",
        "size: 9",
        "",
        "copies",
        "node  location  state",
        "c     z2/r1     master",
        "a     z1/r1     slave warming",
    ]
    shown = json.loads(run("show", path, "--partition", "1", "--json").stdout)
    assert shown["health"] == "red"
    assert [copy["state"] for copy in shown["copies"]] == ["master", "slave warming"]


def test_a_range_is_shown_with_its_bounds_and_source(run: Run) -> None:
    shown = json.loads(run("show", RANGES, "--partition", "a-c", "--json").stdout)
    assert (shown["start"], shown["end"], shown["source"]) == ("a", "d", "a-h")
    assert "end: -" not in run("show", RANGES, "--partition", "a-c").stdout


def test_one_node_is_shown_with_its_copies_masters_first(run: Run, write: Write) -> None:
    path = write(one_map())
    assert run("show", path, "--node", "a").stdout.splitlines() == [
        "node a",
        "location: z1/r1",
        "health: green",
        "mode: active",
        "weight: 1.0",
        "volume: ssd -, 1,000 bytes",
        "copies: 2 (1 master, 1 slave)",
        "",
        "copies",
        "partition  state",
        "0          master",
        "1          slave",
    ]
    assert "tags: big" in run("show", path, "--node", "b").stdout
    shown = json.loads(run("show", write(two_maps()), "--node", "a", "--json").stdout)
    assert shown["copies"] == [
        {"map": "users", "partition": "0", "state": "master"},
        {"map": "logs", "partition": "0", "state": "slave"},
    ]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--node", "kv-50", "found no node called 'kv-50', expected one of 50 nodes"),
        ("--partition", "1024", "found no partition called '1024', expected 0 to 1023"),
        ("--partition", "07", "found no partition called '07'"),
    ],
)
def test_what_is_not_there_is_said(run: Run, option: str, value: str, message: str) -> None:
    result = run("show", COUCHBASE, option, value)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"mapcore: {COUCHBASE}: ")
    assert message in result.stderr


def test_the_transition_tables_need_no_document(run: Run) -> None:
    shown = run("show", "--transitions").stdout
    for table in TABLES.values():
        assert str(table) in shown
    assert "takeover: source master -> slave, target slave -> master" in shown
    read = json.loads(run("show", "--transitions", "--json").stdout)
    assert read["safe"]["master"]["dead"] == "slave"
    assert read["literal"]["master"]["dead"] == "dead"
    assert read["running"]["warming"]["stopped"] == "cooling"
    assert {pair["name"] for pair in read["paired"]} == {"takeover", "replica"}
    assert ["pendingSlave", "master"] in read["takeoverCommits"]
