"""What a caller asks to change, checked and applied to the cluster's nodes.

| asked | what becomes of the node |
| --- | --- |
| add | active |
| remove | leaving, as long as it holds copies; without any it is dropped from the list |
| swap | the old one as if removed; the new one active, with the old one's place unless it has one |
| maintain | maintenance |
| fail | gone, and red |
| activate | active again |
| weights | another weight |

Failover, maintenance and its end, and a swap move no data but their own. Anything else asks for
every copy to be where it should be, as does a plan without any change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from typing import Any, Final

import msgspec
import numpy as np

from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Health, Mode, Node
from mapcore.errors import PlanError
from mapcore.planning.nodes import node_table

__all__ = ["ChangedCluster", "Changes", "apply_changes"]

_MODE_AFTER: Final = {
    "remove": Mode.LEAVING,
    "swap": Mode.LEAVING,
    "maintain": Mode.MAINTENANCE,
    "fail": Mode.GONE,
    "activate": Mode.ACTIVE,
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change, by the names of nodes.

    Attributes:
        add: the new nodes, by name.
        modes: the kind of change, one of the first column of the module's table, of each node
            that is removed, swapped out, maintained, failed or activated.
        swap: old name to new name.
        weights: new weight by name.
        rebuild: whether to restore what is missing, whatever else is asked.
    """

    add: Mapping[str, Node] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    swap: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    rebuild: bool = False

    @classmethod
    def of(
        cls,
        *,
        add: Mapping[str, str | Node] | Iterable[str | Node] = (),
        swap: Mapping[str, str],
        weights: Mapping[str, float],
        rebuild: bool,
        **named: Iterable[str],
    ) -> Changes:
        """Check the arguments of `plan` as far as that needs no cluster.

        Raises:
            PlanError: wrong kind of argument, a node named twice, or a weight that is none.
        """
        for argument, mapping in (("swap", swap), ("weights", weights)):
            if not isinstance(mapping, Mapping):
                raise PlanError(f"{argument}: found {mapping!r}, expected a mapping from names")
        modes: dict[str, str] = {}
        for kind, names in (*named.items(), ("swap", swap)):
            if isinstance(names, str) or not isinstance(names, Iterable):
                raise PlanError(f"{kind}: found {names!r}, expected a list of names of nodes")
            for name in names:
                if modes.setdefault(name, kind) != kind:
                    raise PlanError(
                        f"found node {name!r} in both {modes[name]} and {kind}, expected one"
                    )
        for name, weight in weights.items():
            if not _is_weight(weight):
                raise PlanError(f"weights[{name!r}]: found {weight!r}, expected a number from 0 up")
        return cls(_added_nodes(add), modes, dict(swap), dict(weights), rebuild)


@dataclass(frozen=True, slots=True)
class ChangedCluster:
    """A cluster with the changes applied, and what they mean for one of its maps.

    Attributes:
        cluster: the cluster with its nodes changed; its maps are as they were.
        map_name: the map to be planned.
        entry: that map.
        moves_data: whether every copy is to be where it should be; if not, copies stay.
        successors: number of a node that is swapped out, to the number of the one in its place.
        recovering: numbers of nodes that come back after a failure, which may still hold data.
        returning: numbers of nodes that come back from maintenance.
    """

    cluster: Cluster
    map_name: str
    entry: ClusterMap
    moves_data: bool
    successors: Mapping[int, int]
    recovering: tuple[int, ...]
    returning: tuple[int, ...]


def apply_changes(cluster: Cluster, map_name: str | None, changes: Changes) -> ChangedCluster:
    """Apply changes to a cluster's nodes.

    Raises:
        PlanError: an unknown map, a node that is unknown or exists already, or a swap onto a node
            that holds copies.
    """
    cluster, map_name, entry = _with_map(cluster, map_name)
    index = cluster.node_index
    added = dict(changes.add)
    for name in added:
        if name in index:
            raise PlanError(
                f"add: found node {name!r}, which is in the cluster already in mode "
                f"{cluster.node(name).mode.value}, expected a new name; activate brings one back"
            )
    for name, kind in changes.modes.items():
        if name not in index:
            raise PlanError(f"{kind}: {_unknown(name, cluster)}")
    for old, new in changes.swap.items():
        _check_successor(cluster, changes, old, new)
        if new not in index and new not in added:
            outgoing = cluster.node(old)
            added[new] = msgspec.structs.replace(
                outgoing, name=new, mode=Mode.ACTIVE, health=Health.GREEN
            )
    replaced = {
        index.number(name): _in_mode(cluster.node(name), kind)
        for name, kind in changes.modes.items()
    }
    for name, weight in changes.weights.items():
        if name in added:
            added[name] = msgspec.structs.replace(added[name], weight=float(weight))
        elif name in index:
            number = index.number(name)
            node = replaced.get(number, cluster.nodes[number])
            replaced[number] = msgspec.structs.replace(node, weight=float(weight))
        else:
            raise PlanError(f"weights: {_unknown(name, cluster)}")

    before = {name: cluster.node(name).mode for name in changes.modes}
    changed = _changed_cluster(cluster, map_name, changes, replaced, tuple(added.values()))
    numbers = changed.node_index.numbers
    back = [name for name, kind in changes.modes.items() if kind == "activate"]
    recovering = tuple(numbers[name] for name in back if before[name] is Mode.GONE)
    return ChangedCluster(
        cluster=changed,
        map_name=map_name,
        entry=entry,
        moves_data=_moves_data(changes, before),
        successors={
            numbers[old]: numbers[new] for old, new in changes.swap.items() if old in numbers
        },
        recovering=recovering,
        returning=tuple(numbers[name] for name in back if before[name] is Mode.MAINTENANCE),
    )


def _moves_data(changes: Changes, before: Mapping[str, Mode]) -> bool:
    still = all(
        kind in ("maintain", "fail", "swap")
        or (kind == "activate" and before[name] is Mode.MAINTENANCE)
        for name, kind in changes.modes.items()
    )
    only_successors = set(changes.add) <= set(changes.swap.values())
    if changes.rebuild or changes.weights or not only_successors:
        return True
    return not changes.modes or not still


def _with_map(cluster: Cluster, name: str | None) -> tuple[Cluster, str, ClusterMap]:
    """Find the map to plan; a cluster without any gets an empty one."""
    if not cluster.maps and name in (None, SOLE_MAP):
        entry = ClusterMap(settings=cluster.settings)
        return cluster.with_maps({SOLE_MAP: entry}), SOLE_MAP, entry
    if name is None and len(cluster.maps) == 1:
        name = next(iter(cluster.maps))
    if name is None or name not in cluster.maps:
        found = "several maps and no name" if name is None else f"no map called {name!r}"
        known = ", ".join(cluster.maps) or "none"
        raise PlanError(f"map: found {found}, expected the name of one of them: {known}")
    return cluster, name, cluster.maps[name]


def _changed_cluster(
    cluster: Cluster,
    map_name: str,
    changes: Changes,
    replaced: dict[int, Node],
    added: tuple[Node, ...],
) -> Cluster:
    if not replaced and not added:
        return cluster
    removed = {name for name, kind in changes.modes.items() if kind in ("remove", "swap")}
    empty = removed - _holders(cluster, map_name) if removed else set()
    changed = cluster.with_node_changes(replaced, added)
    if empty:
        return changed.with_nodes(tuple(node for node in changed.nodes if node.name not in empty))
    changed.memo["node_table"] = node_table(cluster).changed(replaced, added)
    return changed


def _holders(cluster: Cluster, map_name: str) -> set[str]:
    """Return the names of nodes that hold a copy of anything, or are to hold one by another map."""
    holders: set[str] = set()
    for name, entry in cluster.maps.items():
        for each in (entry.current, None if name == map_name else entry.target):
            if each is not None:
                loads = np.bincount(each.copy_nodes, minlength=each.node_count)
                names = each.nodes.names
                holders.update(map(names.__getitem__, np.flatnonzero(loads).tolist()))
    return holders


def _check_successor(cluster: Cluster, changes: Changes, old: str, new: str) -> None:
    if list(changes.swap.values()).count(new) > 1:
        raise PlanError(f"swap: found {new!r} in the place of two nodes, expected one")
    if new in changes.modes:
        raise PlanError(
            f"swap: found {new!r} in the place of {old!r}, but also in {changes.modes[new]}"
        )
    if new not in cluster.node_index:
        return
    if cluster.node(new).mode is not Mode.ACTIVE:
        raise PlanError(
            f"swap: found {new!r} in mode {cluster.node(new).mode.value} in the place of {old!r}, "
            "expected an active node or a new one"
        )
    for name, entry in cluster.maps.items():
        current = entry.current
        if current is not None and new in current.nodes:
            held = int(np.count_nonzero(current.copy_nodes == current.nodes.number(new)))
            if held:
                raise PlanError(
                    f"swap: found {held} copies of {name} on {new!r}, "
                    f"expected an empty node in the place of {old!r}"
                )


def _in_mode(node: Node, kind: str) -> Node:
    mode = _MODE_AFTER[kind]
    if mode is Mode.MAINTENANCE and node.mode in (Mode.LEAVING, Mode.GONE):
        raise PlanError(
            f"maintain: found node {node.name!r} in mode {node.mode.value}, expected an active node"
        )
    if mode is Mode.LEAVING and node.mode is Mode.GONE:
        return node
    if mode is Mode.GONE:
        return msgspec.structs.replace(node, mode=mode, health=Health.RED)
    if mode is Mode.ACTIVE and node.health is Health.RED:
        return msgspec.structs.replace(node, mode=mode, health=Health.GREEN)
    return msgspec.structs.replace(node, mode=mode)


def _added_nodes(add: Any) -> dict[str, Node]:
    if isinstance(add, str) or not isinstance(add, Iterable):
        raise PlanError(
            f"add: found {add!r}, expected names of nodes, or a mapping from name to location"
        )
    pairs = add.items() if isinstance(add, Mapping) else ((item, item) for item in add)
    nodes: dict[str, Node] = {}
    for key, value in pairs:
        name = key.name if isinstance(key, Node) else key
        if isinstance(value, Node):
            node = value
        elif isinstance(value, str):
            node = Node(name=name, location=value if isinstance(add, Mapping) else "")
        else:
            raise PlanError(f"add[{name!r}]: found {value!r}, expected a location or a Node")
        if not isinstance(name, str) or not name or node.name != name:
            raise PlanError(f"add: found the name {name!r} for {node!r}, expected its own name")
        if name in nodes:
            raise PlanError(f"add: found node {name!r} twice, expected every name once")
        if not _is_weight(node.weight):
            raise PlanError(
                f"add[{name!r}]: found weight {node.weight!r}, expected a number from 0 up"
            )
        nodes[name] = node
    return nodes


def _is_weight(weight: object) -> bool:
    return (
        isinstance(weight, int | float)
        and not isinstance(weight, bool)
        and isfinite(weight)
        and weight >= 0
    )


def _unknown(name: object, cluster: Cluster) -> str:
    some = ", ".join(islice(cluster.node_index.names, 5))
    more = ", ..." if len(cluster.nodes) > 5 else ""
    return (
        f"found node {name!r}, which is not in the cluster, "
        f"expected one of its {len(cluster.nodes)} nodes ({some or 'none'}{more})"
    )
