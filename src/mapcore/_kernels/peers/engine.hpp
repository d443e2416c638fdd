// Placing copies so that nodes have few peers: what the wrapper calls.
#pragma once

#include "../interrupt.hpp"
#include "dealing.hpp"
#include "limits.hpp"
#include "ring.hpp"

namespace mapcore::peers {

struct Rows {
    Node *nodes;  // partitions by width, -1 for no copy; column 0 leads
    std::size_t partitions;
    std::size_t width;
};

struct Mended {
    std::int64_t excess_peers;  // summed over nodes
    std::int64_t strain;        // copies outside shares, summed over nodes
};

// Write how many peers each node has.
void count(Rows rows, std::size_t node_count, bool every_pair, std::int32_t *peers);

// Returns false if it was stopped.
bool deal_out(const Deal &deal, std::int32_t *row_of, Ask may_go_on, void *context);

// Both return false if they were stopped.
bool sweep(const Limits &limits, const Ring &ring, const Swept &swept, Rows rows, Ask may_go_on,
           void *context);
// Where more than `most_lacking` is amiss, rows are measured and left as they are.
bool mend(const Limits &limits, Rows rows, bool every_pair, std::int64_t most_steps,
          std::int64_t most_lacking, Mended &mended, Ask may_go_on, void *context);

}  // namespace mapcore::peers
