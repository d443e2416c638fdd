"""What stands against what: smallest sets of settings, and smallest changes that would do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore.cluster import Cluster, Constraints, Mode, Node, Rule, Settings
from mapcore.planning.reporting.conflicts import Conflict, find_conflicts
from tests.planning.clusters import cluster


def settings(slave: int = 1, partitions: int = 2, **more: Any) -> Settings:
    """One master, some slaves, no levels."""
    return Settings(constraints=Constraints(slave=slave), num_partitions=partitions, **more)


def conflict(given_cluster: Cluster) -> Conflict:
    """The only conflict of a plan."""
    (found,) = find_conflicts(mapcore.plan(given_cluster))
    return found


def test_more_copies_than_nodes_stand_against_the_constraints_alone() -> None:
    found = conflict(cluster({"a": "", "b": ""}, settings(slave=3)))
    assert found.settings == ("constraints",)
    assert found.changes == ("lower constraints.slave from 3 to 1", "add 2 nodes")


def test_tags_that_too_few_nodes_have_are_named() -> None:
    nodes = [Node(name=name, tags=("ssd",) if name < "c" else ()) for name in "abcdef"]
    asked = settings(slave=3, extra={"require": {"*": ["ssd"]}, "forbidden": {"0": ["f"]}})
    found = conflict(cluster(nodes, asked))
    assert found.settings == ("constraints", "settings.require")
    assert found.changes == ("lower constraints.slave from 3 to 1", "add 2 nodes with ssd")


def test_limits_and_modes_are_named_where_both_are_needed() -> None:
    nodes = [Node(name="a"), Node(name="b"), Node(name="c", mode=Mode.LEAVING)]
    asked = settings(partitions=3, extra={"maxCopiesPerNode": 2})
    found = conflict(cluster(nodes, asked))
    assert found.settings == ("constraints", "settings.maxCopiesPerNode", "modes of nodes")
    assert found.changes == (
        "lower constraints.slave from 1 to 0",
        "add 1 node",
        "raise maxCopiesPerNode from 2 to 3",
    )


def test_rules_that_tags_leave_no_room_for_are_named() -> None:
    nodes = [
        Node(name="a", location="z0", tags=("ssd",)),
        Node(name="b", location="z1", tags=("ssd",)),
        Node(name="c", location="z0"),
    ]
    rules = {"slave": (Rule(same="zone"),)}
    asked = settings(levels=("zone",), rules=rules, extra={"require": {"*": ["ssd"]}})
    found = conflict(cluster(nodes, asked))
    assert (found.unmet, found.settings) == (
        "rules",
        ("constraints", "settings.rules", "settings.require"),
    )
    assert found.changes == ("lower constraints.slave from 1 to 0",)


def test_a_plan_that_meets_all_has_no_conflict() -> None:
    assert find_conflicts(mapcore.plan(cluster({"a": "", "b": ""}, settings()))) == ()


def test_conflicts_stand_in_the_report_and_its_document() -> None:
    plan = mapcore.plan(cluster({"a": ""}, settings()))
    assert "constraints cannot all be met" in plan.report()
    assert plan.to_dict()["conflicts"] == [
        {
            "unmet": "copies",
            "settings": ["constraints"],
            "changes": ["lower constraints.slave from 1 to 0", "add 1 node"],
        }
    ]


def test_a_large_plan_says_that_conflicts_are_to_be_asked_for() -> None:
    plan = mapcore.plan(cluster({"a": ""}, settings(partitions=60_000)))
    assert "Plan.conflicts does" in plan.report()
    assert plan.to_dict()["conflicts"] is None
    (found,) = plan.conflicts
    assert found.changes == ("lower constraints.slave from 1 to 0", "add 1 node")


PARTS = ("require", "forbidden", "pinned", "limits of copies", "modes of nodes")


@st.composite
def crowded(draw: st.DrawFn) -> Cluster:
    """Tiny clusters that are asked too much, for one reason or several."""
    mode = st.sampled_from([Mode.ACTIVE, Mode.ACTIVE, Mode.LEAVING])
    count = draw(st.integers(1, 4))
    nodes = [
        Node(
            name=f"n{number}",
            tags=draw(st.sampled_from([(), ("ssd",)])),
            mode=draw(mode) if number else Mode.ACTIVE,
            extra=draw(st.sampled_from([{}, {}, {"maxCopies": 1}])),
        )
        for number in range(count)
    ]
    names = st.lists(st.sampled_from([node.name for node in nodes]), max_size=2, unique=True)
    partitions = draw(st.integers(1, 3))
    slave = draw(st.integers(0, 2))
    extra: dict[str, Any] = {}
    if draw(st.booleans()):
        extra["require"] = {draw(st.sampled_from(["*", "0"])): ["ssd"]}
    if draw(st.booleans()):
        extra["forbidden"] = {"0": draw(names)}
    if draw(st.booleans()):
        extra["maxCopiesPerNode"] = draw(st.integers(0, 2))
    return cluster(nodes, settings(slave, partitions, extra=extra))


def can_be_met(given_cluster: Cluster, parts: tuple[str, ...]) -> bool:
    """Whether all copies find a place under these parts of the settings alone: tries them all."""
    asked = given_cluster.map().settings
    extra, copies = asked.extra, asked.constraints.copy_count
    allowed = []
    for partition in range(asked.num_partitions or 0):
        tags = extra.get("require", {}) if "require" in parts else {}
        banned = extra.get("forbidden", {}) if "forbidden" in parts else {}
        wanted = tags.get(str(partition), tags.get("*", ()))
        allowed.append(
            [
                node.name
                for node in given_cluster.nodes
                if set(wanted) <= set(node.tags)
                and node.name not in banned.get(str(partition), banned.get("*", ()))
                and (node.mode is Mode.ACTIVE or "modes of nodes" not in parts)
            ]
        )
    limits = {
        node.name: node.extra.get("maxCopies", extra.get("maxCopiesPerNode", 99))
        if "limits of copies" in parts
        else 99
        for node in given_cluster.nodes
    }
    return _all_fit(allowed, copies, limits)


def _all_fit(allowed: list[list[str]], copies: int, room: Mapping[str, int]) -> bool:
    if not allowed:
        return True
    free = [name for name in allowed[0] if room[name]]
    return any(
        _all_fit(allowed[1:], copies, {**room, **{name: room[name] - 1 for name in row}})
        for row in combinations(free, copies)
    )


NAMES = {
    "settings.require": "require",
    "settings.forbidden": "forbidden",
    "settings.maxCopiesPerNode": "limits of copies",
    "maxCopies of nodes": "limits of copies",
    "modes of nodes": "modes of nodes",
}


@given(crowded())
def test_a_set_is_too_much_and_no_smaller_one_is(given_cluster: Cluster) -> None:
    conflicts = find_conflicts(mapcore.plan(given_cluster))
    assert bool(conflicts) != can_be_met(given_cluster, PARTS)
    for found in conflicts:
        named = tuple(dict.fromkeys(NAMES[name] for name in found.settings[1:]))
        assert not can_be_met(given_cluster, named)
        for smaller in combinations(PARTS, len(named) - 1) if named else ():
            assert can_be_met(given_cluster, smaller)


@given(crowded())
def test_a_change_would_do_and_nothing_less(given_cluster: Cluster) -> None:
    asked = given_cluster.map().settings
    for found in find_conflicts(mapcore.plan(given_cluster)):
        for change in found.changes:
            number = int(next(word for word in reversed(change.split()) if word.isdigit()))
            if change.startswith("lower"):
                enough, less = _slaves(given_cluster, number), _slaves(given_cluster, number + 1)
            elif change.startswith("raise"):
                enough, less = _limit(given_cluster, number), _limit(given_cluster, number - 1)
            else:
                enough, less = _added(given_cluster, number), _added(given_cluster, number - 1)
            assert can_be_met(enough, PARTS)
            assert not can_be_met(less, PARTS)
    assert asked == given_cluster.map().settings


def _slaves(given_cluster: Cluster, slave: int) -> Cluster:
    asked = given_cluster.map().settings
    return cluster(
        given_cluster.nodes, settings(slave, asked.num_partitions or 0, extra=asked.extra)
    )


def _limit(given_cluster: Cluster, limit: int) -> Cluster:
    asked = given_cluster.map().settings
    extra = {**asked.extra, "maxCopiesPerNode": limit}
    return cluster(
        given_cluster.nodes,
        settings(asked.constraints.slave, asked.num_partitions or 0, extra=extra),
    )


def _added(given_cluster: Cluster, count: int) -> Cluster:
    asked = given_cluster.map().settings
    fresh = [Node(name=f"new{number}", tags=("ssd",)) for number in range(count)]
    return cluster(
        [*given_cluster.nodes, *fresh],
        settings(asked.constraints.slave, asked.num_partitions or 0, extra=asked.extra),
    )
