// What the wrapper calls. Each returns false where the caller said to stop.
#pragma once

#include "../interrupt.hpp"
#include "moves.hpp"
#include "takeovers.hpp"

namespace mapcore::schedule {

struct Answer {
    Index *round;         // of each move, from 0
    Wide *choice;         // place of its source among all candidates
    std::uint8_t *proof;  // by volume: which make the number of rounds necessary
    Index bound;
    Index rounds;
};

// Sources and rounds, unless that takes `most` rounds or more. `at_least` is the bound that does not
// depend on the sources, `work` how many steps to spend on reaching the bound.
bool find_rounds(const Moves &moves, const Limits &limits,
                 Index at_least, Index most, Wide work, Answer &answer, Ask may_go_on, void *context);

// The least number of rounds for which there are sources.
bool bound_sources(const Moves &moves, const Limits &limits, Index at_least, Wide &rounds,
                   std::uint8_t *proof, Ask may_go_on, void *context);

// How long streams take: bytes, and bytes a second that a stream into or out of a node moves.
struct Durations {
    const double *size;   // of each move
    const double *rate;   // of each node
    const double *delay;  // seconds by which each node is to be done earlier; for lists alone
};

// How much of each stream passes which of its places, one for each candidate, so that the busiest
// place is least busy; `load` holds what each place has to do besides.
bool balance(const Moves &moves, const double *length, const Index *place, const Index *limit,
             double *load, double *share, Ask may_go_on, void *context);

// Start times and sources; `variant` is 0, 1 or 2, rules of which now one, now another is best.
bool find_times(const Moves &moves, const Limits &limits, const Durations &durations, int variant,
                double *start, double *finish, Wide *choice, double &end, Ask may_go_on,
                void *context);

// A source for each move, so that what nodes, volumes and pairs of zones have to do over their
// limits is even; `choice` comes with the place of the first candidate of each.
bool even_sources(const Moves &moves, const Limits &limits, const Durations &durations,
                  Wide *choice, Ask may_go_on, void *context);

// A time line that ends earlier than the one given, if one is found by so much work; `bound` is
// where to stop.
bool tighten_times(const Moves &moves, const Limits &limits, const Durations &durations,
                   double bound, Wide work, double *start, double *finish, Wide *choice,
                   double &end, Ask may_go_on, void *context);

// When takeovers go and in which order; `masters` of each node are counted on from those now.
bool order_takeovers(const Takeovers &takeovers, Index node_count, Index *masters,
                     const Index *goals, double *when, Index *rank, Ask may_go_on,
                     void *context);

}  // namespace mapcore::schedule
