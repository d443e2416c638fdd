// What exchanges and loads cost, in labels: one integer that orders costs as the objective does
// (excess, then imbalance, then moves), with the number of exchanges on the path as last digits,
// so that the shortest of the cheapest paths are found.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
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
//
// A path visits a node once, and has at most two slopes, those at its ends: as many bits are left
// to moves and to either slope as that can take, and all others to the excess.
struct PricedCosts {
  using Label = __int128;
  static constexpr int MOVE_BIT = 20, SUM_BIT = 40, LAST_BIT = 120;
  static constexpr Label HOP = 1, MOVE = Label{1} << MOVE_BIT;
  static constexpr Label MISSING = Label{1} << LAST_BIT, FAR = Label{1} << (LAST_BIT + 2);
  static constexpr bool BOUNDED = false;

  const Tree& tree;
  const int64_t *lower, *upper, *limit;  // by node
  const int64_t *sum_lower, *sum_upper;  // null where no other maps count
  Node nowhere;                          // first of the nodes whose copies count as missing
  std::vector<int32_t> even_share;       // class x (depth + 1)
  int slope_bit = SUM_BIT, excess_bit_ = SUM_BIT;
  int coarseness = 0;

  // Give either slope the bits that it can take.
  void set_bits() {
    int64_t steepest = 0, steepest_sum = 0;
    for (Node n : tree.by_home) {
      if (is_nowhere(n)) continue;
      steepest = std::max({steepest, std::abs(slope_of(lower[n], upper[n], 0)),
                           std::abs(slope_of(lower[n], upper[n], limit[n]))});
      if (sum_lower == nullptr) continue;
      steepest_sum = std::max({steepest_sum, std::abs(slope_of(sum_lower[n], sum_upper[n], 0)),
                               std::abs(slope_of(sum_lower[n], sum_upper[n], limit[n]))});
    }
    slope_bit = SUM_BIT + (sum_lower == nullptr ? 0 : bits_for(steepest_sum));
    excess_bit_ = slope_bit + bits_for(steepest);
  }
  static int bits_for(int64_t slope) {
    int bits = 4;  // twice the slope, either sign, and what is carried from below
    for (; slope > 0; slope >>= 1) ++bits;
    return bits;
  }

  // Bits for one level's excess, and where the digits of a level begin.
  int excess_bits() const { return (LAST_BIT - excess_bit_) / std::max(1, tree.depth); }
  int excess_bit(int32_t level) const { return excess_bit_ + (tree.depth - level) * excess_bits(); }
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
  static int64_t slope_of(int64_t low, int64_t high, int64_t held) {
    if (held < low) return -(2 * (low - held) - 1);
    return held >= high ? 2 * (held - high) + 1 : 0;
  }
  int64_t rounded(int64_t slope) const {
    const int64_t steps = (slope < 0 ? -slope : slope) >> coarseness << coarseness;
    return slope < 0 ? -steps : steps;
  }
  Label slope(Node n, int64_t held) const {
    Label both = Label{rounded(slope_of(lower[n], upper[n], held))} * (Label{1} << slope_bit);
    if (sum_lower != nullptr) {
      both += Label{rounded(slope_of(sum_lower[n], sum_upper[n], held))} * (Label{1} << SUM_BIT);
    }
    return both;
  }
  int64_t steepest(Node n, int64_t held) const {
    int64_t most = 0;
    for (const int64_t at : {held - 1, held}) {
      most = std::max(most, std::abs(slope_of(lower[n], upper[n], at)));
      if (sum_lower != nullptr) {
        most = std::max(most, std::abs(slope_of(sum_lower[n], sum_upper[n], at)));
      }
    }
    return most;
  }
  Label up(Node n, int64_t flow) const {
    if (flow >= limit[n]) return FAR;
    return is_nowhere(n) ? MISSING : slope(n, flow);
  }
  Label down(Node n, int64_t flow) const {
    if (flow <= 0) return FAR;
    return is_nowhere(n) ? -MISSING : -slope(n, flow - 1);
  }
  bool is_nowhere(Node n) const { return n >= nowhere; }
};

}  // namespace mapcore::placement
