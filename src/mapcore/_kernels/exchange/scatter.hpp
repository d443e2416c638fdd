// Exchanging new slaves so that the slaves of each node's masters spread evenly over other nodes.
#pragma once

#include "../interrupt.hpp"
#include "copies.hpp"
#include "scorer.hpp"

namespace mapcore::exchange {

struct Masters {
    const std::uint8_t *is_master;  // aligned with `placed`
    const std::int32_t *current;    // rows by any width: who is master now
    std::size_t current_width;
    const std::int64_t *prices;     // nodes by any width
    std::size_t price_width;
    const std::int64_t *reach;      // by node: how many others may be slaves beside it
    std::int64_t most_attempts;     // after which it ends
    Policy policy;                  // by which no exchange may be worse
};

struct Outcome {
    std::int64_t exchanges;
    Unfit unfit;  // where a score was no finite number; else partition -1
};

// Returns false if it was stopped; rows are whole then too.
bool even_out(
    const Given &given, const Masters &masters, Outcome &outcome, Ask may_go_on, void *context);

}  // namespace mapcore::exchange
