// The engines of the schedule, compiled once under strict warnings.
#include "engine.hpp"

#include "rounds.hpp"
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

bool find_times(const Moves &moves, const Limits &limits, const Durations &durations, int variant,
                double *start, double *finish, Wide *choice, double &end, Ask may_go_on,
                void *context) {
    return unless_interrupted(may_go_on, context, [&](Clock &clock) {
        end = ListScheduler(moves, limits, durations, variant, clock).run(start, finish, choice);
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
