from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore._kernels import _ranges
from tests.key_strategies import PREFIXES, keys, neighbours, tails

descents = pytest.mark.parametrize("descent", _ranges.descents())


def index(starts: list[bytes], descent: str) -> _ranges.RangeIndex:
    offsets = np.fromiter(accumulate(map(len, starts), initial=0), np.int64)
    return _ranges.RangeIndex(b"".join(starts), offsets, descent)


def check(starts: list[bytes], wanted: list[bytes], descent: str) -> None:
    """Hold one lookup at a time and many at once to bisect."""
    built = index(starts, descent)
    assert [built.rank(key) for key in wanted] == [bisect_right(starts, key) for key in wanted]
    rows = np.array([*wanted, b""], dtype="S")
    ranks = np.empty(len(rows), np.uint32)
    built.ranks(rows.view(np.uint8).reshape(len(rows), -1), ranks)
    assert ranks.tolist() == [bisect_right(starts, bytes(row)) for row in rows]


def test_one_way_to_search_needs_no_special_instructions() -> None:
    assert _ranges.descents()[-1] == "portable"


@descents
@given(st.sampled_from(PREFIXES), st.sets(tails, max_size=60), st.lists(keys, max_size=20))
def test_ranks_are_those_of_bisect(
    descent: str, prefix: bytes, some: set[bytes], others: list[bytes]
) -> None:
    starts = sorted(prefix + tail for tail in some)
    close = [near for start in starts[:12] for near in neighbours(start)]
    check(starts, close + others + [prefix + key for key in others], descent)


@descents
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 71, 72, 73, 647, 648, 649, 6000])
def test_trees_of_every_height_are_searched_to_the_last_slice(descent: str, count: int) -> None:
    starts = [number.to_bytes(8, "big") for number in range(2**64 - 3 * count, 2**64, 3)]
    some = starts[:: max(1, count // 500)] + starts[-20:]
    check(starts, [near for start in some for near in neighbours(start)] + [b"\xff" * 9], descent)


@descents
def test_many_keys_to_a_prefix_are_told_apart_in_layers_below(descent: str) -> None:
    random = np.random.default_rng(4)
    prefixes = [random.bytes(8) for _ in range(50)]
    starts = sorted({prefix + random.bytes(11) for prefix in prefixes for _ in range(64)})
    wanted = [prefix + random.bytes(9) for prefix in prefixes for _ in range(20)]
    check(starts, wanted + starts[::7] + [start[:9] for start in starts[::9]], descent)


@descents
def test_starts_that_nest_thousands_of_bytes_deep(descent: str) -> None:
    starts = [b"a" * size for size in range(1, 4000, 3)]
    check(starts, [b"a" * 11, b"a" * 3990, b"a" * 5000, b"a" * 2000 + b"b", b"b", b""], descent)


@given(st.sets(keys, max_size=10), st.sets(keys, max_size=10))
def test_indexes_are_the_same_where_their_starts_are(one: set[bytes], other: set[bytes]) -> None:
    first, second = (index(sorted(starts), "portable") for starts in (one, other))
    assert first.has_same_starts(second) == (one == other)
    assert len(first) == len(one)


def test_offsets_that_do_not_fit_and_unknown_ways_to_search_are_refused() -> None:
    with pytest.raises(ValueError, match="offsets: expected ascending numbers"):
        _ranges.RangeIndex(b"abc", np.array([0, 2], np.int64))
    with pytest.raises(ValueError, match="found 'by hand', expected one of"):
        _ranges.RangeIndex(b"", np.array([0], np.int64), "by hand")
