"""Feeds: where derived copies take their changes from, and how far they have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from mapcore.actualizing.steps import Step
from mapcore.cluster import SOLE_MAP
from mapcore.errors import MapError
from mapcore.maps import PartitionMap

__all__ = [
    "Feed",
    "Feeds",
    "Reach",
    "Source",
    "WaitingFeed",
    "is_derived",
    "locate",
]


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
    """A stream from a source that has to wait, why, and for which throttle if for one."""

    partition: str
    node: str
    source: str
    why: str
    map: str = SOLE_MAP
    throttle: str | None = None

    def __str__(self) -> str:
        return f"{self.partition}: {self.node} from {self.source}: {self.why}"


Feeds = Mapping[tuple[str, str], Feed]
"""The feed of each derived copy that has one, by (partition, node) names."""


class Source(NamedTuple):
    """A partition of another map."""

    map: str
    partition: str
    number: int

    def __str__(self) -> str:
        return f"{self.map}/{self.partition}"


def locate(
    name: str, partition: str, source: str, sources: Mapping[str, PartitionMap]
) -> Source | None:
    """Return the partition that a source names; None if it is one of the map itself.

    Raises:
        MapError: there is no such map or partition.
    """
    if "/" not in source:
        return None
    fitting = [key for key in sources if source.startswith(key + "/")]
    if not fitting:
        raise MapError(
            f"partition {partition!r} of {name!r}: found source {source!r}, expected "
            f"MAP/PARTITION with one of the maps {', '.join(sorted(sources)) or '(none)'}"
        )
    key = max(fitting, key=len)
    try:
        number = sources[key].keys.number(source[len(key) + 1 :])
    except KeyError:
        raise MapError(
            f"partition {partition!r} of {name!r}: found source {source!r}, "
            f"expected a partition of {key!r}"
        ) from None
    return Source(key, source[len(key) + 1 :], number)


def is_derived(held: PartitionMap, sources: Mapping[str, PartitionMap]) -> bool:
    """Whether partitions of a map come from other maps: those given, or any with hash partitions.

    A range may come from a range of its own map, whose name may hold a slash too.
    """
    has_hash = held.keys.label == "hash-crc32"
    return any(
        "/" in source and (has_hash or any(source.startswith(f"{key}/") for key in sources))
        for source in held.sources.values()
    )
