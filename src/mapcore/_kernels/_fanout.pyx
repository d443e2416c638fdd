# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Graphs of who replicates to whom, and flows along them: arrays in, arrays out."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

from mapcore._kernels._interrupt cimport Watch, may_go_on

cdef extern from "fanout/edges.hpp" namespace "mapcore::fanout" nogil:
    cdef cppclass Edges:
        Edges(int32_t nodes, int degree, const int32_t *zones) except +
        cbool may_add(int32_t source, int32_t target)
        cbool is_full(int32_t source, int32_t target)
        void add(int32_t source, int32_t target)
        cbool join_loose_ends(const int32_t *members, int32_t known) except +
        cbool insert(int32_t node) except +
        void leave_zones(int64_t fewest) except +
        void connect() except +
        void write(int32_t *targets)

    int32_t number_parts(
        int32_t nodes, int degree, const int32_t *targets, vector[int32_t] &part_of
    ) except +

cdef extern from "fanout/flows.hpp" namespace "mapcore::fanout" nogil:
    cdef struct FlowProblem:
        int32_t nodes
        int degree
        const int32_t *targets
        const int64_t *sent
        const int64_t *received
        const int64_t *least
        const int64_t *most

    cbool c_solve "mapcore::fanout::solve"(
        const FlowProblem &problem,
        int64_t *cells,
        uint8_t *in_sources,
        uint8_t *in_sinks,
        cbool (*ask)(void *) noexcept nogil,
        void *context,
    ) except +


def arrange(
    const int32_t[:, ::1] previous,
    const int32_t[::1] numbers,
    const int32_t[::1] zones,
    int64_t fewest,
    int32_t[:, ::1] targets,
):
    """Make a graph from another one, with as little changed as need be.

    Args:
        previous: nodes by peers, the other graph.
        numbers: for each node of the other graph its number now, or -1 where it is gone.
        zones: by node now.
        fewest: how many edges within zones a graph of these degrees must have.
        targets: nodes by peers, to be filled: in order in each row.

    Returns:
        Whether there is such a graph to be had from the other one.
    """
    cdef int32_t nodes = zones.shape[0], node, source, target
    cdef int32_t degree = targets.shape[1]
    cdef Py_ssize_t row, column
    cdef vector[int32_t] members
    cdef vector[uint8_t] is_known
    cdef cbool is_done = True
    if nodes == 0 or degree == 0:
        return True
    cdef Edges *edges = new Edges(nodes, degree, &zones[0])
    try:
        with nogil:
            is_known.resize(nodes, 0)
            for row in range(previous.shape[0]):
                source = numbers[row]
                if source < 0:
                    continue
                members.push_back(source)
                is_known[source] = 1
                for column in range(previous.shape[1]):
                    target = numbers[previous[row, column]]
                    if target >= 0 and not edges.is_full(source, target):
                        edges.add(source, target)
            is_done = edges.join_loose_ends(members.data(), <int32_t>members.size())
            for node in range(nodes):
                if is_done and not is_known[node]:
                    is_done = edges.insert(node)
            if is_done:
                edges.leave_zones(fewest)
                edges.connect()
                edges.write(&targets[0, 0])
    finally:
        del edges
    return is_done


def count_parts(const int32_t[:, ::1] targets):
    """Count the parts of a graph that do not reach each other; as many edges begin as end at a node."""
    cdef vector[int32_t] part_of
    cdef int32_t parts = targets.shape[0]
    if targets.shape[0] == 0 or targets.shape[1] == 0:
        return parts
    with nogil:
        parts = number_parts(
            <int32_t>targets.shape[0], <int>targets.shape[1], &targets[0, 0], part_of
        )
    return parts


def flow(
    const int32_t[:, ::1] targets,
    const int64_t[::1] sent,
    const int64_t[::1] received,
    const int64_t[:, ::1] least,
    const int64_t[:, ::1] most,
    int64_t[:, ::1] cells,
    uint8_t[::1] in_sources,
    uint8_t[::1] in_sinks,
    interrupt=None,
):
    """Correct `cells` to a flow along a graph with these sums: see flows.hpp.

    Returns:
        Whether there is one; if not, `in_sources` and `in_sinks` are the sides of a cut.
    """
    cdef FlowProblem problem
    cdef cbool is_found
    cdef Watch watch = Watch(interrupt)
    if targets.shape[0] == 0 or targets.shape[1] == 0:
        return True
    problem.nodes = <int32_t>targets.shape[0]
    problem.degree = <int>targets.shape[1]
    problem.targets = &targets[0, 0]
    problem.sent = &sent[0]
    problem.received = &received[0]
    problem.least = &least[0, 0]
    problem.most = &most[0, 0]
    with nogil:
        is_found = c_solve(
            problem, &cells[0, 0], &in_sources[0], &in_sinks[0], may_go_on, <void *>watch
        )
    if watch.raised is not None:
        raise watch.raised
    return is_found
