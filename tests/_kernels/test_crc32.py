from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from mapcore._kernels import _crc32

implementations = pytest.mark.parametrize("implementation", _crc32.implementations())


def of_rows(rows: NDArray[np.uint8], implementation: str) -> list[int]:
    out = np.full(len(rows), 0xDEADBEEF, np.uint32)
    _crc32.crc32_rows(rows, out, implementation)
    return out.tolist()


def of_rows_by_zlib(rows: NDArray[np.uint8]) -> list[int]:
    return [zlib.crc32(row.tobytes().rstrip(b"\0")) for row in rows]


def test_one_implementation_needs_no_special_instructions() -> None:
    assert _crc32.implementations()[-1] == "tables"


@implementations
@given(st.binary(max_size=300))
def test_the_crc_of_a_key_is_that_of_zlib(implementation: str, key: bytes) -> None:
    assert _crc32.crc32(key, implementation) == zlib.crc32(key)


@implementations
def test_the_crc_of_every_size_is_that_of_zlib_and_reads_nothing_beyond(
    implementation: str,
) -> None:
    data = np.random.default_rng(1).bytes(400)
    for size in range(200):
        for start in (0, 1, 7, 200 - size):
            part = memoryview(data)[start : start + size]
            assert _crc32.crc32(part, implementation) == zlib.crc32(part)


@implementations
@given(
    npst.arrays(
        np.uint8, st.tuples(st.integers(0, 20), st.integers(1, 70)), elements=st.integers(0, 255)
    )
)
def test_the_crcs_of_rows_are_those_of_their_keys(
    implementation: str, rows: NDArray[np.uint8]
) -> None:
    assert of_rows(rows, implementation) == of_rows_by_zlib(rows)


@implementations
def test_rows_of_every_width_and_count_with_and_without_padding(implementation: str) -> None:
    random = np.random.default_rng(2)
    for width in range(1, 70):
        for count in (1, 2, 3, 4, 5, 8, 19):
            rows = random.integers(1, 256, (count, width), dtype=np.uint8)
            assert of_rows(rows, implementation) == of_rows_by_zlib(rows)
            rows[count // 2, width // 2 :] = 0
            rows[-1] = 0
            assert of_rows(rows, implementation) == of_rows_by_zlib(rows)


EDGES = np.array(
    [0, 1, 2, 3, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], dtype=np.uint32
)


def check_remainders(values: NDArray[np.uint32], divisor: int) -> None:
    for implementation in _crc32.implementations():
        reduced = values.copy()
        _crc32.remainders(reduced, divisor, implementation)
        assert np.array_equal(reduced, values % np.uint32(divisor)), implementation


@given(
    npst.arrays(np.uint32, st.integers(0, 50)),
    st.one_of(st.integers(1, 300), st.integers(1, 2**32 - 1)),
)
def test_remainders_by_multiplication_are_exact(values: NDArray[np.uint32], divisor: int) -> None:
    check_remainders(values, divisor)


def test_remainders_are_exact_around_every_multiple_that_could_go_wrong() -> None:
    random = np.random.default_rng(3)
    divisors = [*range(1, 200), *(1 << bit for bit in range(32)), *(2**32 - k for k in range(1, 9))]
    divisors += [1440, 16384, 65536, 1048576, 2**31 - 1, 65537, 641, 6700417]
    divisors += random.integers(1, 2**32, 300).tolist()
    for divisor in divisors:
        multiples = random.integers(0, (2**32 - 1) // divisor + 1, 200, dtype=np.uint64) * divisor
        last = np.uint64((2**32 - 1) // divisor * divisor)
        around = np.concatenate([multiples, [last, last - min(last, divisor)]])
        values = np.concatenate([around, around - 1, around + 1, around + divisor - 1])
        check_remainders(np.concatenate([values.astype(np.uint32), EDGES]), divisor)


def test_what_cannot_be_reduced_or_run_is_refused() -> None:
    with pytest.raises(ValueError, match="divisor: found 0"):
        _crc32.remainders(EDGES.copy(), 0, "tables")
    with pytest.raises(ValueError, match="found 'abacus', expected one of"):
        _crc32.crc32(b"", "abacus")
