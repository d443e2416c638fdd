// The partitions' side of the flow: each row holds the copies of a partition, some of them masters.
//
// A copy is one word, so that a search that comes to a partition reads one cache line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nodes.hpp"

namespace mapcore::roles {

// Node number and flags of a copy.
using Slot = std::uint32_t;
constexpr Slot MASTER = 1;      // chosen
constexpr Slot CURRENT = 2;     // is master now
constexpr Slot PREFERRED = 4;   // is preferred among equals
constexpr Slot FIXED = 8;       // chosen or not, that may not change; also padding
constexpr int FLAG_BITS = 4;

inline std::int32_t node_of(Slot slot) { return static_cast<std::int32_t>(slot >> FLAG_BITS); }

class Rows {
public:
    Rows(std::size_t count, std::size_t width, Price change, Price unpreferred)
        : count(count),
          width(width),
          slots(count * width),
          cost_{change + unpreferred, unpreferred, change, 0} {}

    Slot *row(std::size_t p) { return slots.data() + p * width; }
    const Slot *row(std::size_t p) const { return slots.data() + p * width; }

    // What it costs to choose a copy.
    Price cost(Slot slot) const { return cost_[(slot / CURRENT) & 3]; }

    const std::size_t count;
    const std::size_t width;
    std::vector<Slot> slots;

private:
    Price cost_[4];
};

// The rows in which each node has a copy whose role may change, in ascending order.
class RowIndex {
public:
    bool is_built() const { return !begin_.empty(); }

    void build(const Rows &rows, std::size_t node_count) {
        begin_.assign(node_count + 2, 0);
        for (const Slot slot : rows.slots)
            if (!(slot & FIXED)) begin_[node_of(slot) + 2]++;
        for (std::size_t n = 2; n < begin_.size(); n++) begin_[n] += begin_[n - 1];
        row_.resize(begin_.back());
        const Slot *slot = rows.slots.data();
        for (std::size_t p = 0; p < rows.count; p++)
            for (std::size_t i = 0; i < rows.width; i++, slot++)
                if (!(*slot & FIXED))
                    row_[begin_[node_of(*slot) + 1]++] = static_cast<std::uint32_t>(p);
    }

    const std::uint32_t *begin(std::int32_t n) const { return row_.data() + begin_[n]; }
    const std::uint32_t *end(std::int32_t n) const { return row_.data() + begin_[n + 1]; }

private:
    std::vector<std::size_t> begin_;
    std::vector<std::uint32_t> row_;
};

}  // namespace mapcore::roles
