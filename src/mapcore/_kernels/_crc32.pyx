# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""CRC-32 by a named implementation, and the reduction to partitions; routers use the same code."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "crc32.hpp" namespace "mapcore" nogil:
    cppclass Modulus:
        Modulus(uint32_t divisor)
    cppclass Crc32:
        const char *name
        uint32_t one(const uint8_t *key, size_t size)
        void rows(const uint8_t *rows, size_t count, size_t width, uint32_t *out)
        void reduce(const Modulus &modulus, uint32_t *values, size_t count)
    size_t crc32_implementation_count()
    const Crc32 &crc32_implementation(size_t position)
    const Crc32 *crc32_named(const char *name)


def implementations():
    """Return the names of the implementations that this processor can run, best first."""
    return [
        crc32_implementation(position).name.decode()
        for position in range(crc32_implementation_count())
    ]


cdef const Crc32 *named(str implementation) except NULL:
    cdef const Crc32 *found = crc32_named(implementation.encode())
    if found == NULL:
        raise ValueError(f"found {implementation!r}, expected one of {', '.join(implementations())}")
    return found


def crc32(const uint8_t[::1] key, str implementation):
    """Return the CRC-32 of a key."""
    cdef const Crc32 *chosen = named(implementation)
    cdef const uint8_t *data = &key[0] if key.shape[0] else NULL
    return chosen.one(data, key.shape[0])


def crc32_rows(const uint8_t[:, ::1] rows, uint32_t[::1] out, str implementation):
    """Write the CRC-32 of each row without its trailing NULs."""
    cdef const Crc32 *chosen = named(implementation)
    if out.shape[0] != rows.shape[0]:
        raise ValueError(f"out: found {out.shape[0]} entries, expected {rows.shape[0]}")
    if rows.shape[0] == 0 or rows.shape[1] == 0:
        out[:] = 0
        return
    with nogil:
        chosen.rows(&rows[0, 0], rows.shape[0], rows.shape[1], &out[0])


def remainders(uint32_t[::1] values, uint32_t divisor, str implementation):
    """Replace values by what they leave modulo the divisor."""
    cdef const Crc32 *chosen = named(implementation)
    if divisor == 0:
        raise ValueError("divisor: found 0, expected more")
    if values.shape[0]:
        with nogil:
            chosen.reduce(Modulus(divisor), &values[0], values.shape[0])
