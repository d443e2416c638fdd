from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import MapError
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import merge, plan_ranges, range_name, split
from mapcore.states import Placement, state_code

MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)


def ranges(*names: str, **attributes: Any) -> PartitionMap:
    return PartitionMap.from_copies(
        [[("x", MASTER), ("y", SLAVE)]] * len(names),
        ["x", "y"],
        keys=RangeKeys(KeyRange.from_name(name) for name in names),
        **attributes,
    )


def test_a_split_is_the_one_of_the_notes() -> None:
    target = split(ranges("a-h", "i-z"), "a-h", "d")
    assert list(target.keys.names()) == ["a-c", "d-h", "i-z"]
    assert target.sources == {0: "a-h", 1: "a-h"}
    assert target.copies(0) == target.copies(1) == ranges("a-h").copies(0)


def test_a_merge_takes_a_split_back() -> None:
    before = ranges("a-h", "i-z", sizes=[10, 4], weights=[3.0, 1.0])
    after = split(before, "a-h", ["c", "f"])
    assert list(after.keys.names()) == ["a-b", "c-e", "f-h", "i-z"]
    assert after.sizes is not None
    assert after.sizes.tolist() == [3, 3, 3, 4]
    again = merge(after, ["f-h", "a-b", "c-e"])
    assert list(again.keys.names()) == ["a-h", "i-z"]
    assert again == before
    assert again.sizes is not None
    assert again.sizes.tolist() == [9, 4]
    assert again.weights is not None
    assert again.weights.tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("name", "at", "message"),
    [
        ("a-g", "d", "no range 'a-g'"),
        ("a-h", "a", "expected a key inside 'a-h', above its start"),
        ("a-h", "i", "expected a key inside"),
        ("a-h", ["d", "d"], "expected every cut once"),
    ],
)
def test_a_wrong_split_is_an_error(name: str, at: str | list[str], message: str) -> None:
    with pytest.raises(MapError, match=message):
        split(ranges("a-h", "i-z"), name, at)


def test_a_wrong_merge_is_an_error() -> None:
    held = ranges("a-c", "d-h", "i-z")
    with pytest.raises(MapError, match="expected neighbours"):
        merge(held, ["a-c", "i-z"])
    with pytest.raises(MapError, match="two or more"):
        merge(held, ["a-c", "a-c"])
    apart = PartitionMap.from_copies(
        [[("x", MASTER)], [("y", MASTER)]],
        ["x", "y"],
        keys=RangeKeys(KeyRange.from_name(name) for name in ("a-c", "d-h")),
    )
    with pytest.raises(MapError, match="move them together first"):
        merge(apart, ["a-c", "d-h"])
    with pytest.raises(MapError, match="expected ranges"):
        split(PartitionMap.from_copies([[]], ["x"]), "0", "d")


def test_boundaries_are_weighted_quantiles() -> None:
    keys = {f"{i:03}": float(i) for i in range(100)}
    planned = plan_ranges(keys, 4, slack=0.0)
    loads = [sum(w for key, w in keys.items() if key in part) for part in planned]
    assert max(loads) - min(loads) <= 99.0
    assert sum(loads) == sum(keys.values())


def test_boundaries_are_short_enough_to_read() -> None:
    keys = [f"user:{i:07}" for i in range(0, 1_000_000, 37)]
    planned = plan_ranges(keys, 4)
    assert [part.name for part in planned] == [
        "-user:024",
        "user:025-user:04",
        "user:05-user:074",
        "user:075-",
    ]


def test_a_range_is_cut_within_its_bounds() -> None:
    whole = KeyRange.from_name("a-h")
    planned = plan_ranges(["apple", "berry", "cherry", "date", "zebra"], 2, within=whole)
    assert [part.name for part in planned] == ["a-b", "c-h"]
    assert {part.source for part in planned} == {"a-h"}


def test_too_few_keys_are_an_error() -> None:
    with pytest.raises(MapError, match="found 2 different keys, expected at least 3"):
        plan_ranges(["a", "b", "a"], 3)
    with pytest.raises(MapError, match="expected at least 1 and 0"):
        plan_ranges(["a"], 0)
    with pytest.raises(MapError, match="found weight -1"):
        plan_ranges({"a": -1}, 1)


texts = st.binary(max_size=4) | st.text(max_size=4).map(str.encode)


@given(st.lists(texts, min_size=1, max_size=30), st.integers(1, 5), st.floats(0, 0.5))
def test_ranges_cover_every_key_once_and_none_is_empty(
    keys: list[bytes], parts: int, slack: float
) -> None:
    parts = min(parts, len(set(keys)))
    planned = RangeKeys(plan_ranges(keys, parts, slack=slack))
    assert len(planned) == parts
    assert planned.gaps() == []
    assert {planned.partition(key) for key in keys} == set(range(parts))


@given(st.lists(texts, min_size=2, max_size=60, unique=True), st.integers(2, 6))
def test_without_slack_no_range_is_more_than_a_key_off_its_share(
    keys: list[bytes], parts: int
) -> None:
    parts = min(parts, len(keys))
    planned = RangeKeys(plan_ranges(keys, parts, slack=0.0))
    counts = np.bincount([planned.partition(key) for key in keys], minlength=parts)
    assert abs(counts - len(keys) / parts).max() <= 1


@given(texts, texts)
def test_a_name_spells_its_range_wherever_it_can(start: bytes, end: bytes) -> None:
    if start < end:
        name = range_name(start, end)
        named = KeyRange(name, start, end)
        if named.is_spelled_by_name:
            assert KeyRange.from_name(name) == named
        assert range_name(start, end, {name}) != name


def test_a_cut_at_a_key_that_no_name_spells_still_has_a_name() -> None:
    target = split(ranges("a-h"), "a-h", b"d\x00")
    assert list(target.keys.names()) == ["a..d\x00", "d\x00-h"]
