// Placement where partitions differ in size or weight, or where the copies of a partition depend
// on each other: what the exact flow cannot say. Arrays belong to the caller.
#pragma once

#include <cstdint>

#include "../interrupt.hpp"
#include "row_cost.hpp"

namespace mapcore::coupled {

using Node = int32_t;
using Row = int32_t;   // a partition
using Slot = int32_t;  // a copy: row x slots + its place in the row
using Load = int64_t;
__extension__ typedef __int128 Wide;  // sums of squares of loads

struct Problem {
  int64_t rows;
  int32_t slots, current_width, pinned_width, nodes, levels, classes, groups;
  const Node* current;           // rows x current_width
  const Node* pinned;            // rows x pinned_width
  const int32_t* row_class;      // by row
  const int32_t* class_copies;   // by class: copies asked for, no more than nodes it may use
  const int32_t* class_group;    // by class: its row of group_nodes
  const int32_t* class_share;    // classes x levels: copies at a value from which on they crowd it
  const int32_t* class_broken;   // by class: slaves that break rules wherever a row stands
  const uint8_t* group_nodes;    // groups x nodes: may be used
  const int32_t* values;         // levels x nodes
  const Load* load;              // by row: what balance counts
  const int64_t* bytes;          // by row: what moves cost and volumes hold
  const Load *low, *fair, *high; // by node: the loads between which it is even, and its share
  const int64_t* limit;          // by node: the most copies
  const int64_t* capacity;       // by node: the most bytes
  const int64_t* largest;        // by node: the most bytes of one copy
  Rules rules;                   // between slaves and masters
  Node* chosen;                  // in, out: rows x slots; -1 at the end of a row
};

// In which order copies that are not held now are placed before the search; KEPT: they stay as
// chosen.
enum class Order { KEPT, LARGEST_FIRST, SMALLEST_FIRST };

// Place copies, and improve `chosen` until no move or exchange that is looked at is better. False
// if told to stop.
bool improve(const Problem& problem, Order order, Ask may_go_on, void* context);

// What nodes are due of a load that can be divided at will, where all partitions are alike.
struct Shares {
  int64_t total;  // of one copy of every partition; nodes x total must not overflow
  int32_t copies, nodes, levels;
  const int32_t* values;    // levels x nodes
  const uint8_t* eligible;  // by node
  const Load* share;        // by node: its share by weight alone
  const Load* limit;        // by node: the most that it can take
};

// The loads nearest to the shares that placements of least spread excess can have. False where
// there are none.
bool fair_loads(const Shares& shares, Load* fair);

}  // namespace mapcore::coupled
