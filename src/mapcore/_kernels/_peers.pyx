# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# distutils: language = c++
"""Placing copies so that nodes have few peers: the wrapper of peers/*.hpp."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on


cdef extern from "peers/engine.hpp" namespace "mapcore::peers" nogil:
    cdef struct Ring:
        size_t size
        const int32_t *order
        const int64_t *masters
        const int64_t *slaves
        size_t ahead
        size_t behind

    cdef struct Swept:
        const int32_t *partitions
        size_t count
        size_t copies
        const uint8_t *must_hold
        size_t bound

    cdef struct Rows:
        int32_t *nodes
        size_t partitions
        size_t width

    cdef struct Mended:
        int64_t excess_peers
        int64_t strain

    cdef struct Deal:
        const int32_t *rows
        size_t count
        size_t width
        const int64_t *loads
        int64_t *lacking
        size_t node_count

    cbool c_deal "mapcore::peers::deal_out"(
        const Deal &, int32_t *, cbool (*)(void *) noexcept nogil, void *
    ) except +
    void c_count "mapcore::peers::count"(Rows, size_t, cbool, int32_t *) except +
    cbool c_sweep "mapcore::peers::sweep"(
        const Limits &, const Ring &, const Swept &, Rows, cbool (*)(void *) noexcept nogil, void *
    ) except +
    cbool c_mend "mapcore::peers::mend"(
        const Limits &, Rows, cbool, int64_t, int64_t, Mended &, cbool (*)(void *) noexcept nogil, void *
    ) except +


DUE_ONE = 1 << 20


cdef class PeerLimits:
    """What limits where copies may stand; keeps the arrays that the engines point into.

    Args:
        max_peers: how many peers a node may have.
        levels: levels by nodes: values to spread over, outermost first.
        row_class: by partition.
        class_allows: classes by nodes: whether a node may hold its partitions.
        class_shares: classes by levels: the even share of a value.
        pinned: partitions by any width: nodes that keep a copy, -1 for none.
        ancestors: nodes by depths: values that rules name, outermost first.
        closeness: columns of a row by 2: least and end of how close a slave is to its master.
        may_lead: by node.
        bounds: 4 by nodes: least and most copies, least and most masters.
    """

    def __init__(
        self,
        int32_t max_peers,
        const int32_t[:, ::1] levels,
        const int32_t[::1] row_class,
        const uint8_t[:, ::1] class_allows,
        const int32_t[:, ::1] class_shares,
        const int32_t[:, ::1] pinned,
        const int32_t[:, ::1] ancestors,
        const int32_t[:, ::1] closeness,
        const uint8_t[::1] may_lead,
        const int64_t[:, ::1] bounds,
    ):
        self.arrays = (
            levels, row_class, class_allows, class_shares, pinned, ancestors, closeness, may_lead,
            bounds,
        )
        self.limits.max_peers = max_peers
        self.limits.node_count = class_allows.shape[1]
        self.limits.level_count = levels.shape[0]
        self.limits.pinned_width = pinned.shape[1]
        self.limits.depth_count = ancestors.shape[1]
        if not row_class.shape[0] or not class_allows.shape[1]:
            return  # nothing to point at, and nothing that looks
        self.limits.row_class = &row_class[0]
        self.limits.class_allows = &class_allows[0, 0]
        if levels.shape[0]:
            self.limits.levels = &levels[0, 0]
            self.limits.class_shares = &class_shares[0, 0]
        if pinned.shape[1]:
            self.limits.pinned = &pinned[0, 0]
        if ancestors.shape[1]:
            self.limits.ancestors = &ancestors[0, 0]
            self.limits.closeness = &closeness[0, 0]
        self.limits.may_lead = &may_lead[0]
        self.limits.least = &bounds[0, 0]
        self.limits.most = &bounds[1, 0]
        self.limits.masters_least = &bounds[2, 0]
        self.limits.masters_most = &bounds[3, 0]


def sweep(
    PeerLimits limits not None,
    const int32_t[::1] order,
    const int64_t[::1] masters,
    const int64_t[::1] slaves,
    size_t ahead,
    size_t behind,
    const int32_t[::1] partitions,
    size_t copies,
    const uint8_t[::1] must_hold,
    size_t bound,
    int32_t[:, ::1] rows,
    interrupt,
):
    """Fill the rows of some partitions, of one class, by a sweep around a ring of nodes.

    Args:
        limits: of which peers and loads are not looked at.
        order: the node at each place of the ring.
        masters: by place: partitions that the node leads, as many as partitions in sum.
        slaves: by place: copies due besides, in units of 1 / DUE_ONE.
        ahead: how many places after a master's its slaves are taken from.
        behind: how many places before it.
        partitions: whose rows are filled.
        copies: of each partition.
        must_hold: by node: whether it is at a place that holds copies of all; None for none.
        bound: how many copies of each partition go to such places.
        rows: partitions by at least copies; column 0 is the master's.
        interrupt: called now and then; what it raises ends the sweep.
    """
    cdef Ring ring
    cdef Swept swept
    cdef Rows filled
    cdef Watch watch = Watch(interrupt)
    cdef cbool is_whole
    if partitions.shape[0] == 0 or order.shape[0] == 0 or rows.shape[1] == 0:
        return
    ring.size = order.shape[0]
    ring.order = &order[0]
    ring.masters = &masters[0]
    ring.slaves = &slaves[0]
    ring.ahead = ahead
    ring.behind = behind
    swept.partitions = &partitions[0]
    swept.count = partitions.shape[0]
    swept.copies = copies
    swept.must_hold = NULL
    if must_hold is not None:
        swept.must_hold = &must_hold[0]
    swept.bound = bound
    filled.nodes = &rows[0, 0]
    filled.partitions = rows.shape[0]
    filled.width = rows.shape[1]
    with nogil:
        is_whole = c_sweep(limits.limits, ring, swept, filled, may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised


def mend(
    PeerLimits limits not None,
    cbool every_pair,
    int32_t[:, ::1] rows,
    interrupt,
    int64_t most_steps=-1,
    int64_t most_lacking=-1,
):
    """Mend rows in place; return (peers above the limit, copies outside shares), both in sum.

    Args:
        limits: what copies have to keep to.
        every_pair: whether all copies of a partition are peers, not its master and slaves alone.
        rows: partitions by copies, -1 for none; column 0 is the master's.
        interrupt: called now and then; what it raises ends the work, and leaves rows as they were.
        most_steps: after how many steps, of about 10 ns, it gives up; below 0 for the usual number.
        most_lacking: where more is amiss, rows are measured and left as they are; below 0 for never.
    """
    cdef Rows mended_rows
    cdef Mended mended
    cdef Watch watch = Watch(interrupt)
    cdef cbool is_whole
    if rows.shape[0] == 0 or rows.shape[1] == 0 or limits.limits.node_count == 0:
        return 0, 0
    mended_rows.nodes = &rows[0, 0]
    mended_rows.partitions = rows.shape[0]
    mended_rows.width = rows.shape[1]
    if most_lacking < 0:
        most_lacking = rows.shape[0] * rows.shape[1] * (limits.limits.node_count + 1)
    if most_steps < 0:
        most_steps = 5_000_000 + 64 * rows.shape[0] * rows.shape[1]
    with nogil:
        is_whole = c_mend(
            limits.limits, mended_rows, every_pair, most_steps, most_lacking, mended, may_go_on,
            <void *>watch,
        )
    if not is_whole:
        raise watch.raised
    return mended.excess_peers, mended.strain


def count_peers(const int32_t[:, ::1] rows, cbool every_pair, int32_t[::1] peers):
    """Write how many peers each node has.

    Args:
        rows: partitions by copies, -1 for none; column 0 is the master's.
        every_pair: whether all copies of a partition are peers, not its master and slaves alone.
        peers: by node.
    """
    cdef Rows counted
    if peers.shape[0] == 0:
        return
    peers[:] = 0
    if rows.shape[0] == 0 or rows.shape[1] == 0:
        return
    counted.nodes = <int32_t *>&rows[0, 0]
    counted.partitions = rows.shape[0]
    counted.width = rows.shape[1]
    with nogil:
        c_count(counted, peers.shape[0], every_pair, &peers[0])


def deal_out(
    const int32_t[:, ::1] rows,
    const int64_t[::1] loads,
    int64_t[::1] lacking,
    int32_t[::1] row_of,
    interrupt,
):
    """Write which row each partition gets, so that nodes hold even loads.

    Args:
        rows: rows by copies, -1 for none.
        loads: of as many partitions, the largest first.
        lacking: by node: how far below its share it is; changed in place.
        row_of: by partition, in the order of `loads`.
        interrupt: called now and then; what it raises ends the work.
    """
    cdef Deal deal
    cdef Watch watch = Watch(interrupt)
    cdef cbool is_whole
    if rows.shape[0] == 0:
        return
    if rows.shape[1] == 0 or lacking.shape[0] == 0:
        for i in range(row_of.shape[0]):
            row_of[i] = <int32_t>i
        return
    deal.rows = &rows[0, 0]
    deal.count = rows.shape[0]
    deal.width = rows.shape[1]
    deal.loads = &loads[0]
    deal.lacking = &lacking[0]
    deal.node_count = lacking.shape[0]
    with nogil:
        is_whole = c_deal(deal, &row_of[0], may_go_on, <void *>watch)
    if not is_whole:
        raise watch.raised
