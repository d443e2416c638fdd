"""Settings that are contradictory, empty or enormous: one clear error or a partial plan, soon."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import mapcore
from mapcore.errors import MapcoreError, PlanError

MANY = 2**31 - 1


def document(nodes: dict[str, Any], partitions: int = 2, **settings: Any) -> str:
    """A document without a map."""
    asked = {"numPartitions": partitions, "constraints": {"master": 1, "slave": 1}, **settings}
    return json.dumps({"settings": asked, "nodes": nodes, "maps": {"m": {}}})


def plan_of(nodes: dict[str, Any], partitions: int = 2, **settings: Any) -> mapcore.Plan:
    return mapcore.plan(mapcore.loads(document(nodes, partitions, **settings)))


def test_more_copies_than_any_cluster_has_nodes_are_counted_not_stored() -> None:
    plan = plan_of({"a": {}, "b": {}}, constraints={"master": 1, "slave": MANY})
    assert plan.target.copy_count == 4
    missing = plan.certificate.objectives[0]
    assert (missing.value, missing.bound) == (2 * (MANY - 1), 2 * (MANY - 1))
    (conflict,) = plan.conflicts
    assert conflict.changes[0] == f"lower constraints.slave from {MANY} to 1"
    assert any(f"({2 * (MANY - 1):,} in all)" in warning for warning in plan.warnings)


def test_more_masters_than_nodes_are_as_many_as_there_are_nodes() -> None:
    asked: dict[str, Any] = {
        "assignment": "multiMaster",
        "constraints": {"master": MANY, "slave": 0},
    }
    plan = plan_of({"a": {}, "b": {}}, **asked)
    assert plan.target.copy_count == 4
    assert plan.certificate.faults == ()


def test_limits_beyond_any_number_are_no_limits() -> None:
    plan = plan_of({"a": {"maxCopies": 10**30}, "b": {}}, maxCopiesPerNode=10**30)
    assert plan.target.copy_count == 4
    assert not plan.warnings


def test_a_limit_of_no_copies_gives_an_empty_map_and_says_why() -> None:
    plan = plan_of({"a": {}, "b": {}}, maxCopiesPerNode=0)
    assert plan.target.copy_count == 0
    (conflict,) = plan.conflicts
    assert "settings.maxCopiesPerNode" in conflict.settings
    assert "raise maxCopiesPerNode from 0 to 2" in conflict.changes


def test_too_many_levels_to_spread_over_are_one_error() -> None:
    levels = [f"l{number}" for number in range(70)]
    nodes = {"a": {"location": "/".join(levels)}}
    with pytest.raises(PlanError, match=r"settings\.spread: found 70 levels .* at most 8"):
        plan_of(nodes, levels=levels)
    assert plan_of(nodes, levels=levels, spread=[{"level": "l3"}]).target.copy_count == 2


def test_rules_over_more_levels_than_fit_are_one_error() -> None:
    levels = [f"l{number}" for number in range(70)]
    rules = {"slave": [{"same": level} for level in levels]}
    asked = {"master": 1, "slave": 70}
    with pytest.raises(PlanError, match=r"settings\.rules: found 70 levels .* at most 64"):
        plan_of(
            {"a": {"location": "/".join(levels)}}, levels=levels, rules=rules, constraints=asked
        )


def test_hundreds_of_rules_that_contradict_each_other_give_a_plan() -> None:
    rules = [{"same": "zone", "different": "zone"}, {"different": "zone"}] * 100
    nodes = {name: {"location": place} for name, place in zip("abcd", "zzyx", strict=True)}
    asked = {"master": 1, "slave": 3}
    plan = plan_of(nodes, 50, levels=["zone"], rules={"slave": rules}, constraints=asked)
    assert plan.target.copy_count == 200
    assert plan.broken_rules.tolist() == [2] * 50
    assert any("slave[0] contradicts itself" in warning for warning in plan.warnings)


def test_wrong_restrictions_are_errors_also_where_no_data_moves() -> None:
    rows = {"0": {"master": ["a"], "slave": ["b"]}}
    asked = {"constraints": {"slave": 1}, "pinned": {"0": ["nobody"]}}
    text = {"settings": asked, "nodes": {"a": {}, "b": {}}}
    cluster = mapcore.loads(json.dumps({**text, "map": {"type": "current", "partitions": rows}}))
    with pytest.raises(PlanError, match=r"settings\.pinned: found node 'nobody'"):
        mapcore.plan(cluster, fail=["b"])


def test_another_number_of_partitions_than_the_map_has_is_one_error() -> None:
    text = {
        "settings": {"numPartitions": 4},
        "nodes": {"a": {}},
        "map": {"type": "current", "numPartitions": 2, "partitions": {"0": {}, "1": {}}},
    }
    with pytest.raises(MapcoreError, match=r"map\.numPartitions: found 2, expected 4"):
        mapcore.loads(json.dumps(text))


def odd_document(rng: random.Random) -> str:
    """Any small document, with much in it that does not fit together."""
    partitions, count = rng.choice([1, 2, 5, 30]), rng.choice([1, 2, 3, 8])
    names = [f"n{number}" for number in range(count)]
    levels = rng.choice([[], ["zone"], ["zone", "rack"]])
    asked: dict[str, Any] = {
        "numPartitions": partitions,
        "levels": levels,
        "constraints": {"master": 1, "slave": rng.choice([0, 1, 2, 5, 1000, MANY])},
        "balance": {"slack": rng.choice([0, 1, MANY])},
    }
    if levels:
        rules = [
            {"same": rng.choice(levels)} | {"different": rng.choice(levels)}
            for _ in range(rng.choice([0, 1, 3, 40]))
        ]
        asked["rules"] = {"slave": rules}
    for field in ("require", "forbidden", "pinned"):
        if rng.random() < 0.4:
            values = ["ssd", "gpu"] if field == "require" else names
            asked[field] = {str(rng.randrange(partitions)): rng.sample(values, 1)}
    if rng.random() < 0.3:
        asked["maxCopiesPerNode"] = rng.choice([0, 1, 7, 10**20])
    nodes = {
        name: {
            "location": "/".join(f"v{rng.randrange(2)}" for _ in levels),
            "weight": rng.choice([0, 1e-300, 1, 1, 1, 1e300]),
            "tags": rng.choice([[], ["ssd"]]),
            "mode": rng.choice(["active"] * 4 + ["maintenance", "leaving", "gone"]),
            "volumes": rng.choice([[], [{"type": "ssd", "capacity": rng.choice([0, 10**4])}]]),
        }
        for name in names
    }
    rows: dict[str, dict[str, Any]] = {}
    for number in range(partitions):
        held = rng.sample(names, rng.randint(0, min(3, count)))
        rows[str(number)] = {"master": held[:1], "slave": held[1:]}
        if rng.random() < 0.3:
            rows[str(number)]["size"] = rng.choice([0, 1, 10**4, 10**15])
    return json.dumps(
        {"settings": asked, "nodes": nodes, "map": {"type": "current", "partitions": rows}}
    )


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_any_document_gives_a_sound_plan_or_one_error(first: int) -> None:
    planned = 0
    for seed in range(first, first + 30):
        cluster = mapcore.loads(odd_document(random.Random(seed)))
        try:
            plan = mapcore.plan(cluster, rebuild=True)
        except PlanError:  # such as that nobody may hold anything; whatever else is raised fails
            continue
        assert plan.certificate.faults == (), seed
        assert plan.report(), seed
        assert json.dumps(plan.to_dict()), seed
        assert plan.explain(partition=0).to_dict(), seed
        mapcore.loads(mapcore.dumps(plan.cluster))
        planned += 1
    assert planned > 15
