# cython: language_level=3
"""Stopping an engine that runs without the interpreter's lock: by a signal or by its caller.

An engine is given `may_go_on` with a `Watch` and calls it every few milliseconds. Once it answers
no, the engine returns, and the wrapper raises `watch.raised`.
"""

from cpython.exc cimport PyErr_CheckSignals
from libcpp cimport bool as cbool


cdef class Watch:
    """What is asked whether to go on, and the exception that said no.

    `interrupt` is called each time and may raise, to stop; None where only signals do.
    """

    def __cinit__(self, interrupt=None):
        self.interrupt = interrupt

    cdef bint go_on(self) noexcept:
        try:
            PyErr_CheckSignals()
            if self.interrupt is not None:
                self.interrupt()
        except BaseException as raised:
            self.raised = raised
            return False
        return True


cdef cbool may_go_on(void *watch) noexcept nogil:
    with gil:
        return (<Watch>watch).go_on()
