from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import KeyNotCovered, MapError, RangeError
from mapcore.keys import (
    HashKeys,
    KeyRange,
    RangeKeys,
)
from tests.key_strategies import keys, neighbours, range_keys
from tests.twins.routing import is_in

# Hash keys


@given(keys, st.integers(1, 2**31 - 1))
def test_a_hash_partition_is_the_crc32_modulo_the_count(key: bytes, count: int) -> None:
    assert HashKeys(count).partition(key) == zlib.crc32(key) % count


def test_the_name_of_a_hash_partition_is_its_number_in_plain_decimals() -> None:
    hashed = HashKeys(12)
    assert list(hashed.names()) == [str(number) for number in range(12)]
    assert [hashed.number(name) for name in hashed.names()] == list(range(12))
    for wrong in ("12", "-1", "07", "+1", " 1", "1_0", "", "x", "\N{ARABIC-INDIC DIGIT ONE}"):
        with pytest.raises(KeyError):
            hashed.number(wrong)


@pytest.mark.parametrize("count", [0, -1, 2**31])
def test_a_count_of_hash_partitions_that_no_map_has_is_refused(count: int) -> None:
    with pytest.raises(MapError, match=f"found {count} partitions, expected 1 to 2147483647"):
        HashKeys(count)


# Ranges


@pytest.mark.parametrize(
    "ranges",
    [
        [KeyRange("one", b"a", b"c"), KeyRange("one", b"c", b"d")],
        [KeyRange("one", b"a", b"c"), KeyRange("two", b"b", b"d")],
        [KeyRange("one", b"a", None), KeyRange("two", b"b", b"d")],
        [KeyRange("one", b"a", b"c"), KeyRange("two", b"b", b"d", source="one")],
        [KeyRange("one", b"a", b"c"), KeyRange("two", b"a", b"b", source="three")],
    ],
    ids=["a name twice", "overlap", "overlap without end", "not within its source", "no source"],
)
def test_ranges_that_share_keys_without_being_a_split_are_refused(ranges: list[KeyRange]) -> None:
    with pytest.raises(RangeError):
        RangeKeys(ranges)


def test_no_ranges_are_refused() -> None:
    with pytest.raises(MapError, match="found no ranges"):
        RangeKeys([])


@given(range_keys(), st.lists(keys, max_size=10))
def test_a_key_is_in_the_ranges_that_cover_it_outermost_first(
    ranges: RangeKeys, some: list[bytes]
) -> None:
    close = [near for item in ranges.ranges for near in neighbours(item.start)]
    for key in close + some:
        holding = [number for number, item in enumerate(ranges.ranges) if is_in(key, item)]
        assert list(ranges.covering(key)) == holding
        if holding:
            assert ranges.partition(key) == holding[0]
            assert all(
                ranges.ranges[outer].covers(ranges.ranges[inner])
                for outer, inner in pairwise(holding)
            )
        else:
            with pytest.raises(KeyNotCovered):
                ranges.partition(key)


@given(range_keys(), st.lists(keys, max_size=10))
def test_gaps_hold_the_keys_that_no_range_covers(ranges: RangeKeys, some: list[bytes]) -> None:
    gaps = ranges.gaps()
    close = [near for item in ranges.ranges for near in neighbours(item.start)]
    for key in close + some:
        in_gap = any(start <= key and (end is None or key < end) for start, end in gaps)
        assert in_gap == (not ranges.covering(key))


@given(range_keys())
def test_the_numbers_and_names_of_ranges_belong_together(ranges: RangeKeys) -> None:
    names = list(ranges.names())
    assert [ranges.number(name) for name in names] == list(range(len(ranges)))
    assert [ranges.name(number) for number in range(len(ranges))] == names
    packed = ranges.packed.names
    assert [packed[number] for number in range(len(packed))] == names


def nest(depth: int) -> list[KeyRange]:
    """Return ranges of which each is split from the one before, and lies within it."""
    return [KeyRange(f"r{i}", b"%06d" % i, None, f"r{i - 1}" if i else None) for i in range(depth)]


def test_splits_within_splits_are_found_sixty_four_deep() -> None:
    assert RangeKeys(nest(64)).covering(b"000063") == tuple(range(64))
    with pytest.raises(RangeError, match="keys that are in 65 ranges at once"):
        RangeKeys(nest(65))


def test_endless_nesting_and_long_lines_of_sources_take_no_longer_than_their_number() -> None:
    with pytest.raises(RangeError):
        RangeKeys(nest(20_000))
    # In a line: each comes from the one before, and lies beside it.
    line = [KeyRange(f"r{i}", b"%06d" % i, b"%06d" % (i + 1), f"r{i - 1}") for i in range(20_000)]
    assert len(RangeKeys(line)) == 20_000
