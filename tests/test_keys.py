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
    PackedNames,
    RangeKeys,
    key_bytes,
    prefix_successor,
)
from tests.key_strategies import keys, neighbours, range_keys, texts
from tests.twins.routing import is_in

# Keys


@given(texts)
def test_text_is_utf8(text: str) -> None:
    assert key_bytes(text) == text.encode()


@given(keys)
def test_all_that_holds_bytes_is_the_same_key(key: bytes) -> None:
    assert key_bytes(key) == key_bytes(bytearray(key)) == key_bytes(memoryview(key)) == key


@given(keys, keys)
def test_the_successor_of_a_prefix_is_the_least_key_above_all_that_start_with_it(
    prefix: bytes, key: bytes
) -> None:
    successor = prefix_successor(prefix)
    if successor is None:
        assert prefix == b"\xff" * len(prefix)
    else:
        assert prefix + key < successor
        assert not (key < successor and key > prefix) or key.startswith(prefix)


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
    ("name", "start", "end"),
    [
        ("a-c", b"a", b"d"),
        ("-c", b"", b"d"),
        ("x-", b"x", None),
        ("-", b"", None),
        ("a-azz", b"a", b"az{"),
        ("é-ü", "é".encode(), b"\xc3\xbd"),
    ],
)
def test_a_range_name_runs_from_its_first_to_the_successor_of_its_last_prefix(
    name: str, start: bytes, end: bytes | None
) -> None:
    assert KeyRange.from_name(name) == KeyRange(name, start, end)


@pytest.mark.parametrize("name", ["a", "a-b-c", "", "c-a"])
def test_a_name_that_spells_no_range_is_refused(name: str) -> None:
    with pytest.raises(RangeError):
        KeyRange.from_name(name)


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


@given(st.lists(texts, max_size=6), st.lists(texts, max_size=6))
def test_packed_names_are_equal_where_the_names_are(one: list[str], other: list[str]) -> None:
    assert (PackedNames.of(one) == PackedNames.of(other)) == (one == other)


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
