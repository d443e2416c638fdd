// The nodes' side of the flow: how many masters a node has, and what one more or one less costs.
//
// A node pays the squared distance of its load from [lower, upper]. That is convex, so its slopes
// rise with the load, and a price p at the node supports a load if left slope <= p <= right slope.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace mapcore::roles {

// Costs of several levels in one number: a unit of imbalance outweighs all changes of role on a
// path, a change outweighs all masters outside of `preferred` on a path. A path visits a node once.
using Price = std::int64_t;
constexpr Price UNREACHABLE = std::numeric_limits<Price>::max() / 4;

struct Node {
    std::int32_t load;
    std::int32_t lower;
    std::int32_t upper;
    std::int32_t offers;  // copies that the start may still choose, or where the index begins
};

class Nodes {
public:
    Nodes(std::size_t count, int imbalance_bits)
        : table(count), price(count, 0), imbalance_bits_(imbalance_bits) {}

    std::size_t size() const { return table.size(); }

    // What the last master of a node costs.
    Price left_slope(const Node &node) const {
        if (node.load > node.upper) return units(2 * Price{node.load - node.upper} - 1);
        if (node.load > node.lower) return 0;
        return node.load > 0 ? -units(2 * Price{node.lower - node.load} + 1) : -UNREACHABLE;
    }

    // What one master more would cost.
    Price right_slope(const Node &node) const {
        if (node.load >= node.upper) return units(2 * Price{node.load - node.upper} + 1);
        if (node.load >= node.lower) return 0;
        return -units(2 * Price{node.lower - node.load} - 1);
    }

    bool has_too_many(std::int32_t n) const { return price[n] < left_slope(table[n]); }
    bool has_too_few(std::int32_t n) const { return price[n] > right_slope(table[n]); }

    std::vector<Node> table;
    std::vector<Price> price;

private:
    Price units(Price imbalance) const { return imbalance * (Price{1} << imbalance_bits_); }

    int imbalance_bits_;
};

}  // namespace mapcore::roles
