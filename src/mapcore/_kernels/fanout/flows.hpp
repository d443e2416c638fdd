// A flow from nodes as sources to nodes as sinks along the edges of a graph, each edge with a
// least and a most, with given sums by source and by sink; or the cut that shows why there is none.
#pragma once

#include <cstdint>

#include "interrupt.hpp"

namespace mapcore::fanout {

struct FlowProblem {
    std::int32_t nodes;
    int degree;
    const std::int32_t *targets;     // nodes by degree
    const std::int64_t *sent;        // by node: the sum over the edges that begin there
    const std::int64_t *received;    // by node: the sum over the edges that end there
    const std::int64_t *least;       // by edge
    const std::int64_t *most;        // by edge
};

// Correct `cells`, one for each edge and within its bounds, to a flow with these sums. Returns
// whether there is one; otherwise `in_sources` and `in_sinks` say by node which side of a cut it
// is on: what the sources in the cut send less what the sinks in it receive is more than the most
// of the edges that leave the cut less the least of those that enter it. If `may_go_on` says no,
// false is returned, and the sides say nothing.
bool solve(const FlowProblem &problem, std::int64_t *cells, std::uint8_t *in_sources,
           std::uint8_t *in_sinks, Ask may_go_on, void *context);

}  // namespace mapcore::fanout
