# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# distutils: language = c++
"""What rows of copies break, and which of their copies may lead: see coupled/row_cost.hpp."""

from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "coupled/leaders.hpp" namespace "mapcore::coupled" nogil:
    cdef int32_t MOST_DEPTHS

    cdef struct Rule:
        int32_t begin "from"
        int32_t until
        int32_t slaves

    cdef struct Rules:
        const int32_t *ancestors
        int32_t depths
        const Rule *rules
        int32_t count
        int32_t masters
        const uint8_t *may_lead

    cdef struct Spread:
        const int32_t *levels
        int32_t count
        int64_t nodes

    void row_cost(const Rules &, const Spread &, const int64_t *, const int32_t *, int32_t, int64_t *)
    void mark_leaders(const Rules &, const int32_t *, int32_t, const uint8_t *, uint8_t *)
    int32_t broken_under(const Rules &, const int32_t *, int32_t, const uint8_t *)


cdef extern from "coupled/masters_kept.hpp" namespace "mapcore::coupled" nogil:
    cdef struct Placed:
        const int32_t *current
        int32_t current_width
        const int32_t *masters
        int32_t masters_width
        int32_t *chosen
        int32_t width
        int64_t rows
        const int32_t *kind
        const uint8_t *may_hold
        const uint8_t *may_lead
        const int32_t *pinned
        int32_t pinned_width
        int32_t nodes

    cdef cppclass MasterKeeper:
        MasterKeeper(const Placed &, const Spread &, const int64_t *) except +
        int64_t run() except +


MOST_LEVELS = MOST_DEPTHS


cdef inline Rules as_rules(
    const int32_t[:, ::1] ancestors,
    const int32_t[:, ::1] intervals,
    int masters,
    const uint8_t[::1] may_lead,
) noexcept nogil:
    # A rule is three numbers in a row, as in the struct.
    cdef Rules rules
    rules.ancestors = &ancestors[0, 0]
    rules.depths = <int32_t>ancestors.shape[1]
    rules.rules = NULL
    rules.count = <int32_t>intervals.shape[0]
    if rules.count > 0:
        rules.rules = <const Rule *>&intervals[0, 0]
    rules.masters = masters
    rules.may_lead = &may_lead[0]
    return rules


cdef inline int32_t width_of(const int32_t[:, ::1] rows, Py_ssize_t p) noexcept nogil:
    cdef int32_t width = 0
    while width < rows.shape[1] and rows[p, width] >= 0:
        width += 1
    return width


def row_costs(
    const int32_t[:, ::1] rows,
    const int32_t[:, ::1] ancestors,
    const int32_t[:, ::1] intervals,
    int masters,
    const uint8_t[::1] may_lead,
    const int32_t[:, ::1] levels,
    const int64_t[:, ::1] shares,
    int64_t[:, ::1] parts,
):
    """Write what each row breaks: slaves that break rules at the least, excess at each level.

    Rows end in -1 where they have fewer copies. `shares` is rows by levels.
    """
    cdef Rules rules
    cdef Spread spread
    cdef Py_ssize_t p
    if rows.shape[0] == 0 or may_lead.shape[0] == 0 or rows.shape[1] == 0:
        return
    rules = as_rules(ancestors, intervals, masters, may_lead)
    spread.count = <int32_t>levels.shape[0]
    spread.nodes = levels.shape[1]
    spread.levels = &levels[0, 0] if spread.count > 0 else NULL
    with nogil:
        for p in range(rows.shape[0]):
            row_cost(
                rules, spread, &shares[p, 0] if spread.count > 0 else NULL,
                &rows[p, 0], width_of(rows, p), &parts[p, 0]
            )


def find_leaders(
    const int32_t[:, ::1] rows,
    const int32_t[:, ::1] ancestors,
    const int32_t[:, ::1] intervals,
    int masters,
    const uint8_t[::1] may_lead,
    const uint8_t[:, ::1] prefers,
    uint8_t[:, ::1] leaders,
):
    """Mark the copies of each row that may be masters so that rules are broken least.

    `prefers` marks those that are taken among equals, where that has to be decided here.
    """
    cdef Rules rules
    cdef Py_ssize_t p
    if rows.shape[0] == 0 or may_lead.shape[0] == 0 or rows.shape[1] == 0:
        return
    rules = as_rules(ancestors, intervals, masters, may_lead)
    with nogil:
        for p in range(rows.shape[0]):
            mark_leaders(rules, &rows[p, 0], width_of(rows, p), &prefers[p, 0], &leaders[p, 0])


def count_broken(
    const int32_t[:, ::1] rows,
    const uint8_t[:, ::1] is_master,
    const int32_t[:, ::1] ancestors,
    const int32_t[:, ::1] intervals,
    int masters,
    const uint8_t[::1] may_lead,
    int32_t[::1] broken,
):
    """Write how many slaves of each row match no rule under these masters."""
    cdef Rules rules
    cdef Py_ssize_t p
    if rows.shape[0] == 0 or may_lead.shape[0] == 0 or rows.shape[1] == 0:
        return
    rules = as_rules(ancestors, intervals, masters, may_lead)
    with nogil:
        for p in range(rows.shape[0]):
            broken[p] = broken_under(rules, &rows[p, 0], width_of(rows, p), &is_master[p, 0])


def keep_masters(
    const int32_t[:, ::1] current,
    const int32_t[:, ::1] masters,
    int32_t[:, ::1] chosen,
    const int32_t[::1] kinds,
    const uint8_t[:, ::1] may_hold,
    const uint8_t[::1] may_lead,
    const int32_t[:, ::1] pinned,
    const int32_t[:, ::1] levels,
    const int64_t[:, ::1] shares,
):
    """Let moves that take masters trade places with moves of slaves; return how many did.

    `kinds` is each row's number in `may_hold` and `shares`, which is kinds by levels.
    """
    cdef Placed placed
    cdef Spread spread
    cdef MasterKeeper *keeper
    cdef int64_t traded
    if chosen.shape[0] == 0 or chosen.shape[1] == 0 or current.shape[1] == 0:
        return 0
    if masters.shape[1] == 0 or may_lead.shape[0] == 0:
        return 0
    placed.current = &current[0, 0]
    placed.current_width = <int32_t>current.shape[1]
    placed.masters = &masters[0, 0]
    placed.masters_width = <int32_t>masters.shape[1]
    placed.chosen = &chosen[0, 0]
    placed.width = <int32_t>chosen.shape[1]
    placed.rows = chosen.shape[0]
    placed.kind = &kinds[0]
    placed.may_hold = &may_hold[0, 0]
    placed.may_lead = &may_lead[0]
    placed.pinned_width = <int32_t>pinned.shape[1]
    placed.pinned = &pinned[0, 0] if pinned.shape[1] > 0 else NULL
    placed.nodes = <int32_t>may_lead.shape[0]
    spread.count = <int32_t>levels.shape[0]
    spread.nodes = levels.shape[1]
    spread.levels = &levels[0, 0] if spread.count > 0 else NULL
    keeper = new MasterKeeper(placed, spread, &shares[0, 0] if spread.count > 0 else NULL)
    try:
        with nogil:
            traded = keeper.run()
    finally:
        del keeper
    return traded
