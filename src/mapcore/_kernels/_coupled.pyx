# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The engine for partitions of unequal size: arrays in, arrays out."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on

cdef extern from "coupled/engine.hpp" namespace "mapcore::coupled" nogil:
    cpdef enum class Order(int):
        KEPT
        LARGEST_FIRST
        SMALLEST_FIRST

    cdef struct Rule:
        int32_t until

    cdef struct Rules:
        const int32_t *ancestors
        int32_t depths
        const Rule *rules
        int32_t count, masters
        const uint8_t *may_lead

    cdef struct Problem:
        int64_t rows
        int32_t slots, current_width, pinned_width, nodes, levels, classes, groups
        const int32_t *current
        const int32_t *pinned
        const int32_t *row_class
        const int32_t *class_copies
        const int32_t *class_group
        const int32_t *class_share
        const int32_t *class_broken
        const uint8_t *group_nodes
        const int32_t *values
        const int64_t *load
        const int64_t *bytes
        const int64_t *low
        const int64_t *fair
        const int64_t *high
        const int64_t *limit
        const int64_t *capacity
        const int64_t *largest
        Rules rules
        int32_t *chosen

    cdef struct Shares:
        int64_t total
        int32_t copies, nodes, levels
        const int32_t *values
        const uint8_t *eligible
        const int64_t *share
        const int64_t *limit

    cbool c_improve "mapcore::coupled::improve"(
        const Problem &problem, Order order, cbool (*ask)(void *) noexcept nogil, void *argument
    ) except +
    cbool c_fair_loads "mapcore::coupled::fair_loads"(const Shares &shares, int64_t *fair) except +


def improve(
    const int32_t[:, ::1] current,
    const int32_t[:, ::1] pinned,
    const int32_t[::1] row_class,
    const int32_t[::1] class_copies,
    const int32_t[::1] class_group,
    const int32_t[:, ::1] class_share,
    const int32_t[::1] class_broken,
    const uint8_t[:, ::1] group_nodes,
    const int32_t[:, ::1] levels,
    const int64_t[::1] load,
    const int64_t[::1] bytes_,
    const int64_t[::1] low,
    const int64_t[::1] fair,
    const int64_t[::1] high,
    const int64_t[::1] limit,
    const int64_t[::1] capacity,
    const int64_t[::1] largest,
    const int32_t[:, ::1] ancestors,
    const int32_t[:, ::1] intervals,
    int32_t masters,
    const uint8_t[::1] may_lead,
    int32_t[:, ::1] chosen,
    Order order,
    interrupt,
):
    """Improve `chosen`, which holds at least one row, slot and node. Rows of one class ask for as
    many copies and may use the same group of nodes. Raises what `interrupt` raises.
    """
    cdef Watch watch = Watch(interrupt)
    cdef Problem problem
    problem.rows = chosen.shape[0]
    problem.slots = <int32_t>chosen.shape[1]
    problem.current_width = <int32_t>current.shape[1]
    problem.pinned_width = <int32_t>pinned.shape[1]
    problem.nodes = <int32_t>fair.shape[0]
    problem.levels = <int32_t>levels.shape[0]
    problem.classes = <int32_t>class_copies.shape[0]
    problem.groups = <int32_t>group_nodes.shape[0]
    problem.current = &current[0, 0] if current.shape[1] else NULL
    problem.pinned = &pinned[0, 0] if pinned.shape[1] else NULL
    problem.row_class = &row_class[0]
    problem.class_copies = &class_copies[0]
    problem.class_group = &class_group[0]
    problem.class_share = &class_share[0, 0] if levels.shape[0] else NULL
    problem.class_broken = &class_broken[0]
    problem.group_nodes = &group_nodes[0, 0]
    problem.values = &levels[0, 0] if levels.shape[0] else NULL
    problem.load = &load[0]
    problem.bytes = &bytes_[0]
    problem.low = &low[0]
    problem.fair = &fair[0]
    problem.high = &high[0]
    problem.limit = &limit[0]
    problem.capacity = &capacity[0]
    problem.largest = &largest[0]
    problem.rules.ancestors = &ancestors[0, 0] if ancestors.shape[1] else NULL
    problem.rules.depths = <int32_t>ancestors.shape[1]
    problem.rules.rules = <const Rule *>&intervals[0, 0] if intervals.shape[0] else NULL
    problem.rules.count = <int32_t>intervals.shape[0]
    problem.rules.masters = masters
    problem.rules.may_lead = &may_lead[0]
    problem.chosen = &chosen[0, 0]
    with nogil:
        c_improve(problem, order, may_go_on, <void *>watch)
    if watch.raised is not None:
        raise watch.raised


def fair_loads(
    int64_t total,
    int32_t copies,
    const int32_t[:, ::1] levels,
    const uint8_t[::1] eligible,
    const int64_t[::1] share,
    const int64_t[::1] limit,
    int64_t[::1] fair,
):
    """Fill `fair` with the loads nearest to the shares that spread allows, where all partitions
    ask for as many copies, `total` in sum for each. Returns whether there are any.
    """
    cdef Shares shares
    cdef cbool found
    shares.total = total
    shares.copies = copies
    shares.nodes = <int32_t>fair.shape[0]
    shares.levels = <int32_t>levels.shape[0]
    shares.values = &levels[0, 0] if levels.shape[0] else NULL
    shares.eligible = &eligible[0]
    shares.share = &share[0]
    shares.limit = &limit[0]
    with nogil:
        found = c_fair_loads(shares, &fair[0])
    return found
