"""What a document says, and how it is written."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import numpy as np
import pytest

import mapcore
from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Constraints, Health, Mode, Settings
from mapcore.errors import DocumentError
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap, Version
from mapcore.states import Placement, Running, state_code


def load(tree: Any) -> Cluster:
    return mapcore.loads(json.dumps(tree))


def saved(cluster: Cluster) -> Any:
    return json.loads(mapcore.dumps(cluster))


def current(tree: Any) -> PartitionMap:
    found = load(tree).current
    assert found is not None
    return found


def hash_document(*partitions: Any, **fields: Any) -> Any:
    rows = {str(number): partition for number, partition in enumerate(partitions)}
    return {"map": {"type": "current", "partitions": rows} | fields}


def range_document(**partitions: Any) -> Any:
    return {"map": {"type": "current", "keyFunc": "range", "partitions": partitions}}


# Nodes


def test_without_nodes_they_are_those_of_the_maps_in_order_of_appearance() -> None:
    tree = hash_document({"slave": ["c"], "master": ["b"]}, {"master": ["a"], "slave": ["c"]})
    cluster = load(tree)
    assert cluster.node_index.names == ("c", "b", "a")
    assert not cluster.lists_nodes
    assert cluster.nodes[0] == mapcore.Node(name="c")


def test_nodes_are_listed_in_the_text_once_their_order_does_not_follow_from_it() -> None:
    cluster = load(hash_document({"slave": ["c"], "master": ["b"]}))
    assert saved(cluster)["nodes"] == {"c": {}, "b": {}}
    assert "nodes" not in saved(load(hash_document({"master": ["b"], "slave": ["c"]})))


def test_listed_nodes_need_hold_no_copies() -> None:
    tree = {"nodes": {"idle": {}, "a": {}}} | hash_document({"master": ["a"]})
    assert load(tree).node_index.names == ("idle", "a")
    assert current(tree).nodes.names == ("idle", "a")


def test_all_maps_of_a_cluster_share_one_index_of_nodes() -> None:
    maps = {name: {"current": hash_document({"master": [name]})["map"]} for name in "ab"}
    cluster = load({"maps": maps})
    for entry in cluster.maps.values():
        assert entry.current is not None
        assert entry.current.nodes is cluster.node_index


def test_a_node_has_location_weight_health_mode_volumes_and_tags() -> None:
    volume = {"type": "ssd", "path": "/d", "capacity": 10**12}
    fields = {"location": "z1/r1", "weight": 2, "health": "red", "mode": "leaving"}
    tree = {"nodes": {"a": {**fields, "volumes": [volume], "tags": ["big"]}}}
    node = load(tree).node("a")
    assert (node.path, node.weight) == (("z1", "r1"), 2.0)
    assert (node.health, node.mode, node.tags) == (Health.RED, Mode.LEAVING, ("big",))
    assert (node.volumes[0].type, node.volumes[0].capacity) == ("ssd", 10**12)
    assert saved(load(tree))["nodes"]["a"] == tree["nodes"]["a"]


# Config


def test_limits_are_numbers_or_null_for_none() -> None:
    tree = {"config": {"maxFullScansPerVolumeType": {"nvme": 4}, "maxStreamsIntoNode": None}}
    config = load(tree).config
    assert config.max_full_scans_per_volume_type == {"nvme": 4}
    assert config.max_streams_into_node is None
    assert config.max_steps is None
    assert saved(load(tree))["config"] == tree["config"]
    assert load({"config": {"maxSteps": 7}}).config.max_steps == 7


# Copies


def test_a_listed_copy_runs_unless_said_otherwise() -> None:
    found = current(
        hash_document(
            {
                "master": ["a"],
                "slave": ["b"],
                "dead": ["c"],
                "pendingMaster": ["d"],
                "pendingSlave": ["e"],
                "running": {"b": "warming", "c": "stopped"},
                "paused": {"a": ["replication", "persistence"]},
            }
        )
    )
    assert {copy.node: copy.code for copy in found.copies(0)} == {
        "a": state_code(Placement.MASTER, persistence_paused=True, replication_paused=True),
        "b": state_code(Placement.SLAVE, Running.WARMING),
        "c": state_code(Placement.DEAD, Running.STOPPED),
        "d": state_code(Placement.PENDING_MASTER),
        "e": state_code(Placement.PENDING_SLAVE),
    }


def test_copies_are_written_masters_first_with_what_is_not_default() -> None:
    partition = {"dead": ["c"], "slave": ["b"], "master": ["a"], "running": {"c": "cooling"}}
    text = mapcore.dumps(load(hash_document(partition, {}))).decode()
    assert (
        '"0": {"master": ["a"], "slave": ["b"], "dead": ["c"], "running": {"c": "cooling"}},\n'
        in text
    )
    assert '"1": {}\n' in text


def test_sizes_weights_and_sources_stand_beside_the_copies() -> None:
    found = current(hash_document({"size": 5, "source": "x"}, {"weight": 2.5}))
    assert found.sizes is not None
    assert found.weights is not None
    assert (found.sizes.tolist(), found.weights.tolist()) == ([5, 0], [1.0, 2.5])
    assert found.sources == {0: "x"}
    plain = current(hash_document({}, {"weight": 1}))
    assert (plain.sizes, plain.weights) == (None, None)


def test_partitions_may_stand_in_any_order() -> None:
    rows = {str(p): {"master": [f"n{p}"], "size": p} for p in (2, 0, 1)}
    found = current({"map": {"type": "current", "numPartitions": 3, "partitions": rows}})
    assert [str(found.copies(p)[0]) for p in range(3)] == ["n0 master", "n1 master", "n2 master"]
    assert found.sizes is not None
    assert found.sizes.tolist() == [0, 1, 2]


def test_the_version_is_epoch_and_revision() -> None:
    tree = hash_document({}, version=[3, 7])
    assert current(tree).version == Version(3, 7)
    assert saved(load(tree))["map"]["version"] == [3, 7]
    assert "version" not in saved(load(hash_document({})))["map"]


# Keys


@pytest.mark.parametrize("place", ["map", "settings", "nowhere"])
def test_the_number_of_partitions_may_stand_in_the_map_in_the_settings_or_nowhere(
    place: str,
) -> None:
    tree = hash_document({}, {})
    if place != "nowhere":
        tree.setdefault(place, {})["numPartitions"] = 2
    assert current(tree).keys == HashKeys(2)


def test_a_range_is_spelled_by_its_name_or_by_start_and_end() -> None:
    tree = range_document(
        **{
            "a-c": {},
            "the rest": {"start": {"hex": "fe"}},
            "d-f-g": {"start": "d", "end": {"hex": "fe"}},
            "low": {"end": "A"},
        }
    )
    keys = current(tree).keys
    assert isinstance(keys, mapcore.RangeKeys)
    assert [(item.name, item.start, item.end) for item in keys.ranges] == [
        ("low", b"", b"A"),
        ("a-c", b"a", b"d"),
        ("d-f-g", b"d", b"\xfe"),
        ("the rest", b"\xfe", None),
    ]
    assert saved(load(tree))["map"]["partitions"] == {
        "low": {"start": "", "end": "A"},
        "a-c": {},
        "d-f-g": {"start": "d", "end": {"hex": "fe"}},
        "the rest": {"start": {"hex": "fe"}},
    }


def test_a_source_may_stand_beside_the_ranges_that_come_from_it_or_be_gone() -> None:
    children = {"a-c": {"source": "a-h"}, "d-h": {"source": "a-h"}}
    assert list(current(range_document(**children)).keys.names()) == ["a-c", "d-h"]
    whole = current(range_document(**children, **{"a-h": {}}))
    assert list(whole.keys.names()) == ["a-h", "a-c", "d-h"]
    assert whole.sources == {1: "a-h", 2: "a-h"}


def test_a_map_with_ranges_makes_its_settings_say_so() -> None:
    cluster = load(range_document(**{"a-c": {}}))
    assert cluster.settings.key_func == cluster.map().settings.key_func == "range"


def test_start_and_end_mean_nothing_to_a_hash_map() -> None:
    assert current(hash_document({"start": "x"})).extra == {0: {"start": "x"}}


# Forms


def test_a_document_may_have_no_map_yet() -> None:
    cluster = load({"settings": {"numPartitions": 8}, "nodes": {"a": {}}})
    assert (cluster.current, cluster.target) == (None, None)
    assert cluster.map().keys == HashKeys(8)
    assert load(saved(cluster)) == cluster


def test_the_empty_document_is_a_cluster_of_nothing() -> None:
    cluster = load({})
    assert (cluster.nodes, cluster.current, cluster.settings) == ((), None, Settings())
    assert saved(cluster) == {}


def test_own_settings_stand_over_the_common_ones_field_by_field() -> None:
    cluster = load(
        {
            "settings": {
                "assignment": "multiMaster",
                "constraints": {"master": 2, "slave": 1},
                "maxPeers": 4,
            },
            "maps": {"m": {"settings": {"constraints": {"slave": 0}, "maxPeers": None}}, "n": {}},
        }
    )
    settings = cluster.map("m").settings
    assert settings.assignment.value == "multiMaster"
    assert settings.constraints == Constraints(master=2, slave=0)
    assert settings.max_peers is None
    assert cluster.map("n").settings == cluster.settings


def test_a_target_beside_the_current_map_makes_the_form_long() -> None:
    cluster = load(hash_document({"master": ["a"]}, {"master": ["b"]}))
    assert cluster.current is not None
    both = cluster.with_target(cluster.current.replace(version=(1, 1)))
    tree = saved(both)
    assert "map" not in tree
    assert list(tree["maps"]) == [SOLE_MAP]
    assert load(tree) == both


def test_a_target_alone_keeps_the_short_form() -> None:
    cluster = load(hash_document({"master": ["a"]}))
    entry = cluster.map()
    alone = cluster.with_map(dataclasses.replace(entry, current=None, target=entry.current))
    assert saved(alone)["map"]["type"] == "target"
    assert load(saved(alone)) == alone


def test_a_target_that_falls_short_is_marked_partial() -> None:
    settings = {"settings": {"constraints": {"master": 1, "slave": 1}}}
    cluster = load(settings | hash_document({"master": ["a"], "slave": ["b"]}, {"master": ["b"]}))
    assert cluster.current is not None
    planned = cluster.with_target(cluster.current)
    assert saved(planned)["maps"]["map"]["target"]["partial"] is True
    assert "partial" not in saved(planned)["maps"]["map"]["current"]
    assert load(saved(planned)) == planned


def test_settings_changed_in_a_program_are_written_as_a_map_s_own() -> None:
    cluster = load(hash_document({"master": ["a"]}) | {"settings": {"maxPeers": 3}})
    entry = cluster.map()
    settings = msgspec.structs.replace(entry.settings, max_peers=None, levels=("zone",))
    changed = cluster.with_map(dataclasses.replace(entry, settings=settings))
    assert saved(changed)["maps"]["map"]["settings"] == {"levels": ["zone"], "maxPeers": None}
    assert load(saved(changed)) == changed


def test_constraints_and_key_function_are_written_unless_a_map_shows_they_were_not_stated() -> None:
    stated = load({"settings": {"levels": ["zone"]}} | hash_document({"master": ["a"]}))
    assert saved(stated)["settings"]["constraints"] == {"master": 1, "slave": 0}
    assert saved(stated)["settings"]["keyFunc"] == "hash-crc32"
    tree = {"settings": {"levels": ["zone"]}} | hash_document({"master": ["a"], "slave": ["b"]})
    tree["map"]["type"] = "target"
    unstated = load(tree)
    assert "constraints" not in saved(unstated)["settings"]
    assert load(saved(unstated)) == unstated


# What may not be written


def with_target(cluster: Cluster, rows: list[dict[str, Placement]], nodes: str) -> Cluster:
    copies = ([(node, state_code(kind)) for node, kind in row.items()] for row in rows)
    return cluster.with_target(PartitionMap.from_copies(copies, nodes))


REFUSED: list[tuple[Any, list[dict[str, Placement]], str, str]] = [
    ({}, [{"a": Placement.MASTER, "b": Placement.MASTER}], 'partitions."0".master', "2 masters"),
    (
        {"constraints": {"slave": 1}},
        [{"a": Placement.MASTER, "b": Placement.SLAVE, "d": Placement.SLAVE}],
        'partitions."0".slave',
        "2 slaves",
    ),
    ({}, [{"c": Placement.MASTER}], "partitions", 'copies on the node "c"'),
    ({"numPartitions": 1}, [{}, {}], "numPartitions", "2"),
]


@pytest.mark.parametrize(("settings", "rows", "path", "found"), REFUSED)
def test_what_could_not_be_loaded_is_not_written(
    settings: Any, rows: list[dict[str, Placement]], path: str, found: str
) -> None:
    cluster = load({"settings": settings, "nodes": {"a": {}, "b": {}, "d": {}}})
    with pytest.raises(DocumentError) as caught:
        mapcore.dumps(with_target(cluster, rows, "abcd"))
    assert caught.value.path.endswith(path)
    assert found in caught.value.found


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "\ud800"])
def test_values_that_json_cannot_hold_are_not_written(value: Any) -> None:
    with pytest.raises(DocumentError, match="JSON"):
        mapcore.dumps(Cluster(extra={"x": value}))


def test_clusters_are_equal_whatever_the_form_of_their_documents() -> None:
    keys = PartitionMap.from_copies([[("a", state_code(Placement.MASTER))]], "a")
    entry = ClusterMap(settings=Settings(), current=keys)
    nodes = (mapcore.Node(name="a"),)
    short, long = (
        Cluster(nodes=nodes, maps={SOLE_MAP: entry}, is_short_form=form) for form in (True, False)
    )
    assert short == long
    assert mapcore.dumps(short) != mapcore.dumps(long)
    assert mapcore.loads(mapcore.dumps(short)) == mapcore.loads(mapcore.dumps(long)) == short
    other = PartitionMap.from_dense(np.zeros((1, 1), np.uint8), "a")
    assert short.with_current(other) != short
