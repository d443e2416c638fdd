from __future__ import annotations

import zlib

import pytest

from mapcore.errors import MapError
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import resized
from tests.actualizing.test_next_steps import made

KEYS = [f"user:{i}" for i in range(500)]


def test_every_key_keeps_its_copies() -> None:
    before = made("am bs", "bm cs", "cm as")
    after = resized(before, 12)
    assert after.partition_count == 12
    for key in KEYS:
        code = zlib.crc32(key.encode())
        assert after.copies(code % 12) == before.copies(code % 3)


def test_halving_takes_doubling_back() -> None:
    before = made("am bs", "bm cs", sizes=[10, 20], weights=[1.0, 2.0])
    again = resized(resized(before, 8), 2)
    assert again == before
    assert again.sizes is not None
    assert again.sizes.tolist() == [8, 20]
    assert again.weights is not None
    assert again.weights.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("held", "count", "message"),
    [
        (made("am", "bm"), 3, "found 2 partitions and 3 wanted"),
        (made("am", "bm"), 0, "expected one to be a multiple"),
        (made("am", "bm"), 1 << 40, "expected 1 to 2147483647"),
        (made("am", "bm"), 1, "move them together first"),
        (
            PartitionMap.from_copies([[]], "a", keys=RangeKeys([KeyRange.from_name("-")])),
            2,
            "expected hash partitions",
        ),
    ],
)
def test_what_cannot_be_resized_is_an_error(held: PartitionMap, count: int, message: str) -> None:
    with pytest.raises(MapError, match=message):
        resized(held, count)
