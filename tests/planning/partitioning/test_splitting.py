from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import MapError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import plan_ranges, split, split_ranges
from mapcore.planning.partitioning.splitting import map_of_ranges, split_evenly, weights_of_ranges
from mapcore.states import Placement, state_code

MASTER = state_code(Placement.MASTER)


def ranges(*names: str, **attributes: Any) -> PartitionMap:
    keys = RangeKeys(KeyRange.from_name(name) for name in names)
    return PartitionMap.from_copies([[("x", MASTER)]] * len(names), ["x"], keys=keys, **attributes)


def least_heaviest(weights: list[int], parts: int, most: list[int]) -> float:
    """Return the least that the heaviest part can weigh, all ways of sharing out tried."""
    if len(weights) == 1:
        return weights[0] / parts if parts <= most[0] else float("inf")
    return min(
        max(weights[0] / mine, least_heaviest(weights[1:], parts - mine, most[1:]))
        for mine in range(1, min(most[0], parts - len(weights) + 1) + 1)
    )


@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=4), more=st.integers(0, 6))
def test_no_sharing_out_of_parts_has_a_lighter_heaviest_part(counts: list[int], more: int) -> None:
    names = [f"{letter}-{letter}" for letter in "abcd"[: len(counts)]]
    keys = [
        f"{name[0]}{number}"
        for name, count in zip(names, counts, strict=True)
        for number in range(count)
    ]
    parts = min(len(counts) + more, len(keys))
    after = split_evenly(ranges(*names), keys, parts)
    assert after.partition_count == parts
    sources = [item.source or item.name for item in after.keys.ranges]  # type: ignore[union-attr]
    averages = [count / sources.count(name) for name, count in zip(names, counts, strict=True)]
    assert max(averages) == least_heaviest(counts, parts, counts)
    assert sum(weights_of_ranges(after, keys).values()) == len(keys)


def test_one_range_is_split_into_its_parts_and_the_others_stay() -> None:
    keys = ["apple", "berry", "cherry", "date", "jam", "kiwi"]
    after = split_evenly(ranges("a-h", "i-z"), keys, 2, name="a-h")
    assert list(after.keys.names()) == ["a-b", "c-h", "i-z"]
    assert after == split(ranges("a-h", "i-z"), "a-h", "c")


def test_keys_may_have_weights_and_those_in_gaps_do_not_count() -> None:
    keys = {"a": 1.0, "b": 1.0, "c": 6.0, "zz": 100.0}
    after = split_evenly(ranges("a-d"), keys, 2, slack=0)
    assert weights_of_ranges(after, keys) == {"a-b": 2.0, "c-d": 6.0}


def test_several_ranges_split_at_once_are_those_split_one_by_one() -> None:
    before = ranges("a-h", "i-z", "A-Z")
    at_once = split_ranges(before, {"a-h": ["d"], "i-z": ["m", "p"]})
    assert at_once == split(split(before, "a-h", "d"), "i-z", ["p", "m"])


def test_a_cluster_without_a_map_gets_an_empty_one() -> None:
    keys = [f"{number:03d}" for number in range(100)]
    made = map_of_ranges(keys, 4)
    assert list(made.keys.names()) == [item.name for item in plan_ranges(keys, 4)]
    assert (made.partition_count, made.copy_count, made.node_count) == (4, 0, 0)


def test_as_many_ranges_as_there_are_change_nothing() -> None:
    assert split_evenly(ranges("a-h", "i-z"), ["a"], 2) == ranges("a-h", "i-z")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ranges("a-h", "i-z"), ["a", "b"], 1), "found 2 ranges, expected at most 1; merge some"),
        ((ranges("a-h"), ["a", "b"], 3), "found keys for 2 ranges, expected at least 3 different"),
        ((ranges("a-h"), [], 2), "found keys for 1 ranges"),
        (
            (PartitionMap.from_copies([[]], [], keys=HashKeys(1)), ["a"], 2),
            r"found a map over HashKeys\(1\), expected ranges",
        ),
    ],
)
def test_what_cannot_be_split_is_named(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(MapError, match=message):
        split_evenly(*arguments)


def test_an_unknown_range_is_named() -> None:
    with pytest.raises(MapError, match="found no range 'x-z'"):
        split_evenly(ranges("a-h"), ["a", "b"], 2, name="x-z")
