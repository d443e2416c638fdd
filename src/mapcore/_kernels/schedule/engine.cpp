// The engines of the schedule, compiled once under strict warnings.
#include "engine.hpp"

#include "balance.hpp"
#include "even_sources.hpp"
#include "rounds.hpp"
#include "tightening.hpp"
#include "timeline.hpp"

namespace mapcore::schedule {

namespace {

template <typename Work>
bool unless_interrupted(Ask may_go_on, void *context, Work work) {
    Clock clock(may_go_on, context, 1 << 18);  // some milliseconds
    try {
        work(clock);
    } catch (const Interrupted &) {
        return false;
    }
    return true;
}

}  // namespace

bool find_rounds(const Moves &moves, const Limits &limits, Index at_least, Index most, Wide work, Answer &answer, Ask may_go_on, void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        Search(moves, limits, clock).run(at_least, most, work, answer);
    });
}

bool bound_sources(const Moves &moves, const Limits &limits, Index at_least, Wide &rounds,
                   std::uint8_t *proof, Ask may_go_on, void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        SourceFlow flow(moves, limits, clock);
        rounds = flow.least_rounds(at_least);
        std::copy(flow.proof().begin(), flow.proof().end(), proof);
    });
}

bool balance(const Moves &moves, const double *length, const Index *place, const Index *limit,
             double *load, double *share, Ask may_go_on, void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        Balance(moves, length, place, limit, load, share, clock).run();
    });
}

bool find_times(const Moves &moves, const Limits &limits, const Durations &durations, int variant,
                double *start, double *finish, Wide *choice, double &end, Ask may_go_on,
                void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        end = ListScheduler(moves, limits, durations, variant, clock).run(start, finish, choice);
    });
}

bool even_sources(const Moves &moves, const Limits &limits, const Durations &durations,
                  Wide *choice, Ask may_go_on, void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        EvenSources(moves, limits, durations, choice, clock).run();
    });
}

bool tighten_times(const Moves &moves, const Limits &limits, const Durations &durations,
                   double bound, Wide work, double *start, double *finish, Wide *choice,
                   double &end, Ask may_go_on, void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        end = Tightening(moves, limits, durations, clock).run(bound, work, start, finish, choice);
    });
}

bool order_takeovers(const Takeovers &takeovers, Index node_count, Index *masters,
                     const Index *goals, double *when, Index *rank, Ask may_go_on,
                     void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        TakeoverOrder(takeovers, node_count, masters, goals, when, rank, clock).run();
    });
}

}  // namespace mapcore::schedule
