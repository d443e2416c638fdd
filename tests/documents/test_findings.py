from __future__ import annotations

import json
from typing import Any

import pytest

import mapcore
from mapcore.documents.findings import PLAN_FIELDS


def problems_of(tree: Any) -> dict[str, str]:
    return dict(mapcore.problems(mapcore.loads(json.dumps(tree))))


HEALTHY: dict[str, Any] = {
    "settings": {"constraints": {"slave": 1}},
    "nodes": {"a": {}, "b": {}},
    "map": {"type": "current", "partitions": {"0": {"master": ["a"], "slave": ["b"]}}},
}


def changed(**fields: Any) -> Any:
    return HEALTHY | fields


def test_a_healthy_cluster_has_no_problems() -> None:
    assert problems_of(HEALTHY) == {}


def partitions(partition: Any, type_: str = "current", **fields: Any) -> Any:
    return changed(map={"type": type_, "partitions": {"0": partition}} | fields)


PROBLEMS: list[tuple[Any, str, str]] = [
    (
        changed(
            settings={
                "constraints": {"slave": 1},
                "levels": ["zone", "rack"],
                "rules": {"slave": [{"same": "zone"}, {"same": "rack", "different": "zone"}]},
            },
            nodes={"a": {"location": "z/r"}, "b": {"location": "z/s"}},
        ),
        "settings.rules.slave[1]",
        "contradicts itself: a node in the same rack is not in another zone",
    ),
    (
        changed(settings={"constraints": {"slave": 2}, "maxPeers": 1}),
        "settings.maxPeers",
        "1, but the copies of a partition are on 3 nodes: each has 2 others",
    ),
    (
        changed(settings={"constraints": {"slave": 2}, "maxPeers": {"count": 1}}),
        "settings.maxPeers.count",
        "1, but the copies of a partition are on 3 nodes",
    ),
    (
        changed(settings={"constraints": {"slave": 1}, "maxPeers": {"count": 3, "reserve": 3}}),
        "settings.maxPeers.reserve",
        "3 of 3 leaves too few for 1 other copies",
    ),
    (
        {
            "nodes": {"a": {}, "b": {}},
            "maps": {"m": {"settings": {"constraints": {"slave": 2}, "maxPeers": 1}}},
        },
        'maps."m".settings.maxPeers',
        "1, but the copies of a partition are on 3 nodes",
    ),
    ({}, "nodes", "there are no nodes"),
    ({"nodes": {"a": {}}}, "map", "neither a current nor a target map"),
    ({"nodes": {"a": {}}, "maps": {"m": {}}}, 'maps."m"', "neither a current nor a target map"),
    (changed(nodes={"a": {}, "b": {}, "c": {}}), 'nodes."c"', "holds no copies"),
    (changed(nodes={"a": {"mode": "gone"}, "b": {}}), 'nodes."a".mode', "1 copy stand here"),
    (
        changed(settings={"levels": ["zone"]}, nodes={"a": {"location": "z"}, "b": {}}),
        'nodes."b".location',
        "none, though levels are zone",
    ),
    (partitions({"slave": ["a"]}), 'map.partitions."0"', "red: 0 of 1 masters, 1 of 1 slaves"),
    (partitions({"master": ["a"]}), 'map.partitions."0"', "yellow: 1 of 1 masters, 0 of 1"),
    (partitions({"master": ["a", "b"]}), 'map.partitions."0"', "yellow: 2 of 1 masters"),
    (
        changed(
            settings={"constraints": {"slave": 1}, "levels": []},
            nodes={"a": {}, "b": {"health": "red"}},
        ),
        'map.partitions."0"',
        "yellow: 1 of 1 masters, 0 of 1 slaves live",
    ),
    (
        partitions({"master": ["a"]}, "target", partial=True),
        'map.partitions."0"',
        "1 of 1 masters, 0 of 1 slaves",
    ),
    (
        changed(
            nodes={"a": {}, "b": {"mode": "leaving"}},
            map={"type": "target", "partitions": {"0": {"master": ["a"], "slave": ["b"]}}},
        ),
        "map.partitions",
        'the target map puts 1 copy on node "b", which is leaving',
    ),
    (
        changed(
            nodes={"a": {"mode": "maintenance"}, "b": {}},
            map={"type": "target", "partitions": {"0": {"master": ["a"], "slave": ["b"]}}},
        ),
        "map.partitions",
        'the target map puts 1 master on node "a", which is in maintenance',
    ),
    (
        changed(
            nodes={"a": {"weight": 0}, "b": {}},
            map={"type": "target", "partitions": {"0": {"master": ["a"], "slave": ["b"]}}},
        ),
        "map.partitions",
        'the target map puts 1 copy on node "a", whose weight is 0',
    ),
    (changed(setings={}), "setings", "does not know"),
    (changed(settings={"constraints": {"slaves": 1}}), "settings.constraints.slaves", "not know"),
    (changed(nodes={"a": {"zone": "x"}, "b": {}}), 'nodes."a".zone', "does not know"),
    (changed(config={"maxFullScans": 1}), "config.maxFullScans", "does not know"),
    (partitions({"masters": ["a"]}), 'map.partitions."0".masters', "does not know"),
    ({"maps": {"m": {"curent": {}}}}, 'maps."m".curent', "does not know"),
    ({"maps": {"m": {"settings": {"x": 1}}}}, 'maps."m".settings.x', "does not know"),
    (
        {"maps": {"m": {"current": {"x": 1, "partitions": {"0": {}}}}}},
        'maps."m".current.x',
        "does not know",
    ),
]


@pytest.mark.parametrize(("tree", "path", "text"), PROBLEMS)
def test_what_is_odd_is_listed_with_its_path(tree: Any, path: str, text: str) -> None:
    assert text in problems_of(tree)[path]


def test_gaps_between_ranges_are_listed_in_order() -> None:
    tree = {
        "map": {
            "type": "current",
            "keyFunc": "range",
            "partitions": {
                "b-c": {"master": ["a"]},
                "x": {"start": "e", "end": {"hex": "ff"}, "master": ["a"]},
            },
        }
    }
    texts = [problem.text for problem in mapcore.problems(mapcore.loads(json.dumps(tree)))]
    assert texts == [
        'a gap: no partition covers the keys from "" up to "b"',
        'a gap: no partition covers the keys from "d" up to "e"',
        "a gap: no partition covers the keys from 0xff on",
    ]


def test_slaves_that_nobody_asked_for_are_no_problem_where_nothing_is_asked_for() -> None:
    tree = {"map": {"type": "current", "partitions": {"0": {"master": ["a"], "slave": ["b"]}}}}
    assert problems_of(tree) == {}


def test_what_a_plan_for_maintenance_writes_down_is_no_problem() -> None:
    cluster = mapcore.loads(json.dumps(HEALTHY))
    plan = mapcore.plan(cluster, maintain=["a"])
    assert [set(fields) <= PLAN_FIELDS for fields in plan.target.extra.values()] == [True]
    texts = [problem.text for problem in mapcore.problems(cluster.with_target(plan.target))]
    assert not any("does not know" in text for text in texts)


def test_a_problem_reads_as_path_and_text() -> None:
    problem = mapcore.problems(mapcore.Cluster())[0]
    assert str(problem) == "nodes: there are no nodes"
