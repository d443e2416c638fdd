// Choosing among equal plans by a user's score.
#pragma once

#include "../interrupt.hpp"
#include "copies.hpp"
#include "scorer.hpp"

namespace mapcore::exchange {

// By node: copies that it may hold without balance getting worse.
struct Room {
    const std::int64_t *least;
    const std::int64_t *most;
    const std::uint8_t *may_take;
};

struct Choice {
    std::int64_t exchanges;
    std::int64_t shifts;
    double before;  // the scores of all new copies in sum
    double after;
    Unfit unfit;    // where a score was no finite number; else partition -1
};

// Returns false if it was stopped.
bool choose(
    const Given &given, const Policy &policy, const Room &room, Choice &choice, Ask may_go_on,
    void *context);

}  // namespace mapcore::exchange
