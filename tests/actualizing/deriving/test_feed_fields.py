"""Feeds as they stand in documents."""

from __future__ import annotations

from typing import Any

import pytest

from mapcore import KeyRange, PartitionMap, Placement, RangeKeys, state_code
from mapcore.actualizing.deriving.feed_fields import feeds_in, reach_in, with_feeds
from mapcore.actualizing.deriving.feeds import Feed, Reach, is_derived
from mapcore.documents import dumps, loads, problems
from mapcore.errors import MapError
from tests.actualizing.deriving.test_derived import index, users

SOURCES = {"users": users("ab", "ba")}
FED = {
    ("0", "x"): Feed("users", "0", "a", 100),
    ("1", "y"): Feed("users", "1", None, 7),
    ("1", "x"): Feed("users", "1"),
}


def test_feeds_go_through_a_document() -> None:
    held = with_feeds(index("xy", "yx"), FED)
    cluster = loads('{"nodes": {"x": {}, "y": {}, "z": {}}, "maps": {"by": {}}}')
    written = loads(dumps(cluster.with_current(held, "by")))
    read = written.map("by").current
    assert read is not None
    assert feeds_in(read, SOURCES) == FED
    assert not any("feeds" in str(problem) for problem in problems(written))


def test_feeds_take_the_place_of_those_before_and_other_fields_stay() -> None:
    held = index("xy", "yx").replace(
        extra={0: {"feeds": {"z": {}}, "note": "kept"}, 1: {"feeds": {}}}
    )
    assert with_feeds(held, {}).extra == {0: {"note": "kept"}}
    fed = with_feeds(held, {("0", "x"): Feed("users", "0", "a")})
    assert fed.extra == {0: {"note": "kept", "feeds": {"x": {"node": "a"}}}}


def test_masters_of_a_partition_that_says_nothing_are_taken_to_be_fed() -> None:
    held = index("xy", "yx").replace(extra={1: {"feeds": {}}})
    assert feeds_in(held, SOURCES) == {("0", "x"): Feed("users", "0", "a")}


def test_reach_is_read_by_source_and_node() -> None:
    held = users("ab", "ba").replace(extra={1: {"reach": {"a": [3, 9]}}})
    assert reach_in({"users": held}) == {("users/1", "a"): Reach(3, 9)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"feeds": 3}, "partition '0' of 'by': feeds: Expected `object`, got `int`"),
        ({"feeds": {"x": {"nod": "a"}}}, "unknown field `nod`"),
        ({"feeds": {"x": {"sequenceNumber": "9"}}}, r"Expected `int \| null`, got `str`"),
    ],
)
def test_what_is_no_feed_is_named_with_its_place(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(MapError, match=message):
        feeds_in(index("xy").replace(extra={0: fields}), SOURCES, "by")


def test_what_is_no_reach_is_named_with_its_place() -> None:
    with pytest.raises(MapError, match="partition '0' of 'users': reach: Expected `array` of le"):
        reach_in({"users": users("ab").replace(extra={0: {"reach": {"a": [3]}}})})


def test_a_map_is_derived_if_its_sources_are_in_other_maps() -> None:
    assert is_derived(index("xy"), SOURCES)
    assert is_derived(index("xy", source="paris:users"), SOURCES)
    assert not is_derived(users("ab"), SOURCES)
    keys = RangeKeys([KeyRange("p/q", b"a", b"c")])
    ranges = PartitionMap.from_copies([[("a", state_code(Placement.MASTER))]], "a", keys=keys)
    ranges = ranges.replace(sources={0: "users/q"})
    assert not is_derived(ranges, {"other": users("ab")})
    assert is_derived(ranges, SOURCES)
