// From one placement to the next, within the same number of peers and with few moves.
#pragma once

#include "../../interrupt.hpp"
#include "../limits.hpp"

namespace mapcore::peers {

struct Previous {
    std::size_t partitions, width;
    bool every_pair;
    Node *rows;  // in, out: partitions by width; in: those that stay; column 0 leads; -1 for none
    std::size_t current_width;
    const Node *current;         // partitions by current_width: who holds a copy now
    const std::int32_t *copies;  // by partition: how many it shall have
};

struct Outcome {
    std::int64_t excess_peers;  // above the limit, in sum
    std::int64_t strain;        // copies outside shares, in sum
};

// Change `rows`; as they were where told to stop, which returns false.
bool change(const Previous &previous, const Limits &limits, Outcome &outcome, Ask may_go_on,
            void *context);

}  // namespace mapcore::peers
