"""From the cluster to the text of its document.

Written for people: one node and one partition a line, fields in the order of the reference. What
is at its default is left out, except for what a reader of the document would look for first. What
`mapcore.documents.reading` would refuse is refused here too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, cast

import msgspec
import numpy as np

from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Config, Constraints, Node, Settings
from mapcore.documents.maps import MapType, check_can_become
from mapcore.documents.partition_text import partition_texts
from mapcore.documents.places import Place, describe, fail
from mapcore.documents.settings import merged_settings, read_settings
from mapcore.documents.targets import check_target, falls_short, has_too_many
from mapcore.documents.trees import merge_patch, tree_of
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap, Version

__all__ = ["Layout", "is_short", "maps_of", "write_cluster"]

Members = Iterable[tuple[str, str]]


def quoted(name: str) -> str:
    """Return text as JSON, fast."""
    return msgspec.json.encode(name).decode()


class Layout:
    """How the text is laid out: indented by so many spaces, or without any white space."""

    def __init__(self, indent: int | None) -> None:
        self._indent = indent
        self.comma: Final = "," if indent is None else ", "
        self.colon: Final = ":" if indent is None else ": "
        self._encoder = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(self.comma, self.colon)
        )

    def line(self, tree: Any) -> str:
        """Return a value on one line."""
        return self._encoder.encode(tree)

    def block(self, members: Members, depth: int) -> str:
        """Return an object with a line for each member; `depth` is that of its own line."""
        texts = [f"{quoted(name)}{self.colon}{text}" for name, text in members]
        if not texts:
            return "{}"
        if self._indent is None:
            return "{" + ",".join(texts) + "}"
        outer = "\n" + " " * (self._indent * depth)
        inner = outer + " " * self._indent
        return "{" + inner + f",{inner}".join(texts) + outer + "}"

    def lines(self, tree: Mapping[str, Any], depth: int) -> str:
        """Return an object with a line for each field."""
        return self.block(((name, self.line(value)) for name, value in tree.items()), depth)


def write_cluster(cluster: Cluster, layout: Layout) -> str:
    """Return the text of a document.

    Raises:
        DocumentError: the cluster is one that no document may describe.
    """
    root = Place()
    common = _common_settings(cluster)
    members = []
    if cluster.settings != Settings():
        read_settings(common, root.field("settings"))
        members.append(("settings", layout.lines(common, 1)))
    if cluster.config != Config():
        members.append(("config", layout.lines(tree_of(cluster.config), 1)))
    if cluster.lists_nodes or not _are_nodes_implied(cluster):
        members.append(("nodes", layout.block(_node_texts(cluster.nodes, layout), 1)))
    if is_short(cluster):
        entry = cluster.maps[SOLE_MAP]
        for type_, found in maps_of(entry):
            at = root.field("map")
            fields = _map_fields(cluster, entry, type_, found, common, at, layout, 1)
            members.append(("map", layout.block(chain([("type", f'"{type_}"')], fields), 1)))
    else:
        entries = (
            (name, _entry_text(cluster, entry, common, root.field("maps").entry(name), layout))
            for name, entry in cluster.maps.items()
        )
        members.append(("maps", layout.block(entries, 1)))
    members.extend((name, layout.line(value)) for name, value in cluster.extra.items())
    return layout.block(members, 0)


def is_short(cluster: Cluster) -> bool:
    """Whether a cluster is written in the short form, with its one `map`."""
    if not cluster.is_short_form or list(cluster.maps) != [SOLE_MAP]:
        return False
    entry = cluster.maps[SOLE_MAP]
    return (
        (entry.current is None or entry.target is None)
        and not entry.extra
        and entry.settings == cluster.settings
    )


def maps_of(entry: ClusterMap) -> Iterator[tuple[MapType, PartitionMap]]:
    """Iterate over the current and the target map, as far as there are any."""
    if entry.current is not None:
        yield "current", entry.current
    if entry.target is not None:
        yield "target", entry.target


def _are_nodes_implied(cluster: Cluster) -> bool:
    """Whether a reader of the maps alone would find these nodes, in this order."""
    if any(node != Node(name=node.name) for node in cluster.nodes):
        return False
    names: dict[str, None] = {}
    for entry in cluster.maps.values():
        for _, found in maps_of(entry):
            numbers, firsts = np.unique(found.copy_nodes, return_index=True)
            names.update((found.nodes.names[i], None) for i in numbers[np.argsort(firsts)].tolist())
    return list(names) == [node.name for node in cluster.nodes]


def _node_texts(nodes: Iterable[Node], layout: Layout) -> Iterator[tuple[str, str]]:
    """Return each node's name and text; nodes that differ in nothing but names share theirs."""
    known: dict[Any, str] = {}
    for node in nodes:
        look = None
        if not node.extra and not any(volume.extra for volume in node.volumes):
            volumes = tuple((volume.type, volume.path, volume.capacity) for volume in node.volumes)
            look = (node.location, node.weight, node.health, node.mode, volumes, node.tags)
        text = known.get(look)
        if text is None:
            text = layout.line(tree_of(node))
            if look is not None:
                known[look] = text
        yield node.name, text


def _settings_tree(settings: Settings, maps: Iterable[ClusterMap]) -> dict[str, Any]:
    """Return settings as they are written.

    Assignment, constraints and key function are written even where they are the defaults. The
    latter two are not if one of the maps shows that nobody stated them.
    """
    tree: dict[str, Any] = {"assignment": settings.assignment.value}
    if settings.constraints != Constraints() or not any(
        entry.target is not None and has_too_many(entry.target, settings) for entry in maps
    ):
        asked = settings.constraints
        tree["constraints"] = {"master": asked.master, "slave": asked.slave, **asked.extra}
    if settings.key_func != "hash-crc32" or all(
        found.keys.label == "hash-crc32" for entry in maps for _, found in maps_of(entry)
    ):
        tree["keyFunc"] = settings.key_func
    return tree | {
        name: value
        for name, value in tree_of(settings).items()
        if name not in ("assignment", "constraints", "keyFunc")
    }


def _common_settings(cluster: Cluster) -> dict[str, Any]:
    return _settings_tree(cluster.settings, list(cluster.maps.values()))


def _entry_text(
    cluster: Cluster,
    entry: ClusterMap,
    common: Mapping[str, Any],
    place: Place,
    layout: Layout,
) -> str:
    own = _own_settings(cluster, entry, common, place.field("settings"))
    stated = merged_settings(common, own)
    members = [("settings", layout.lines(own, 3))] if own else []
    if entry.current is not None and entry.target is not None:
        check_can_become(entry.current.keys, entry.target.keys, place.field("target"))
    for type_, found in maps_of(entry):
        fields = _map_fields(cluster, entry, type_, found, stated, place.field(type_), layout, 3)
        members.append((type_, layout.block(fields, 3)))
    members.extend((name, layout.line(value)) for name, value in entry.extra.items())
    return layout.block(members, 2)


def _own_settings(
    cluster: Cluster, entry: ClusterMap, common: Mapping[str, Any], place: Place
) -> Mapping[str, Any]:
    """Return the map's own settings: as they stood in the document, if they still say the same."""
    merged = merged_settings(common, entry.own_settings)
    said = read_settings(merged, place)
    if "keyFunc" not in merged:
        for _, found in maps_of(entry):
            said = msgspec.structs.replace(said, key_func=found.keys.label)
    if said == entry.settings:
        return entry.own_settings
    return cast("dict[str, Any]", merge_patch(common, _settings_tree(entry.settings, [entry])))


def _map_fields(
    cluster: Cluster,
    entry: ClusterMap,
    type_: MapType,
    found: PartitionMap,
    stated: Mapping[str, Any],
    place: Place,
    layout: Layout,
    depth: int,
) -> Iterator[tuple[str, str]]:
    _check_map(cluster, entry, found, stated, place)
    are_stated = "constraints" in stated
    is_partial = type_ == "target" and are_stated and falls_short(found, entry.settings)
    if type_ == "target":
        check_target(
            found,
            entry.settings,
            place.field("partitions"),
            are_constraints_stated=are_stated,
            is_partial=is_partial,
        )
    if found.keys.label == "hash-crc32":
        yield "numPartitions", str(len(found.keys))
    yield "keyFunc", layout.line(found.keys.label)
    if found.version != Version():
        yield "version", layout.line(list(found.version))
    if is_partial:
        yield "partial", "true"
    extra = entry.current_extra if type_ == "current" else entry.target_extra
    for name, value in extra.items():
        yield name, layout.line(value)
    yield "partitions", layout.block(partition_texts(found, layout.line, quoted), depth + 1)


def _check_map(
    cluster: Cluster,
    entry: ClusterMap,
    found: PartitionMap,
    stated: Mapping[str, Any],
    place: Place,
) -> None:
    """Check what `reading` checks and a cluster put together in a program may break."""
    if "keyFunc" in stated and stated["keyFunc"] != found.keys.label:
        fail(
            place.field("keyFunc"),
            describe(found.keys.label),
            f"{describe(stated['keyFunc'])}, as in the settings",
        )
    count = entry.settings.num_partitions
    is_left = found is entry.current and entry.target is not None
    if isinstance(found.keys, HashKeys) and count not in (None, len(found.keys)) and not is_left:
        fail(place.field("numPartitions"), str(len(found.keys)), f"{count}, as in the settings")
    if found.nodes == cluster.node_index:
        return
    for number in np.unique(found.copy_nodes).tolist():
        name = found.nodes.names[number]
        if name not in cluster.node_index:
            fail(
                place.field("partitions"),
                f"copies on the node {describe(name)}",
                "copies on nodes of the cluster alone",
            )
