# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What each partition could do next: see propose.hpp."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cpp_bool

cdef extern from "propose.hpp" namespace "mapcore" nogil:
    cdef struct Proposal:
        pass

    cdef struct Index:
        const int64_t *offsets
        const int32_t *nodes
        const uint8_t *codes
        const uint8_t *flags

    cdef struct Rules:
        const uint8_t *node_flags
        const uint8_t *row_flags
        const int32_t *preferred
        const uint8_t *running_hops
        cpp_bool single_master
        cpp_bool cools
        uint8_t created

    cdef cppclass Proposer:
        Proposer(const Index &, const Index &, const Rules &, int64_t) except +
        int64_t run(int64_t, int64_t, Proposal *, int64_t, int64_t *) except +


def propose(
    const int64_t[::1] current_offsets,
    const int32_t[::1] current_nodes,
    const uint8_t[::1] current_codes,
    const uint8_t[::1] current_flags,
    const int64_t[::1] target_offsets,
    const int32_t[::1] target_nodes,
    const uint8_t[::1] target_codes,
    const uint8_t[::1] target_flags,
    const uint8_t[::1] node_flags,
    const uint8_t[::1] row_flags,
    const int32_t[::1] preferred,
    const uint8_t[:, ::1] running_hops,
    bint single_master,
    bint cools,
    uint8_t created,
    int64_t row,
    uint8_t[:, ::1] proposals,
):
    """Propose from row `row` on until the array could be too short.

    Flags are bits of `NodeFlag`, `RowFlag` and `CopyFlag` in propose.hpp. `proposals` holds a
    `Proposal`, 32 bytes, in each row; it must have room for three for each copy of the longest row
    in both maps, and four more.

    Returns:
        The next row, and how many proposals were written.
    """
    cdef Index current, target
    cdef Rules rules
    cdef int64_t written = 0
    cdef int64_t row_count = row_flags.shape[0]
    current.offsets = &current_offsets[0]
    current.nodes = &current_nodes[0] if current_nodes.shape[0] else NULL
    current.codes = &current_codes[0] if current_nodes.shape[0] else NULL
    current.flags = &current_flags[0] if current_nodes.shape[0] else NULL
    target.offsets = &target_offsets[0]
    target.nodes = &target_nodes[0] if target_nodes.shape[0] else NULL
    target.codes = &target_codes[0] if target_nodes.shape[0] else NULL
    target.flags = &target_flags[0] if target_nodes.shape[0] else NULL
    rules.node_flags = &node_flags[0] if node_flags.shape[0] else NULL
    rules.row_flags = &row_flags[0]
    rules.preferred = &preferred[0]
    rules.running_hops = &running_hops[0, 0]
    rules.single_master = single_master
    rules.cools = cools
    rules.created = created
    cdef Proposer *proposer = new Proposer(current, target, rules, node_flags.shape[0])
    try:
        with nogil:
            row = proposer.run(
                row,
                row_count,
                <Proposal *>&proposals[0, 0],
                proposals.shape[0],
                &written,
            )
    finally:
        del proposer
    return row, written
