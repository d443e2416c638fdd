"""What is odd about a cluster, though its document is not wrong.

An error keeps a document from being loaded; a problem is worth an operator's look: fields that
nobody knows (they may be misspelt), nodes that hold nothing or hold what they should not, keys that
no range covers, partitions that have not what the constraints ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from mapcore.cluster import Cluster, ClusterMap, Constraints, Mode, Settings
from mapcore.documents.maps import MapType
from mapcore.documents.places import Place, describe
from mapcore.documents.targets import count_copies, has_too_many
from mapcore.documents.trees import fields_of
from mapcore.documents.writing import is_short, maps_of
from mapcore.health import map_health
from mapcore.keys import RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import Placement

__all__ = ["Problem", "problems"]

_SETTINGS: Final = frozenset(Settings.__struct_encode_fields__)
PLAN_FIELDS: Final = frozenset({"mastersBefore", "lost"})
"""Fields of a partition that plans write for later plans, and that nobody else reads."""

FEED_FIELDS: Final = frozenset({"feeds", "reach"})
"""Fields of a partition that say how derived maps follow their sources."""

_KEPT: Final = "a field that mapcore does not know: kept, but not used"


class Problem(NamedTuple):
    """Something worth a look.

    Attributes:
        path: where in the document, as in `DocumentError`; empty for the whole.
        text: what it is.
    """

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'document'}: {self.text}"


def problems(cluster: Cluster) -> list[Problem]:
    """Return what is odd about a cluster: the document first, then nodes, then map by map.

    Linear in nodes and copies; there may be one problem for each partition and node.
    """
    root = Place()
    found = list(_unknown(cluster.extra, root))
    found += _unknown_within(cluster.settings, root.field("settings"))
    found += _contradictory_rules(cluster.settings, root.field("settings").field("rules"))
    found += _too_few_peers(cluster.settings, root.field("settings").field("maxPeers"))
    found += _unknown_within(cluster.config, root.field("config"))
    found += _node_problems(cluster, root.field("nodes"))
    short = is_short(cluster)
    for name, entry in cluster.maps.items():
        place = root.field("map") if short else root.field("maps").entry(name)
        found += _unknown(entry.extra, place)
        found += _unknown(
            [field for field in entry.own_settings if field not in _SETTINGS],
            place.field("settings"),
        )
        if "maxPeers" in entry.own_settings:
            limit = place.field("settings").field("maxPeers")
            found += _too_few_peers(entry.settings, limit)
        for type_, held in maps_of(entry):
            at = place if short else place.field(type_)
            found += _unknown(entry.current_extra if type_ == "current" else entry.target_extra, at)
            found += _map_problems(cluster, entry, type_, held, at.field("partitions"))
        if entry.current is None and entry.target is None:
            found.append(Problem(str(place), "there is neither a current nor a target map"))
    return found


def _unknown(extra: Iterable[str], place: Place) -> Iterator[Problem]:
    for name in extra:
        yield Problem(str(place.field(name)), _KEPT)


def _unknown_within(value: Any, place: Place) -> Iterator[Problem]:
    """Find unknown fields in a value of the model and in all that it holds."""
    if isinstance(value, msgspec.Struct):
        yield from _unknown(value.extra, place)  # type: ignore[attr-defined]
        for attribute, name, default in fields_of(type(value)):
            item = getattr(value, attribute)
            if item != default:
                yield from _unknown_within(item, place.field(name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unknown_within(item, place.field(name))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _unknown_within(item, place.item(i))


def _contradictory_rules(settings: Settings, place: Place) -> Iterator[Problem]:
    """Find rules that no node can satisfy."""
    for role, rules in settings.rules.items():
        for i, rule in enumerate(rules):
            if not {rule.same, rule.different} <= {*settings.levels}:
                continue
            if settings.levels.index(rule.same) >= settings.levels.index(rule.different):
                yield Problem(
                    str(place.field(role).item(i)),
                    f"contradicts itself: a node in the same {rule.same} is not in another "
                    f"{rule.different}",
                )


def _too_few_peers(settings: Settings, place: Place) -> Iterator[Problem]:
    """Find limits on peers that no map can keep to, and reserves that leave too few."""
    limit, others = settings.peer_limit, settings.constraints.copy_count - 1
    if limit is None:
        return
    at = place if isinstance(settings.max_peers, int) else place.field("count")
    if limit.count < others:
        yield Problem(
            str(at),
            f"{limit.count}, but the copies of a partition are on {others + 1} nodes: each has "
            f"{others} others",
        )
    elif limit.count - limit.reserve < others and not isinstance(settings.max_peers, int):
        yield Problem(
            str(place.field("reserve")),
            f"{limit.reserve} of {limit.count} leaves too few for {others} other copies: a first "
            "plan keeps less in reserve",
        )


def _node_problems(cluster: Cluster, place: Place) -> Iterator[Problem]:
    if not cluster.nodes:
        yield Problem(str(place), "there are no nodes")
    held = _copies_by_node(cluster, [kind for kind in Placement if kind > Placement.DEAD])
    any_maps = any(True for entry in cluster.maps.values() for _ in maps_of(entry))
    for node in cluster.nodes:
        at = place.entry(node.name)
        yield from _unknown_within(node, at)
        if cluster.settings.levels and not node.location:
            yield Problem(
                str(at.field("location")), f"none, though levels are {_levels(cluster.settings)}"
            )
        copies = held.get(node.name, 0)
        if any_maps and not copies and node.mode is Mode.ACTIVE and node.weight:
            yield Problem(str(at), "holds no copies in any map")
        if copies and node.mode is Mode.GONE:
            yield Problem(str(at.field("mode")), f"gone, but {_count(copies, 'copy')} stand here")


def _levels(settings: Settings) -> str:
    return "/".join(settings.levels)


def _count(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def _copies_by_node(cluster: Cluster, placements: Iterable[Placement]) -> dict[str, int]:
    held: dict[str, int] = {}
    wanted = tuple(placements)
    for entry in cluster.maps.values():
        for _, found in maps_of(entry):
            loads = found.loads(*wanted)
            for number in np.flatnonzero(loads).tolist():
                name = found.nodes.names[number]
                held[name] = held.get(name, 0) + int(loads[number])
    return held


def _map_problems(
    cluster: Cluster, entry: ClusterMap, type_: MapType, held: PartitionMap, place: Place
) -> Iterator[Problem]:
    for partition, extra in sorted(held.extra.items()):
        names = [name for name in extra if name not in PLAN_FIELDS | FEED_FIELDS]
        yield from _unknown(names, place.entry(held.keys.name(partition)))
    if isinstance(held.keys, RangeKeys):
        for start, end in held.keys.gaps():
            until = " on" if end is None else f" up to {_describe_key(end)}"
            yield Problem(
                str(place),
                f"a gap: no partition covers the keys from {_describe_key(start)}{until}",
            )
    if type_ == "target":
        yield from _target_nodes(cluster, held, place)
        yield from _wrong_counts(held, entry.settings, place)
    else:
        yield from _poor_health(cluster, held, entry.settings, place)


def _target_nodes(cluster: Cluster, held: PartitionMap, place: Place) -> Iterator[Problem]:
    """Find nodes that a target map gives what their mode or weight rules out."""
    copies = held.loads()
    masters = held.loads(Placement.MASTER)
    modes = {node.name: node for node in cluster.nodes}
    for number in np.flatnonzero(copies).tolist():
        node = modes[held.nodes.names[number]]
        reason = None
        if node.mode in (Mode.LEAVING, Mode.GONE):
            reason = f"{_count(copies[number], 'copy')} on node {describe(node.name)}, "
            reason += f"which is {node.mode.value}"
        elif node.mode is Mode.MAINTENANCE and masters[number]:
            reason = f"{_count(masters[number], 'master')} on node {describe(node.name)}, "
            reason += "which is in maintenance"
        elif not node.weight:
            reason = f"{_count(copies[number], 'copy')} on node {describe(node.name)}, "
            reason += "whose weight is 0"
        if reason is not None:
            yield Problem(str(place), f"the target map puts {reason}")


def _wrong_counts(held: PartitionMap, settings: Settings, place: Place) -> Iterator[Problem]:
    """Find partitions that have not as many masters and slaves as are asked for."""
    if _are_constraints_unstated(held, settings):
        return
    masters, slaves = (count_copies(held, kind) for kind in (Placement.MASTER, Placement.SLAVE))
    asked = settings.constraints
    for partition in np.flatnonzero((masters != asked.master) | (slaves != asked.slave)).tolist():
        yield Problem(
            str(place.entry(held.keys.name(partition))),
            f"{masters[partition]} of {asked.master} masters, "
            f"{slaves[partition]} of {asked.slave} slaves",
        )


def _poor_health(
    cluster: Cluster, held: PartitionMap, settings: Settings, place: Place
) -> Iterator[Problem]:
    """Find partitions that are not green, or have more slaves than asked for."""
    health = map_health(held, settings, cluster.nodes)
    wrong = health.levels != 0
    if not _are_constraints_unstated(held, settings):
        wrong |= count_copies(held, Placement.SLAVE) > settings.constraints.slave
    for partition in np.flatnonzero(wrong).tolist():
        yield Problem(str(place.entry(held.keys.name(partition))), health.describe(partition))


def _are_constraints_unstated(held: PartitionMap, settings: Settings) -> bool:
    """Whether the constraints are the defaults and the map shows that nobody meant them."""
    return settings.constraints == Constraints() and has_too_many(held, settings)


def _describe_key(key: bytes) -> str:
    """Return a key as short text."""
    try:
        return describe(key.decode())
    except UnicodeDecodeError:
        return f"0x{key.hex()}"
