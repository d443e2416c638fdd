// Choosing masters exactly: start at prices zero, push what is too much, pull what is too little.
#pragma once

#include <cstdint>

#include "../interrupt.hpp"
#include "nodes.hpp"
#include "start.hpp"

namespace mapcore::roles {

struct Scale {
    Price change;       // one master that is new in its role
    Price unpreferred;  // one master outside of `preferred`
    Bits bits;
};

struct Shares {
    const std::int64_t *lower;
    const std::int64_t *upper;
    const std::int64_t *sum_lower;  // null where no other maps count
    const std::int64_t *sum_upper;
    std::size_t count;
};

struct Answer {
    std::uint8_t *is_master;  // as `placed`
    std::int64_t *loads;      // by node
    std::int64_t *prices;     // by node
    std::int64_t missing;
    std::int64_t role_changes;
};

// Returns whether an answer was found: not if may_go_on said no.
bool solve(const Given &given, const Shares &shares, std::size_t row_count, std::size_t width,
           const Scale &scale, Answer &answer, Ask may_go_on, void *context);

}  // namespace mapcore::roles
