"""What a caller asks to change, checked and applied to the cluster's nodes.

| asked | what becomes of the node |
| --- | --- |
| add | active |
| remove | leaving, as long as it holds copies; without any it is dropped from the list |
| swap | the old one as if removed; the new one active, with the old one's place unless it has one |
| maintain | maintenance |
| fail | gone, and red, also where it is swapped at once |
| activate | active again |
| weights | another weight |

Failover, maintenance and its end, and a swap move no data but their own. Anything else asks for
every copy to be where it should be, as does a plan without any change.

Planning needs columns and names alone: the nodes of the changed cluster are made when they are
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from sys import float_info
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Health, Mode, Node
from mapcore.errors import PlanError
from mapcore.maps import NodeIndex
from mapcore.planning.nodes import (
    ACTIVE,
    GONE,
    LEAVING,
    MAINTENANCE,
    MODES,
    NodeTable,
    node_table,
)

__all__ = ["ChangedCluster", "Changes", "apply_changes", "apply_changes_to_all"]

_NUMBERS: Final = (int, float)
_MODE_AFTER: Final = {
    "remove": LEAVING,
    "swap": LEAVING,
    "maintain": MAINTENANCE,
    "fail": GONE,
    "activate": ACTIVE,
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change, by the names of nodes.

    Attributes:
        add: the new nodes, by name.
        named: for each kind of change that gives nodes another mode (the keys of the module's
            table that are not add and weights), the names of those nodes.
        swap: old name to new name.
        weights: new weight by name.
        rebuild: whether to restore what is missing, whatever else is asked.
    """

    add: Mapping[str, Node] = field(default_factory=dict)
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    swap: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    rebuild: bool = False

    @classmethod
    def of(
        cls,
        *,
        add: Mapping[str, str | Node] | Iterable[str | Node],
        swap: Mapping[str, str],
        weights: Mapping[str, float],
        rebuild: bool,
        **names: Iterable[str],
    ) -> Changes:
        """Check the arguments of `plan` as far as that needs no cluster.

        Raises:
            PlanError: wrong kind of argument, a node named twice, or a weight that is none.
        """
        for argument, mapping in (("swap", swap), ("weights", weights)):
            if not isinstance(mapping, Mapping):
                raise PlanError(f"{argument}: found {mapping!r}, expected a mapping from names")
        for kind, given in names.items():
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise PlanError(f"{kind}: found {given!r}, expected a list of names of nodes")
        named = {kind: tuple(dict.fromkeys(given)) for kind, given in names.items()}
        named["swap"] = tuple(swap)
        _check_named_once(named)
        for name, weight in weights.items():
            if not _is_weight(weight):
                raise PlanError(f"weights[{name!r}]: found {weight!r}, expected a number from 0 up")
        return cls(_added_nodes(add), named, dict(swap), dict(weights), rebuild)


@dataclass(frozen=True, eq=False)
class ChangedCluster:
    """A cluster with the changes applied, and what they mean for one of its maps.

    Attributes:
        map_name: the map to be planned.
        entry: that map.
        index: the names of the nodes, with what is added and without what is dropped.
        table: the columns of the nodes.
        index_before: the index before the changes, if each node still has its number.
        added_count: how many nodes are new; they are the last ones.
        moves_data: whether every copy is to be where it should be; if not, copies stay.
        successors: number of a node that is swapped out, to the number of the one in its place.
        recovering: numbers of nodes that come back after a failure, which may still hold data.
        returning: numbers of nodes that come back from maintenance.
    """

    map_name: str
    entry: ClusterMap
    index: NodeIndex
    table: NodeTable
    index_before: NodeIndex | None
    added_count: int
    moves_data: bool
    successors: Mapping[int, int]
    recovering: tuple[int, ...]
    returning: tuple[int, ...]
    _base: Cluster
    _replacing: _Replacing
    _made: dict[str, Cluster] = field(default_factory=dict)

    @property
    def other_maps(self) -> dict[str, ClusterMap]:
        """The maps that are not planned, by name."""
        maps = self._base.maps
        return {name: entry for name, entry in maps.items() if name != self.map_name}

    @property
    def cluster(self) -> Cluster:
        """The cluster with its nodes changed; its maps are as they were. Made once for all maps."""
        if "changed" not in self._made:
            self._made["changed"] = self._make_cluster()
        return self._made["changed"]

    def _make_cluster(self) -> Cluster:
        replaced, added, dropped = self._replacing.nodes(self._base)
        changed = self._base.with_node_changes(replaced, added) if replaced or added else self._base
        if dropped:
            kept = (node for node in changed.nodes if node.name not in dropped)
            changed = changed.with_nodes(tuple(kept))
        if changed is not self._base:
            changed.__dict__["node_index"] = self.index
            changed.memo["node_table"] = self.table
        return changed


@dataclass(frozen=True, slots=True)
class _Replacing:
    """What is to become of the nodes, before any of them is made anew.

    Attributes:
        modes: the numbers of the nodes that get another mode, by that mode.
        weights: new weight by number.
        added: the new nodes.
        dropped: names of nodes that are left out.
    """

    modes: Mapping[int, NDArray[np.int64]]
    weights: Mapping[int, float]
    added: tuple[Node, ...]
    dropped: frozenset[str]

    def nodes(self, base: Cluster) -> tuple[dict[int, Node], tuple[Node, ...], frozenset[str]]:
        """Return the nodes that replace others, by number, those added, and names dropped."""
        replaced: dict[int, Node] = {}
        for mode, numbers in self.modes.items():
            for number in numbers.tolist():
                node = base.nodes[number]
                health = node.health
                if mode == GONE:
                    health = Health.RED
                elif mode == ACTIVE and health is Health.RED:
                    health = Health.GREEN
                replaced[number] = msgspec.structs.replace(node, mode=MODES[mode], health=health)
        for number, weight in self.weights.items():
            node = replaced.get(number, base.nodes[number])
            replaced[number] = msgspec.structs.replace(node, weight=weight)
        return replaced, self.added, self.dropped


def apply_changes(cluster: Cluster, map_name: str | None, changes: Changes) -> ChangedCluster:
    """Apply changes to a cluster's nodes.

    Raises:
        PlanError: an unknown map, a node that is unknown or exists already, or a swap onto a node
            that holds copies.
    """
    cluster, map_name, entry = _with_map(cluster, map_name)
    return _apply(cluster, map_name, entry, (map_name,), changes)


def apply_changes_to_all(cluster: Cluster, changes: Changes) -> tuple[ChangedCluster, ...]:
    """Apply changes to the nodes of a cluster all of whose maps are planned; one result a map.

    Raises:
        PlanError: as `apply_changes`.
    """
    name, entry = next(iter(cluster.maps.items()))
    first = _apply(cluster, name, entry, tuple(cluster.maps), changes)
    return tuple(replace(first, map_name=name, entry=entry) for name, entry in cluster.maps.items())


def _apply(
    cluster: Cluster, map_name: str, entry: ClusterMap, planned: Sequence[str], changes: Changes
) -> ChangedCluster:
    table = node_table(cluster)
    numbers = {
        kind: _numbers(cluster, kind, names) for kind, names in changes.named.items() if names
    }
    added = _all_added(cluster, changes)
    modes = _modes_after(cluster, table, numbers)
    weights = {}
    for name, weight in changes.weights.items():
        if name in added:
            added[name] = msgspec.structs.replace(added[name], weight=float(weight))
        else:
            weights[int(_numbers(cluster, "weights", [name])[0])] = float(weight)

    none = np.empty(0, np.int64)
    emptied = np.concatenate([numbers.get("remove", none), numbers.get("swap", none)])
    dropped = emptied[_hold_nothing(cluster, planned, emptied)] if len(emptied) else none
    names_before = cluster.node_index.names
    replacing = _Replacing(
        modes, weights, tuple(added.values()), frozenset(names_before[n] for n in dropped.tolist())
    )
    changed_table = table.with_modes(modes).with_weights(weights).with_added(replacing.added)
    index = cluster.node_index
    if added:
        index = index.extended(tuple(added))
    if len(dropped):
        kept = np.setdiff1d(np.arange(len(index)), dropped)
        index = NodeIndex(index.names[number] for number in kept.tolist())
        changed_table = changed_table.at(kept)

    back = numbers.get("activate", none)
    was = table.modes[back]
    return ChangedCluster(
        map_name=map_name,
        entry=entry,
        index=index,
        table=changed_table,
        index_before=None if len(dropped) else cluster.node_index,
        added_count=len(added),
        moves_data=_moves_data(changes, bool((was != MAINTENANCE).any())),
        successors={
            index.number(old): index.number(new)
            for old, new in changes.swap.items()
            if old not in replacing.dropped
        },
        recovering=tuple(index.number(names_before[n]) for n in back[was == GONE].tolist()),
        returning=tuple(index.number(names_before[n]) for n in back[was == MAINTENANCE].tolist()),
        _base=cluster,
        _replacing=replacing,
    )


def _moves_data(changes: Changes, others_return: bool) -> bool:
    """Whether data moves: not where only roles change, and for a swap only its own."""
    if changes.rebuild or changes.weights or changes.named.get("remove") or others_return:
        return True
    if not set(changes.add) <= set(changes.swap.values()):
        return True
    return not any(changes.named.values())


def _with_map(cluster: Cluster, name: str | None) -> tuple[Cluster, str, ClusterMap]:
    """Find the map to plan; a cluster without any gets an empty one."""
    if not cluster.maps and name in (None, SOLE_MAP):
        entry = ClusterMap(settings=cluster.settings)
        return cluster.with_maps({SOLE_MAP: entry}), SOLE_MAP, entry
    if name is None and len(cluster.maps) == 1:
        name = next(iter(cluster.maps))
    if name is None or name not in cluster.maps:
        known = ", ".join(cluster.maps) or "none"
        raise PlanError(f"map: found no map called {name!r}, expected one of these: {known}")
    return cluster, name, cluster.maps[name]


def _numbers(cluster: Cluster, kind: str, names: Sequence[str]) -> NDArray[np.int64]:
    numbers = list(map(cluster.node_index.numbers.get, names))
    if None in numbers:
        raise PlanError(f"{kind}: {_unknown(names[numbers.index(None)], cluster)}")
    return np.array(numbers, np.int64)


def _modes_after(
    cluster: Cluster, table: NodeTable, numbers: Mapping[str, NDArray[np.int64]]
) -> dict[int, NDArray[np.int64]]:
    """Return the nodes that change their mode, by the mode that they get."""
    by_mode: dict[int, list[NDArray[np.int64]]] = {}
    failing = numbers.get("fail", np.empty(0, np.int64))
    for kind, nodes in numbers.items():
        mode, before = _MODE_AFTER[kind], table.modes[nodes]
        if mode == MAINTENANCE and (before > MAINTENANCE).any():
            node = cluster.nodes[int(nodes[before > MAINTENANCE][0])]
            raise PlanError(
                f"maintain: found node {node.name!r} in mode {node.mode.value}, "
                "expected an active node"
            )
        # A node that is gone cannot leave any more: it stays gone.
        is_gone = (before == GONE) | np.isin(nodes, failing)
        changing = (before != mode) & ~((mode == LEAVING) & is_gone)
        by_mode.setdefault(mode, []).append(nodes[changing])
    return {mode: np.concatenate(groups) for mode, groups in by_mode.items()}


def _all_added(cluster: Cluster, changes: Changes) -> dict[str, Node]:
    """Return the nodes that are new, those of swaps included."""
    index = cluster.node_index
    added = dict(changes.add)
    for name in added:
        if name in index:
            raise PlanError(
                f"add: found node {name!r}, which is in the cluster already in mode "
                f"{cluster.node(name).mode.value}, expected a new name; activate brings one back"
            )
    if not changes.swap:
        return added
    asked = {name: kind for kind, names in changes.named.items() for name in names}
    taken: set[str] = set()
    for old, new in changes.swap.items():
        if new in taken:
            raise PlanError(f"swap: found {new!r} in the place of two nodes, expected one")
        if new in asked:
            raise PlanError(
                f"swap: found {new!r} in the place of {old!r}, but also in {asked[new]}"
            )
        taken.add(new)
        _check_is_free(cluster, old, new)
        if new not in index and new not in added:
            added[new] = msgspec.structs.replace(
                cluster.node(old), name=new, mode=Mode.ACTIVE, health=Health.GREEN
            )
    return added


def _hold_nothing(
    cluster: Cluster, planned: Sequence[str], numbers: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether each node holds nothing now, and is to hold nothing by a map not planned now."""
    free = np.ones(len(numbers), np.bool_)
    for map_name, entry in cluster.maps.items():
        for each in (entry.current, None if map_name in planned else entry.target):
            if each is None:
                continue
            at = numbers
            if each.nodes != cluster.node_index:
                names = (cluster.node_index.names[number] for number in numbers.tolist())
                at = np.array([each.nodes.numbers.get(name, -1) for name in names], np.int64)
            loads = np.zeros(each.node_count + 1, np.int64)
            _planning.count_loads(each.copy_nodes, loads)
            free &= loads[at] == 0
    return free


def _check_is_free(cluster: Cluster, old: str, new: str) -> None:
    """Check that a node, if it exists, can take the place of another."""
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


def _check_named_once(named: Mapping[str, Sequence[str]]) -> None:
    """Check that no node is asked two things; one that fails may be swapped at once."""
    given = [names for names in named.values() if names]
    if len(given) < 2 or len(set().union(*given)) == sum(map(len, given)):
        return
    swapped = named.get("swap", ())
    seen: dict[str, str] = {}
    for kind, names in named.items():
        if kind == "fail":
            names = [name for name in names if name not in swapped]
        for name in names:
            if seen.setdefault(name, kind) != kind:
                raise PlanError(
                    f"found node {name!r} in both {seen[name]} and {kind}, expected one"
                )


def _added_nodes(add: Any) -> dict[str, Node]:
    if isinstance(add, str) or not isinstance(add, Iterable):
        raise PlanError(
            f"add: found {add!r}, expected names of nodes, or a mapping from name to location"
        )
    locations = add if isinstance(add, Mapping) else None
    pairs = ((item, item) for item in add) if locations is None else locations.items()
    nodes: dict[str, Node] = {}
    for key, value in pairs:
        name = key.name if isinstance(key, Node) else key
        if isinstance(value, str):
            node = Node(name=name, location="" if locations is None else value)
        elif isinstance(value, Node):
            node = value
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
        isinstance(weight, _NUMBERS)
        and not isinstance(weight, bool)
        and 0 <= weight <= float_info.max
    )


def _unknown(name: object, cluster: Cluster) -> str:
    some = ", ".join(islice(cluster.node_index.names, 5))
    more = ", ..." if len(cluster.nodes) > 5 else ""
    return (
        f"found node {name!r}, which is not in the cluster, "
        f"expected one of its {len(cluster.nodes)} nodes ({some or 'none'}{more})"
    )
