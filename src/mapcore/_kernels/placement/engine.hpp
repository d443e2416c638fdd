// The placement of least excess, then least imbalance, alone and in sum with other maps, then fewest
// moves, as a minimum-cost flow
// partition -> vertices of the tree -> node -> sink that is never built:
//
//   1. targets: the loads and bounds that all optimal placements share (no partition is looked at);
//   2. start: keep what a legal row can keep, fill up anywhere: optimal at prices 0, whatever
//   loads;
//   3. push what is too much, then pull what is too little, along cheapest paths of exchanges;
//   4. prices: labels of the final flow, which prove it.
#pragma once

#include <cstdint>

#include "../interrupt.hpp"

namespace mapcore::placement {

enum class Outcome { DONE, INTERRUPTED, NOT_NESTED, NO_ROOM, FAILED };

// All partitions alike. Arrays belong to the caller.
struct UniformProblem {
  int64_t rows;
  int32_t copies, current_width, nodes, levels;
  const int32_t* current;   // rows x current_width
  const int32_t* values;    // levels x nodes
  const uint8_t* eligible;  // by node
  const int64_t *lower, *upper, *limit;
  const int64_t *sum_lower, *sum_upper;  // null where no other maps count
  int32_t* chosen;                       // out: rows x copies
  int64_t* balance_prices;               // out: by node
  int64_t* sum_prices;
  int64_t* move_prices;
};

// Partitions that may differ. Arrays belong to the caller.
struct PricedProblem {
  int64_t rows;
  int32_t slots, current_width, pinned_width, nodes, levels, classes, groups;
  const int32_t* current;       // rows x current_width
  const int32_t* pinned;        // rows x pinned_width
  const int32_t* row_class;     // by row
  const int32_t* class_copies;  // by class; no more than nodes that it may use
  const int32_t* class_group;   // by class: its row of group_nodes
  const uint8_t* group_nodes;   // groups x nodes: may be used
  const int32_t* values;        // levels x nodes
  const uint8_t* eligible;      // by node: in any group
  const int64_t *lower, *upper, *limit;
  const int64_t *sum_lower, *sum_upper;  // null where no other maps count
  int32_t nowhere;          // first of the nodes whose copies count as missing
  int32_t* chosen;          // out: rows x slots
  int64_t* missing_prices;  // out: by node
  int64_t* spread_prices;   // out: levels x nodes
  int64_t* balance_prices;  // out: by node
  int64_t* sum_prices;
  int64_t* move_prices;
};

// The loads of all placements of least excess and then least imbalance: from least to most by node,
// where copies may pass between the nodes of one group alone, as far as single ones are concerned.
Outcome find_loads(const UniformProblem& problem, int64_t* least, int64_t* most, int32_t* group);

Outcome place_priced(const PricedProblem& problem, Ask ask, void* argument);

Outcome place_uniform(const UniformProblem& problem, Ask ask, void* argument);

// Put kept copies first, in the order in which they stand now, then new ones; -1 at the end. Adds
// each node's copies to its load. Returns the number of new ones.
int64_t order_rows(int64_t rows, int32_t width, int32_t current_width, const int32_t* current,
                   int32_t* chosen, int64_t* loads);

}  // namespace mapcore::placement
