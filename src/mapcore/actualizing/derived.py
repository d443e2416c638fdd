"""Copies that are derived from another map: indexes, back-indexes, other clusters, backups.

The partitions of a derived map name the partition that they come from as their source:
`"source": "users/17"` is partition 17 of the map `users`. Such a partition is founded by a stream
from a copy of its source, by the replica transition; its further copies are filled from the first
one, as in any map. Each of its masters then has a *feed*: the copy of the source whose changes it
takes in, and how far it has come.

When the source moves or fails over, the feed is retargeted. Where the sequence numbers allow, the
new copy of the source goes on from where the old one stopped, and no data moves; where they do not
(the log does not reach back so far, or the copy knows of changes that the source has lost), the
copy is filled anew while it goes on serving.

`next_derived_steps` is level-triggered like `next_steps`, whose steps for the map it includes. The
streams from sources have throttles of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from mapcore.actualizing.building import stuck_stream_after, unused_id
from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.next_steps import NextSteps, Work, next_steps_of_maps
from mapcore.actualizing.occupancy import Occupancy, ThrottleError
from mapcore.actualizing.proposals import NodeFlag, is_exclusive
from mapcore.actualizing.steps import End, Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.cluster import SOLE_MAP, Config, Node, Settings
from mapcore.errors import MapError
from mapcore.maps import Copy, PartitionMap
from mapcore.states import REPLICATION_PAUSED, Placement, Running

__all__ = ["DerivedSteps", "Feed", "Reach", "WaitingFeed", "next_derived_steps"]

_LIVE: Final = (Placement.SLAVE, Placement.MASTER)


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a derived copy takes its changes from.

    Attributes:
        map: the source's map.
        partition: the source's partition.
        node: the node of the source's copy. None for a feed that rests, as between two incremental
            backups, or after a slave has become master: it is taken up again where it stopped.
        sequence_number: the last change of the source that the copy has; None if it is not known.
    """

    map: str
    partition: str
    node: str | None = None
    sequence_number: int | None = None

    @classmethod
    def after(cls, step: Step, sequence_number: int | None = None) -> Feed:
        """Return the feed that a step from `next_derived_steps` leaves when it is done.

        Raises:
            ValueError: the step is no stream from another map.
        """
        if step.source is None or step.source.map is None or step.source.partition is None:
            raise ValueError(f"found step {step.id}, expected a stream from another map")
        if sequence_number is None:
            sequence_number = step.resume_from
        return cls(step.source.map, step.source.partition, step.source.node, sequence_number)

    def at_rest(self) -> Feed:
        """Return this feed without a copy to read from."""
        return replace(self, node=None)


class Reach(NamedTuple):
    """The sequence numbers that a copy of a source can go on from, the ends included.

    Attributes:
        oldest: below it, changes are not kept apart any more.
        newest: the copy's last change.
    """

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class WaitingFeed:
    """A stream from a source that has to wait, and why."""

    partition: str
    node: str
    source: str
    why: str

    def __str__(self) -> str:
        return f"{self.partition}: {self.node} from {self.source}: {self.why}"


class DerivedSteps(Sequence[Step]):
    """The steps of a derived map that may start now.

    Attributes:
        own: those that `next_steps` gives for the map by itself, with what waits there.
        feeds: the streams from sources: what goes on without data first, then what is filled.
        waiting: the streams from sources that have to wait.
        cancel: the steps under way that are to be failed before the others start: those that
            `next_steps` would cancel, and streams from copies of a source that are not there any
            more.
    """

    def __init__(
        self,
        own: NextSteps,
        feeds: Sequence[Step],
        waiting: Sequence[WaitingFeed],
        cancel: Sequence[Step],
    ) -> None:
        self.own = own
        self.feeds = tuple(feeds)
        self.waiting = tuple(waiting)
        self.cancel = tuple(dict.fromkeys((*own.cancel, *cancel)))
        self._steps = (*own, *self.feeds)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, position: Any) -> Any:
        return self._steps[position]

    def __repr__(self) -> str:
        return f"<DerivedSteps: {len(self)} may start, {len(self.waiting)} feeds wait>"


def next_derived_steps(
    current: PartitionMap | LiveMap,
    target: PartitionMap,
    sources: Mapping[str, PartitionMap],
    in_flight: Iterable[Step | Underway] = (),
    config: Config | None = None,
    now: float = 0.0,
    *,
    feeds: Mapping[tuple[str, str], Feed] | None = None,
    reach: Mapping[tuple[str, str], Reach] | None = None,
    follow: Literal["master", "any"] = "master",
    feed_config: Config | None = None,
    nodes: Iterable[Node] = (),
    settings: Settings | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
) -> DerivedSteps:
    """Return the steps of a derived map that may start now.

    Args:
        current: what the derived map is. Partitions whose source is not in another map are treated
            as by `next_steps`.
        target: what it shall be.
        sources: the maps that the derived one comes from, as they are now, by the name that stands
            before the `/` of its sources. A map of another cluster has a name of its own, such as
            `paris:users`, and nodes with names of their own.
        in_flight: the steps under way, where `current` is not a live map.
        config: throttles and the like, for the steps within the derived map.
        now: as in `next_steps`.
        feeds: the feed of each derived copy that has one, by (partition, node) names.
        reach: what copies of the sources can go on from, by (source, node): `("users/17", "n1")`.
            A copy that is not listed has to fill anew.
        follow: whether a feed follows the master of its source, or stays with any live copy as
            long as that lives, and reads from slaves first.
        feed_config: throttles for the streams from sources, instead of `config`. They count
            those streams alone.
        nodes: what is known of the nodes of all these maps.
        settings: of the derived map.
        name: of the derived map.
        gone: nodes that are known to be gone.

    Raises:
        MapError: a source names a map or a partition that is not there; or as in `next_steps`.
    """
    config = config or Config()
    work = Work(current, target, tuple(in_flight), settings or Settings(), is_derived=True)
    view = NodeView(nodes, [work.snapshot(), target, *sources.values()], gone)
    own = next_steps_of_maps({name: work}, config, now, nodes=view, gone=gone)
    feeding = _Feeding(work, sources, view, feed_config or config, name, follow)
    streams, waiting = feeding.steps(feeds or {}, reach or {}, own)
    return DerivedSteps(own, streams, waiting, feeding.cut_off())


class _Source(NamedTuple):
    """A partition of another map."""

    map: str
    partition: str
    number: int

    def __str__(self) -> str:
        return f"{self.map}/{self.partition}"


class _Want(NamedTuple):
    """A stream from a source that there should be."""

    partition: int
    node: str
    placement: Placement
    source: _Source
    origin: Copy | None
    resume_from: int | None
    why: str


class _Feeding:
    """The streams from sources that one derived map needs."""

    def __init__(
        self,
        work: Work,
        sources: Mapping[str, PartitionMap],
        view: NodeView,
        config: Config,
        name: str,
        follow: str,
    ) -> None:
        self._current = work.snapshot().on_nodes(view.index)
        self._target = work.target.on_nodes(view.index)
        self._sources = {key: held.on_nodes(view.index) for key, held in sources.items()}
        self._view = view
        self._config = config
        self._limits = Limits.from_config(config)
        self._name = name
        self._follow = follow
        self._in_flight = [entry.step for entry in work.underway()]

    def steps(
        self,
        feeds: Mapping[tuple[str, str], Feed],
        reach: Mapping[tuple[str, str], Reach],
        own: Sequence[Step],
    ) -> tuple[list[Step], list[WaitingFeed]]:
        keys = self._current.keys
        maps = {**self._sources, self._name: self._current}
        occupancy = Occupancy(
            self._limits, self._view, {name: (held,) for name, held in maps.items()}
        )
        for step in self._in_flight:
            if step.kind is Kind.STREAM and _is_from_source(step):
                _try_start(occupancy, step)
        others = [*own, *self._in_flight]
        taken_ids = {step.id for step in others}
        changing = {step.partition for step in others}
        closed = {step.partition for step in others if is_exclusive(step)}
        wants = sorted(self._wants(feeds, reach), key=lambda want: want.resume_from is None)
        started, waiting = [], []
        for want in wants:
            partition = keys.name(want.partition)
            why = "no copy of it is live and runs" if want.origin is None else ""
            # What goes on where it stopped may do so beside another copy that is filled.
            if partition in (changing if want.resume_from is None else closed):
                why = "another step of the partition comes first"
            elif want.origin is not None:
                step = self._step(want, want.origin, taken_ids)
                # What goes on where it stopped reads a tail, and scans nothing.
                if want.resume_from is None:
                    why = _try_start(occupancy, step)
                if not why:
                    taken_ids.add(step.id)
                    started.append(step)
            if why:
                waiting.append(WaitingFeed(partition, want.node, str(want.source), why))
        return started, waiting

    def cut_off(self) -> list[Step]:
        """Return the streams under way whose copy of the source does not live or run any more."""
        found = []
        for step in self._in_flight:
            origin = step.source
            if step.kind is not Kind.STREAM or origin is None or origin.map not in self._sources:
                continue
            held = self._sources[origin.map]
            try:
                number = held.keys.number(origin.partition or step.partition)
            except KeyError:
                found.append(step)
                continue
            # A copy that takes part in a takeover goes on streaming.
            if not any(
                copy.node == origin.node
                and copy.placement.devolved in _LIVE
                and copy.running is not Running.STOPPED
                for copy in held.copies(number)
            ):
                found.append(step)
        return found

    def _wants(
        self,
        feeds: Mapping[tuple[str, str], Feed],
        reach: Mapping[tuple[str, str], Reach],
    ) -> Iterator[_Want]:
        cells = {
            (step.partition, step.target.node)
            for step in self._in_flight
            if step.kind is Kind.STREAM and step.target is not None
        }
        keys = self._current.keys
        for number, source in self._sourced():
            partition = keys.name(number)
            copies = [copy for copy in self._current.copies(number) if self._is_reachable(copy)]
            live = [copy for copy in copies if copy.placement in _LIVE]
            if not live:
                if not any(cell[0] == partition for cell in cells):
                    yield from self._first_fill(number, source, copies)
                continue
            for copy in live:
                if copy.placement is Placement.MASTER and (partition, copy.node) not in cells:
                    feed = feeds.get((partition, copy.node))
                    yield from self._retarget(number, source, copy, feed, reach)

    def _sourced(self) -> Iterator[tuple[int, _Source]]:
        """Iterate over the partitions that come from another map, in order."""
        keys = self._current.keys
        named = {
            held.keys.name(number): source
            for held in (self._target, self._current)
            for number, source in held.sources.items()
        }
        found = []
        for partition, source in named.items():
            located = self._locate(partition, source)
            if located is not None:
                try:
                    found.append((keys.number(partition), located))
                except KeyError:
                    continue
        yield from sorted(found)

    def _locate(self, partition: str, source: str) -> _Source | None:
        if "/" not in source:
            return None
        fitting = [key for key in self._sources if source.startswith(key + "/")]
        if not fitting:
            raise MapError(
                f"partition {partition!r} of {self._name!r}: found source {source!r}, expected "
                f"MAP/PARTITION with one of the maps {', '.join(sorted(self._sources)) or '(none)'}"
            )
        key = max(fitting, key=len)
        name = source[len(key) + 1 :]
        try:
            return _Source(key, name, self._sources[key].keys.number(name))
        except KeyError:
            raise MapError(
                f"partition {partition!r} of {self._name!r}: found source {source!r}, "
                f"expected a partition of {key!r}"
            ) from None

    def _is_reachable(self, copy: Copy) -> bool:
        lost = NodeFlag.GONE | NodeFlag.UNREACHABLE
        return not int(self._view.flags[self._view.index.number(copy.node)]) & lost

    def _candidates(self, source: _Source, node: str) -> list[Copy]:
        """Return the copies of a source that may feed a node, the best first."""
        numbers = self._view.index.numbers
        copies = [
            copy
            for copy in self._sources[source.map].copies(source.number)
            if copy.placement in _LIVE
            and copy.running is not Running.STOPPED
            and not copy.code & REPLICATION_PAUSED
            and self._is_reachable(copy)
        ]
        if self._follow == "master":
            return [copy for copy in copies if copy.placement is Placement.MASTER]
        own = np.full(len(copies), numbers[node], dtype=np.int32)
        others = np.array([numbers[copy.node] for copy in copies], dtype=np.int32)
        distances = self._view.distances(others, own).tolist()
        ranked = sorted(
            zip(copies, distances, strict=True),
            key=lambda item: (item[0].placement is Placement.MASTER, item[1]),
        )
        return [copy for copy, _ in ranked]

    def _first_fill(self, number: int, source: _Source, copies: list[Copy]) -> Iterator[_Want]:
        """Fill one copy of a partition that has none in sync: the one that shall be master."""
        ready = {
            copy.node
            for copy in copies
            if copy.placement is Placement.DEAD and copy.running is Running.RUNNING
        }
        wanted = [copy for copy in self._target.copies(number) if copy.placement in _LIVE]
        wanted.sort(key=lambda copy: copy.placement is not Placement.MASTER)
        for copy in wanted:
            if not self._is_reachable(copy):
                continue
            if copy.node in ready:
                origin = next(iter(self._candidates(source, copy.node)), None)
                yield _Want(
                    number,
                    copy.node,
                    Placement.DEAD,
                    source,
                    origin,
                    None,
                    f"first copy of {source}",
                )
            return

    def _retarget(
        self,
        number: int,
        source: _Source,
        copy: Copy,
        feed: Feed | None,
        reach: Mapping[tuple[str, str], Reach],
    ) -> Iterator[_Want]:
        candidates = self._candidates(source, copy.node)
        follows = feed is not None and (feed.map, feed.partition) == (source.map, source.partition)
        if follows and feed is not None and any(feed.node == other.node for other in candidates):
            return
        stands_at = feed.sequence_number if follows and feed is not None else None
        resumable = [
            other
            for other in candidates
            if stands_at is not None and _reaches(reach.get((str(source), other.node)), stands_at)
        ]
        before = feed.node if follows and feed is not None and feed.node else None
        why = f"{before} does not feed it any more" if before else "it has no feed"
        if resumable:
            yield _Want(
                number,
                copy.node,
                copy.placement,
                source,
                resumable[0],
                stands_at,
                f"{why}; goes on from {stands_at:,}",
            )
            return
        origin = candidates[0] if candidates else None
        if origin is not None:
            why = f"{why}; {_why_anew(origin, reach.get((str(source), origin.node)), stands_at)}"
        yield _Want(number, copy.node, copy.placement, source, origin, None, why)

    def _step(self, want: _Want, origin: Copy, taken_ids: set[str]) -> Step:
        version, config = self._current.version, self._config
        partition = self._current.keys.name(want.partition)
        sizes, rate = self._current.sizes, self._limits.stream_bytes_per_second
        size_bytes, stuck_after_seconds = None, config.stuck_after_seconds
        if want.resume_from is None:
            size_bytes = int(sizes[want.partition]) or None if sizes is not None else None
            stuck_after_seconds = stuck_stream_after(config, rate, size_bytes)
        held = self._sources[want.source.map]
        is_new = want.placement is Placement.DEAD
        return Step(
            id=unused_id(f"{self._name}/{partition}/{version}/{want.node}", taken_ids),
            map=self._name,
            partition=partition,
            kind=Kind.STREAM,
            size_bytes=size_bytes,
            resume_from=want.resume_from,
            source=End(
                node=origin.node,
                before=origin.placement.label,
                after=origin.placement.label,
                volume=self._volume(held, want.source.number, origin.node),
                partition=want.source.partition,
                map=want.source.map,
            ),
            target=End(
                node=want.node,
                before=want.placement.label,
                after=Placement.SLAVE.label if is_new else want.placement.label,
                volume=self._volume(self._current, want.partition, want.node),
            ),
            block=(),
            reason=want.why,
            version=(version.epoch, version.revision),
            stuck_after_seconds=stuck_after_seconds,
            bytes_per_second=rate,
        )

    def _volume(self, held: PartitionMap, partition: int, node: str) -> str | None:
        volumes = self._view.volumes
        if not len(volumes):
            return None
        numbers = np.array([self._view.index.number(node)], dtype=np.int32)
        found = int(volumes.of(held, np.array([partition]), numbers)[0])
        return volumes.labels[found] if found >= 0 else None


def _is_from_source(step: Step) -> bool:
    return step.source is not None and step.source.map is not None and step.resume_from is None


def _try_start(occupancy: Occupancy, step: Step) -> str:
    """Count a stream if all throttles have room for it; otherwise return which has none."""
    try:
        occupancy.start(step, None)
    except ThrottleError as error:
        return str(error)
    return ""


def _reaches(reach: Reach | None, sequence_number: int) -> bool:
    return reach is not None and reach.oldest <= sequence_number <= reach.newest


def _why_anew(origin: Copy, reach: Reach | None, stands_at: int | None) -> str:
    if stands_at is None:
        return "filled anew: it is not known how far it has come"
    if reach is None:
        return f"filled anew: it is not known what {origin.node} can go on from"
    if stands_at < reach.oldest:
        return f"filled anew: it stands at {stands_at:,}, {origin.node} keeps {reach.oldest:,} on"
    return f"filled anew: it stands at {stands_at:,}, {origin.node} has come to {reach.newest:,}"
