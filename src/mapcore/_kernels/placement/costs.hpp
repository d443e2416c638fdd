// What exchanges and loads cost, in labels: one integer that orders costs as the objective does
// (excess, then imbalance, then moves), with the number of exchanges on the path as last digits,
// so that the shortest of the cheapest paths are found.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "rows.hpp"
#include "targets.hpp"

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
  // One copy more, or less, from n to the sink, where `flow` goes there.
  Label up(Node n, int64_t flow) const { return flow < targets.most[n] ? 0 : FAR; }
  Label down(Node n, int64_t flow) const { return flow > targets.least[n] ? 0 : FAR; }
};

// Partitions that differ, or limits that spread must yield to: every part of the objective is a
// cost. At each vertex the excess of a row is convex in its copies there, so that its sets of nodes
// are a valuated matroid: exchanges along tight arcs keep it optimal just the same.
//
// Where limits may leave copies without a node, there are nodes that stand for nowhere: a copy
// there costs more than all else. They are apart from the others at every level, and cause no
// excess.
//
// Slopes of the imbalance are rounded towards zero to multiples of 2^coarseness. Solved first with
// coarse slopes and then with ever finer ones, no load has far to go.
struct PricedCosts {
  using Label = __int128;
  static constexpr int MOVE_BIT = 24, SLOPE_BIT = 48, EXCESS_BIT = 76, LAST_BIT = 120;
  static constexpr Label HOP = 1, MOVE = Label{1} << MOVE_BIT, SLOPE = Label{1} << SLOPE_BIT;
  static constexpr Label MISSING = Label{1} << LAST_BIT, FAR = Label{1} << (LAST_BIT + 2);
  static constexpr bool BOUNDED = false;

  const Tree& tree;
  const int64_t *lower, *upper, *limit;  // by node
  Node nowhere;                          // first of the nodes whose copies count as missing
  std::vector<int32_t> even_share;       // class x (depth + 1)
  int coarseness = 0;

  // Bits for one level's excess, and where the digits of a level begin.
  static int excess_bits(int32_t depth) { return (LAST_BIT - EXCESS_BIT) / std::max(1, depth); }
  int excess_bit(int32_t level) const {
    return EXCESS_BIT + (tree.depth - level) * excess_bits(tree.depth);
  }
  Label unit(Vertex v) const { return Label{1} << excess_bit(tree.level[v]); }
  int32_t share(int32_t cls, Vertex v) const {
    if (is_nowhere(tree.by_home[tree.first_node(v)])) return INT32_MAX;
    return even_share[static_cast<size_t>(cls) * (tree.depth + 1) + tree.level[v]];
  }
  Label enter(int32_t cls, Vertex v, int32_t count) const {
    return count < share(cls, v) ? 0 : unit(v);
  }
  Label leave(int32_t cls, Vertex v, int32_t count) const {
    return count > share(cls, v) ? -unit(v) : 0;
  }
  Label least_leave() const {
    Label sum = 0;
    for (int32_t k = 1; k <= tree.depth; ++k) sum -= Label{1} << excess_bit(k);
    return sum;
  }
  // What the imbalance grows by from `held` copies to one more.
  int64_t slope(Node n, int64_t held) const {
    int64_t exact = 0;
    if (held < lower[n]) exact = -(2 * (lower[n] - held) - 1);
    if (held >= upper[n]) exact = 2 * (held - upper[n]) + 1;
    const int64_t steps = (exact < 0 ? -exact : exact) >> coarseness << coarseness;
    return exact < 0 ? -steps : steps;
  }
  Label up(Node n, int64_t flow) const {
    if (flow >= limit[n]) return FAR;
    return is_nowhere(n) ? MISSING : SLOPE * slope(n, flow);
  }
  Label down(Node n, int64_t flow) const {
    if (flow <= 0) return FAR;
    return is_nowhere(n) ? -MISSING : -SLOPE * slope(n, flow - 1);
  }
  bool is_nowhere(Node n) const { return n >= nowhere; }
};

}  // namespace mapcore::placement
