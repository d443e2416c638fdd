# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Layout of a router's tables from the index of a map, and of what it hands out."""

from libc.stdint cimport int32_t, int64_t, uint8_t

ctypedef fused offset_t:
    int32_t
    int64_t

cdef enum:
    MASTER_BIT = 1 << 30  # as in _routing


def count_others(
    const int64_t[::1] offsets, const uint8_t[::1] codes, const uint8_t[::1] roles,
    int32_t[::1] other_offsets
):
    """Write where each partition's copies begin that are online, without its first master.

    `roles` gives for each state code 0 and 1 for masters (1 where only if there is no 0), 2 and up
    for other copies that serve, 255 for those that do not. Return the least and greatest number of
    others of a partition; the offsets are one more than there are partitions.
    """
    cdef Py_ssize_t partition, i
    cdef int32_t others, total = 0, least = 2147483647, most = 0
    cdef bint has_master
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            other_offsets[partition] = total
            others = 0
            has_master = False
            for i in range(offsets[partition], offsets[partition + 1]):
                others += roles[codes[i]] != 255
                has_master |= roles[codes[i]] < 2
            others -= has_master
            least = min(least, others)
            most = max(most, others)
            total += others
        other_offsets[offsets.shape[0] - 1] = total
    return least, most


def fill_tables(
    const int64_t[::1] offsets, const int32_t[::1] nodes, const uint8_t[::1] codes,
    const uint8_t[::1] roles, int32_t[::1] masters, int32_t[::1] others
):
    """Write the first master of each partition, or -1, and its other copies in order of their role."""
    cdef Py_ssize_t partition, i, at = 0
    cdef int32_t master
    cdef uint8_t role
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            master = -1
            for role in range(4):
                for i in range(offsets[partition], offsets[partition + 1]):
                    if roles[codes[i]] != role:
                        continue
                    if role < 2 and master < 0:
                        master = nodes[i]
                    else:
                        others[at] = nodes[i] | (MASTER_BIT if role < 2 else 0)
                        at += 1
            masters[partition] = master


def first_unordered(const offset_t[::1] offsets, int64_t size):
    """Return the position of the first offset that is less than the one before or above the size.

    -1 if there is none; the first offset must not be negative.
    """
    cdef Py_ssize_t i
    cdef offset_t before = 0
    with nogil:
        for i in range(offsets.shape[0]):
            if offsets[i] < before or offsets[i] > size:
                break
            before = offsets[i]
        else:
            i = -1
    return i


def group_positions(const int32_t[::1] nodes, int64_t[::1] starts, int64_t[::1] positions):
    """Sort positions by node, stably, by counting.

    Positions of node n come to `positions[starts[n + 1]:starts[n + 2]]`, those of node -1 to the
    front. `starts` holds zeros, two more than there are nodes.
    """
    cdef Py_ssize_t i, bucket, last = starts.shape[0] - 1
    cdef int64_t total = 0, size
    with nogil:
        for i in range(nodes.shape[0]):
            starts[nodes[i] + 1] += 1
        for bucket in range(last):
            size = starts[bucket]
            starts[bucket] = total
            total += size
        for i in range(nodes.shape[0]):
            bucket = nodes[i] + 1
            positions[starts[bucket]] = i
            starts[bucket] += 1
        # Each start has moved to its end, which is the next one's start.
        for bucket in range(last, 0, -1):
            starts[bucket] = starts[bucket - 1]
        starts[0] = 0
