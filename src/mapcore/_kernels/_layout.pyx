# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Layout of a router's tables from the index of a map, and of what it hands out."""

from libc.stdint cimport int32_t, int64_t, uint8_t

ctypedef fused offset_t:
    int32_t
    int64_t

cdef enum:
    MASTER_BIT = 1 << 30  # as in _routing


cdef inline int32_t others_of_row(
    const uint8_t *codes, Py_ssize_t size, const uint8_t *roles
) noexcept nogil:
    """How many copies of a row are online, without its first master."""
    cdef Py_ssize_t i
    cdef int32_t others = 0
    cdef bint has_master = False
    for i in range(size):
        others += roles[codes[i]] != 255
        has_master |= roles[codes[i]] < 2
    return others - has_master


cdef inline int32_t fill_row(
    const int32_t *nodes, const uint8_t *codes, Py_ssize_t size, const uint8_t *roles,
    int32_t *others
) noexcept nogil:
    """Return the first master of a row, or -1; write its other copies in order of their role."""
    cdef Py_ssize_t i, at = 0
    cdef int32_t master = -1
    cdef uint8_t role
    for role in range(4):
        for i in range(size):
            if roles[codes[i]] != role:
                continue
            if role < 2 and master < 0:
                master = nodes[i]
            else:
                others[at] = nodes[i] | (MASTER_BIT if role < 2 else 0)
                at += 1
    return master


def count_others(
    const int64_t[::1] offsets, const uint8_t[::1] codes, const uint8_t[::1] roles,
    int32_t[::1] other_offsets
):
    """Write where each partition's copies begin that are online, without its first master.

    `roles` gives for each state code 0 and 1 for masters (1 where only if there is no 0), 2 and up
    for other copies that serve, 255 for those that do not. Return the least and greatest number of
    others of a partition; the offsets are one more than there are partitions.
    """
    cdef Py_ssize_t partition, begin
    cdef int32_t others, total = 0, least = 2147483647, most = 0
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            other_offsets[partition] = total
            begin = offsets[partition]
            others = others_of_row(&codes[begin], offsets[partition + 1] - begin, &roles[0])
            least = min(least, others)
            most = max(most, others)
            total += others
        other_offsets[offsets.shape[0] - 1] = total
    return least, most


def fill_tables(
    const int64_t[::1] offsets, const int32_t[::1] nodes, const uint8_t[::1] codes,
    const uint8_t[::1] roles, const int32_t[::1] other_offsets, int32_t[::1] masters,
    int32_t[::1] others
):
    """Write the first master of each partition, or -1, and its other copies in order of their role."""
    cdef Py_ssize_t partition, begin
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            begin = offsets[partition]
            masters[partition] = fill_row(
                &nodes[begin], &codes[begin], offsets[partition + 1] - begin, &roles[0],
                &others[other_offsets[partition]]
            )


def count_patched(
    const int32_t[::1] old_offsets, Py_ssize_t old_count, const int64_t[::1] origins,
    const int64_t[::1] changed, const int64_t[::1] row_offsets, const uint8_t[::1] codes,
    const uint8_t[::1] roles, int32_t[::1] other_offsets
):
    """As `count_others`, for tables of which some rows change.

    Partition p is `origins[p]` of the old tables (p, where `origins` is None), whose others begin at
    `old_offsets` (`old_count` each, where that is None); but for the partitions `changed`, ascending,
    whose rows are given.
    """
    cdef Py_ssize_t partition, origin, begin, row = 0, count = other_offsets.shape[0] - 1
    cdef int32_t others, total = 0, least = 2147483647, most = 0
    cdef bint is_even = old_offsets is None, stays = origins is None
    with nogil:
        for partition in range(count):
            other_offsets[partition] = total
            if row < changed.shape[0] and changed[row] == partition:
                begin = row_offsets[row]
                others = others_of_row(&codes[begin], row_offsets[row + 1] - begin, &roles[0])
                row += 1
            elif is_even:
                others = <int32_t>old_count
            else:
                origin = partition if stays else origins[partition]
                others = old_offsets[origin + 1] - old_offsets[origin]
            least = min(least, others)
            most = max(most, others)
            total += others
        other_offsets[count] = total
    return least, most


def fill_patched(
    const int32_t[::1] old_masters, const int32_t[::1] old_others, const int32_t[::1] old_offsets,
    Py_ssize_t old_count, const int64_t[::1] origins, const int32_t[::1] node_numbers,
    const int64_t[::1] changed, const int64_t[::1] row_offsets, const int32_t[::1] nodes,
    const uint8_t[::1] codes, const uint8_t[::1] roles, const int32_t[::1] other_offsets,
    int32_t[::1] masters, int32_t[::1] others
):
    """Write masters and others after `count_patched`. Return how many old copies lost their node.

    `node_numbers` gives the new number of each old node, -1 where it is gone; None where all stay.
    """
    cdef Py_ssize_t partition, origin, begin, i, row = 0, lost = 0
    cdef int32_t master, other
    cdef bint is_even = old_offsets is None, stays = origins is None
    cdef bint nodes_stay = node_numbers is None
    with nogil:
        for partition in range(masters.shape[0]):
            if row < changed.shape[0] and changed[row] == partition:
                begin = row_offsets[row]
                masters[partition] = fill_row(
                    &nodes[begin], &codes[begin], row_offsets[row + 1] - begin, &roles[0],
                    &others[other_offsets[partition]]
                )
                row += 1
                continue
            origin = partition if stays else origins[partition]
            master = old_masters[origin]
            if not nodes_stay and master >= 0:
                master = node_numbers[master]
                lost += master < 0
            masters[partition] = master
            begin = origin * old_count if is_even else old_offsets[origin]
            for i in range(other_offsets[partition], other_offsets[partition + 1]):
                other = old_others[begin]
                begin += 1
                if not nodes_stay:
                    lost += node_numbers[other & ~MASTER_BIT] < 0
                    other = node_numbers[other & ~MASTER_BIT] | (other & MASTER_BIT)
                others[i] = other
    return lost


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
