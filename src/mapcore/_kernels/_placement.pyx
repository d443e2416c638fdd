# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The exact placement engine: arrays in, arrays out."""

from array import array

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on

cdef extern from "placement/engine.hpp" namespace "mapcore::placement" nogil:
    cpdef enum class Outcome(int):
        DONE
        INTERRUPTED
        NOT_NESTED
        NO_ROOM
        FAILED

    cdef struct UniformProblem:
        int64_t rows
        int32_t copies, current_width, nodes, levels
        const int32_t *current
        const int32_t *values
        const uint8_t *eligible
        const int64_t *lower
        const int64_t *upper
        const int64_t *limit
        const int64_t *sum_lower
        const int64_t *sum_upper
        int32_t *chosen
        int64_t *balance_prices
        int64_t *sum_prices
        int64_t *move_prices

    cdef struct PricedProblem:
        int64_t rows
        int32_t slots, current_width, pinned_width, nodes, levels, classes, groups
        const int32_t *current
        const int32_t *pinned
        const int32_t *row_class
        const int32_t *class_copies
        const int32_t *class_group
        const uint8_t *group_nodes
        const int32_t *values
        const uint8_t *eligible
        const int64_t *lower
        const int64_t *upper
        const int64_t *limit
        const int64_t *sum_lower
        const int64_t *sum_upper
        int32_t nowhere
        int32_t *chosen
        int64_t *missing_prices
        int64_t *spread_prices
        int64_t *balance_prices
        int64_t *sum_prices
        int64_t *move_prices

    Outcome c_place_priced "mapcore::placement::place_priced"(
        const PricedProblem &problem, cbool (*ask)(void *) noexcept nogil, void *argument
    ) except +
    Outcome c_place_uniform "mapcore::placement::place_uniform"(
        const UniformProblem &problem, cbool (*ask)(void *) noexcept nogil, void *argument
    ) except +
    Outcome c_find_loads "mapcore::placement::find_loads"(
        const UniformProblem &problem, int64_t *least, int64_t *most, int32_t *group
    ) except +
    int64_t c_order_rows "mapcore::placement::order_rows"(
        int64_t rows, int32_t width, int32_t current_width, const int32_t *current,
        int32_t *chosen, int64_t *loads
    ) except +


def place_uniform(
    const int32_t[:, ::1] current,
    int32_t copies,
    const uint8_t[::1] eligible,
    const int32_t[:, ::1] levels,
    const int64_t[::1] lower,
    const int64_t[::1] upper,
    const int64_t[::1] limit,
    const int64_t[::1] sum_lower,
    const int64_t[::1] sum_upper,
    int32_t[:, ::1] chosen,
    int64_t[::1] balance_prices,
    int64_t[::1] sum_prices,
    int64_t[::1] move_prices,
    interrupt,
):
    """Place `copies` copies of every partition; all may use the same nodes, of which there is one
    for each copy at least. Fills `chosen` and the prices, and returns an outcome.
    """
    cdef Watch watch = Watch(interrupt)
    cdef UniformProblem problem
    cdef Outcome outcome
    problem.rows = chosen.shape[0]
    problem.copies = copies
    problem.current_width = <int32_t>current.shape[1]
    problem.nodes = <int32_t>eligible.shape[0]
    problem.levels = <int32_t>levels.shape[0]
    problem.current = &current[0, 0] if current.shape[1] else NULL
    problem.values = &levels[0, 0] if levels.shape[0] else NULL
    problem.eligible = &eligible[0]
    problem.lower = &lower[0]
    problem.upper = &upper[0]
    problem.limit = &limit[0]
    problem.sum_lower = NULL
    problem.sum_upper = NULL
    if sum_lower is not None and sum_upper is not None:
        problem.sum_lower = &sum_lower[0]
        problem.sum_upper = &sum_upper[0]
    problem.chosen = &chosen[0, 0]
    problem.balance_prices = &balance_prices[0]
    problem.sum_prices = &sum_prices[0]
    problem.move_prices = &move_prices[0]
    with nogil:
        outcome = c_place_uniform(problem, may_go_on, <void *>watch)
    if watch.raised is not None:
        raise watch.raised
    return outcome


def find_loads(
    int64_t rows,
    int32_t copies,
    const uint8_t[::1] eligible,
    const int32_t[:, ::1] levels,
    const int64_t[::1] lower,
    const int64_t[::1] upper,
    const int64_t[::1] limit,
    int64_t[::1] least,
    int64_t[::1] most,
    int32_t[::1] group,
):
    """Write the loads of all placements of least excess and imbalance, where partitions are alike:
    between which they lie, and the group of nodes among which copies may pass.
    """
    cdef UniformProblem problem
    cdef Outcome outcome
    problem.rows = rows
    problem.copies = copies
    problem.nodes = <int32_t>eligible.shape[0]
    problem.levels = <int32_t>levels.shape[0]
    problem.values = &levels[0, 0] if levels.shape[0] else NULL
    problem.eligible = &eligible[0]
    problem.lower = &lower[0]
    problem.upper = &upper[0]
    problem.limit = &limit[0]
    with nogil:
        outcome = c_find_loads(problem, &least[0], &most[0], &group[0])
    return outcome


def place_priced(
    const int32_t[:, ::1] current,
    const int32_t[:, ::1] pinned,
    const int32_t[::1] row_class,
    const int32_t[::1] class_copies,
    const int32_t[::1] class_group,
    const uint8_t[:, ::1] group_nodes,
    const int32_t[:, ::1] levels,
    const uint8_t[::1] eligible,
    const int64_t[::1] lower,
    const int64_t[::1] upper,
    const int64_t[::1] limit,
    const int64_t[::1] sum_lower,
    const int64_t[::1] sum_upper,
    int32_t nowhere,
    int32_t[:, ::1] chosen,
    int64_t[::1] missing_prices,
    int64_t[:, ::1] spread_prices,
    int64_t[::1] balance_prices,
    int64_t[::1] sum_prices,
    int64_t[::1] move_prices,
    interrupt,
):
    """Place the copies of partitions that differ by class: its count of copies, and its group,
    which is the set of nodes that they may use. Copies on nodes from `nowhere` on are missing.
    Fills `chosen` and the prices.
    """
    cdef Watch watch = Watch(interrupt)
    cdef PricedProblem problem
    cdef Outcome outcome
    problem.rows = chosen.shape[0]
    problem.slots = <int32_t>chosen.shape[1]
    problem.current_width = <int32_t>current.shape[1]
    problem.pinned_width = <int32_t>pinned.shape[1]
    problem.nodes = <int32_t>eligible.shape[0]
    problem.levels = <int32_t>levels.shape[0]
    problem.classes = <int32_t>class_copies.shape[0]
    problem.groups = <int32_t>group_nodes.shape[0]
    problem.current = &current[0, 0] if current.shape[1] else NULL
    problem.pinned = &pinned[0, 0] if pinned.shape[1] else NULL
    problem.row_class = &row_class[0]
    problem.class_copies = &class_copies[0]
    problem.class_group = &class_group[0]
    problem.group_nodes = &group_nodes[0, 0]
    problem.values = &levels[0, 0] if levels.shape[0] else NULL
    problem.eligible = &eligible[0]
    problem.lower = &lower[0]
    problem.upper = &upper[0]
    problem.limit = &limit[0]
    problem.sum_lower = NULL
    problem.sum_upper = NULL
    if sum_lower is not None and sum_upper is not None:
        problem.sum_lower = &sum_lower[0]
        problem.sum_upper = &sum_upper[0]
    problem.chosen = &chosen[0, 0]
    problem.nowhere = nowhere
    problem.missing_prices = &missing_prices[0]
    problem.spread_prices = &spread_prices[0, 0] if levels.shape[0] else NULL
    problem.balance_prices = &balance_prices[0]
    problem.sum_prices = &sum_prices[0]
    problem.move_prices = &move_prices[0]
    with nogil:
        outcome = c_place_priced(problem, may_go_on, <void *>watch)
    if watch.raised is not None:
        raise watch.raised
    return outcome


def count_excess(
    const int32_t[:, ::1] chosen,
    const int32_t[::1] row_class,
    const int32_t[:, ::1] levels,
    const int32_t[:, ::1] shares,
):
    """Return by level how many copies stand above the even share of a value.

    `shares` are classes by levels.
    """
    cdef Py_ssize_t partition, column, level
    cdef int32_t value, highest
    cdef int64_t above
    cdef int64_t[::1] counts
    excess = []
    for level in range(levels.shape[0]):
        above = 0
        highest = -1
        with nogil:
            for column in range(levels.shape[1]):
                highest = max(highest, levels[level, column])
        counts = array("q", bytes(8 * (<Py_ssize_t>highest + 1)))
        with nogil:
            for partition in range(chosen.shape[0]):
                for column in range(chosen.shape[1]):
                    if chosen[partition, column] < 0:
                        break
                    value = levels[level, chosen[partition, column]]
                    above += counts[value] >= shares[row_class[partition], level]
                    counts[value] += 1
                for column in range(chosen.shape[1]):
                    if chosen[partition, column] < 0:
                        break
                    counts[levels[level, chosen[partition, column]]] = 0
        excess.append(above)
    return excess


def order_rows(
    const int32_t[:, ::1] current, int32_t[:, ::1] chosen, int64_t[::1] loads
):
    """Put kept copies first, in the order of `current`, then new ones; return how many are new.

    Each node's copies are added to `loads`.
    """
    cdef const int32_t *first = NULL
    cdef int64_t fresh
    if chosen.shape[0] == 0 or chosen.shape[1] == 0 or loads.shape[0] == 0:
        return 0
    if current.shape[1]:
        first = &current[0, 0]
    with nogil:
        fresh = c_order_rows(
            chosen.shape[0], <int32_t>chosen.shape[1], <int32_t>current.shape[1], first,
            &chosen[0, 0], &loads[0],
        )
    return fresh
