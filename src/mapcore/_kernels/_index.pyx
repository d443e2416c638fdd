# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The two forms of a map, matrix and compact index, made from each other."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    PLACEMENT = 0b111
    LAST_PLACEMENT = 5

# Masters first, then slaves, pending copies (master before slave), dead copies.
cdef uint8_t[8] RANK
RANK[:] = [7, 4, 1, 0, 3, 2, 7, 7]


cdef inline bint is_code(uint8_t code) noexcept nogil:
    cdef uint8_t placement = code & PLACEMENT
    return code < 128 and placement <= LAST_PLACEMENT and (placement != 0 or code == 0)


def first_invalid_code(const uint8_t[::1] codes):
    """Return the position of the first value that is no state code, or -1."""
    cdef Py_ssize_t i = 0, count = codes.shape[0]
    cdef uint64_t word
    cdef const uint8_t *data
    if count == 0:
        return -1
    data = &codes[0]
    with nogil:
        while i < count:
            # Most cells of a map are empty: step over eight of them at a time.
            if i + 8 <= count:
                memcpy(&word, data + i, 8)
                if word == 0:
                    i += 8
                    continue
            if not is_code(data[i]):
                break
            i += 1
    return i if i < count else -1


def check_index(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    int64_t[::1] last_partition,
):
    """Return (partition, position) of the first wrong copy of an index, or (-1, -1).

    Wrong is a node number out of range, a code without placement, or a node that stands in its
    partition already. Offsets are taken as checked; `last_partition` is scratch space, -1 for
    every node.
    """
    cdef Py_ssize_t partition, i, partitions = offsets.shape[0] - 1
    cdef int32_t node_count = <int32_t>last_partition.shape[0]
    cdef Py_ssize_t bad_partition = -1, bad_position = -1
    with nogil:
        for partition in range(partitions):
            for i in range(offsets[partition], offsets[partition + 1]):
                if (
                    nodes[i] < 0
                    or nodes[i] >= node_count
                    or not is_code(codes[i])
                    or codes[i] == 0
                    or last_partition[nodes[i]] == partition
                ):
                    bad_position = i
                    break
                last_partition[nodes[i]] = partition
            if bad_position >= 0:
                bad_partition = partition
                break
    return bad_partition, bad_position


def order_copies(
    const int64_t[::1] offsets,
    int32_t[::1] nodes,
    uint8_t[::1] codes,
    int32_t[::1] scratch_nodes,
    uint8_t[::1] scratch_codes,
):
    """Sort the copies of each partition by placement, masters first; ties keep their order.

    The scratch arrays are as long as the copies of any partition.
    """
    cdef Py_ssize_t partition, i, start, end
    cdef int64_t[9] place
    cdef uint8_t rank
    cdef bint in_order
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            start = offsets[partition]
            end = offsets[partition + 1]
            in_order = True
            for i in range(start + 1, end):
                if RANK[codes[i - 1] & PLACEMENT] > RANK[codes[i] & PLACEMENT]:
                    in_order = False
                    break
            if in_order:
                continue
            # A counting sort: rows may hold a copy on every node.
            for i in range(9):
                place[i] = 0
            for i in range(start, end):
                place[RANK[codes[i] & PLACEMENT] + 1] += 1
                scratch_nodes[i - start] = nodes[i]
                scratch_codes[i - start] = codes[i]
            for i in range(1, 9):
                place[i] += place[i - 1]
            for i in range(end - start):
                rank = RANK[scratch_codes[i] & PLACEMENT]
                nodes[start + place[rank]] = scratch_nodes[i]
                codes[start + place[rank]] = scratch_codes[i]
                place[rank] += 1


def fill_dense(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    uint8_t[:, ::1] dense,
):
    """Write the copies of an index into a matrix of zeros."""
    cdef Py_ssize_t partition, i
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            for i in range(offsets[partition], offsets[partition + 1]):
                dense[partition, nodes[i]] = codes[i]


def count_copies(const uint8_t[:, ::1] dense, int64_t[::1] offsets):
    """Write where each partition's copies begin, and return how many copies there are."""
    cdef Py_ssize_t partition, node, width = dense.shape[1]
    cdef int64_t count = 0
    cdef uint64_t word
    cdef const uint8_t *row
    with nogil:
        for partition in range(dense.shape[0]):
            offsets[partition] = count
            if width == 0:
                continue
            row = &dense[partition, 0]
            node = 0
            while node < width:
                if node + 8 <= width:
                    memcpy(&word, row + node, 8)
                    if word == 0:
                        node += 8
                        continue
                count += row[node] != 0
                node += 1
        offsets[dense.shape[0]] = count
    return count


def count_by_node(
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    const uint8_t[::1] is_wanted,
    int64_t[::1] loads,
):
    """Add to each node's load its copies of the placements wanted, eight flags by placement."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(nodes.shape[0]):
            loads[nodes[i]] += is_wanted[codes[i] & PLACEMENT]


def fill_index(
    const uint8_t[:, ::1] dense,
    const int64_t[::1] offsets,
    int32_t[::1] nodes,
    uint8_t[::1] codes,
):
    """Write the copies of a matrix into an index whose offsets are known."""
    cdef Py_ssize_t partition, node, i, width = dense.shape[1]
    cdef uint64_t word
    cdef const uint8_t *row
    with nogil:
        for partition in range(dense.shape[0]):
            if width == 0:
                continue
            row = &dense[partition, 0]
            i = offsets[partition]
            node = 0
            while node < width:
                if node + 8 <= width:
                    memcpy(&word, row + node, 8)
                    if word == 0:
                        node += 8
                        continue
                if row[node] != 0:
                    nodes[i] = <int32_t>node
                    codes[i] = row[node]
                    i += 1
                node += 1


def same_cells(
    const int64_t[::1] offsets_a,
    const int32_t[::1] nodes_a,
    const uint8_t[::1] codes_a,
    const int64_t[::1] offsets_b,
    const int32_t[::1] nodes_b,
    const uint8_t[::1] codes_b,
    uint8_t[::1] state_of_node,
):
    """Whether two indexes over the same partitions hold equal cells, in whatever order.

    `state_of_node` is scratch space, 0 for every node.
    """
    cdef Py_ssize_t partition, i, start, end
    cdef bint same = True
    with nogil:
        for partition in range(offsets_a.shape[0] - 1):
            start = offsets_a[partition]
            end = offsets_a[partition + 1]
            if offsets_b[partition] != start or offsets_b[partition + 1] != end:
                same = False
                break
            for i in range(start, end):
                if nodes_a[i] != nodes_b[i] or codes_a[i] != codes_b[i]:
                    same = False
                    break
            if same:
                continue
            same = True
            for i in range(start, end):
                state_of_node[nodes_a[i]] = codes_a[i]
            for i in range(start, end):
                same = same and state_of_node[nodes_b[i]] == codes_b[i]
            for i in range(start, end):
                state_of_node[nodes_a[i]] = 0
            if not same:
                break
    return same
