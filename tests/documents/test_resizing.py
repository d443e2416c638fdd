"""Hash maps on the way to another number of partitions, as documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mapcore import LiveMap, PartitionMap, Router, next_steps, resized
from mapcore.cluster import Cluster, Config
from mapcore.documents import dumps, loads
from mapcore.errors import DocumentError

KEYS = [f"user:{i}" for i in range(100)]


def document(*masters: str, stated: int | None = None) -> dict[str, Any]:
    """Return a document whose partitions have these masters, and a slave on another node."""
    rows = {
        str(number): {"master": [node], "slave": ["c" if node != "c" else "a"]}
        for number, node in enumerate(masters)
    }
    settings: dict[str, Any] = {"constraints": {"master": 1, "slave": 1}}
    if stated is not None:
        settings["numPartitions"] = stated
    return {
        "settings": settings,
        "nodes": {"a": {}, "b": {}, "c": {}},
        "map": {"type": "current", "partitions": rows},
    }


def moments(cluster: Cluster) -> Iterator[Cluster]:
    """Go to the target step by step, by way of a document each time; yield every moment."""
    while True:
        cluster = loads(dumps(cluster))
        yield cluster
        entry = cluster.map()
        assert entry.current is not None
        assert entry.target is not None
        live = LiveMap(entry.current)
        live.follow(entry.target)
        config = Config(max_steps=1)
        step = next(iter(next_steps(live, entry.target, config=config)), None)
        if step is None:
            return
        live.start(step)
        # What a process finds that starts while the step is under way.
        yield loads(dumps(cluster.with_current(live.snapshot())))
        live.complete(step.id)
        cluster = cluster.with_current(live.snapshot())


@pytest.mark.parametrize("stated", [None, 2])
def test_a_map_that_doubles_is_a_document_at_every_moment(stated: int | None) -> None:
    before = loads(str_of(document("a", "b", stated=stated)))
    assert before.current is not None
    cluster = before.with_target(resized(before.current, 4))
    nodes = [Router(before.current).node(key) for key in KEYS]
    seen = list(moments(cluster))
    assert [current_of(each).partition_count for each in (seen[0], seen[-1])] == [2, 4]
    for each in seen:
        assert [Router(current_of(each)).node(key) for key in KEYS] == nodes
    assert current_of(seen[-1]) == seen[-1].target


def test_a_map_that_halves_is_a_document_at_every_moment() -> None:
    before = loads(str_of(document("a", "b", "b", "b", stated=4)))
    target = resized(current_of(before), 2, gather=True)
    seen = list(moments(before.with_target(target)))
    assert current_of(seen[-1]) == target
    assert {current_of(each).partition_count for each in seen} == {4, 2}
    for each in seen:
        router = Router(current_of(each))
        assert all(router.node(key) in ("a", "b") for key in KEYS)


def test_a_new_target_half_way_back_to_the_old_number_is_followed() -> None:
    before = loads(str_of(document("a", "b", stated=2)))
    doubled = list(moments(before.with_target(resized(current_of(before), 4))))[-1]
    back = doubled.with_target(resized(current_of(doubled), 2))
    assert current_of(list(moments(back))[-1]).keys == current_of(before).keys


def test_the_settings_say_what_the_target_has() -> None:
    before = loads(str_of(document("a", "b", stated=2)))
    after = before.with_target(resized(current_of(before), 4))
    assert after.settings.num_partitions == 4
    assert loads(dumps(after)).settings.num_partitions == 4


def test_of_several_maps_one_may_differ_from_the_common_number() -> None:
    sole = document("a", "b", stated=2)
    current = {"current": sole.pop("map")}
    cluster = loads(str_of(sole | {"maps": {"one": current, "two": current}}))
    entry = cluster.map("one").current
    assert entry is not None
    after = loads(dumps(cluster.with_target(resized(entry, 4), "one")))
    assert after.settings.num_partitions == 2
    counts = [after.map(name).settings.num_partitions for name in ("one", "two")]
    assert counts == [4, 2]


def test_a_current_map_alone_has_the_number_that_the_settings_say() -> None:
    with pytest.raises(DocumentError, match="found 2, expected 4, as in the settings"):
        loads(str_of(document("a", "b", stated=4) | {"map": numbered("a", "b")}))


def numbered(*masters: str) -> dict[str, Any]:
    tree: dict[str, Any] = document(*masters)["map"]
    return tree | {"numPartitions": len(masters)}


def test_what_reading_would_refuse_is_not_written() -> None:
    cluster = loads(str_of(document("a", "b")))
    wrong = loads(str_of(document("a", "b", "a"))).current
    entry = replace(cluster.map(), target=wrong)
    with pytest.raises(DocumentError, match="found 3, expected 2, as in the current map, or a mul"):
        dumps(cluster.with_map(entry))


def str_of(tree: dict[str, Any]) -> str:
    return json.dumps(tree)


def current_of(cluster: Cluster) -> PartitionMap:
    held = cluster.map().current
    assert held is not None
    return held
