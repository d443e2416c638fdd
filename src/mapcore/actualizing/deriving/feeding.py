"""The streams from sources that derived maps need.

A partition without a copy in sync is founded: the copy that shall be master is filled from its
source. A master that has no feed, or one from a copy that does not serve any more, gets another: it
goes on where it stopped if the sequence numbers allow, and is filled anew if they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from mapcore.actualizing.building import stuck_stream_after, unused_id
from mapcore.actualizing.deriving.feeds import Feed, Feeds, Reach, Source, WaitingFeed, locate
from mapcore.actualizing.occupancy import Occupancy, ThrottleError
from mapcore.actualizing.proposals import NodeFlag, is_exclusive
from mapcore.actualizing.steps import End, Kind, Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import Config
from mapcore.maps import Copy, PartitionMap
from mapcore.states import REPLICATION_PAUSED, Placement, Running

__all__ = ["Feeding", "Want"]

_LIVE: Final = (Placement.SLAVE, Placement.MASTER)


class Want(NamedTuple):
    """A stream from a source that there should be."""

    partition: int
    node: str
    placement: Placement
    source: Source
    origin: Copy | None
    resume_from: int | None
    why: str


class Feeding:
    """The streams from sources that one derived map needs."""

    def __init__(
        self,
        name: str,
        work: Work,
        sources: Mapping[str, PartitionMap],
        view: NodeView,
        config: Config,
        follow: str,
        own: Iterable[Step],
    ) -> None:
        """Look at a map.

        Args:
            name: of the derived map.
            work: what it is and shall be.
            sources: the maps that it may come from, over the nodes of `view`.
            view: the nodes.
            config: throttles for the streams from sources.
            follow: whether a feed follows the master of its source, or stays with any copy.
            own: the steps of the map that start now anyway.
        """
        self.name = name
        self._current = work.snapshot().on_nodes(view.index)
        self._target = work.target.on_nodes(view.index)
        self._sources = sources
        self._view = view
        self._config = config
        self._limits = Limits.from_config(config)
        self._follow = follow
        self.in_flight = [entry.step for entry in work.underway()]
        others = [*(step for step in own if step.map == name), *self.in_flight]
        self._taken_ids = {step.id for step in others}
        self._changing = {step.partition for step in others}
        self._closed = {step.partition for step in others if is_exclusive(step)}

    @property
    def current(self) -> PartitionMap:
        """What the derived map is."""
        return self._current

    def count_underway(self, occupancy: Occupancy) -> None:
        """Count the streams from sources that are under way."""
        for step in self.in_flight:
            if step.kind is Kind.STREAM and _is_from_source(step):
                _try_start(occupancy, step)

    def start(self, want: Want, occupancy: Occupancy) -> Step | WaitingFeed:
        """Return the step for a stream that there should be, and count it; or why it waits."""
        partition = self._current.keys.name(want.partition)
        why = "no copy of it is live and runs" if want.origin is None else ""
        throttle = None
        # What goes on where it stopped may do so beside another copy that is filled.
        if partition in (self._changing if want.resume_from is None else self._closed):
            why = "another step of the partition comes first"
        elif want.origin is not None:
            step = self._step(want, want.origin, self._taken_ids)
            # What goes on where it stopped reads a tail, and scans nothing.
            if want.resume_from is None:
                why, throttle = _try_start(occupancy, step)
            if not why:
                self._taken_ids.add(step.id)
                return step
        return WaitingFeed(
            partition, want.node, str(want.source), why, self.name, throttle=throttle
        )

    def cut_off(self) -> list[Step]:
        """Return the streams under way whose copy of the source does not live or run any more."""
        found = []
        for step in self.in_flight:
            origin = step.source
            if step.kind is not Kind.STREAM or origin is None or origin.map is None:
                continue
            held = self._sources.get(origin.map)
            if held is None:
                continue
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

    def wants(
        self,
        feeds: Feeds,
        reach: Mapping[tuple[str, str], Reach],
    ) -> Iterator[Want]:
        """Iterate over the streams that there should be, beside those under way."""
        cells = {
            (step.partition, step.target.node)
            for step in self.in_flight
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

    def _sourced(self) -> Iterator[tuple[int, Source]]:
        """Iterate over the partitions that come from another map, in order."""
        keys = self._current.keys
        named = {
            held.keys.name(number): source
            for held in (self._target, self._current)
            for number, source in held.sources.items()
        }
        found = []
        for partition, source in named.items():
            located = locate(self.name, partition, source, self._sources)
            if located is not None:
                try:
                    found.append((keys.number(partition), located))
                except KeyError:
                    continue
        yield from sorted(found)

    def _is_reachable(self, copy: Copy) -> bool:
        lost = NodeFlag.GONE | NodeFlag.UNREACHABLE
        return not int(self._view.flags[self._view.index.number(copy.node)]) & lost

    def _candidates(self, source: Source, node: str) -> list[Copy]:
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

    def _first_fill(self, number: int, source: Source, copies: list[Copy]) -> Iterator[Want]:
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
                yield Want(
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
        source: Source,
        copy: Copy,
        feed: Feed | None,
        reach: Mapping[tuple[str, str], Reach],
    ) -> Iterator[Want]:
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
            yield Want(
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
        yield Want(number, copy.node, copy.placement, source, origin, None, why)

    def _step(self, want: Want, origin: Copy, taken_ids: set[str]) -> Step:
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
            id=unused_id(f"{self.name}/{partition}/{version}/{want.node}", taken_ids),
            map=self.name,
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


def _try_start(occupancy: Occupancy, step: Step) -> tuple[str, str | None]:
    """Count a stream if all throttles have room for it; otherwise return which has none."""
    try:
        occupancy.start(step, None)
    except ThrottleError as error:
        return str(error), error.field
    return "", None


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
