// A user's score of a copy of a partition on a node: the higher, the better.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace mapcore::exchange {

// `data` are the user's arrays, one after the other; `layout` says where each starts, and its shape.
using Score = double (*)(
    std::int64_t partition, std::int64_t node, const double *data, const std::int64_t *layout);

struct Policy {
    Score score;  // null: every copy is worth the same
    const double *data;
    const std::int64_t *layout;
};

// A pair whose score is no finite number.
struct Unfit {
    std::int64_t partition;
    std::int64_t node;
};

class Scorer {
public:
    explicit Scorer(const Policy &policy) : policy_(policy) {}

    bool is_given() const { return policy_.score != nullptr; }

    // Throws Unfit.
    double of(std::size_t partition, std::int32_t node) const {
        const auto p = static_cast<std::int64_t>(partition);
        const double score = policy_.score(p, node, policy_.data, policy_.layout);
        if (!std::isfinite(score)) throw Unfit{p, node};
        return score;
    }

private:
    Policy policy_;
};

// Whether one sum of scores is above another by more than rounding may account for.
inline bool is_above(double gets, double has) {
    return gets - has > 1e-9 * (std::fabs(gets) + std::fabs(has));
}

}  // namespace mapcore::exchange
