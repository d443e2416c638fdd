"""The router: lookups of one key and of many, and the swap of maps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels._routing import RouterCore, Tables
from mapcore.errors import KeyNotCovered, MapcoreError, NoCopy, NoMaster, VersionWindowError
from mapcore.keys import Key, PackedNames, key_bytes
from mapcore.maps import PartitionMap, Version
from mapcore.routing.batches import KeyBatch, Keys, as_batch
from mapcore.routing.choice import Among, By, Chooser, codes_of, mask_of
from mapcore.routing.groups import Groups
from mapcore.routing.staleness import Staleness
from mapcore.routing.tables import Facts, build_tables

if TYPE_CHECKING:
    from mapcore.history import VersionWindow
    from mapcore.wire import Buffer, Delta

__all__ = ["Router"]

Missing: TypeAlias = Literal["raise", "-1"]
_Default = TypeVar("_Default")
_RAISE: Final = object()


class Router(RouterCore):
    """Answers which node serves a key, by one map at a time.

    Keys are bytes, bytearray, memoryview or str (as UTF-8). `router[key]` is the cheapest lookup.
    Only copies that are online count. In the middle of a takeover the old master answers; in the
    middle of a split the source answers, as long as it has a master.

    Any number of threads may look up while another updates: each lookup sees one whole map, and
    none ever waits. The map itself is not kept: a router holds the names of nodes and partitions,
    the starts of ranges, and 4 bytes a copy (up to 8 a partition more where partitions differ in
    their copies).

    Args:
        source: the map to start with.
        locations: where nodes stand, by name, outermost level first, as in `z1/r1/s3`. A node that
            is not named stands farther away than any that shares a level with `here`.
        here: where the router stands, likewise.
        random: for choices by chance: gives a number from 0 to one less than its argument;
            `random.randrange` unless given.
        window: the versions that this process can work with; all unless given.

    Attributes:
        staleness: how often, and for how long, the router knew that its map was not the newest.

    Raises:
        VersionWindowError: the version of the map lies outside the window.
    """

    __slots__ = ("_chooser", "_window", "staleness")

    def __init__(
        self,
        source: PartitionMap,
        *,
        locations: Mapping[str, str] | None = None,
        here: str = "",
        random: Callable[[int], int] | None = None,
        window: VersionWindow | None = None,
    ) -> None:
        super().__init__()
        if window is not None:
            window.check(source.version)
        self._window = window
        self.staleness = Staleness(source.version)
        self._chooser = Chooser(locations, here, random)
        self._swap(self.tables, self._build(source))

    @property
    def version(self) -> Version:
        """The version of the map in use."""
        return self._facts.version

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes, by number."""
        return self.tables.names

    @property
    def partition_count(self) -> int:
        """How many partitions there are."""
        return self.tables.partition_count

    @property
    def byte_count(self) -> int:
        """The bytes that the tables take, without the names."""
        tables = self.tables
        arrays = (tables.masters, tables.others, tables.other_offsets, tables.rank_partitions)
        facts = self._facts
        kept = facts.keys.byte_count + facts.masterless.byte_count
        return sum((array.nbytes for array in arrays if array is not None), kept)

    def update(self, source: PartitionMap | Delta | Buffer, now: float | None = None) -> bool:
        """Go over to a newer map.

        Lookups that are under way end on the old one. The same map or delta again changes nothing.
        A delta is applied to a copy of the tables, at the speed of memory; its contents are taken
        as right once its base is that of the map in use. Where it changes ranges, these are laid
        out anew.

        Args:
            source: a map, a delta, or a message of `mapcore.wire`: snapshot or delta.
            now: the time, for `staleness`.

        Returns:
            Whether anything changed.

        Raises:
            VersionWindowError: the map is older than the one in use, or of the same version with
                other contents; or its version lies outside the window; or the delta was taken from
                another map than the one in use. Nothing changes.
            WireError: the bytes are no message, or a damaged one. Nothing changes.
        """
        try:
            if not isinstance(source, PartitionMap):
                source = _decoded(source)
            if self._window is not None:
                self._window.check(source.version)
            is_changed = (
                self._replace(source) if isinstance(source, PartitionMap) else self._follow(source)
            )
        except MapcoreError:
            self.staleness.refused()
            raise
        self.staleness.reached(source.version, now, is_changed)
        return is_changed

    def _follow(self, change: Delta) -> bool:
        """Go over to what a delta leads to."""
        from mapcore.routing.patches import patched

        while True:
            before = self.tables
            facts: Facts = before.facts
            if (change.version, change.fingerprint) == (facts.version, facts.fingerprint):
                return False
            change.check_base(facts.version, facts.fingerprint)
            if change.version <= facts.version:
                raise VersionWindowError(
                    f"found a delta to version {change.version}, expected one above "
                    f"{facts.version}, the version in use"
                )
            if self._swap(before, patched(before, change, self._chooser)):
                return True

    def _replace(self, source: PartitionMap) -> bool:
        """Go over to a map."""
        while True:
            before = self.tables
            version = before.facts.version
            if source.version < version:
                raise VersionWindowError(
                    f"found a map of version {source.version}, expected one above {version}, "
                    "the version in use"
                )
            tables = self._build(source)
            if source.version == version:
                if _say_the_same(before, tables):
                    return False
                raise VersionWindowError(
                    f"found another map of version {version}, which is in use; expected one above"
                )
            if self._swap(before, tables):
                return True

    @overload
    def pick(
        self, key: Key, *, among: Among = ..., by: By = ..., avoid: Collection[str] = ...
    ) -> str: ...
    @overload
    def pick(
        self,
        key: Key,
        *,
        among: Among = ...,
        by: By = ...,
        avoid: Collection[str] = ...,
        default: _Default,
    ) -> str | _Default: ...

    def pick(
        self,
        key: Key,
        *,
        among: Among = "masters",
        by: By = "order",
        avoid: Collection[str] = (),
        default: Any = _RAISE,
    ) -> Any:
        """Return the name of one of the nodes that serve the key.

        Args:
            key: the key.
            among: `masters`, `slaves`, or all `copies` that are online.
            by: the first in `order`, masters before slaves; the `nearest` to `here`, of equally
                near ones the first in order; `round-robin` over each partition's; or `random`.
            avoid: names of nodes to pass over, such as those that failed a moment ago; a set, where
                it is large.
            default: what to return where there is no such node, or no partition; raises if absent.

        Raises:
            KeyNotCovered: no partition covers the key.
            NoMaster: its partition has no master that is online.
            NoCopy: all those asked for are avoided, or not online.
            ValueError: there is no such choice.
        """
        among_code, by_code = codes_of(among, by)
        tables = self.tables
        facts: Facts = tables.facts
        try:
            partition, node = self._pick(
                tables, key, among_code, by_code, facts.distances, avoid, self._chooser.random
            )
        except KeyNotCovered:
            if default is _RAISE:
                raise
            return default
        if node >= 0:
            return tables.names[node]
        if default is not _RAISE:
            return default
        if among == "masters" and tables.masters[partition] < 0:
            self._raise_no_master(tables, partition)
        row = np.empty((1, tables.other_count + 1), np.int32)
        tables.fill_copies(np.array([partition], np.int32), row)
        known = ", ".join(tables.names[number] for number in row[0].tolist() if number >= 0)
        asked = f"{known or 'none'} online, {among} asked for"
        avoided = ", ".join(sorted(avoid))
        raise NoCopy(facts.keys.name(partition), asked + (f", avoiding {avoided}" if avoid else ""))

    def serves(self, node: str, key: Key, *, among: Among = "masters") -> bool:
        """Whether a node, by name, is one of those that serve the key.

        Args:
            node: its name; one that is not in the map serves nothing.
            key: the key; one that no partition covers is served by none.
            among: as for `pick`.

        Raises:
            ValueError: there is no such choice.
        """
        among_code, _ = codes_of(among, "order")
        return self._serves(node, key, among_code)

    def partition_name(self, key: Key) -> str:
        """Return the name of the partition that the key belongs to.

        Raises:
            KeyNotCovered: no partition covers the key.
        """
        tables = self.tables
        out = np.empty(1, np.int32)
        if tables.find_list([key], out, False) == 0:
            self._raise_not_covered(key)
        facts: Facts = tables.facts
        return facts.keys.name(int(out[0]))

    def partitions(
        self, keys: Keys, out: NDArray[np.int32] | None = None, *, missing: Missing = "raise"
    ) -> NDArray[np.int32]:
        """Return the partition of each key.

        Args:
            keys: a numpy array of bytes (trailing NULs are padding, as numpy reads them) or of
                text, `PackedKeys`, or a list, tuple or other iterable of keys. The GIL is released
                for arrays of bytes and for `PackedKeys`.
            out: int32, C-contiguous, as many as there are keys; a new array unless given.
            missing: what to do with keys that no partition covers: raise, or write -1.

        Returns:
            int32 partition numbers; `out`, if given.

        Raises:
            KeyNotCovered: no partition covers one of the keys; `out` is filled all the same.
        """
        return self._find(self.tables, as_batch(keys), out, missing, to_nodes=False)

    def nodes(
        self,
        keys: Keys,
        out: NDArray[np.int32] | None = None,
        *,
        missing: Missing = "raise",
        among: Among = "masters",
        by: By = "order",
        avoid: Collection[str] = (),
    ) -> NDArray[np.int32]:
        """Return the number of the node to send each key to; -1 where there is none.

        That is the first master unless told. `names` gives the names of the numbers.

        Args:
            keys: as for `partitions`.
            out: likewise.
            missing: likewise.
            among: as for `pick`.
            by: likewise.
            avoid: likewise.

        Raises:
            KeyNotCovered: no partition covers one of the keys; `out` is filled all the same.
            ValueError: there is no such choice.
        """
        return self._nodes(self.tables, keys, out, missing, among, by, avoid)

    def copies_table(self, keys: Keys, *, missing: Missing = "raise") -> NDArray[np.int32]:
        """Return the numbers of the nodes that hold a copy of each key and are online.

        Arguments and errors are those of `partitions`.

        Returns:
            int32, keys by copies: masters first; -1 for what is not there.
        """
        tables = self.tables
        partitions = self._find(tables, as_batch(keys), None, missing, to_nodes=False)
        others = tables.other_count
        has_master = bool(np.any(tables.masters >= 0))
        table = np.empty((len(partitions), others + has_master), np.int32)
        tables.fill_copies(partitions, table)
        return table

    def group(
        self,
        keys: Keys,
        *,
        missing: Missing = "raise",
        among: Among = "masters",
        by: By = "order",
        avoid: Collection[str] = (),
    ) -> Groups:
        """Return the positions of the keys by the node to send them to: for multi-get.

        Keys that no node serves are `unserved`; so are keys in a gap where `missing` is "-1".
        Arguments and errors are those of `nodes`.
        """
        tables = self.tables
        return Groups(self._nodes(tables, keys, None, missing, among, by, avoid), tables.names)

    def __repr__(self) -> str:
        return (
            f"<Router: {self.partition_count} partitions on {len(self.names)} nodes, "
            f"version {self.version}>"
        )

    @property
    def _facts(self) -> Facts:
        facts: Facts = self.tables.facts
        return facts

    def _build(self, source: PartitionMap) -> Tables:
        return build_tables(source, self._chooser.distances(source.nodes.names))

    def _nodes(
        self,
        tables: Tables,
        keys: Keys,
        out: NDArray[np.int32] | None,
        missing: Missing,
        among: Among,
        by: By,
        avoid: Collection[str],
    ) -> NDArray[np.int32]:
        among_code, by_code = codes_of(among, by)
        batch = as_batch(keys)
        if among == "masters" and by == "order" and not avoid:
            return self._find(tables, batch, out, missing, to_nodes=True)
        numbers = self._find(tables, batch, out, missing, to_nodes=False)
        facts: Facts = tables.facts
        seed = self._chooser.seed() if by == "random" else 0
        tables.choose(
            numbers, among_code, by_code, facts.distances, mask_of(tables.names, avoid), seed
        )
        return numbers

    def _find(
        self,
        tables: Tables,
        batch: KeyBatch,
        out: NDArray[np.int32] | None,
        missing: Missing,
        to_nodes: bool,
    ) -> NDArray[np.int32]:
        if missing not in ("raise", "-1"):
            raise ValueError(f'missing: found {missing!r}, expected "raise" or "-1"')
        if out is None:
            out = np.empty(len(batch), np.int32)
        elif (
            not isinstance(out, np.ndarray)
            or out.shape != (len(batch),)
            or out.dtype != np.int32
            or not out.flags.c_contiguous
            or not out.flags.writeable
        ):
            raise ValueError(
                f"out: expected a writable C-contiguous int32 array of {len(batch)} entries"
            )
        gap = batch.find(tables, out, to_nodes)
        if gap < len(batch) and missing == "raise":
            raise KeyNotCovered(batch.key(gap))
        return out

    def _raise_not_covered(self, key: Key) -> NoReturn:
        raise KeyNotCovered(key_bytes(key))

    def _raise_no_master(self, tables: Tables, partition: int) -> NoReturn:
        facts: Facts = tables.facts
        raise NoMaster(
            facts.keys.name(partition), facts.masterless.describe(partition, tables.names)
        )


def _decoded(source: Delta | Buffer) -> PartitionMap | Delta:
    """Return the map or delta of a message."""
    from mapcore import wire

    if isinstance(source, wire.Delta):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return wire.load(source)
    raise TypeError(
        f"source: found {type(source).__name__}, expected a PartitionMap, a Delta or bytes"
    )


def _say_the_same(one: Tables, other: Tables) -> bool:
    """Whether two tables give the same answer for every key."""
    return (
        one.names == other.names
        and _names_of(one) == _names_of(other)
        and np.array_equal(one.masters, other.masters)
        and np.array_equal(one.others, other.others)
        and one.other_count == other.other_count
        and _equal(one.other_offsets, other.other_offsets)
        and _equal(one.rank_partitions, other.rank_partitions)
        and (one.ranges is None) == (other.ranges is None)
        and (one.ranges is None or other.ranges is None or one.ranges.has_same_starts(other.ranges))
    )


def _names_of(tables: Tables) -> PackedNames | None:
    facts: Facts = tables.facts
    return None if facts.keys.ranges is None else facts.keys.ranges.names


def _equal(one: NDArray[np.int32] | None, other: NDArray[np.int32] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
