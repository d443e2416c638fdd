"""Ranges of keys: their names, and how many are packed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import RangeError
from mapcore.key_ranges import KeyRange, PackedNames, key_bytes, prefix_successor
from tests.key_strategies import keys, texts


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


@given(st.lists(texts, max_size=6), st.lists(texts, max_size=6))
def test_packed_names_are_equal_where_the_names_are(one: list[str], other: list[str]) -> None:
    assert (PackedNames.of(one) == PackedNames.of(other)) == (one == other)
