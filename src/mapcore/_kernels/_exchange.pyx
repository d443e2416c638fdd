# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# distutils: language = c++
"""Choosing among equal plans: the wrapper of exchange/*.hpp."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uintptr_t
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


cdef extern from "exchange/scorer.hpp" namespace "mapcore::exchange" nogil:
    ctypedef double (*Score)(int64_t, int64_t, const double *, const int64_t *) noexcept

    cdef struct Policy:
        Score score
        const double *data
        const int64_t *layout

    cdef struct Unfit:
        int64_t partition
        int64_t node


cdef extern from "exchange/policy.hpp" namespace "mapcore::exchange" nogil:
    cdef struct Room:
        const int64_t *least
        const int64_t *most
        const uint8_t *may_take

    cdef struct Choice:
        int64_t exchanges
        int64_t shifts
        double before
        double after
        Unfit unfit

    cbool choose(
        const Given &, const Policy &, const Room &, Choice &,
        cbool (*)(void *) noexcept nogil, void *
    ) except +


cdef extern from "exchange/scatter.hpp" namespace "mapcore::exchange" nogil:
    cdef struct Masters:
        const uint8_t *is_master
        const int32_t *current
        size_t current_width
        const int64_t *prices
        size_t price_width
        const int64_t *reach
        int64_t most_attempts
        Policy policy

    cdef struct Outcome:
        int64_t exchanges
        Unfit unfit

    cbool even_out(
        const Given &, const Masters &, Outcome &, cbool (*)(void *) noexcept nogil, void *
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


cdef Policy policy_of(uintptr_t score, const double[::1] data, const int64_t[::1] layout):
    """Point at the function at this address, 0 for none, and at its arrays, which are not empty."""
    cdef Policy policy
    policy.score = <Score>score
    policy.data = &data[0]
    policy.layout = &layout[0]
    return policy


def score_pairs(
    uintptr_t score,
    const double[::1] data,
    const int64_t[::1] layout,
    const int64_t[::1] partitions,
    const int64_t[::1] nodes,
    double[::1] scores,
):
    """Write the score of each pair."""
    cdef Policy policy = policy_of(score, data, layout)
    cdef Py_ssize_t i
    with nogil:
        for i in range(partitions.shape[0]):
            scores[i] = policy.score(partitions[i], nodes[i], policy.data, policy.layout)


def choose_by_score(
    int32_t[:, ::1] placed,
    const int32_t[:, ::1] held,
    const int32_t[:, ::1] pinned,
    const int32_t[:, ::1] levels,
    const int32_t[::1] row_class,
    const uint8_t[:, ::1] class_allows,
    const int64_t[::1] least,
    const int64_t[::1] most,
    const uint8_t[::1] may_take,
    uintptr_t score,
    const double[::1] data,
    const int64_t[::1] layout,
    interrupt,
):
    """Move new copies in place to where they score better.

    Return (exchanges, shifts, scores before, after, partition and node without a finite score or
    -1). Whatever `interrupt` or a signal handler raises ends it.
    """
    cdef Given given
    cdef Policy policy = policy_of(score, data, layout)
    cdef Room room
    cdef Choice choice
    cdef Watch watch = Watch(interrupt)
    cdef cbool is_whole
    if placed.shape[0] == 0 or placed.shape[1] == 0 or levels.shape[1] == 0:
        return 0, 0, 0.0, 0.0, -1, -1
    given = given_of(placed, held, pinned, levels, row_class, class_allows)
    room.least = &least[0]
    room.most = &most[0]
    room.may_take = &may_take[0]
    with nogil:
        is_whole = choose(given, policy, room, choice, may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised
    return (
        choice.exchanges, choice.shifts, choice.before, choice.after,
        choice.unfit.partition, choice.unfit.node,
    )


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
    uintptr_t score,
    const double[::1] data,
    const int64_t[::1] layout,
    interrupt,
):
    """Exchange new slaves in place.

    Return (exchanges, partition and node without a finite score or -1). Whatever `interrupt` or a signal handler raises ends it.
    """
    cdef Given given
    cdef Masters masters
    cdef Watch watch = Watch(interrupt)
    cdef Outcome outcome
    cdef cbool is_whole
    if placed.shape[0] == 0 or placed.shape[1] == 0 or levels.shape[1] == 0:
        return 0, -1, -1
    given = given_of(placed, held, pinned, levels, row_class, class_allows)
    masters.is_master = &is_master[0, 0]
    masters.current = &current_masters[0, 0] if current_masters.shape[1] else NULL
    masters.current_width = current_masters.shape[1]
    masters.prices = &prices[0, 0] if prices.shape[1] else NULL
    masters.price_width = prices.shape[1]
    masters.reach = &reach[0]
    masters.most_attempts = most_attempts
    masters.policy = policy_of(score, data, layout)
    with nogil:
        is_whole = even_out(given, masters, outcome, may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised
    return outcome.exchanges, outcome.unfit.partition, outcome.unfit.node
