"""Hypothesis strategies for keys, ranges, and maps over them."""

from __future__ import annotations

from hypothesis import strategies as st

from mapcore.keys import HashKeys, KeyFunction, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from tests.strategies import codes, node_names

ALPHABETS = (b"\0a", b"\0\xff", b"ab\xff", bytes(range(256)), "aé€😀".encode())
PREFIXES = (b"", b"", b"user:", b"a" * 8, b"\0" * 20, b"\xff" * 9, b"tenant-0001/user-")
# Long enough to go through several layers of a range index.
tails = st.sampled_from(ALPHABETS).flatmap(
    lambda alphabet: st.lists(st.sampled_from(alphabet), max_size=20).map(bytes)
)
keys = st.one_of(st.binary(max_size=70), st.builds(bytes.__add__, st.sampled_from(PREFIXES), tails))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def neighbours(key: bytes) -> list[bytes]:
    """Return keys close to one: where a search goes wrong by one."""
    return [key, key[:-1], key + b"\0", key + b"\xff", key[:-1] + b"\xff" * 9, key + b"a" * 9]


@st.composite
def range_keys(draw: st.DrawFn, most_ranges: int = 12, splits: bool = True) -> RangeKeys:
    """Return ranges with gaps and, unless told, some in the middle of a split."""
    prefix = draw(st.sampled_from(PREFIXES))
    cuts = sorted({prefix + tail for tail in draw(st.lists(tails, min_size=1, max_size=40))})
    ranges: list[KeyRange] = []

    def add(lowest: int, highest: int, source: str | None, depth: int) -> None:
        at = lowest
        while at < highest and len(ranges) < most_ranges:
            end = draw(st.integers(at + 1, highest))
            if source is None or draw(st.booleans()):
                name = f"r{len(ranges)}"
                ranges.append(KeyRange(name, cuts[at], cuts[end : end + 1][0], source))
                if splits and depth < 3 and draw(st.booleans()):
                    add(at, end, name, depth + 1)
            at = draw(st.integers(end, highest)) if draw(st.booleans()) else end

    add(0, len(cuts) - 1, None, 0)
    if not ranges or draw(st.booleans()):
        ranges.append(KeyRange("last", cuts[-1], None))
    return RangeKeys(ranges)


key_functions: st.SearchStrategy[KeyFunction] = st.one_of(
    st.integers(1, 40).map(HashKeys), range_keys()
)


@st.composite
def routed_maps(
    draw: st.DrawFn, of: st.SearchStrategy[KeyFunction] = key_functions
) -> PartitionMap:
    """Return a map with copies in all states over some key function."""
    key_function = draw(of)
    names = node_names(draw(st.integers(1, 8)))
    copies = st.dictionaries(st.sampled_from(names), codes.filter(bool), max_size=4)
    return PartitionMap.from_copies(
        [draw(copies).items() for _ in range(len(key_function))],
        names,
        keys=key_function,
        version=(1, 1),
    )
