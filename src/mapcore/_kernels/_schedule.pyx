# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# distutils: language = c++
"""Which streams run when, and from which copy: the wrapper of the engines in schedule/*.hpp."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool as cbool

from mapcore._kernels._interrupt cimport Watch, may_go_on


cdef extern from "schedule/moves.hpp" namespace "mapcore::schedule" nogil:
    cdef struct Moves:
        int32_t count
        int32_t partition_count
        const int32_t *partition
        const int32_t *target
        const int64_t *candidates_begin
        const int32_t *candidate
        const int32_t *filled_by
        const uint8_t *in_flight
        const uint8_t *is_urgent

    cdef struct Limits:
        int32_t node_count
        const int32_t *out
        const int32_t *in_ "in"
        const int32_t *joint
        int32_t volume_count
        const int32_t *node_of_volume
        const int32_t *scans
        int32_t partition
        int32_t zone_count
        const int32_t *zone
        int32_t between_zones
        int32_t cluster


cdef extern from "schedule/engine.hpp" namespace "mapcore::schedule" nogil:
    cdef struct Answer:
        int32_t *round
        int64_t *choice
        uint8_t *proof
        int32_t bound
        int32_t rounds

    cbool bound_sources(
        const Moves &, const Limits &, int32_t, int64_t &, uint8_t *,
        cbool (*)(void *) noexcept nogil, void *
    ) except +

    cbool find_balance "mapcore::schedule::balance"(
        const Moves &, const double *, const int32_t *, const int32_t *, double *, double *,
        cbool (*)(void *) noexcept nogil, void *
    ) except +

    cdef struct Durations:
        const double *size
        const double *rate
        const double *delay

    cbool find_times(
        const Moves &, const Limits &, const Durations &, int, double *, double *, int64_t *,
        double &, cbool (*)(void *) noexcept nogil, void *
    ) except +

    cbool find_even_sources "mapcore::schedule::even_sources"(
        const Moves &, const Limits &, const Durations &, int64_t *,
        cbool (*)(void *) noexcept nogil, void *
    ) except +

    cbool find_shorter_times "mapcore::schedule::tighten_times"(
        const Moves &, const Limits &, const Durations &, double, int64_t, double *, double *,
        int64_t *, double &, cbool (*)(void *) noexcept nogil, void *
    ) except +

    cdef struct Takeovers:
        int32_t count
        const double *ready
        const int32_t *leader
        const int32_t *heir
        const uint8_t *is_urgent

    cbool order_takeovers(
        const Takeovers &, int32_t, int32_t *, const int32_t *, double *, int32_t *,
        cbool (*)(void *) noexcept nogil, void *
    ) except +

    cbool find_rounds(
        const Moves &, const Limits &, int32_t, int32_t, int64_t, Answer &,
        cbool (*)(void *) noexcept nogil, void *
    ) except +


cdef extern from "schedule/components.hpp" namespace "mapcore::schedule" nogil:
    void label_components(const Moves &, const Limits &, int32_t *)


cdef class GivenMoves:
    """The moves, as the engines read them; see schedule/moves.hpp. Holds on to the arrays."""

    cdef Moves moves
    cdef object arrays

    def __init__(
        self,
        const int32_t[::1] partition,
        int32_t partition_count,
        const int32_t[::1] target,
        const int64_t[::1] candidates_begin,
        const int32_t[::1] candidate,
        const int32_t[::1] filled_by,
        const uint8_t[::1] in_flight,
        const uint8_t[::1] is_urgent,
    ):
        self.arrays = (partition, target, candidates_begin, candidate, filled_by, in_flight,
                       is_urgent)
        self.moves.count = <int32_t>partition.shape[0]
        self.moves.partition_count = partition_count
        if partition.shape[0] == 0:
            return
        self.moves.partition = &partition[0]
        self.moves.target = &target[0]
        self.moves.candidates_begin = &candidates_begin[0]
        self.moves.candidate = &candidate[0]
        self.moves.filled_by = &filled_by[0]
        self.moves.in_flight = &in_flight[0]
        self.moves.is_urgent = &is_urgent[0]


cdef class GivenLimits:
    """The limits, as the engines read them; see schedule/moves.hpp. Holds on to the arrays."""

    cdef Limits limits
    cdef object arrays

    def __init__(
        self,
        const int32_t[::1] out_limit,
        const int32_t[::1] in_limit,
        const int32_t[::1] joint_limit,
        const int32_t[::1] node_of_volume,
        const int32_t[::1] scans,
        const int32_t[::1] zone,
        int32_t zone_count,
        int32_t partition_limit,
        int32_t between_zones,
        int32_t cluster,
    ):
        self.arrays = (out_limit, in_limit, joint_limit, node_of_volume, scans, zone)
        self.limits.node_count = <int32_t>out_limit.shape[0]
        self.limits.volume_count = <int32_t>node_of_volume.shape[0]
        self.limits.partition = partition_limit
        self.limits.zone_count = zone_count
        self.limits.between_zones = between_zones
        self.limits.cluster = cluster
        if out_limit.shape[0] == 0 or node_of_volume.shape[0] == 0:
            return
        self.limits.out = &out_limit[0]
        self.limits.in_ = &in_limit[0]
        self.limits.joint = NULL
        if joint_limit is not None:
            self.limits.joint = &joint_limit[0]
        self.limits.node_of_volume = &node_of_volume[0]
        self.limits.scans = &scans[0]
        self.limits.zone = &zone[0]


def schedule_rounds(
    GivenMoves moves,
    GivenLimits limits,
    int32_t at_least,
    int32_t most,
    int64_t work,
    int32_t[::1] round_of_move,
    int64_t[::1] choice,
    uint8_t[::1] proof,
):
    """Write the round and the source of each move; return (bound, rounds).

    `choice` is the place of the source among all candidates, `proof` marks the volumes that make
    more than `at_least` rounds necessary. `work` is how many steps to spend on reaching the bound.
    Rounds are 0 where it would take `most` or more.
    """
    cdef Answer answer
    cdef Watch watch = Watch()
    cdef cbool is_whole
    if round_of_move.shape[0] == 0:
        return 0, 0
    answer.round = &round_of_move[0]
    answer.choice = &choice[0]
    answer.proof = &proof[0]
    with nogil:
        is_whole = find_rounds(
            moves.moves, limits.limits, at_least, most, work, answer,
            may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised
    return answer.bound, answer.rounds


def least_rounds_of_sources(
    GivenMoves moves, GivenLimits limits, int32_t at_least, uint8_t[::1] proof
):
    """Return the least number of rounds for which there are sources; mark why in `proof`."""
    cdef Watch watch = Watch()
    cdef int64_t rounds = 0
    cdef cbool is_whole
    if moves.moves.count == 0:
        return 0
    with nogil:
        is_whole = bound_sources(
            moves.moves, limits.limits, at_least, rounds, &proof[0], may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised
    return rounds


def schedule_times(
    GivenMoves moves,
    GivenLimits limits,
    const double[::1] size,
    const double[::1] rate,
    const double[::1] delay,
    int variant,
    double[::1] start,
    double[::1] finish,
    int64_t[::1] choice,
):
    """Write start, finish and source of each move; return when the last ends.

    `delay` is by how many seconds each node is to be done earlier than its work alone would say.
    """
    cdef Watch watch = Watch()
    cdef Durations durations
    cdef double end = 0.0
    cdef cbool is_whole
    if moves.moves.count == 0:
        return end
    durations.size = &size[0]
    durations.rate = &rate[0]
    durations.delay = &delay[0]
    with nogil:
        is_whole = find_times(
            moves.moves, limits.limits, durations, variant, &start[0], &finish[0], &choice[0],
            end, may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised
    return end


def even_sources(
    GivenMoves moves,
    GivenLimits limits,
    const double[::1] size,
    const double[::1] rate,
    int64_t[::1] choice,
):
    """Write the place of a source for each move, so that no source is much busier than others.

    `choice` comes with the first candidate of each move.
    """
    cdef Watch watch = Watch()
    cdef Durations durations
    cdef cbool is_whole
    if moves.moves.count == 0:
        return
    durations.size = &size[0]
    durations.rate = &rate[0]
    with nogil:
        is_whole = find_even_sources(
            moves.moves, limits.limits, durations, &choice[0], may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised


def tighten_times(
    GivenMoves moves,
    GivenLimits limits,
    const double[::1] size,
    const double[::1] rate,
    double bound,
    int64_t work,
    double[::1] start,
    double[::1] finish,
    int64_t[::1] choice,
):
    """Let a time line end earlier, by `bound` if it can be; return when it ends.

    `work` is how many steps to spend on it.
    """
    cdef Watch watch = Watch()
    cdef Durations durations
    cdef double end = 0.0
    cdef cbool is_whole
    if moves.moves.count == 0:
        return end
    durations.size = &size[0]
    durations.rate = &rate[0]
    with nogil:
        is_whole = find_shorter_times(
            moves.moves, limits.limits, durations, bound, work, &start[0], &finish[0],
            &choice[0], end, may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised
    return end


def balance(
    GivenMoves moves,
    const double[::1] length,
    const int32_t[::1] place,
    const int32_t[::1] limit,
    double[::1] load,
    double[::1] share,
):
    """Write how much of each move passes the place of each candidate, the busiest least busy.

    A place is busy for what passes it over its limit. `load` comes with what passes each place
    besides, and takes up the rest.
    """
    cdef Watch watch = Watch()
    cdef cbool is_whole
    if length.shape[0] == 0:
        return
    with nogil:
        is_whole = find_balance(
            moves.moves, &length[0], &place[0], &limit[0], &load[0], &share[0],
            may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised


def components(GivenMoves moves, GivenLimits limits, int32_t[::1] label):
    """Label each node with the lowest one of those with which it exchanges data, at any remove."""
    if label.shape[0] > 0:
        with nogil:
            label_components(moves.moves, limits.limits, &label[0])


def spread_takeovers(
    const double[::1] ready,
    const int32_t[::1] leader,
    const int32_t[::1] heir,
    const uint8_t[::1] is_urgent,
    int32_t[::1] masters,
    const int32_t[::1] goals,
    double[::1] when,
    int32_t[::1] rank,
):
    """Write when each takeover goes, and its rank among all.

    `ready` is when its heir is in sync; `masters` of each node are counted on; `goals` are how many
    each node shall have.
    """
    cdef Watch watch = Watch()
    cdef Takeovers takeovers
    cdef cbool is_whole
    cdef int32_t node_count = <int32_t>masters.shape[0]
    if ready.shape[0] == 0:
        return
    takeovers.count = <int32_t>ready.shape[0]
    takeovers.ready = &ready[0]
    takeovers.leader = &leader[0]
    takeovers.heir = &heir[0]
    takeovers.is_urgent = &is_urgent[0]
    with nogil:
        is_whole = order_takeovers(
            takeovers, node_count, &masters[0], &goals[0], &when[0], &rank[0],
            may_go_on, <void *>watch
        )
    if not is_whole:
        raise watch.raised
