# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""From one placement within a number of peers to the next: the wrapper of peers/change/*.hpp."""

from libc.stdint cimport int32_t, int64_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on
from mapcore._kernels._peers cimport Limits, PeerLimits


cdef extern from "peers/change/change.hpp" namespace "mapcore::peers" nogil:
    cdef struct Previous:
        size_t partitions
        size_t width
        cbool every_pair
        int32_t *rows
        size_t current_width
        const int32_t *current
        const int32_t *copies

    cdef struct Outcome:
        int64_t excess_peers
        int64_t strain

    cbool c_change "mapcore::peers::change"(
        const Previous &, const Limits &, Outcome &, cbool (*)(void *) noexcept nogil, void *
    ) except +


def change(
    PeerLimits limits not None,
    cbool every_pair,
    const int32_t[:, ::1] current,
    const int32_t[::1] copies,
    int32_t[:, ::1] rows,
    interrupt,
):
    """Fill holes in rows and even out loads, in place, with few moves and no more peers than may be.

    Return (peers above the limit, copies outside shares), both in sum.

    Args:
        limits: what copies have to keep to.
        every_pair: whether all copies of a partition are peers, not its master and slaves alone.
        current: partitions by any width: nodes that hold a copy now, -1 for none.
        copies: by partition, how many it shall have.
        rows: partitions by copies: those that stay; column 0 is the master's, -1 for none.
        interrupt: called now and then; what it raises ends the work, and leaves rows as they were.
    """
    cdef Previous previous
    cdef Watch watch = Watch(interrupt)
    cdef Outcome outcome
    cdef cbool is_whole
    if rows.shape[0] == 0 or rows.shape[1] == 0 or limits.limits.node_count == 0:
        return 0, 0
    previous.partitions = rows.shape[0]
    previous.width = rows.shape[1]
    previous.every_pair = every_pair
    previous.rows = &rows[0, 0]
    previous.current_width = current.shape[1]
    previous.current = &current[0, 0] if current.shape[1] else NULL
    previous.copies = &copies[0]
    with nogil:
        is_whole = c_change(previous, limits.limits, outcome, may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised
    return outcome.excess_peers, outcome.strain
