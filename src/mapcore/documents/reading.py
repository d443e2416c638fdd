"""From the tree of a document to the cluster.

Large documents come with `nodes` and each `partitions` cut out of the tree, as bytes, under their
paths (see `mapcore.documents.plain`); a part that is not plain becomes a tree after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Config, Node, Settings
from mapcore.documents import plain
from mapcore.documents.maps import (
    MapHeader,
    MapType,
    check_can_become,
    make_keys,
    make_map,
    read_header,
)
from mapcore.documents.parsing import parse
from mapcore.documents.partitions import KnownNodes, Rows, read_rows
from mapcore.documents.places import Place, fail
from mapcore.documents.settings import (
    check_locations,
    merged_settings,
    read_config,
    read_nodes,
    read_settings,
)
from mapcore.documents.shapes import check_kept, members, unknown_fields
from mapcore.documents.targets import check_target
from mapcore.keys import KeyFunction
from mapcore.maps import NodeIndex, PartitionMap

__all__ = ["Parts", "read_cluster"]

Parts: TypeAlias = Mapping[str, memoryview]
NO_PARTS: Final[Parts] = MappingProxyType({})

_DOCUMENT_FIELDS: Final = ("settings", "config", "nodes", "map", "maps")
_ENTRY_FIELDS: Final = ("settings", "current", "target")


@dataclass(frozen=True, slots=True)
class _Context:
    """What reading a map needs beside its tree."""

    nodes: KnownNodes
    parts: Parts


@dataclass(slots=True)
class _Draft:
    """A map that is read as far as it can be before all nodes are known."""

    place: Place
    header: MapHeader
    rows: Rows
    keys: KeyFunction
    order: Any


@dataclass(slots=True)
class _Entry:
    """One of the cluster's maps, as far as it can be read before all nodes are known."""

    settings: Settings
    stated: Mapping[str, Any]
    own: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    drafts: dict[str, _Draft] = field(default_factory=dict)


def read_cluster(tree: Any, parts: Parts = NO_PARTS) -> Cluster:
    """Read a whole document.

    Args:
        tree: the document; null stands for what is in `parts`.
        parts: bytes that were cut out, by their paths.

    Raises:
        DocumentError: for the first thing that is wrong.
    """
    root = Place()
    top = members(tree, root, what="an object with settings, nodes and a map")
    if "map" in top and "maps" in top:
        fail(root.field("maps"), "both map and maps", "one of them")
    common = top.get("settings", {})
    settings = read_settings(common, root.field("settings"))
    nodes = _read_nodes(top, root.field("nodes"), parts)
    if nodes is not None:
        check_locations(nodes, settings, root.field("nodes"))
    known = KnownNodes(None if nodes is None else (node.name for node in nodes))
    context = _Context(known, parts)
    if "maps" in top:
        entries = _read_entries(top["maps"], root.field("maps"), common, context)
        if nodes is not None:
            for entry in entries.values():
                check_locations(nodes, entry.settings, root.field("nodes"))
    else:
        entry = _read_sole_map(top, root, settings, common, context)
        entries, settings = {SOLE_MAP: entry}, entry.settings
    index = NodeIndex(known.numbers)
    cluster = Cluster(
        nodes=tuple(Node(name=name) for name in index) if nodes is None else nodes,
        settings=settings,
        config=read_config(top["config"], root.field("config")) if "config" in top else Config(),
        maps={name: _finish(entry, index) for name, entry in entries.items()},
        lists_nodes=nodes is not None,
        is_short_form="maps" not in top,
        extra=unknown_fields(top, _DOCUMENT_FIELDS, root),
    )
    # The maps and the cluster share one index, so that comparing their nodes costs nothing.
    cluster.__dict__["node_index"] = index
    return cluster


def _read_nodes(top: Mapping[str, Any], place: Place, parts: Parts) -> tuple[Node, ...] | None:
    if "nodes" not in top:
        return None
    part = parts.get(str(place))
    if part is None:
        return read_nodes(top["nodes"], place)
    nodes = plain.read_nodes(part)
    return read_nodes(parse(bytes(part)), place) if nodes is None else nodes


def _read_sole_map(
    top: Mapping[str, Any],
    root: Place,
    settings: Settings,
    stated: Mapping[str, Any],
    context: _Context,
) -> _Entry:
    entry = _Entry(settings, stated)
    if "map" in top:
        _read_map(entry, top["map"], root.field("map"), None, context)
    return entry


def _read_entries(tree: Any, place: Place, common: Any, context: _Context) -> dict[str, _Entry]:
    entries = {}
    for name, value in members(tree, place, named=True, what="maps by name").items():
        at = place.entry(name)
        fields = members(value, at)
        own = fields.get("settings", {})
        members(own, at.field("settings"))
        check_kept(own, at.field("settings"))
        merged = merged_settings(common, own)
        entries[name] = entry = _Entry(
            read_settings(merged, at.field("settings")),
            merged,
            own,
            unknown_fields(fields, _ENTRY_FIELDS, at),
        )
        types: tuple[MapType, ...] = ("current", "target")
        for type_ in sorted((kind for kind in types if kind in fields), key=list(fields).index):
            has_target = type_ == "current" and "target" in fields
            _read_map(entry, fields[type_], at.field(type_), type_, context, has_target=has_target)
        if len(entry.drafts) == len(types):
            current, target = entry.drafts["current"], entry.drafts["target"]
            check_can_become(current.keys, target.keys, target.place)
    return entries


def _read_map(
    entry: _Entry,
    tree: Any,
    place: Place,
    type_: MapType | None,
    context: _Context,
    *,
    has_target: bool = False,
) -> None:
    header = read_header(tree, place, entry.settings, entry.stated, type_, has_target=has_target)
    if header.key_func != entry.settings.key_func:
        entry.settings = msgspec.structs.replace(entry.settings, key_func=header.key_func)
    at = place.field("partitions")
    has_ranges = header.key_func == "range"
    rows = _read_rows(tree, at, context, has_ranges=has_ranges)
    keys, order = make_keys(header, rows, at)
    entry.drafts[header.type] = _Draft(place, header, rows, keys, order)


def _read_rows(
    tree: Mapping[str, Any], place: Place, context: _Context, *, has_ranges: bool
) -> Rows:
    part = context.parts.get(str(place))
    if part is None:
        return read_rows(tree["partitions"], place, context.nodes, has_ranges=has_ranges)
    rows = plain.read_rows(part, place, context.nodes, has_ranges=has_ranges)
    if rows is None:
        rows = read_rows(parse(bytes(part)), place, context.nodes, has_ranges=has_ranges)
    return rows


def _finish(entry: _Entry, index: NodeIndex) -> ClusterMap:
    maps: dict[str, PartitionMap] = {}
    for type_, draft in entry.drafts.items():
        maps[type_] = make_map(draft.header, draft.keys, draft.order, draft.rows, index)
    if "target" in maps:
        draft = entry.drafts["target"]
        check_target(
            maps["target"],
            entry.settings,
            draft.place.field("partitions"),
            are_constraints_stated="constraints" in entry.stated,
            is_partial=draft.header.is_partial,
        )
    extras = {type_: draft.header.extra for type_, draft in entry.drafts.items()}
    return ClusterMap(
        settings=entry.settings,
        current=maps.get("current"),
        target=maps.get("target"),
        own_settings=entry.own,
        extra=entry.extra,
        current_extra=extras.get("current", {}),
        target_extra=extras.get("target", {}),
    )
