# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# distutils: language = c++
"""Choosing among equal plans: the wrapper of exchange/*.hpp."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on


cdef extern from "exchange/copies.hpp" namespace "mapcore::exchange" nogil:
    cdef struct Given:
        int32_t *placed
        const int32_t *held
        const int32_t *pinned
        const int32_t *levels
        const int32_t *row_class
        const uint8_t *class_allows
        size_t held_width
        size_t pinned_width
        size_t level_count
        size_t row_count
        size_t width
        int32_t node_count


cdef extern from "exchange/scatter.hpp" namespace "mapcore::exchange" nogil:
    cdef struct Masters:
        const uint8_t *is_master
        const int32_t *current
        size_t current_width
        const int64_t *prices
        size_t price_width
        const int64_t *reach
        int64_t most_attempts

    cbool even_out(
        const Given &, const Masters &, int64_t &, cbool (*)(void *) noexcept nogil, void *
    ) except +


cdef Given given_of(
    int32_t[:, ::1] placed,
    const int32_t[:, ::1] held,
    const int32_t[:, ::1] pinned,
    const int32_t[:, ::1] levels,
    const int32_t[::1] row_class,
    const uint8_t[:, ::1] class_allows,
):
    """Point at these arrays, none of which is empty but by its width; classes may be None."""
    cdef Given given
    given.placed = &placed[0, 0]
    given.held = &held[0, 0] if held.shape[1] else NULL
    given.pinned = &pinned[0, 0] if pinned.shape[1] else NULL
    given.levels = &levels[0, 0] if levels.shape[0] else NULL
    given.row_class = NULL
    given.class_allows = NULL
    if row_class is not None:
        given.row_class = &row_class[0]
        given.class_allows = &class_allows[0, 0]
    given.held_width = held.shape[1]
    given.pinned_width = pinned.shape[1]
    given.level_count = levels.shape[0]
    given.row_count = placed.shape[0]
    given.width = placed.shape[1]
    given.node_count = <int32_t>levels.shape[1]
    return given


def even_out_slaves(
    int32_t[:, ::1] placed,
    const int32_t[:, ::1] held,
    const int32_t[:, ::1] pinned,
    const int32_t[:, ::1] levels,
    const int32_t[::1] row_class,
    const uint8_t[:, ::1] class_allows,
    const uint8_t[:, ::1] is_master,
    const int32_t[:, ::1] current_masters,
    const int64_t[:, ::1] prices,
    const int64_t[::1] reach,
    int64_t most_attempts,
    interrupt,
):
    """Exchange new slaves in place; return how often.

    Whatever `interrupt` or a signal handler raises ends it.
    """
    cdef Given given
    cdef Masters masters
    cdef Watch watch = Watch(interrupt)
    cdef int64_t exchanges = 0
    cdef cbool is_whole
    if placed.shape[0] == 0 or placed.shape[1] == 0 or levels.shape[1] == 0:
        return 0
    given = given_of(placed, held, pinned, levels, row_class, class_allows)
    masters.is_master = &is_master[0, 0]
    masters.current = &current_masters[0, 0] if current_masters.shape[1] else NULL
    masters.current_width = current_masters.shape[1]
    masters.prices = &prices[0, 0] if prices.shape[1] else NULL
    masters.price_width = prices.shape[1]
    masters.reach = &reach[0]
    masters.most_attempts = most_attempts
    with nogil:
        is_whole = even_out(given, masters, exchanges, may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised
    return exchanges
