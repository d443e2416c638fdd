// What exchanges and loads cost, in labels: one integer that orders costs as the objective does
// (excess, then imbalance, then moves), with the number of exchanges on the path as last digits,
// so that the shortest of the cheapest paths are found.
#pragma once

#include <cstdint>
#include <vector>

#include "_placement_rows.hpp"
#include "_placement_targets.hpp"

namespace mapcore::placement {

// All partitions alike: spread and balance are bounds that no exchange may break, and only moves
// are counted.
struct BoundedCosts {
  using Label = int64_t;
  static constexpr Label HOP = 1, MOVE = Label{1} << 24, FAR = INT64_MAX / 16;
  static constexpr bool BOUNDED = true;

  const Tree& tree;
  const Targets& targets;

  // One copy more, or less, below v for a row that has `count` there.
  Label enter(int32_t, Vertex v, int32_t count) const { return count < targets.cap[v] ? 0 : FAR; }
  Label leave(int32_t, Vertex v, int32_t count) const { return count > targets.floor[v] ? 0 : FAR; }
  Label least_leave() const { return 0; }
  // One copy more, or less, from n to the sink, where `flow` goes there. What is missing below the
  // least load counts as owed, not as a gain.
  Label up(Node n, int64_t flow) const { return flow < targets.most[n] ? 0 : FAR; }
  Label down(Node n, int64_t flow) const { return flow > targets.least[n] ? 0 : FAR; }
};

// Partitions that differ, or limits that spread must yield to: every part of the objective is a
// cost. At each vertex the excess of a row is convex in its copies there, so that its sets of nodes
// are a valuated matroid: exchanges along tight arcs keep it optimal just the same.
struct PricedCosts {
  using Label = __int128;
  static constexpr Label HOP = 1, MOVE = Label{1} << 24, SLOPE = Label{1} << 48;
  static constexpr int EXCESS_BITS = 76, BITS_LEFT = 126 - EXCESS_BITS;
  static constexpr Label FAR = Label{1} << 122;
  static constexpr bool BOUNDED = false;

  const Tree& tree;
  const int64_t *lower, *upper, *limit;    // by node
  std::vector<Label> unit;                 // by level: one copy of excess
  std::vector<int32_t> even_share;         // class x (depth + 1)

  int32_t share(int32_t cls, Vertex v) const {
    return even_share[static_cast<size_t>(cls) * (tree.depth + 1) + tree.level[v]];
  }
  Label enter(int32_t cls, Vertex v, int32_t count) const {
    return count < share(cls, v) ? 0 : unit[tree.level[v]];
  }
  Label leave(int32_t cls, Vertex v, int32_t count) const {
    return count > share(cls, v) ? -unit[tree.level[v]] : 0;
  }
  Label least_leave() const {
    Label sum = 0;
    for (Label u : unit) sum -= u;
    return sum;
  }
  Label up(Node n, int64_t flow) const {
    if (flow >= limit[n]) return FAR;
    return flow < upper[n] ? 0 : SLOPE * (2 * (flow - upper[n]) + 1);
  }
  Label down(Node n, int64_t flow) const {
    if (flow <= 0) return FAR;
    if (flow > upper[n]) return -SLOPE * (2 * (flow - upper[n]) - 1);
    return flow > lower[n] ? 0 : SLOPE * (2 * (lower[n] - flow) + 1);
  }
};

}  // namespace mapcore::placement
