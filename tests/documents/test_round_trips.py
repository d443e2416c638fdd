from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import mapcore
from tests.documents.comparing import everything
from tests.documents.strategies import Tree, documents, lenient_text


@given(documents(), st.sampled_from([None, 0, 2]))
def test_what_is_written_is_read_back_equal(tree: Tree, indent: int | None) -> None:
    cluster = mapcore.loads(json.dumps(tree))
    text = mapcore.dumps(cluster, indent=indent)
    again = mapcore.loads(text)
    assert again == cluster
    assert everything(again) == everything(cluster)
    assert mapcore.dumps(again, indent=indent) == text


@given(documents())
def test_what_is_written_is_strict_json(tree: Tree) -> None:
    text = mapcore.dumps(mapcore.loads(json.dumps(tree)))
    assert isinstance(json.loads(text), dict)
    assert json.loads(mapcore.dumps(mapcore.loads(text), indent=None)) == json.loads(text)


@given(documents())
def test_comments_and_trailing_commas_change_nothing(tree: Tree) -> None:
    lenient = mapcore.loads(lenient_text(tree))
    assert everything(lenient) == everything(mapcore.loads(json.dumps(tree)))


def unknown(value: object) -> dict[str, object]:
    return {"unknown": value, "extra": [value, {"deep": None}]}


def test_unknown_fields_survive_wherever_they_stand() -> None:
    one_map = {"partitions": {"0": {"master": ["a"], **unknown(1)}}, **unknown(2)}
    tree = {
        "settings": {
            "assignment": "masterSlave",
            "constraints": {"master": 1, "slave": 0, **unknown(3)},
            "keyFunc": "hash-crc32",
            "levels": ["zone", "rack"],
            "spread": [{"level": "zone", **unknown(4)}],
            "rules": {"slave": [{"same": "zone", **unknown(5)}]},
            "maxPeers": {"count": 3, **unknown(6)},
            "quorum": {"read": 1, "write": 1, **unknown(7)},
            "balance": {"slack": 1, **unknown(8)},
            **unknown(9),
        },
        "config": {"maxFullScansPerVolumeType": {"ssd": 1}, **unknown(10)},
        "nodes": {"a": {"volumes": [{"type": "ssd", **unknown(11)}], "name": "x", **unknown(12)}},
        "maps": {
            "m": {
                "settings": {"balance": {"slack": 2, **unknown(13)}, **unknown(14)},
                "current": {"numPartitions": 1, "keyFunc": "hash-crc32", **one_map},
                "target": {"numPartitions": 1, "keyFunc": "hash-crc32", **one_map},
                **unknown(15),
            }
        },
        **unknown(16),
    }
    assert json.loads(mapcore.dumps(mapcore.loads(json.dumps(tree)))) == tree


def test_a_file_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    cluster = mapcore.loads('{"map": {"type": "current", "partitions": {"0": {"master": ["a"]}}}}')
    mapcore.save(cluster, tmp_path / "c.json")
    assert mapcore.load(tmp_path / "c.json") == cluster
    assert (tmp_path / "c.json").read_bytes() == mapcore.dumps(cluster)
