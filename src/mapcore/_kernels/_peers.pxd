from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "peers/limits.hpp" namespace "mapcore::peers" nogil:
    cdef struct Limits:
        int32_t max_peers
        size_t node_count
        size_t level_count
        const int32_t *levels
        const int32_t *row_class
        const uint8_t *class_allows
        const int32_t *class_shares
        size_t pinned_width
        const int32_t *pinned
        size_t depth_count
        const int32_t *ancestors
        const int32_t *closeness
        const uint8_t *may_lead
        const int64_t *least
        const int64_t *most
        const int64_t *masters_least
        const int64_t *masters_most


cdef class PeerLimits:
    cdef Limits limits
    cdef tuple arrays
