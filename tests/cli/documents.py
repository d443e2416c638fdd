"""Documents for the tests of the command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COUCHBASE = str(EXAMPLES / "couchbase-50-nodes.json")
RANGES = str(EXAMPLES / "notes-range-split.json")


def partitions(*rows: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "numPartitions": len(rows),
        "keyFunc": "hash-crc32",
        "partitions": {str(number): row for number, row in enumerate(rows)},
    }


def one_map() -> dict[str, Any]:
    """Return a document in the short form: two partitions on three of four nodes, one node red."""
    return {
        "settings": {"constraints": {"master": 1, "slave": 1}, "levels": ["zone", "rack"]},
        "config": {"maxFullScansPerVolumeType": {"ssd": 10}},
        "nodes": {
            "a": {"location": "z1/r1", "volumes": [{"type": "ssd", "capacity": 1000}]},
            "b": {"location": "z1/r2", "mode": "maintenance", "tags": ["big"]},
            "c": {"location": "z2/r1", "health": "red"},
            "d": {"location": "z2/r1", "weight": 2.5},
        },
        "map": {"type": "current"}
        | partitions({"master": ["a"], "slave": ["b"]}, {"master": ["c"], "slave": ["a"]}),
    }


def two_maps() -> dict[str, Any]:
    """Return a document in the long form: `users` with both forms, `logs` with a current map."""
    return {
        "settings": {"constraints": {"master": 1, "slave": 1}},
        "nodes": {"a": {}, "b": {}, "c": {}},
        "maps": {
            "users": {
                "current": partitions({"master": ["a"], "slave": ["b"]}),
                "target": partitions({"master": ["b"], "slave": ["c"]}),
            },
            "logs": {"current": partitions({"master": ["c"], "slave": ["a"]})},
        },
    }


def changing() -> dict[str, Any]:
    """Return a document whose slave moves from b to c, and whose throttles allow one stream."""
    return {
        "settings": {"constraints": {"master": 1, "slave": 1}},
        "config": {"maxBackfills": 1},
        "nodes": {"a": {}, "b": {}, "c": {}},
        "maps": {
            "users": {
                "current": partitions(*[{"master": ["a"], "slave": ["b"]}] * 2),
                "target": partitions(*[{"master": ["a"], "slave": ["c"]}] * 2),
            }
        },
    }
