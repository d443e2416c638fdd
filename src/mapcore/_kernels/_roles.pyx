# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# distutils: language = c++
"""Which copies of each partition are masters: the wrapper of the engine in roles/*.hpp.

And how masters fall on other nodes when one fails.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on


cdef extern from "roles/solve.hpp" namespace "mapcore::roles" nogil:
    cdef struct Given:
        const int32_t *placed
        const int32_t *current
        size_t current_width
        const int32_t *preferred
        size_t preferred_width
        const int32_t *asked
        const uint8_t *may_lead
        const uint8_t *candidates
        cbool keep_current

    cdef struct Shares:
        const int64_t *lower
        const int64_t *upper
        const int64_t *sum_lower
        const int64_t *sum_upper
        size_t count

    cdef struct Bits:
        int imbalance
        int sum

    cdef struct Scale:
        int64_t change
        int64_t unpreferred
        Bits bits

    cdef struct Answer:
        uint8_t *is_master
        int64_t *loads
        int64_t *prices
        int64_t missing
        int64_t role_changes

    cbool solve(
        const Given &, const Shares &, size_t, size_t, const Scale &, Answer &,
        cbool (*)(void *) noexcept nogil, void *
    ) except +


cdef extern from "roles/failover.hpp" namespace "mapcore::roles" nogil:
    cdef struct Copies:
        const int32_t *placed
        const uint8_t *is_master
        const uint8_t *may_lead
        size_t row_count
        size_t width
        int32_t node_count

    cdef struct Falls:
        int32_t *widths
        int32_t *increases
        int32_t *lost

    cbool measure_falls(
        const Copies &, Falls &, cbool (*)(void *) noexcept nogil, void *
    ) except +


def solve_roles(
    const int32_t[:, ::1] placed,
    const int32_t[:, ::1] current,
    const int32_t[:, ::1] preferred,
    const int32_t[::1] asked,
    const uint8_t[::1] may_lead,
    const uint8_t[:, ::1] candidates,
    const int64_t[::1] lower,
    const int64_t[::1] upper,
    const int64_t[::1] sum_lower,
    const int64_t[::1] sum_upper,
    bint keep_current,
    int64_t change,
    int64_t unpreferred,
    int imbalance_bits,
    int sum_bits,
    uint8_t[:, ::1] is_master,
    int64_t[::1] loads,
    int64_t[::1] prices,
    interrupt,
):
    """Choose masters; write them, the nodes' loads and prices; return (missing, role changes).

    `preferred` and `candidates` may be None, and both of the sum. Whatever `interrupt` or a signal
    handler raises ends the search.
    """
    cdef Given given
    cdef Shares shares
    cdef Scale scale
    cdef Watch watch = Watch(interrupt)
    cdef size_t row_count = placed.shape[0], width = placed.shape[1]
    cdef Answer answer
    cdef cbool is_whole
    if row_count == 0:
        return 0, 0
    if width == 0 or may_lead.shape[0] == 0:
        return sum(max(count, 0) for count in asked), 0
    given.placed = &placed[0, 0]
    given.current_width = current.shape[1]
    given.current = NULL
    if current.shape[1] > 0:
        given.current = &current[0, 0]
    given.preferred_width = 0
    given.preferred = NULL
    if preferred is not None:
        given.preferred_width = preferred.shape[1]
        given.preferred = &preferred[0, 0]
    given.asked = &asked[0]
    given.may_lead = &may_lead[0]
    given.candidates = NULL
    if candidates is not None:
        given.candidates = &candidates[0, 0]
    given.keep_current = keep_current
    shares.lower = &lower[0]
    shares.upper = &upper[0]
    shares.sum_lower = NULL
    shares.sum_upper = NULL
    if sum_lower is not None and sum_upper is not None:
        shares.sum_lower = &sum_lower[0]
        shares.sum_upper = &sum_upper[0]
    shares.count = may_lead.shape[0]
    scale.change = change
    scale.unpreferred = unpreferred
    scale.bits.imbalance = imbalance_bits
    scale.bits.sum = sum_bits
    answer.is_master = &is_master[0, 0]
    answer.loads = &loads[0]
    answer.prices = &prices[0]
    with nogil:
        is_whole = solve(
            given, shares, row_count, width, scale, answer, may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised
    return answer.missing, answer.role_changes


def measure_scatter(
    const int32_t[:, ::1] placed,
    const uint8_t[:, ::1] is_master,
    const uint8_t[::1] may_lead,
    int32_t[::1] widths,
    int32_t[::1] increases,
    int32_t[::1] lost,
    interrupt,
):
    """For each node, write what its failure would mean: see `mapcore.planning.placing.scatter.Scatter`.

    The outputs are zeros when this is called.
    """
    cdef Copies copies
    cdef Falls falls
    cdef Watch watch = Watch(interrupt)
    cdef cbool is_whole
    if placed.shape[0] == 0 or placed.shape[1] == 0 or may_lead.shape[0] == 0:
        return
    copies.placed = &placed[0, 0]
    copies.is_master = &is_master[0, 0]
    copies.may_lead = &may_lead[0]
    copies.row_count = placed.shape[0]
    copies.width = placed.shape[1]
    copies.node_count = <int32_t>may_lead.shape[0]
    falls.widths = &widths[0]
    falls.increases = &increases[0]
    falls.lost = &lost[0]
    with nogil:
        is_whole = measure_falls(copies, falls, may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised
