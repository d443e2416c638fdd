from libcpp cimport bool as cbool


cdef class Watch:
    cdef object interrupt
    cdef readonly object raised
    cdef bint go_on(self) noexcept


cdef cbool may_go_on(void *watch) noexcept nogil
