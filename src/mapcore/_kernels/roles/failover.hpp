// How the masters of a node fall on the other nodes if it fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../interrupt.hpp"

namespace mapcore::roles {

struct Copies {
    const std::int32_t *placed;
    const std::uint8_t *is_master;
    const std::uint8_t *may_lead;
    std::size_t row_count;
    std::size_t width;
    std::int32_t node_count;
};

// By node; see `mapcore.planning.placing.scatter.Scatter`.
struct Falls {
    std::int32_t *widths;
    std::int32_t *increases;
    std::int32_t *lost;
};

// Returns whether the work was finished: not if may_go_on said no.
bool measure_falls(const Copies &copies, Falls &falls, Ask may_go_on, void *context);

}  // namespace mapcore::roles
