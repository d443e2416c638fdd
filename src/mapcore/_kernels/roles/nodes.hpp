// The nodes' side of the flow: how many masters a node has, and how many it should have at a price.
//
// A node pays the squared distance of its load from [lower, upper]. That is convex: the slopes, what
// the last master costs (left) and what one more would cost (right), rise with the load. At price p
// the loads with left slope <= p <= right slope are best; they form the interval [least, most].
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace mapcore::roles {

// Costs of several levels in one number: a unit of imbalance outweighs all changes of role on a
// path, a change outweighs all masters outside of `preferred` on a path. A path visits a node once.
using Price = std::int64_t;
constexpr Price UNREACHABLE = std::numeric_limits<Price>::max() / 4;

constexpr std::int32_t MOST_LOAD = std::numeric_limits<std::int32_t>::max() / 2;

struct Node {
    Price price;
    std::int32_t load;
    std::int32_t lower;
    std::int32_t upper;
    std::uint32_t seen;  // the search that came here last, or one of the marks below
};

constexpr std::uint32_t UNSEEN = 0;
constexpr std::uint32_t DEAD = std::numeric_limits<std::uint32_t>::max();  // reached in vain
constexpr std::uint32_t NEAR = DEAD - 1;  // reached while prices are sought

class Nodes {
public:
    Nodes(std::size_t count, int imbalance_bits) : table_(count), imbalance_bits_(imbalance_bits) {}

    std::int32_t size() const { return static_cast<std::int32_t>(table_.size()); }
    Node &operator[](std::int32_t n) { return table_[static_cast<std::size_t>(n)]; }
    const Node &operator[](std::int32_t n) const { return table_[static_cast<std::size_t>(n)]; }

    Price left_slope(const Node &node) const {
        if (node.load > node.upper) return units(2 * Price{node.load - node.upper} - 1);
        if (node.load > node.lower) return 0;
        return node.load > 0 ? -units(2 * Price{node.lower - node.load} + 1) : -UNREACHABLE;
    }

    Price right_slope(const Node &node) const {
        if (node.load >= node.upper) return units(2 * Price{node.load - node.upper} + 1);
        if (node.load >= node.lower) return 0;
        return -units(2 * Price{node.lower - node.load} - 1);
    }

    std::int32_t most(const Node &node) const {
        if (node.price == 0) return node.upper;
        if (node.price > 0) return node.upper + halved((node.price >> imbalance_bits_) + 1);
        return std::max(node.lower - halved(-(node.price >> imbalance_bits_)), 0);
    }

    std::int32_t least(const Node &node) const {
        if (node.price == 0) return node.lower;
        if (node.price > 0) return node.upper + halved(-(-node.price >> imbalance_bits_));
        return std::max(node.lower - halved((-node.price >> imbalance_bits_) + 1), 0);
    }

private:
    Price units(Price imbalance) const { return imbalance * (Price{1} << imbalance_bits_); }
    static std::int32_t halved(Price slope) {
        return static_cast<std::int32_t>(std::min<Price>(slope / 2, MOST_LOAD));
    }

    std::vector<Node> table_;
    int imbalance_bits_;
};

}  // namespace mapcore::roles
