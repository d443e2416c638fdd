# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Which of the proposed steps may start, given what they take up and what there is.

A resource is anything of which there is only so much: streams into a node, scans of a volume,
steps in the cluster. Each has a number; `used` counts what is taken and `room` says how much there
is.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from *:
    """
    #define ADMITTED (-1)
    #define NO_SOURCE (-2)
    """
    const int ADMITTED
    const int NO_SOURCE


def admit(
    const int64_t[::1] order,
    const int32_t[:, ::1] needs,
    const uint8_t[::1] is_exclusive,
    const int64_t[::1] source_offsets,
    const int32_t[:, ::1] source_needs,
    const int32_t[::1] source_ranks,
    const double[::1] source_loads,
    int32_t[::1] used,
    const int32_t[::1] room,
    int64_t[::1] chosen,
    int32_t[::1] blockers,
):
    """Go through the candidates in order and admit each for which there is room.

    Args:
        order: candidate numbers, the most urgent first.
        needs: candidates by kinds of resource: the resource that each takes one of, -1 for none.
            The first is that of its partition.
        is_exclusive: 1 for candidates that need all of their partition.
        source_offsets: where the sources of each candidate begin; none for steps without source.
        source_needs: sources by kinds of resource, likewise. The first is what the load is
            measured by.
        source_ranks: lower is better, above all.
        source_loads: lower is better among sources of one rank; what is in use is added.
        used: what is taken of each resource; counted up.
        room: how much there is of each.
        chosen: written: the number of the source, -1 for an admitted candidate without sources,
            -2 for one that is not admitted.
        blockers: written: ADMITTED (-1), or the kind of resource that there was no room for, kinds
            of sources after those of candidates, or NO_SOURCE (-2).
    """
    cdef Py_ssize_t i, kind, source
    cdef Py_ssize_t kinds = needs.shape[1], source_kinds = source_needs.shape[1]
    cdef int64_t candidate, best
    cdef int32_t resource, blocker, source_blocker
    cdef double load, best_load = 0
    with nogil:
        for i in range(order.shape[0]):
            candidate = order[i]
            blocker = ADMITTED
            for kind in range(kinds):
                resource = needs[candidate, kind]
                if resource >= 0 and used[resource] >= room[resource]:
                    blocker = <int32_t>kind
                    break
            resource = needs[candidate, 0]
            if blocker < 0 and is_exclusive[candidate] and used[resource] > 0:
                blocker = 0
            best = -1
            if blocker == ADMITTED and source_offsets[candidate] < source_offsets[candidate + 1]:
                source_blocker = NO_SOURCE
                for source in range(source_offsets[candidate], source_offsets[candidate + 1]):
                    blocker = ADMITTED
                    for kind in range(source_kinds):
                        resource = source_needs[source, kind]
                        if resource >= 0 and used[resource] >= room[resource]:
                            blocker = <int32_t>(kinds + kind)
                            break
                    if blocker != ADMITTED:
                        source_blocker = blocker
                        continue
                    load = source_loads[source]
                    if source_needs[source, 0] >= 0:
                        load += used[source_needs[source, 0]]
                    if (
                        best < 0
                        or source_ranks[source] < source_ranks[best]
                        or (source_ranks[source] == source_ranks[best] and load < best_load)
                    ):
                        best = source
                        best_load = load
                blocker = ADMITTED if best >= 0 else source_blocker
            blockers[candidate] = blocker
            if blocker != ADMITTED:
                chosen[candidate] = -2
                continue
            chosen[candidate] = best
            for kind in range(kinds):
                if needs[candidate, kind] >= 0:
                    used[needs[candidate, kind]] += 1
            if is_exclusive[candidate] and needs[candidate, 0] >= 0:
                resource = needs[candidate, 0]
                used[resource] = max(used[resource], room[resource])
            if best >= 0:
                for kind in range(source_kinds):
                    if source_needs[best, kind] >= 0:
                        used[source_needs[best, kind]] += 1


def spread_masters(
    const int64_t[::1] order,
    const int32_t[::1] leaders,
    const int32_t[::1] heirs,
    const uint8_t[::1] is_exempt,
    int32_t[::1] masters,
    const int32_t[::1] goals,
    uint8_t[::1] may_go,
):
    """Choose the takeovers that lift no node's masters above its present peak.

    A takeover may go while its heir has fewer masters than it shall have, or at least two fewer
    than the leader. Until a takeover is done its leader still counts.

    Args:
        order: takeover numbers.
        leaders: the node that is master of each.
        heirs: the node that becomes master.
        is_exempt: 1 for takeovers that wait for nothing.
        masters: of each node; counted up for heirs that go.
        goals: how many masters each node shall have.
        may_go: written: 1 for takeovers that may go.
    """
    cdef Py_ssize_t i
    cdef int64_t takeover
    cdef int32_t leader, heir
    with nogil:
        for i in range(order.shape[0]):
            takeover = order[i]
            leader = leaders[takeover]
            heir = heirs[takeover]
            may_go[takeover] = (
                is_exempt[takeover]
                or masters[heir] < goals[heir]
                or masters[heir] + 1 < masters[leader]
            )
            masters[heir] += may_go[takeover]
