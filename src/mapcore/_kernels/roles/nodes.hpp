// The nodes' side of the flow: how many masters a node has, and how many it should have at a price.
//
// A node pays the squared distance of its load from [lower, upper]. That is convex: the slopes, what
// the last master costs (left) and what one more would cost (right), rise with the load. At price p
// the loads with left slope <= p <= right slope are best; they form the interval [least, most].
//
// Where other maps have masters on the same nodes, a node also pays, at a lower level, the squared
// distance of the sum: that of its load from another interval.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace mapcore::roles {

// Costs of several levels in one number: a unit of imbalance outweighs all that of the sum, that
// outweighs all changes of role on a path, a change outweighs all masters outside of `preferred` on
// a path. A path visits a node once.
using Price = std::int64_t;
constexpr Price UNREACHABLE = std::numeric_limits<Price>::max() / 4;

constexpr std::int32_t MOST_LOAD = std::numeric_limits<std::int32_t>::max() / 2;

struct Node {
    Price price;
    std::int32_t load;
    std::int32_t lower;
    std::int32_t upper;
    std::uint32_t seen;      // the search that came here last, or one of the marks below
    std::int32_t sum_lower;  // of the sum over all maps, less what the others have here
    std::int32_t sum_upper;
};

constexpr std::uint32_t UNSEEN = 0;
constexpr std::uint32_t DEAD = std::numeric_limits<std::uint32_t>::max();  // reached in vain
constexpr std::uint32_t NEAR = DEAD - 1;  // reached while prices are sought

// Squared distance from an interval: its slopes, and the loads at which they pass a bound.
struct Distance {
    std::int32_t lower;
    std::int32_t upper;

    // What the load grows the distance by, from `load` to one more.
    Price slope(std::int32_t load) const {
        if (load >= upper) return 2 * (Price{load} - upper) + 1;
        return load >= lower ? 0 : -(2 * (Price{lower} - load) - 1);
    }
    // The least load with a slope of at least `bound`.
    std::int32_t first(Price bound) const {
        if (bound <= 0) return lower - halved(1 - bound);
        return upper + halved(bound);
    }

    static std::int32_t halved(Price slope) {
        return static_cast<std::int32_t>(std::min<Price>(slope / 2, MOST_LOAD));
    }
};

struct Bits {
    int imbalance;  // log2 of one unit of imbalance
    int sum;        // log2 of one unit of imbalance of the sum
};

class Nodes {
public:
    Nodes(std::size_t count, Bits bits, bool has_sum)
        : table_(count), bits_(bits), has_sum_(has_sum) {}

    std::int32_t size() const { return static_cast<std::int32_t>(table_.size()); }
    Node &operator[](std::int32_t n) { return table_[static_cast<std::size_t>(n)]; }
    const Node &operator[](std::int32_t n) const { return table_[static_cast<std::size_t>(n)]; }

    Price left_slope(const Node &node) const {
        return node.load > 0 ? slope(node, node.load - 1) : -UNREACHABLE;
    }

    Price right_slope(const Node &node) const { return slope(node, node.load); }

    std::int32_t most(const Node &node) const {
        if (has_sum_) return std::max(first(node, node.price + 1), 0);
        if (node.price == 0) return node.upper;
        const Price price = node.price >> bits_.imbalance;  // rounded down
        return std::max(own(node).first(price + 1), 0);
    }

    std::int32_t least(const Node &node) const {
        if (has_sum_) return std::max(first(node, node.price), 0);
        if (node.price == 0) return node.lower;
        const Price price = -(-node.price >> bits_.imbalance);  // rounded up
        return std::max(own(node).first(price), 0);
    }

private:
    static Distance own(const Node &node) { return {node.lower, node.upper}; }
    static Distance sum(const Node &node) { return {node.sum_lower, node.sum_upper}; }

    Price slope(const Node &node, std::int32_t load) const {
        Price both = own(node).slope(load) * (Price{1} << bits_.imbalance);
        if (has_sum_) both += sum(node).slope(load) * (Price{1} << bits_.sum);
        return both;
    }

    // The least load with a right slope of at least `price`: its own slope decides, and where that
    // is the price's, the sum's.
    std::int32_t first(const Node &node, Price price) const {
        const Price half = Price{1} << (bits_.imbalance - 1);
        const Price whole = (price + half) >> bits_.imbalance;
        const Price rest = price - whole * (Price{1} << bits_.imbalance);
        const Price in_sum = -(-rest >> bits_.sum);  // rounded up
        const std::int32_t begin = own(node).first(whole), end = own(node).first(whole + 1);
        return std::clamp(sum(node).first(in_sum), begin, end);
    }

    std::vector<Node> table_;
    Bits bits_;
    bool has_sum_;  // whether other maps count
};

}  // namespace mapcore::roles
