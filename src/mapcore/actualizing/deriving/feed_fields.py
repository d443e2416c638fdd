"""Feeds as they stand in documents.

A conductor keeps feeds as its own. In a document they stand in the current map, in the partitions
that they are about:

    "by-city": {"current": {"partitions": {"0": {"master": ["idx-1"], "source": "users/0",
        "feeds": {"idx-1": {"node": "kv-1", "sequenceNumber": 100}}}}}}
    "users": {"current": {"partitions": {"0": {"master": ["kv-1"], "slave": ["kv-2"],
        "reach": {"kv-2": [60, 110]}}}}}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from mapcore.actualizing.deriving.feeds import Feed, Feeds, Reach, locate
from mapcore.cluster import SOLE_MAP
from mapcore.errors import MapError
from mapcore.maps import PartitionMap
from mapcore.states import Placement

__all__ = ["feeds_in", "reach_in", "with_feeds"]

_FEEDS: Final = "feeds"
_REACH: Final = "reach"
_LIVE: Final = (Placement.SLAVE, Placement.MASTER)
Wanted = TypeVar("Wanted")


class _FeedFields(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    node: str | None = None
    sequence_number: int | None = None


def feeds_in(
    held: PartitionMap, sources: Mapping[str, PartitionMap], name: str = SOLE_MAP
) -> dict[tuple[str, str], Feed]:
    """Return the feeds that stand in a map; a partition that says none is taken to be fed.

    Raises:
        MapError: feeds that cannot be read, or as `locate`.
    """
    found = {}
    for number, named in sorted(held.sources.items()):
        partition = held.keys.name(number)
        source = locate(name, partition, named, sources)
        if source is None:
            continue
        stated = _read(held, name, number, _FEEDS, dict[str, _FeedFields])
        if stated is None:
            node = _leading(sources[source.map], source.number)
            stated = {
                copy.node: _FeedFields(node)
                for copy in held.copies(number)
                if copy.placement is Placement.MASTER
            }
        for node, fields in stated.items():
            found[partition, node] = Feed(
                source.map, source.partition, fields.node, fields.sequence_number
            )
    return found


def reach_in(sources: Mapping[str, PartitionMap]) -> dict[tuple[str, str], Reach]:
    """Return what copies can go on from, as it stands in their maps, by (source, node) names.

    Raises:
        MapError: it cannot be read.
    """
    found = {}
    for name, held in sources.items():
        for number in held.extra:
            stated = _read(held, name, number, _REACH, dict[str, tuple[int, int]])
            for node, ends in (stated or {}).items():
                found[f"{name}/{held.keys.name(number)}", node] = Reach(*ends)
    return found


def with_feeds(held: PartitionMap, feeds: Feeds) -> PartitionMap:
    """Return a map in which these feeds stand, and no others.

    Raises:
        KeyError: a partition that the map does not have.
    """
    trees: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for (partition, node), feed in feeds.items():
        fields = _FeedFields(feed.node, feed.sequence_number)
        trees[held.keys.number(partition)][node] = {
            field: value
            for field, value in msgspec.to_builtins(fields).items()
            if value is not None
        }
    extra = {
        number: {field: value for field, value in fields.items() if field != _FEEDS}
        for number, fields in held.extra.items()
    }
    for number, tree in trees.items():
        extra[number] = {**extra.get(number, {}), _FEEDS: tree}
    return held.replace(extra={number: fields for number, fields in extra.items() if fields})


def _leading(held: PartitionMap, number: int) -> str | None:
    live = [copy for copy in held.copies(number) if copy.placement.devolved in _LIVE]
    live.sort(key=lambda copy: copy.placement.devolved is not Placement.MASTER)
    return live[0].node if live else None


def _read(
    held: PartitionMap, name: str, number: int, field: str, type_: type[Wanted]
) -> Wanted | None:
    tree = held.extra.get(number, {}).get(field)
    if tree is None:
        return None
    try:
        return msgspec.convert(tree, type_)
    except msgspec.ValidationError as error:
        partition = held.keys.name(number)
        raise MapError(f"partition {partition!r} of {name!r}: {field}: {error}") from None
