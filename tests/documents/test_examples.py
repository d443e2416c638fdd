from __future__ import annotations

from pathlib import Path

import pytest

import mapcore
from mapcore.cluster import Assignment
from mapcore.states import Placement

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_example_survives_a_round_trip(path: Path, tmp_path: Path) -> None:
    cluster = mapcore.load(path)
    saved = tmp_path / "saved.json"
    mapcore.save(cluster, saved)
    assert mapcore.load(saved) == cluster
    assert mapcore.dumps(mapcore.load(saved)) == saved.read_bytes()


def test_the_hash_partitioned_document_of_the_notes() -> None:
    cluster = mapcore.load(EXAMPLES / "notes-hash-multimaster.json")
    assert cluster.settings.assignment is Assignment.MULTI_MASTER
    assert (cluster.settings.constraints.master, cluster.settings.constraints.slave) == (2, 0)
    assert cluster.target is None
    assert cluster.current is not None
    assert cluster.current.partition_count == 1440
    assert cluster.current.nodes.names == ("nodeA", "nodeB", "nodeC")
    assert [str(copy) for copy in cluster.current.copies(0)] == ["nodeA master", "nodeB slave"]
    assert [str(copy) for copy in cluster.current.copies(1439)] == ["nodeB master", "nodeC slave"]


def test_the_range_partitioned_document_of_the_notes() -> None:
    cluster = mapcore.load(EXAMPLES / "notes-range-split.json")
    assert cluster.current is None
    assert cluster.target is not None
    assert cluster.settings.key_func == "range"
    assert list(cluster.target.keys.names()) == ["a-c", "d-h", "i-z"]
    assert cluster.target.sources == {0: "a-h", 1: "a-h"}
    assert cluster.target.keys.partition("cz") == 0
    assert cluster.target.loads(Placement.MASTER).tolist() == [3, 3]


def test_the_real_cluster_of_fifty_nodes() -> None:
    cluster = mapcore.load(EXAMPLES / "couchbase-50-nodes.json")
    assert len(cluster.nodes) == 50
    assert cluster.node("kv-10").path == ("group-2",)
    assert cluster.node("kv-10").volumes[0].path == "/data"
    assert cluster.config.max_full_scans_per_volume_type == {"ssd": 10, "hdd": 1}
    assert cluster.current is not None
    assert cluster.current.shape == (1024, 50)
    assert cluster.current.copy_count == 3 * 1024
    assert [str(copy) for copy in cluster.current.copies(1023)] == [
        "kv-49 master",
        "kv-39 slave",
        "kv-09 slave",
    ]
