"""Whatever is wrong with a document, one error says where, what was found and what was expected."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

import mapcore
from mapcore.errors import DocumentError

RIGHT: dict[str, Any] = {
    "settings": {
        "assignment": "masterSlave",
        "constraints": {"master": 1, "slave": 1},
        "numPartitions": 2,
        "keyFunc": "hash-crc32",
        "levels": ["zone", "rack"],
        "spread": [{"level": "zone"}],
        "rules": {"slave": [{"same": "zone", "different": "rack"}]},
        "maxPeers": 3,
        "quorum": {"read": 1, "write": 2},
        "balance": {"slack": 1},
    },
    "config": {"maxFullScansPerVolumeType": {"ssd": 10}},
    "nodes": {
        "nodeA": {"location": "z1/r1", "volumes": [{"type": "ssd", "capacity": 5}]},
        "nodeB": {"location": "z2/r1", "weight": 2},
        "nodeC": {},
    },
    "map": {
        "type": "current",
        "numPartitions": 2,
        "keyFunc": "hash-crc32",
        "version": [1, 42],
        "partitions": {
            "0": {"master": ["nodeA"], "slave": ["nodeB"], "running": {"nodeB": "warming"}},
            "1": {"master": ["nodeB"], "slave": ["nodeC"], "dead": ["nodeA"]},
        },
    },
}
GONE = object()


def damaged(path: str, value: Any) -> dict[str, Any]:
    """Return the document with another value at a path such as `nodes/nodeA/weight`."""
    tree = copy.deepcopy(RIGHT)
    *steps, last = path.split("/")
    place: Any = tree
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is GONE:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return tree


def error_of(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        mapcore.loads(text)
    return caught.value


def test_the_document_is_right_before_it_is_damaged() -> None:
    assert mapcore.loads(json.dumps(RIGHT)).current is not None


P = "map/partitions"
HUGE = 10**400

# (where, what is put there, the path of the error, what it found, what it expected)
DAMAGE: list[tuple[str, Any, str, str, str]] = [
    ("settings", [], "settings", "an empty list", "an object"),
    ("settings/assignment", "single", "settings.assignment", '"single"', "masterSlave or multi"),
    ("settings/assignment", 1, "settings.assignment", "1", "masterSlave or multiMaster"),
    ("settings/constraints", 3, "settings.constraints", "3", "an object"),
    ("settings/constraints/master", -1, "settings.constraints.master", "-1", "number from 1"),
    ("settings/constraints/master", 0, "settings.constraints.master", "0", "number from 1"),
    ("settings/constraints/master", 2, "settings.constraints.master", "2", "masterSlave"),
    ("settings/constraints/slave", -2, "settings.constraints.slave", "-2", "number from 0"),
    ("settings/constraints/slave", 1.5, "settings.constraints.slave", "1.5", "whole number"),
    ("settings/constraints/slave", True, "settings.constraints.slave", "true", "whole number"),
    ("settings/constraints/slave", HUGE, "settings.constraints.slave", "1329 bits", "whole"),
    ("settings/numPartitions", 0, "settings.numPartitions", "0", "from 1 to 2147483647"),
    ("settings/numPartitions", 2**31, "settings.numPartitions", "2147483648", "to 2147483647"),
    ("settings/numPartitions", "2", "settings.numPartitions", '"2"', "whole number"),
    ("settings/numPartitions", 3, "map.numPartitions", "2", "3, as in the settings"),
    ("settings/keyFunc", "md5", "settings.keyFunc", '"md5"', "hash-crc32 or range"),
    ("settings/keyFunc", "range", "map.keyFunc", '"hash-crc32"', '"range", as in the settings'),
    ("settings/levels", "zone", "settings.levels", '"zone"', "a list"),
    ("settings/levels", ["zone", "zone"], "settings.levels[1]", '"zone" twice', "once"),
    ("settings/levels", ["zone", ""], "settings.levels[1]", '""', "at least one character"),
    ("settings/levels", ["zone"], "settings.rules.slave[0].different", '"rack"', "zone"),
    ("settings/spread", {}, "settings.spread", "an empty object", "a list"),
    ("settings/spread/0", "zone", "settings.spread[0]", '"zone"', "an object"),
    ("settings/spread/0", {}, "settings.spread[0].level", "nothing", "this field"),
    ("settings/spread/0/level", "row", "settings.spread[0].level", '"row"', "zone, rack"),
    ("settings/rules", [], "settings.rules", "an empty list", "an object"),
    ("settings/rules", {"master": []}, "settings.rules.master", '"master"', "slave"),
    ("settings/rules/slave", {}, "settings.rules.slave", "an empty object", "a list"),
    ("settings/rules/slave/0", {}, "settings.rules.slave[0]", "neither", "at least one"),
    ("settings/rules/slave/0/same", "row", "settings.rules.slave[0].same", '"row"', "zone, rack"),
    ("settings/maxPeers", -1, "settings.maxPeers", "-1", "from 1"),
    ("settings/maxPeers", {"after": "plan"}, "settings.maxPeers.count", "nothing", "this field"),
    ("settings/maxPeers", {"count": 3, "reserve": -1}, "settings.maxPeers.reserve", "-1", "from 0"),
    ("settings/maxPeers", {"count": 1, "after": "x"}, "settings.maxPeers.after", '"x"', "plan or"),
    ("settings/quorum", {"read": 1}, "settings.quorum.write", "nothing", "this field"),
    ("settings/quorum/read", 0, "settings.quorum.read", "0", "from 1"),
    ("settings/quorum/write", 3, "settings.quorum.write", "3", "at most 2"),
    ("settings/balance/slack", -1, "settings.balance.slack", "-1", "from 0"),
    ("config", None, "config", "null", "an object"),
    ("config/maxFullScansPerVolumeType/ssd", 0, 'config.maxFullScansPerVolumeType."ssd"', "0", "1"),
    ("config/maxSteps", 0, "config.maxSteps", "0", "from 1"),
    ("config/maxStreamsIntoNode", "2", "config.maxStreamsIntoNode", '"2"', "whole number"),
    ("nodes", [], "nodes", "an empty list", "nodes by name"),
    ("nodes/nodeA", "z1", 'nodes."nodeA"', '"z1"', "an object"),
    ("nodes/", {}, 'nodes.""', "an empty name", "at least one character"),
    ("nodes/nodeA/location", 1, 'nodes."nodeA".location', "1", "text"),
    ("nodes/nodeA/location", "z1", 'nodes."nodeA".location', '"z1"', "2 parts (zone/rack)"),
    ("nodes/nodeA/location", "a/b/c", 'nodes."nodeA".location', '"a/b/c"', "2 parts (zone/rack)"),
    ("nodes/nodeA/location", "z1//r", 'nodes."nodeA".location', '"z1//r"', "at least one char"),
    ("nodes/nodeA/weight", -0.5, 'nodes."nodeA".weight', "-0.5", "finite number from 0"),
    ("nodes/nodeA/weight", float("nan"), 'nodes."nodeA".weight', "NaN", "finite number"),
    ("nodes/nodeA/weight", float("inf"), 'nodes."nodeA".weight', "Infinity", "finite number"),
    ("nodes/nodeA/weight", HUGE, 'nodes."nodeA".weight', "1329 bits", "finite number"),
    ("nodes/nodeA/weight", "1", 'nodes."nodeA".weight', '"1"', "finite number"),
    ("nodes/nodeA/weight", True, 'nodes."nodeA".weight', "true", "finite number"),
    ("nodes/nodeA/health", "blue", 'nodes."nodeA".health', '"blue"', "green, yellow, red"),
    ("nodes/nodeA/mode", "off", 'nodes."nodeA".mode', '"off"', "active, maintenance, leaving"),
    ("nodes/nodeA/volumes", {}, 'nodes."nodeA".volumes', "an empty object", "a list"),
    ("nodes/nodeA/volumes/0", {}, 'nodes."nodeA".volumes[0].type', "nothing", "this field"),
    ("nodes/nodeA/volumes/0/type", "", 'nodes."nodeA".volumes[0].type', '""', "at least one"),
    ("nodes/nodeA/volumes/0/path", 1, 'nodes."nodeA".volumes[0].path', "1", "text"),
    ("nodes/nodeA/volumes/0/capacity", -1, 'nodes."nodeA".volumes[0].capacity', "-1", "from 0"),
    ("nodes/nodeA/volumes/0/capacity", 2**63, 'nodes."nodeA".volumes[0].capacity', "9", "whole"),
    ("nodes/nodeA/tags", ["a", "b", "a"], 'nodes."nodeA".tags[2]', '"a" twice', "once"),
    ("map", None, "map", "null", "an object"),
    ("map", [], "map", "an empty list", "an object"),
    ("maps", {}, "maps", "both map and maps", "one of them"),
    ("map/type", GONE, "map.type", "nothing", "current or target"),
    ("map/type", "planned", "map.type", '"planned"', "current or target"),
    ("map/type", ["current"], "map.type", "a list of 1", "current or target"),
    ("map/numPartitions", 3, "map.numPartitions", "3", "2, as in the settings"),
    ("map/numPartitions", -1, "map.numPartitions", "-1", "from 1"),
    ("map/keyFunc", "crc", "map.keyFunc", '"crc"', "hash-crc32 or range"),
    ("map/keyFunc", "range", "map.keyFunc", '"range"', '"hash-crc32", as in the settings'),
    ("map/version", 3, "map.version", "3", "[epoch, revision]"),
    ("map/version", [1], "map.version", "a list of 1", "[epoch, revision]"),
    ("map/version", [1, -1], "map.version[1]", "-1", "from 0"),
    ("map/version", [2**63, 0], "map.version[0]", "9223372036854775808", "whole number"),
    ("map/partitions", GONE, "map.partitions", "nothing", "partitions by name"),
    ("map/partitions", [], "map.partitions", "an empty list", "partitions by name"),
    ("map/partitions", {}, 'map.partitions."0"', "nothing", "2, of which 0 are listed"),
    (f"{P}/0", None, 'map.partitions."0"', "null", "an object"),
    (f"{P}/1", GONE, 'map.partitions."1"', "nothing", "2, of which 1 are listed"),
    (f"{P}/2", {}, 'map.partitions."2"', '"2"', "from 0 to 1"),
    (f"{P}/99999999999999999999", {}, 'map.partitions."99999999999999999999"', "9", "from 0 to 1"),
    (f"{P}/-1", {}, 'map.partitions."-1"', '"-1"', "from 0 to 1"),
    (f"{P}/a-c", {}, 'map.partitions."a-c"', '"a-c"', "from 0 to 1"),
    (f"{P}/01", {}, 'map.partitions."01"', '"01" with leading zeros', "from 0 to 1"),
    (f"{P}/٣", {}, 'map.partitions."٣"', '"٣"', "from 0 to 1"),
    (f"{P}/", {}, 'map.partitions.""', '""', "from 0 to 1"),
    (f"{P}/0/master", "nodeA", 'map.partitions."0".master', '"nodeA"', "a list of nodes"),
    (f"{P}/0/master/0", 7, 'map.partitions."0".master[0]', "7", "a name"),
    (f"{P}/0/master/0", "", 'map.partitions."0".master[0]', '""', "a name"),
    (f"{P}/0/master/0", "nodeX", 'map.partitions."0".master[0]', '"nodeX"', "document lists"),
    (f"{P}/0/slave", ["nodeB", "nodeB"], 'map.partitions."0".slave[1]', '"nodeB" twice', "once"),
    (f"{P}/0/slave", ["nodeA"], 'map.partitions."0".slave[0]', '"nodeA" twice', "once"),
    (f"{P}/0/dead", {}, 'map.partitions."0".dead', "an empty object", "a list of nodes"),
    (f"{P}/0/pendingSlave", 1, 'map.partitions."0".pendingSlave', "1", "a list of nodes"),
    (f"{P}/0/running", [], 'map.partitions."0".running', "an empty list", "states by node"),
    (f"{P}/0/running/nodeC", "warming", 'map.partitions."0".running."nodeC"', "without", "lists"),
    (f"{P}/0/running/nodeA", "hot", 'map.partitions."0".running."nodeA"', '"hot"', "one of"),
    (f"{P}/0/running/nodeA", None, 'map.partitions."0".running."nodeA"', "null", "one of"),
    (f"{P}/0/paused", 1, 'map.partitions."0".paused', "1", "lists of pauses"),
    (f"{P}/0/paused", {"nodeC": []}, 'map.partitions."0".paused."nodeC"', "without", "lists"),
    (f"{P}/0/paused", {"nodeA": "x"}, 'map.partitions."0".paused."nodeA"', '"x"', "a list"),
    (f"{P}/0/paused", {"nodeA": ["x"]}, 'map.partitions."0".paused."nodeA"[0]', '"x"', "or"),
    (f"{P}/0/source", "", 'map.partitions."0".source', '""', "at least one character"),
    (f"{P}/0/size", -1, 'map.partitions."0".size', "-1", "from 0"),
    (f"{P}/0/size", 0.5, 'map.partitions."0".size', "0.5", "whole number"),
    (f"{P}/0/size", 2**63, 'map.partitions."0".size', "9223372036854775808", "whole number"),
    (f"{P}/0/weight", -1, 'map.partitions."0".weight', "-1", "finite number from 0"),
    (f"{P}/0/weight", float("nan"), 'map.partitions."0".weight', "NaN", "finite number"),
    ("unknown", {"a": [1, float("nan")]}, "unknown.a[1]", "NaN", "finite number"),
    ("unknown", json.loads("[" * 150 + "]" * 150), "unknown" + "[0]" * 101, "100 deep", "moderate"),
]


@pytest.mark.parametrize(("where", "value", "path", "found", "expected"), DAMAGE)
def test_damage_gives_one_error_with_its_path(
    where: str, value: Any, path: str, found: str, expected: str
) -> None:
    error = error_of(json.dumps(damaged(where, value), ensure_ascii=False))
    assert error.path == path
    assert found in error.found
    assert expected in error.expected
    assert len(str(error)) < 400


# A target map: assignment, constraints, partition "0", path and text of the error
TARGETS = [
    ({"slave": 1}, {"master": ["a"]}, "slave", "0 slaves", "1, as constraints.slave"),
    ({"slave": 1}, {"master": ["a"], "slave": ["b", "c"]}, "slave", "2 slaves", "1, as"),
    ({"slave": 0}, {"master": ["a"], "slave": ["b"]}, "slave", "1 slave", "0, as"),
    ({"slave": 0}, {"master": ["a", "b"]}, "master", "2 masters", "1, as constraints.master"),
    ({"slave": 0}, {}, "master", "0 masters", "1, as constraints.master"),
    (None, {"master": ["a", "b"]}, "master", "2 masters", "at most 1, as assignment masterSlave"),
]


@pytest.mark.parametrize(("constraints", "partition", "field", "found", "expected"), TARGETS)
def test_a_target_map_may_not_break_the_constraints(
    constraints: Any, partition: Any, field: str, found: str, expected: str
) -> None:
    settings = {} if constraints is None else {"constraints": constraints}
    tree = {"settings": settings, "map": {"type": "target", "partitions": {"0": partition}}}
    error = error_of(json.dumps(tree))
    assert error.path == f'map.partitions."0".{field}'
    assert found in error.found
    assert expected in error.expected
    tree["map"]["type"] = "current"
    assert mapcore.loads(json.dumps(tree)).current is not None


RANGES: list[tuple[Any, str, str, str]] = [
    ({}, "", "an empty object", "at least one range"),
    ({"ac": {}}, '."ac"', "no start and end in the name", "one hyphen"),
    ({"a-b-c": {}}, '."a-b-c"', "no start and end in the name", '"start" and "end"'),
    ({"": {}}, '.""', "no start and end in the name", "one hyphen"),
    ({"c-a": {}}, '."c-a"', "end b'b' at or below start b'c'", "above"),
    ({"x": {"start": "b", "end": "b"}}, '."x"', "end b'b' at or below start b'b'", "above"),
    ({"a-c": {}, "b-d": {}}, '."b-d"', "keys from b'b' that are also in range 'a-c'", "no key"),
    ({"a-c": {}, "x": {"start": "a", "end": "d"}}, '."x"', "also in range 'a-c'", "no key"),
    ({"a-c": {"source": "b-z"}, "b-z": {}}, '."b-z"', "also in range 'a-c'", "source"),
    ({"x": {"start": 1}}, '."x".start', "1", 'text, or bytes as in {"hex": "ff00"}'),
    ({"x": {"start": {}}}, '."x".start', "an empty object", "text, or bytes"),
    ({"x": {"start": {"hex": "ff0"}}}, '."x".start.hex', '"ff0"', "hexadecimal digits"),
    ({"x": {"start": {"hex": "gg"}}}, '."x".start.hex', '"gg"', "hexadecimal digits"),
    ({"x": {"start": {"hex": 1}}}, '."x".start.hex', "1", "hexadecimal digits"),
    ({"a-c": {"source": 1}}, '."a-c".source', "1", "a name"),
]


@pytest.mark.parametrize(("partitions", "path", "found", "expected"), RANGES)
def test_ranges_that_cannot_be(partitions: Any, path: str, found: str, expected: str) -> None:
    tree = {"map": {"type": "current", "keyFunc": "range", "partitions": partitions}}
    error = error_of(json.dumps(tree))
    assert error.path == f"map.partitions{path}"
    assert found in error.found
    assert expected in error.expected


def test_num_partitions_counts_ranges_too_where_the_map_says_it() -> None:
    tree = {"type": "current", "keyFunc": "range", "numPartitions": 2, "partitions": {"a-c": {}}}
    error = error_of(json.dumps({"map": tree}))
    assert (error.path, error.found) == ("map.partitions", "1 partitions")


ONE = '{"partitions": {"0": {}}}'
RANGE = '{"keyFunc": "range", "partitions": {"-": {}}}'
TWO = '{"partitions": {"0": {}, "1": {}}}'
THREE = '{"partitions": {"0": {}, "1": {}, "2": {}}}'
MAPS: list[tuple[str, str, str, str]] = [
    ("[]", "maps", "an empty list", "maps by name"),
    ('{"m": 1}', 'maps."m"', "1", "an object"),
    ('{"m": {"current": []}}', 'maps."m".current', "an empty list", "an object"),
    ('{"m": {"settings": []}}', 'maps."m".settings', "an empty list", "an object"),
    ('{"m": {"settings": {"quorum": {"read": 1}}}}', 'maps."m".settings.quorum.write', "no", "f"),
    ('{"m": {}, "m": {}}', 'maps."m"', '"m" twice', "every name once"),
    (f'{{"m": {{"current": {ONE}, "current": {ONE}}}}}', 'maps."m".current', "twice", "once"),
    (
        f'{{"m": {{"current": {TWO}, "target": {THREE}}}}}',
        'maps."m".target.numPartitions',
        "3",
        "2, as in the current map, or a multiple or a divisor of it",
    ),
    (
        f'{{"m": {{"current": {ONE}, "target": {RANGE}}}}}',
        'maps."m".target.keyFunc',
        '"range"',
        '"hash-crc32", as in the current map',
    ),
    (
        '{"m": {"current": {"type": "target", "partitions": {}}}}',
        'maps."m".current.type',
        '"target"',
        "current, as the map stands there",
    ),
]


@pytest.mark.parametrize(("maps", "path", "found", "expected"), MAPS)
def test_maps_that_cannot_be(maps: str, path: str, found: str, expected: str) -> None:
    error = error_of(f'{{"maps": {maps}}}')
    assert error.path == path
    assert found in error.found
    assert expected in error.expected


A_MAP = '{"type": "current", "partitions": {"0": {}}}'
DOCUMENT = f'{{"map": {A_MAP}}}'
REPEATED = [
    (f'{{"map": {A_MAP}, "map": {A_MAP}}}', "map"),
    ('{"settings": {}, "settings": {}}', "settings"),
    ('{"nodes": {"a": {}, "b": {}, "a": {}}}', 'nodes."a"'),
    ('{"nodes": {"a": {"weight": 1, "weight": 1}}}', 'nodes."a".weight'),
    ('{"nodes": {"a": {"volumes": [{"type": "x", "type": "x"}]}}}', 'nodes."a".volumes[0].type'),
    ('{"map": {"type": "current", "type": "current"}}', "map.type"),
    ('{"map": {"type": "current", "partitions": {}, "partitions": {}}}', "map.partitions"),
    (DOCUMENT.replace('"0": {}', '"0": {}, "0": {}'), 'partitions."0"'),
    (DOCUMENT.replace("{}", '{"slave": [], "slave": []}'), 'partitions."0".slave'),
    (DOCUMENT.replace("{}", '{"size": 1, "size": 1}'), 'partitions."0".size'),
    (DOCUMENT.replace("{}", '{"x": 1, "x": 1}'), 'partitions."0".x'),
    (DOCUMENT.replace("{}", '{"x": [{"y": 1, "y": 1}]}'), 'partitions."0".x[0].y'),
    (DOCUMENT.replace("{}", '{"slave": ["a"], "running": {"a": "x", "a": "x"}}'), 'running."a"'),
    ('{"x": {"y z": 1, "y z": 1}}', 'x."y z"'),
    ('{"config": {"maxFullScansPerVolumeType": {"a": 1, "a": 2}}}', 'VolumeType."a"'),
]


@pytest.mark.parametrize(("text", "path"), REPEATED)
def test_a_name_that_stands_twice_is_an_error(text: str, path: str) -> None:
    error = error_of(text)
    assert error.path.endswith(path)
    assert error.found.endswith(" twice")
    assert error.expected == "every name once"


# Bytes that are no document: path, found, expected
BYTES: list[tuple[bytes, str, str, str]] = [
    (b"", "line 1, column 1", "the end of the document", "the document is empty"),
    (b" \n ", "line 2, column 2", "the end of the document", "the document is empty"),
    (b"[]", "", "an empty list", "an object with settings, nodes and a map"),
    (b"null", "", "null", "an object"),
    (b'"text"', "", '"text"', "an object"),
    (b'{"a": 1', "line 1, column 8", "the end of the document", "missing a comma or '}'"),
    (b'{\n "a": [1,\n  2', "line 3, column 4", "the end of the document", "missing a comma or ']'"),
    (b'{\n "a": tru}', "line 2, column 10", "}", "invalid value"),
    (b'{"a" 1}', "line 1, column 6", "1}", "missing a colon"),
    (b"{'a': 1}", "line 1, column 2", "'a': 1}", "missing a name"),
    (b'{"a": 01}', "line 1, column 8", "1}", "missing a comma"),
    (b'{"a": 1e999}', "line 1, column 7", "1e999", "too big"),
    (b'{"a": "\xc3\xa9\xc3\xa9", }x', "line 1, column 14", "x", "must not be followed"),
    (b'{"a": "\n"}', "line 1, column 8", '"\\n"', "JSON"),
    (b'{"a": "\\q"}', "line 1, column 8", "q", "invalid escape"),
    (b'{"a": "\xff"}', "line 1, column 8", "the byte 0xff", "UTF-8"),
    (b'{"map": {"\xc3("}}', "line 1, column 11", "the byte 0xc3", "UTF-8"),
    (
        DOCUMENT.replace("{}", '{"dead": ["%"]}').encode().replace(b"%", b"\xff"),
        "line 1, column 60",
        "the byte 0xff",
        "UTF-8",
    ),
    (
        DOCUMENT.replace("0", "%").encode().replace(b"%", b"\xff"),
        "line 1, column 45",
        "the byte 0xff",
        "UTF-8",
    ),
    (b'{"nodes": {"\xff": {}}}', "line 1, column 13", "the byte 0xff", "UTF-8"),
    (b'{"a": "\xed\xa0\x80"}', "line 1, column 8", "the byte 0xed", "UTF-8"),
    (b'\xef\xbb\xbf{"a": 1}', "line 1, column 1", "a byte order mark", "UTF-8 without"),
    ('{"a": 1}'.encode("utf-16"), "line 1, column 1", "a byte order mark", "UTF-8 without"),
    (b'{"a": 1}\x00', "line 1, column 9", "a NUL character", "JSON"),
    (b'{"a\x00b": 1}', "line 1, column 4", "a NUL character", "JSON"),
    (b'{"a": "\\ud800"}', "line 1, column 8", "", "surrogate pair"),
    (b'{"\\udc00": 1}', "line 1, column 3", "", "surrogate"),
    (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "", "nested more than 1,000", "moderate"),
    (b"[" * 1_000_000, "", "nested more than 1,000", "moderate"),
]


@pytest.mark.parametrize(("data", "path", "found", "expected"), BYTES, ids=range(len(BYTES)))
def test_bytes_that_are_no_document(data: bytes, path: str, found: str, expected: str) -> None:
    error = error_of(data)
    assert error.path == path
    assert found in error.found
    assert expected in error.expected


def test_text_with_a_lone_surrogate_is_no_document() -> None:
    error = error_of('{"a": "\ud800"}')
    assert (error.path, error.found) == ("", "a lone surrogate at character 7")


@pytest.mark.parametrize("length", range(0, 700, 7))
def test_a_truncated_document_is_an_error_at_its_end(length: int) -> None:
    text = json.dumps(RIGHT, indent=1)[:length]
    error = error_of(text)
    lines = text.split("\n")
    line, column = error.path.removeprefix("line ").split(", column ")
    assert (int(line), int(column)) <= (len(lines), len(lines[-1]) + 1)


def test_the_error_names_the_file(tmp_path: Any) -> None:
    path = tmp_path / "cluster.json"
    path.write_text('{"map": {"type": "other"}}')
    with pytest.raises(DocumentError) as caught:
        mapcore.load(path)
    assert caught.value.source == str(path)
    assert str(caught.value) == f'{path}: map.type: found "other", expected current or target'
