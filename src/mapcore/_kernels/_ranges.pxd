from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef extern from "slice_tree.hpp" namespace "mapcore" nogil:
    cppclass Descent:
        const char *name
    size_t descent_count()
    const Descent &descent(size_t position)

cdef extern from "key_arrays.hpp" namespace "mapcore" nogil:
    cppclass RowKeys:
        const uint8_t *rows
        size_t width

cdef extern from "range_index.hpp" namespace "mapcore" nogil:
    cppclass SearchTree "mapcore::RangeIndex":
        SearchTree(const uint8_t *data, const int64_t *offsets, size_t count, const Descent &) except +
        uint32_t rank(const uint8_t *key, size_t size)
        void ranks(const RowKeys &keys, size_t count, uint32_t *out)
        size_t count()
        size_t byte_count()
        bint has_same_starts(const SearchTree &other)


cdef class RangeIndex:
    cdef SearchTree *tree
