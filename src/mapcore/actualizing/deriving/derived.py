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

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, Literal

from mapcore.actualizing.deriving.feeding import Feeding
from mapcore.actualizing.deriving.feeds import (
    Feed,
    Feeds,
    Reach,
    WaitingFeed,
)
from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.next_steps import NextSteps, next_steps_of_maps
from mapcore.actualizing.occupancy import Occupancy
from mapcore.actualizing.steps import Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.cluster import SOLE_MAP, Config, Node, Settings
from mapcore.maps import PartitionMap

__all__ = [
    "DerivedSteps",
    "Feed",
    "Reach",
    "WaitingFeed",
    "next_derived_steps",
    "next_derived_steps_of_maps",
]


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

    @property
    def held_back_count(self) -> int:
        """How many changes and streams from sources wait."""
        return self.own.held_back_count + len(self.waiting)

    @property
    def held_back_by(self) -> dict[str, int]:
        """How many of them wait for what; most first."""
        counts = Counter(self.own.held_back_by)
        for feed in self.waiting:
            counts[feed.throttle or feed.why] += 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

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
    work = Work(current, target, tuple(in_flight), settings or Settings(), is_derived=True)
    return next_derived_steps_of_maps(
        {name: work},
        sources,
        config,
        now,
        feeds={name: feeds or {}},
        reach=reach,
        follow=follow,
        feed_config=feed_config,
        nodes=nodes,
        gone=gone,
    )


def next_derived_steps_of_maps(
    works: Mapping[str, Work],
    sources: Mapping[str, PartitionMap],
    config: Config | None = None,
    now: float = 0.0,
    *,
    feeds: Mapping[str, Feeds] | None = None,
    reach: Mapping[tuple[str, str], Reach] | None = None,
    follow: Literal["master", "any"] = "master",
    feed_config: Config | None = None,
    nodes: Iterable[Node] = (),
    gone: Collection[str] = (),
) -> DerivedSteps:
    """Return the steps of several maps, some of them derived, that may start now.

    Throttles hold for all maps together, those for streams from sources too, and maps take turns.

    Args:
        works: the maps that change, by name; those that are derived say so.
        sources: the maps that derived ones come from, by name: each as it is.
        config: throttles and the like, for the steps within maps.
        now: as in `next_steps`.
        feeds: of each derived map, by its name.
        reach: as in `next_derived_steps`.
        follow: likewise.
        feed_config: likewise.
        nodes: likewise.
        gone: likewise.

    Raises:
        MapError: as `next_derived_steps`.
    """
    config = config or Config()
    feed_config = feed_config or config
    held = [each for work in works.values() for each in (work.snapshot(), work.target)]
    view = NodeView(nodes, [*held, *sources.values()], gone)
    own = next_steps_of_maps(works, config, now, nodes=view, gone=gone)
    known = {name: each.on_nodes(view.index) for name, each in sources.items()}
    feeding = [
        Feeding(name, work, known, view, feed_config, follow, own)
        for name, work in works.items()
        if work.is_derived
    ]
    maps = {**known, **{each.name: each.current for each in feeding}}
    occupancy = Occupancy(
        Limits.from_config(feed_config), view, {name: (each,) for name, each in maps.items()}
    )
    for each in feeding:
        each.count_underway(occupancy)
    wants = [
        [(each, want) for want in each.wants((feeds or {}).get(each.name, {}), reach or {})]
        for each in feeding
    ]
    in_turns = [item for turn in zip_longest(*wants) for item in turn if item is not None]
    resuming = (item for item in in_turns if item[1].resume_from is not None)
    filling = (item for item in in_turns if item[1].resume_from is None)
    found = [each.start(want, occupancy) for each, want in chain(resuming, filling)]
    return DerivedSteps(
        own,
        [item for item in found if isinstance(item, Step)],
        [item for item in found if isinstance(item, WaitingFeed)],
        [step for each in feeding for step in each.cut_off()],
    )
