# cython: language_level=3
"""Numbers for names: a hash table over texts that stay where they are."""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy


cdef struct Name:
    const uint8_t *start
    Py_ssize_t length
    uint64_t hash


cdef struct Names:
    Name *items
    int32_t *slots  # number + 1 of the name, 0 for none; a power of two of them
    Py_ssize_t slot_count
    int32_t count
    int32_t capacity


cdef inline uint64_t hash_of(const uint8_t *start, Py_ssize_t length) noexcept nogil:
    cdef uint64_t word, value = <uint64_t>length * 0x9E3779B97F4A7C15ULL
    while length >= 8:
        memcpy(&word, start, 8)
        value = (value ^ word) * 0xD6E8FEB86659FD93ULL
        value ^= value >> 32
        start += 8
        length -= 8
    if length > 0:
        word = 0
        memcpy(&word, start, length)
        value = (value ^ word) * 0xD6E8FEB86659FD93ULL
        value ^= value >> 32
    value *= 0xD6E8FEB86659FD93ULL
    return value ^ (value >> 29)


cdef inline bint start_names(Names *names, Py_ssize_t expected) noexcept nogil:
    names.count = 0
    names.capacity = <int32_t>(expected if expected > 64 else 64)
    names.slot_count = 128
    while names.slot_count < 2 * <Py_ssize_t>names.capacity:
        names.slot_count *= 2
    names.items = <Name *>malloc(names.capacity * sizeof(Name))
    names.slots = <int32_t *>calloc(names.slot_count, sizeof(int32_t))
    return names.items != NULL and names.slots != NULL


cdef inline void end_names(Names *names) noexcept nogil:
    free(names.items)
    free(names.slots)


cdef inline bint grow_names(Names *names) noexcept nogil:
    cdef Name *items
    cdef int32_t *slots
    cdef Py_ssize_t slot, slot_count = 2 * names.slot_count
    cdef int32_t number
    if names.capacity > 2 ** 29:
        return False
    items = <Name *>realloc(names.items, 2 * names.capacity * sizeof(Name))
    if items == NULL:
        return False
    names.items = items
    names.capacity *= 2
    slots = <int32_t *>calloc(slot_count, sizeof(int32_t))
    if slots == NULL:
        return False
    for number in range(names.count):
        slot = <Py_ssize_t>(items[number].hash & <uint64_t>(slot_count - 1))
        while slots[slot] != 0:
            slot = (slot + 1) & (slot_count - 1)
        slots[slot] = number + 1
    free(names.slots)
    names.slots = slots
    names.slot_count = slot_count
    return True


cdef inline int32_t number_of_name(
    Names *names, const uint8_t *start, Py_ssize_t length, bint may_add
) noexcept nogil:
    """Return the number of a name, added if it is new and may be; else -1."""
    cdef uint64_t hash = hash_of(start, length)
    cdef Py_ssize_t slot = <Py_ssize_t>(hash & <uint64_t>(names.slot_count - 1))
    cdef int32_t number
    cdef Name *item
    while names.slots[slot] != 0:
        number = names.slots[slot] - 1
        item = &names.items[number]
        if item.hash == hash and item.length == length and memcmp(item.start, start, length) == 0:
            return number
        slot = (slot + 1) & (names.slot_count - 1)
    if not may_add or length == 0:
        return -1
    if names.count == names.capacity:
        if not grow_names(names):
            return -1
        slot = <Py_ssize_t>(hash & <uint64_t>(names.slot_count - 1))
        while names.slots[slot] != 0:
            slot = (slot + 1) & (names.slot_count - 1)
    number = names.count
    names.items[number] = Name(start, length, hash)
    names.slots[slot] = number + 1
    names.count += 1
    return number
