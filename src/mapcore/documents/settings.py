"""Settings, config and nodes: which fields there are, and what they may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mapcore.cluster import (
    Assignment,
    Balance,
    Config,
    Constraints,
    Health,
    MaxPeers,
    Mode,
    Node,
    Quorum,
    Rule,
    Settings,
    SpreadLevel,
    Volume,
)
from mapcore.documents.places import Place, describe, fail
from mapcore.documents.shapes import (
    INTEGER_MAX,
    Shape,
    boolean,
    choice,
    integer,
    list_of,
    members,
    name,
    number,
    optional,
    text,
    values_by_name,
)

__all__ = [
    "PARTITION_COUNT_MAX",
    "check_locations",
    "merged_settings",
    "read_config",
    "read_nodes",
    "read_settings",
]

PARTITION_COUNT_MAX: Final = 2**31 - 1
_COPIES_MAX: Final = 2**31 - 1

_max_peers_object = Shape(
    MaxPeers,
    {"count": integer(1), "after": choice(("plan", "failover")), "reserve": integer(0)},
    required=("count",),
)


def _max_peers(value: Any, place: Place) -> int | MaxPeers:
    if isinstance(value, dict):
        return _max_peers_object(value, place)
    return integer(1)(value, place)


def _location(value: Any, place: Place) -> str:
    location = text(value, place)
    if location and not all(location.split("/")):
        fail(place, describe(location), 'parts of at least one character, as in "z1/r1/s3"')
    return location


_rule_list = list_of(Shape(Rule, {"same": name, "different": name}))


def _rules(value: Any, place: Place) -> Mapping[str, tuple[Rule, ...]]:
    rules = {}
    for role, items in members(value, place).items():
        at = place.field(role)
        if role != "slave":
            fail(at, describe(role), "rules for slave")
        rules[role] = _rule_list(items, at)
    return rules


_settings = Shape(
    Settings,
    {
        "assignment": choice(Assignment),
        "constraints": Shape(
            Constraints, {"master": integer(1, _COPIES_MAX), "slave": integer(0, _COPIES_MAX)}
        ),
        "numPartitions": optional(integer(1, PARTITION_COUNT_MAX)),
        "keyFunc": choice(("hash-crc32", "range")),
        "levels": list_of(name, once=True),
        "spread": optional(list_of(Shape(SpreadLevel, {"level": name}, required=("level",)))),
        "rules": _rules,
        "maxPeers": optional(_max_peers),
        "quorum": optional(
            Shape(
                Quorum,
                {"read": integer(1, _COPIES_MAX), "write": integer(1, _COPIES_MAX)},
                required=("read", "write"),
            )
        ),
        "balance": optional(Shape(Balance, {"slack": integer(0, _COPIES_MAX)})),
    },
)

_limit = optional(integer(1))

read_config = Shape(
    Config,
    {
        "maxFullScansPerVolumeType": values_by_name(integer(1)),
        "maxStreamsIntoNode": _limit,
        "maxStreamsOutOfNode": _limit,
        "maxStreamsPerNode": _limit,
        "maxStreamsBetweenZones": _limit,
        "maxBackfills": _limit,
        "maxSteps": _limit,
        "maxChangesPerPartition": _limit,
        "maxBytesPerSecondPerNode": _limit,
        "maxBytesPerSecondPerStream": _limit,
        "sourceChoice": choice(("spread", "nearest")),
        "warmsUp": boolean,
        "deadGraceSeconds": number,
        "stuckAfterSeconds": number,
        "stuckStreamAfterSeconds": number,
        "slowestBytesPerSecond": integer(1),
        "maxAutomaticFailovers": integer(0),
        "failoverNeedsMajority": boolean,
        "maxLostUpdates": optional(integer(0)),
    },
)

_node = Shape(
    Node,
    {
        "location": _location,
        "weight": number,
        "health": choice(Health),
        "mode": choice(Mode),
        "volumes": list_of(
            Shape(
                Volume,
                {
                    "type": name,
                    "path": optional(text),
                    "capacity": optional(integer(0, INTEGER_MAX)),
                },
                required=("type",),
            )
        ),
        "tags": list_of(name, once=True),
    },
)


def read_settings(tree: Any, place: Place) -> Settings:
    """Read settings and hold them against each other."""
    settings = _settings(tree, place)
    constraints = settings.constraints
    if settings.assignment is Assignment.MASTER_SLAVE and constraints.master != 1:
        fail(
            place.field("constraints").field("master"),
            str(constraints.master),
            "1, as assignment is masterSlave (multiMaster has several)",
        )
    if settings.quorum is not None and "constraints" in tree:
        for field, count in (("read", settings.quorum.read), ("write", settings.quorum.write)):
            if count > constraints.copy_count:
                fail(
                    place.field("quorum").field(field),
                    str(count),
                    f"at most {constraints.copy_count}, the copies that constraints ask for",
                )
    _check_levels(settings, place)
    return settings


def _check_levels(settings: Settings, place: Place) -> None:
    known = "a level: " + (", ".join(settings.levels) or "levels names none")
    for i, item in enumerate(settings.spread or ()):
        if item.level not in settings.levels:
            fail(place.field("spread").item(i).field("level"), describe(item.level), known)
    for role, rules in settings.rules.items():
        at = place.field("rules").field(role)
        for i, rule in enumerate(rules):
            if rule.same is None and rule.different is None:
                fail(at.item(i), "neither same nor different", "at least one of them")
            for field, level in (("same", rule.same), ("different", rule.different)):
                if level is not None and level not in settings.levels:
                    fail(at.item(i).field(field), describe(level), known)


def merged_settings(common: Any, own: Any) -> Any:
    """Return the tree of `common` settings with a map's `own` over it, field by field.

    Objects are merged likewise; anything else in `own` replaces what is common, and null takes it
    away (the rules of RFC 7396, JSON Merge Patch).
    """
    if not isinstance(own, dict):
        return own
    merged = dict(common) if isinstance(common, dict) else {}
    for field, value in own.items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = merged_settings(merged.get(field), value)
    return merged


def read_nodes(tree: Any, place: Place) -> tuple[Node, ...]:
    """Read the nodes, in the order of the document."""
    nodes = []
    for node_name, fields in members(tree, place, named=True, what="nodes by name").items():
        at = place.entry(node_name)
        if not node_name:
            fail(at, "an empty name", "a name of at least one character")
        nodes.append(_node(fields, at, name=node_name))
    return tuple(nodes)


def check_locations(nodes: tuple[Node, ...], settings: Settings, place: Place) -> None:
    """Check that each location has as many parts as there are levels; none at all may be absent."""
    levels = settings.levels
    if not levels:
        return
    for node in nodes:
        if node.location and node.location.count("/") + 1 != len(levels):
            fail(
                place.entry(node.name).field("location"),
                describe(node.location),
                f"{len(levels)} part{'s' if len(levels) > 1 else ''} ({'/'.join(levels)})",
            )
