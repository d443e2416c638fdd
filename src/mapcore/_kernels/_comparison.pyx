# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The cells in which two maps differ, picked by a table over pairs of state codes.

Both kernels write what they find into arrays of the caller. When these are full they return, with
the place to go on from: the caller takes fresh arrays and calls again. `table` holds a byte for
each pair (before, after): 0 for pairs to pass over, else what is written to `kinds`.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libcpp.algorithm cimport sort

cdef extern from "equal_prefix.h" nogil:
    size_t equal_prefix(const uint8_t *a, const uint8_t *b, size_t start, size_t count)


def collect_dense(
    const uint8_t[:, ::1] before,
    const uint8_t[:, ::1] after,
    const uint8_t[:, ::1] table,
    Py_ssize_t position,
    int64_t[::1] partitions,
    int32_t[::1] nodes,
    uint8_t[::1] codes_before,
    uint8_t[::1] codes_after,
    uint8_t[::1] kinds,
):
    """Compare two matrices from cell `position` on; return (next position, cells written)."""
    cdef Py_ssize_t width = before.shape[1]
    cdef Py_ssize_t end = before.shape[0] * width
    cdef Py_ssize_t room = partitions.shape[0], written = 0
    cdef const uint8_t *a
    cdef const uint8_t *b
    cdef uint8_t kind
    if end == 0:
        return 0, 0
    a = &before[0, 0]
    b = &after[0, 0]
    with nogil:
        while written < room:
            position = equal_prefix(a, b, position, end)
            if position == end:
                break
            # Differences come in clusters: go on cell by cell until one is equal.
            while position < end and a[position] != b[position] and written < room:
                kind = table[a[position], b[position]]
                if kind != 0:
                    partitions[written] = position // width
                    nodes[written] = <int32_t>(position % width)
                    codes_before[written] = a[position]
                    codes_after[written] = b[position]
                    kinds[written] = kind
                    written += 1
                position += 1
    return position, written


def collect_index(
    const int64_t[::1] offsets_before,
    const int32_t[::1] nodes_before,
    const uint8_t[::1] copies_before,
    const int64_t[::1] offsets_after,
    const int32_t[::1] nodes_after,
    const uint8_t[::1] copies_after,
    const int64_t[::1] rows_before,
    const int64_t[::1] rows_after,
    const int32_t[::1] renumbered,
    const uint8_t[:, ::1] table,
    uint8_t[::1] state_of_node,
    uint64_t[::1] found,
    Py_ssize_t position,
    int64_t[::1] partitions,
    int32_t[::1] nodes,
    uint8_t[::1] codes_before,
    uint8_t[::1] codes_after,
    uint8_t[::1] kinds,
):
    """Compare two compact indexes from row `position` on; return (next row, cells written).

    Row `i` of the comparison is row `rows_before[i]` of one index and `rows_after[i]` of the
    other, -1 where there is none. Nodes are numbered as in the first index; `renumbered` gives
    that number for each node of the second. `state_of_node` is scratch space, 0 for every node of
    both; `found` likewise, as long as the copies of any row in both. The output arrays must be at
    least that long. Cells of a row come in the order of their nodes.
    """
    cdef Py_ssize_t row, i, start_a, end_a, start_b, end_b, count, room, written = 0
    cdef int32_t node
    cdef uint8_t code, kind
    cdef bint same
    room = partitions.shape[0]
    with nogil:
        while position < rows_before.shape[0]:
            start_a = end_a = start_b = end_b = 0
            row = rows_before[position]
            if row >= 0:
                start_a = offsets_before[row]
                end_a = offsets_before[row + 1]
            row = rows_after[position]
            if row >= 0:
                start_b = offsets_after[row]
                end_b = offsets_after[row + 1]
            if end_a - start_a == end_b - start_b:
                same = True
                for i in range(end_a - start_a):
                    if (
                        nodes_before[start_a + i] != renumbered[nodes_after[start_b + i]]
                        or copies_before[start_a + i] != copies_after[start_b + i]
                    ):
                        same = False
                        break
                if same:
                    position += 1
                    continue
            if room - written < end_a - start_a + end_b - start_b:
                break
            count = 0
            for i in range(start_b, end_b):
                state_of_node[renumbered[nodes_after[i]]] = copies_after[i]
            for i in range(start_a, end_a):
                node = nodes_before[i]
                code = state_of_node[node]
                state_of_node[node] = 0
                if table[copies_before[i], code] != 0:
                    found[count] = <uint64_t>node << 16 | <uint64_t>copies_before[i] << 8 | code
                    count += 1
            for i in range(start_b, end_b):
                node = renumbered[nodes_after[i]]
                code = state_of_node[node]
                state_of_node[node] = 0
                if table[0, code] != 0:
                    found[count] = <uint64_t>node << 16 | code
                    count += 1
            if count > 1:
                sort(&found[0], &found[0] + count)
            for i in range(count):
                partitions[written] = position
                nodes[written] = <int32_t>(found[i] >> 16)
                codes_before[written] = <uint8_t>(found[i] >> 8)
                codes_after[written] = <uint8_t>found[i]
                kinds[written] = table[codes_before[written], codes_after[written]]
                written += 1
            position += 1
    return position, written
