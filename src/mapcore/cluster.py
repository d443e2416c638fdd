"""The cluster: nodes and where they stand, settings, config, and the maps over them.

These are the values that documents are decoded into; `mapcore.documents` reads and writes them.
All are immutable. Field names are those of the documents, in Python's spelling. `extra` keeps the
fields that mapcore does not know, so that they are written back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

from mapcore.errors import MapError
from mapcore.keys import HashKeys, KeyFunction
from mapcore.maps import NodeIndex, PartitionMap

__all__ = [
    "SOLE_MAP",
    "Assignment",
    "Balance",
    "Cluster",
    "ClusterMap",
    "Config",
    "Constraints",
    "Health",
    "MaxPeers",
    "Mode",
    "Node",
    "Quorum",
    "Rule",
    "Settings",
    "SpreadLevel",
    "Volume",
    "config_field",
]

SOLE_MAP: Final = "map"
"""The name of the map in a document of the short form."""


class Assignment(Enum):
    """How many masters a partition may have."""

    MASTER_SLAVE = "masterSlave"
    MULTI_MASTER = "multiMaster"


class Health(Enum):
    """How well a node is."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Mode(Enum):
    """What may be done with a node.

    Active nodes take copies; a node in maintenance keeps its copies, is master of none and gets
    nothing new; a leaving node gives all up; a gone node cannot be reached any more.
    """

    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    LEAVING = "leaving"
    GONE = "gone"


class _Value(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True, gc=False
):
    """A part of a document; unknown fields are kept in `extra` by the decoder."""


class Volume(_Value, frozen=True):
    """A disk of a node; `capacity` in bytes, None where it is not known."""

    type: str
    path: str | None = None
    capacity: int | None = None
    extra: Mapping[str, Any] = {}


class Node(_Value, frozen=True):
    """A node of the cluster.

    Attributes:
        name: unique in the cluster.
        location: where it stands, outermost level first, as in `z1/r1/s3`.
        weight: its share of the load relative to other nodes; 0 holds nothing.
        health: green, yellow or red.
        mode: active, maintenance, leaving or gone.
        volumes: its disks.
        tags: what it has that a partition may ask for.
    """

    name: str
    location: str = ""
    weight: float = 1.0
    health: Health = Health.GREEN
    mode: Mode = Mode.ACTIVE
    volumes: tuple[Volume, ...] = ()
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Any] = {}

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of the location, outermost first."""
        return tuple(self.location.split("/")) if self.location else ()


class Constraints(_Value, frozen=True):
    """How many masters and slaves each partition shall have."""

    master: int = 1
    slave: int = 0
    extra: Mapping[str, Any] = {}

    @property
    def copy_count(self) -> int:
        """Masters and slaves together."""
        return self.master + self.slave


class SpreadLevel(_Value, frozen=True):
    """A level over which the copies of a partition are spread."""

    level: str
    extra: Mapping[str, Any] = {}


class Rule(_Value, frozen=True):
    """Where a slave stands relative to the master: same value of one level, other of another."""

    same: str | None = None
    different: str | None = None
    extra: Mapping[str, Any] = {}


class MaxPeers(_Value, frozen=True):
    """How many other nodes a node may exchange a partition's data with.

    The limit holds for the map as planned, or also after any single failover.

    Attributes:
        count: the most others that a node may have, whichever way data goes.
        after: `failover`: all nodes that hold a copy of a partition count as peers of each other,
            as any of them may become its master; `plan`: masters and slaves alone.
        reserve: how many of these a first plan leaves unused where it can: later changes need
            fewer moves then.
    """

    count: int
    after: Literal["plan", "failover"] = "failover"
    reserve: int = 2
    extra: Mapping[str, Any] = {}


class Quorum(_Value, frozen=True):
    """How many copies must answer a read and a write."""

    read: int
    write: int
    extra: Mapping[str, Any] = {}


class Balance(_Value, frozen=True):
    """How many copies a node may hold beyond its rounded share, where that saves moves."""

    slack: int = 0
    extra: Mapping[str, Any] = {}


class Settings(_Value, frozen=True):
    """What a map is asked to be.

    Attributes:
        assignment: one master a partition, or as many as the constraints say.
        constraints: the number of copies by role.
        num_partitions: for hash maps; None where only the map says it.
        key_func: `hash-crc32` or `range`.
        levels: the names of the parts of a location, outermost first.
        spread: the levels to spread over; None for all of `levels` inside of those that rules want
            to be the same, empty for none.
        rules: under `slave`, where slaves stand relative to their master: the first for one of
            them, the second for another, the last for all that are left.
        max_peers: the limit on fan-out, or None.
        quorum: for the embedding store and the router tier.
        balance: how even loads must be.
    """

    assignment: Assignment = Assignment.MASTER_SLAVE
    constraints: Constraints = Constraints()
    num_partitions: int | None = None
    key_func: Literal["hash-crc32", "range"] = "hash-crc32"
    levels: tuple[str, ...] = ()
    spread: tuple[SpreadLevel, ...] | None = None
    rules: Mapping[str, tuple[Rule, ...]] = {}
    max_peers: int | MaxPeers | None = None
    quorum: Quorum | None = None
    balance: Balance | None = None
    extra: Mapping[str, Any] = {}

    @property
    def peer_limit(self) -> MaxPeers | None:
        """The limit on peers, in full; a number alone holds after any single failover."""
        return MaxPeers(count=self.max_peers) if isinstance(self.max_peers, int) else self.max_peers

    @property
    def spread_levels(self) -> tuple[str, ...]:
        """The names of the levels to spread over, outermost first.

        Where nothing is said, these are all levels inside of those that a rule wants slaves to
        share with their master.
        """
        if self.spread is None:
            rules = self.rules.get("slave", ())
            shared = {rule.same for rule in rules} & {*self.levels}
            return self.levels[max((self.levels.index(s) + 1 for s in shared if s), default=0) :]
        wanted = {item.level for item in self.spread}
        return tuple(level for level in self.levels if level in wanted)


class Config(_Value, frozen=True):
    """How the cluster is run: limits on work that the nodes do at once.

    Limits are throttles; `mapcore.actualizing.throttles` says what each limits. None is no limit.
    Streams into and out of a node are as few as Elasticsearch takes unless told otherwise.

    Attributes:
        max_full_scans_per_volume_type: ssd 10 and hdd 1 unless said.
        max_streams_into_node: at once.
        max_streams_out_of_node: at once.
        max_streams_per_node: into and out of it together.
        max_streams_between_zones: from one zone to another.
        max_backfills: streams in the whole cluster.
        max_steps: steps of any kind in the whole cluster.
        max_changes_per_partition: steps at once in one partition.
        max_bytes_per_second_per_node: in each direction.
        max_bytes_per_second_per_stream: of one stream.
        source_choice: fill a copy from the copy with the least to do, or from the nearest one.
        warms_up: whether copies warm before they are filled, and cool and stop before they go.
        dead_grace_seconds: how long a dead copy is kept.
        stuck_after_seconds: how long a step that moves no data may take.
        stuck_stream_after_seconds: how long a stream of unknown size may take.
        slowest_bytes_per_second: a stream of known size that is slower counts as stuck.
        max_automatic_failovers: nodes failed over before an operator has looked.
        failover_needs_majority: whether most nodes must be reachable for it.
        max_lost_updates: of one partition, that an automatic failover may lose; None for any.
    """

    max_full_scans_per_volume_type: Mapping[str, int] = {}
    max_streams_into_node: int | None = 2
    max_streams_out_of_node: int | None = 2
    max_streams_per_node: int | None = None
    max_streams_between_zones: int | None = None
    max_backfills: int | None = None
    max_steps: int | None = None
    max_changes_per_partition: int | None = 1
    max_bytes_per_second_per_node: int | None = None
    max_bytes_per_second_per_stream: int | None = None
    source_choice: Literal["spread", "nearest"] = "spread"
    warms_up: bool = False
    dead_grace_seconds: float = 0.0
    stuck_after_seconds: float = 60.0
    stuck_stream_after_seconds: float = 3600.0
    slowest_bytes_per_second: int = 1_000_000
    max_automatic_failovers: int = 1
    failover_needs_majority: bool = True
    max_lost_updates: int | None = None
    extra: Mapping[str, Any] = {}


def config_field(attribute: str) -> str:
    """Return the name that an attribute of `Config` has in documents."""
    names = dict(zip(Config.__struct_fields__, Config.__struct_encode_fields__, strict=True))
    return names[attribute]


@dataclass(frozen=True, slots=True)
class ClusterMap:
    """One map of a cluster, such as a bucket, table or index.

    Attributes:
        settings: what holds for it, its own settings over those of the cluster.
        own_settings: its own settings as they stand in the document; not part of equality.
        current: what is, or None.
        target: what shall be, or None.
        extra: unknown fields beside the maps; `current_extra` and `target_extra` those within.
    """

    settings: Settings
    current: PartitionMap | None = None
    target: PartitionMap | None = None
    own_settings: Mapping[str, Any] = field(default_factory=dict, compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    current_extra: Mapping[str, Any] = field(default_factory=dict)
    target_extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> KeyFunction:
        """The key function: that of the maps, else the hash that the settings ask for.

        Raises:
            MapError: there is no map, and the settings do not say how many partitions.
        """
        for known in (self.current, self.target):
            if known is not None:
                return known.keys
        if self.settings.key_func != "hash-crc32" or self.settings.num_partitions is None:
            raise MapError(
                "found neither a map nor settings with keyFunc hash-crc32 and numPartitions, "
                "expected one of them to say what the partitions are"
            )
        return HashKeys(self.settings.num_partitions)


@dataclass(frozen=True)
class Cluster:
    """Nodes, settings, config and maps: all that one document says.

    Attributes:
        nodes: in the order of the document; in it of the maps where it lists none.
        settings: common to all maps.
        config: limits on work.
        maps: by name; in the short form one, called `SOLE_MAP`.
        lists_nodes: whether the document lists its nodes.
        is_short_form: whether the document has the one `map` instead of `maps`.
        memo: what other layers computed from the nodes and keep with them; no part of the value.

    Two clusters are equal if they mean the same, whatever the form of their documents.
    """

    nodes: tuple[Node, ...] = ()
    settings: Settings = field(default_factory=Settings)
    config: Config = field(default_factory=Config)
    maps: Mapping[str, ClusterMap] = field(default_factory=lambda: MappingProxyType({}))
    lists_nodes: bool = field(default=True, compare=False)
    is_short_form: bool = field(default=True, compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def node_index(self) -> NodeIndex:
        """The names of the nodes, numbered."""
        return NodeIndex(node.name for node in self.nodes)

    def node(self, name: str) -> Node:
        """Return the node called `name`; KeyError if there is none."""
        return self.nodes[self.node_index.number(name)]

    def map(self, name: str | None = None) -> ClusterMap:
        """Return a map by name, or the only one.

        Raises:
            MapError: there is no such map, or several and no name.
        """
        if name is None:
            if len(self.maps) != 1:
                raise MapError(
                    f"found {len(self.maps)} maps ({', '.join(self.maps) or 'none'}), "
                    "expected one, or the name of one"
                )
            return next(iter(self.maps.values()))
        if name not in self.maps:
            raise MapError(
                f"found no map called {name!r}, expected one of {', '.join(self.maps) or 'none'}"
            )
        return self.maps[name]

    @property
    def current(self) -> PartitionMap | None:
        """The current map of the only map; MapError if there are several."""
        return self.map().current

    @property
    def target(self) -> PartitionMap | None:
        """The target map of the only map; MapError if there are several."""
        return self.map().target

    def with_map(self, entry: ClusterMap, name: str | None = None) -> Cluster:
        """Return this cluster with one of its maps replaced."""
        self.map(name)
        return self.with_maps(dict(self.maps) | {name or next(iter(self.maps)): entry})

    def with_maps(self, maps: Mapping[str, ClusterMap]) -> Cluster:
        """Return this cluster with other maps over the same nodes."""
        changed = replace(self, maps=maps)
        if "node_index" in self.__dict__:
            changed.__dict__["node_index"] = self.node_index
        changed.memo.update(self.memo)
        return changed

    def with_target(self, target: PartitionMap, name: str | None = None) -> Cluster:
        """Return this cluster with another target map.

        Where the current map, or the target before, is split or joined to the target's hash
        partitions, settings that say how many there are say then how many the target has.
        """
        entry = self.map(name)
        count = len(target.keys)
        before = entry.current or entry.target
        keys = None if before is None else before.keys
        entry = replace(entry, target=target)
        if entry.settings.num_partitions in (None, count) or not (
            isinstance(keys, HashKeys)
            and keys.label == target.keys.label
            and keys.can_become(count)
        ):
            return self.with_map(entry, name)
        settings = msgspec.structs.replace(entry.settings, num_partitions=count)
        changed = self.with_map(replace(entry, settings=settings), name)
        is_sole = self.is_short_form and len(self.maps) == 1 and entry.settings == self.settings
        return replace(changed, settings=settings) if is_sole else changed

    def with_current(self, current: PartitionMap, name: str | None = None) -> Cluster:
        """Return this cluster with another current map."""
        return self.with_map(replace(self.map(name), current=current), name)

    def with_nodes(self, nodes: tuple[Node, ...]) -> Cluster:
        """Return this cluster with other nodes; its maps keep their own node lists."""
        return replace(self, nodes=nodes, lists_nodes=True)

    def with_node_changes(self, replaced: Mapping[int, Node], added: Sequence[Node]) -> Cluster:
        """Return this cluster with some nodes replaced, by number, and some added at the end.

        A replaced node keeps its name. The index of names is derived from this cluster's, which
        is much faster than numbering tens of thousands of nodes again.

        Raises:
            MapError: an added node has the name of another.
        """
        nodes = self.nodes
        if replaced:
            listed = list(nodes)
            for number, node in replaced.items():
                listed[number] = node
            nodes = tuple(listed)
        changed = self.with_nodes(nodes + tuple(added))
        index = self.node_index
        if added:
            index = index.extended([node.name for node in added])
        changed.__dict__["node_index"] = index
        return changed
