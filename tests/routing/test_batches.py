from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore.errors import KeyNotCovered
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.routing import PackedKeys, Router
from mapcore.states import Placement, state_code
from tests.key_strategies import keys, neighbours, routed_maps
from tests.twins.routing import copies_of, masters_of, partition_of

MASTER = state_code(Placement.MASTER)
ONE_RANGE = PartitionMap.from_copies(
    [[("n", MASTER)]], ["n"], keys=RangeKeys([KeyRange("b", b"b", b"c")])
)


def packed(some: list[bytes], dtype: type = np.int32, before: bytes = b"junk") -> PackedKeys:
    offsets: NDArray[Any] = np.cumsum([len(before), *map(len, some)]).astype(dtype)
    return PackedKeys(offsets, before + b"".join(some) + b"more")


def as_rows(some: list[bytes]) -> np.ndarray[Any, np.dtype[np.bytes_]]:
    return np.array(some, dtype="S") if some else np.zeros(0, "S5")


FORMS: dict[str, Callable[[list[bytes]], Any]] = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "list of all kinds": lambda some: [
        (bytes, bytearray, memoryview)[i % 3](key) for i, key in enumerate(some)
    ],
    "packed int32": packed,
    "packed int64": lambda some: packed(some, np.int64),
    "offsets and data": lambda some: tuple(packed(some)),
    "offsets of the other byte order": lambda some: packed(some)._replace(
        offsets=packed(some).offsets.astype(">i4")
    ),
    "object array": lambda some: np.array([*some, None], dtype=object)[:-1],
}


def answers(held: PartitionMap, some: list[bytes]) -> tuple[list[int], list[int], list[list[int]]]:
    """Return partitions, masters and copies by number, -1 for none."""
    partitions = [partition_of(held, key) for key in some]
    number = held.nodes.number
    masters, copies = [], []
    for partition in partitions:
        found = () if partition is None else masters_of(held, partition)
        masters.append(number(found[0]) if found else -1)
        copies.append([] if partition is None else list(map(number, copies_of(held, partition))))
    return [-1 if partition is None else partition for partition in partitions], masters, copies


def some_keys(held: PartitionMap, others: list[bytes]) -> list[bytes]:
    starts = [] if isinstance(held.keys, HashKeys) else [item.start for item in held.keys.ranges]
    return others + [near for start in starts for near in neighbours(start)]


@given(routed_maps(), st.lists(keys, max_size=30))
def test_many_keys_get_the_answers_that_each_gets_in_whatever_form_they_come(
    held: PartitionMap, others: list[bytes]
) -> None:
    router = Router(held)
    wanted = some_keys(held, others)
    partitions, masters, copies = answers(held, wanted)
    for name, form in FORMS.items():
        assert router.partitions(form(wanted), missing="-1").tolist() == partitions, name
        assert router.nodes(form(wanted), missing="-1").tolist() == masters, name
    table = router.copies_table(wanted, missing="-1").tolist()
    assert [[number for number in row if number >= 0] for row in table] == copies


@given(routed_maps(), st.lists(keys, max_size=30))
def test_rows_of_bytes_end_before_their_trailing_nuls(
    held: PartitionMap, others: list[bytes]
) -> None:
    router = Router(held)
    rows = as_rows(some_keys(held, others))
    partitions, masters, _ = answers(held, [bytes(row) for row in rows])
    for array in (rows, np.repeat(rows, 2)[::2], rows[::-1][::-1]):
        assert router.partitions(array, missing="-1").tolist() == partitions
        assert router.nodes(array, missing="-1").tolist() == masters


def test_arrays_and_lists_of_text_are_utf8() -> None:
    held = PartitionMap.from_copies(
        [[(f"n{i}", MASTER)] for i in range(9)], [f"n{i}" for i in range(9)]
    )
    router = Router(held)
    texts = ["", "a", "é", "€uro", "😀" * 9, "plain"]
    wanted = [router.partition(text.encode()) for text in texts]
    assert router.partitions(texts).tolist() == wanted
    assert router.partitions(np.array(texts)).tolist() == wanted
    assert router.partitions([texts[0], *(text.encode() for text in texts[1:])]).tolist() == wanted


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1023, 1024, 1025, 5000])
def test_chunks_meet_without_a_seam(count: int) -> None:
    some = [b"key%d" % number for number in range(count)]
    hashed = Router(
        PartitionMap.from_copies(
            [[(f"n{i}", MASTER)] for i in range(9)], [f"n{i}" for i in range(9)]
        )
    )
    ranges = RangeKeys([KeyRange(f"{i}", b"key%d" % i, b"key%d" % (i + 1)) for i in range(1, 9)])
    ranged = Router(PartitionMap.from_copies([[("n", MASTER)]] * len(ranges), ["n"], keys=ranges))
    for router in (hashed, ranged):
        wanted = [router.partition(key) if key in router else -1 for key in some]
        for form in (as_rows(some), some, packed(some)):
            assert router.partitions(form, missing="-1").tolist() == wanted


def test_results_go_where_the_caller_wants_them() -> None:
    router = Router(ONE_RANGE)
    out = np.full(3, 7, np.int32)
    assert router.partitions([b"b", b"bb", b"b"], out) is out
    assert out.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "out",
    [
        np.zeros(2, np.int32),
        np.zeros(3, np.int64),
        np.zeros(6, np.int32)[::2],
        np.zeros((3, 1), np.int32),
        [0, 0, 0],
    ],
    ids=["size", "dtype", "strides", "shape", "list"],
)
def test_an_out_array_that_does_not_fit_is_refused(out: Any) -> None:
    with pytest.raises(ValueError, match="out: expected a writable C-contiguous int32 array of 3"):
        Router(ONE_RANGE).nodes([b"b"] * 3, out)


def test_a_read_only_out_array_is_refused() -> None:
    out = np.zeros(1, np.int32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        Router(ONE_RANGE).nodes([b"b"], out)


@pytest.mark.parametrize("form", ["list", "list of all kinds", "packed int32"])
@pytest.mark.parametrize("position", [0, 1, 300, 2000])
def test_the_first_key_in_a_gap_is_raised(form: str, position: int) -> None:
    some = [b"bkey"] * 3000
    some[position] = b"gap%d" % position
    some[2500] = b"later gap"
    router = Router(ONE_RANGE)
    for lookup in (router.partitions, router.nodes, router.copies_table, router.group):
        with pytest.raises(KeyNotCovered) as caught:
            lookup(FORMS[form](some))
        assert caught.value.key == b"gap%d" % position
    with pytest.raises(KeyNotCovered) as caught:
        router.partitions(as_rows(some))
    assert caught.value.key == b"gap%d" % position


def test_a_missing_that_is_neither_is_refused() -> None:
    with pytest.raises(ValueError, match=r"missing: found 'drop', expected \"raise\" or \"-1\""):
        Router(ONE_RANGE).nodes([b"b"], missing="drop")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (b"key", TypeError, "found one key of bytes, expected many"),
        ("key", TypeError, "found one key of str, expected many"),
        (5, TypeError, "not iterable"),
        (np.arange(3), TypeError, "found an array of int64, expected bytes or text"),
        (np.zeros((2, 2), "S3"), ValueError, r"shape \(2, 2\), expected one dimension"),
        ([b"b", 5], TypeError, "found int, expected bytes"),
        ([b"b", None], TypeError, "found NoneType, expected bytes"),
    ],
)
def test_what_is_no_batch_of_keys_is_refused(
    wrong: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Router(ONE_RANGE).partitions(wrong)


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([], "one more than there are keys"),
        ([0, 5], r"offsets\[1\]: found 5, expected ascending numbers from 0 to 4"),
        ([-1, 2], r"offsets\[0\]: found -1"),
        ([0, 3, 2], r"offsets\[2\]: found 2"),
        ([0, 2**31 - 1, 4], r"offsets\[1\]"),
    ],
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_offsets_that_lead_outside_the_data_are_refused(
    offsets: list[int], message: str, dtype: Any
) -> None:
    with pytest.raises(ValueError, match=message):
        Router(ONE_RANGE).partitions(PackedKeys(np.array(offsets, dtype), b"bbbb"))


def test_offsets_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="offsets: found uint8"):
        Router(ONE_RANGE).partitions(PackedKeys(np.zeros(2, np.uint8), b"b"))  # type: ignore[arg-type]


# Groups


@given(routed_maps(), st.lists(keys, max_size=40))
def test_groups_hold_the_positions_of_each_nodes_keys(
    held: PartitionMap, others: list[bytes]
) -> None:
    wanted = some_keys(held, others)
    groups = Router(held).group(wanted, missing="-1")
    _, masters, _ = answers(held, wanted)
    expected = {
        held.nodes.names[node]: [i for i, master in enumerate(masters) if master == node]
        for node in sorted(set(masters) - {-1})
    }
    assert {name: positions.tolist() for name, positions in groups} == expected
    assert list(expected) == [held.nodes.names[node] for node in groups.nodes]
    assert len(groups) == len(expected)
    assert groups.unserved.tolist() == [i for i, master in enumerate(masters) if master == -1]
    assert np.array_equal(np.diff(groups.offsets), [len(row) for row in expected.values()])


def test_no_keys_make_no_groups() -> None:
    groups = Router(ONE_RANGE).group([])
    assert (list(groups), len(groups.unserved)) == ([], 0)
    assert repr(groups) == "<Groups: 0 keys on 0 nodes, 0 unserved>"


def test_the_gil_is_released_for_arrays() -> None:
    router = Router(ONE_RANGE)
    rows = np.full(3_000_000, b"bbbbbbbbbbbbbbbb", "S16")
    started = threading.Event()

    def look_up() -> None:
        started.set()
        router.nodes(rows)

    worker = threading.Thread(target=look_up)
    worker.start()
    started.wait()
    counted = 0
    while worker.is_alive():
        counted += 1
    worker.join()
    assert counted > 1
