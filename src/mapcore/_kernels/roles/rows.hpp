// The partitions' side of the flow: each row holds the copies of a partition, some of them masters.
//
// A copy is one word, so that who comes to a partition reads one cache line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nodes.hpp"

namespace mapcore::roles {

// Node number and flags of a copy.
using Slot = std::uint32_t;
constexpr Slot MASTER = 1;     // chosen
constexpr Slot CURRENT = 2;    // is master now
constexpr Slot PREFERRED = 4;  // is preferred among equals
constexpr Slot FIXED = 8;      // chosen or not, that may not change; also padding
constexpr Slot LISTED = 16;    // on the first copy: the row is among the tight rows
constexpr int FLAG_BITS = 5;
constexpr std::int32_t MOST_NODES = std::int32_t{1} << (32 - FLAG_BITS - 1);

inline std::int32_t node_of(Slot slot) { return static_cast<std::int32_t>(slot >> FLAG_BITS); }

class Rows {
public:
    Rows(std::size_t count, std::size_t width, Price change, Price unpreferred)
        : count(count),
          width(width),
          slots_(new Slot[count * width]),
          cost_{change + unpreferred, unpreferred, change, 0} {}

    Slot *operator[](std::size_t p) { return slots_.get() + p * width; }
    const Slot *operator[](std::size_t p) const { return slots_.get() + p * width; }

    // What it costs to choose a copy.
    Price cost(Slot slot) const { return cost_[(slot / CURRENT) & 3]; }

    const std::size_t count;
    const std::size_t width;

private:
    std::unique_ptr<Slot[]> slots_;
    Price cost_[4];
};

}  // namespace mapcore::roles
