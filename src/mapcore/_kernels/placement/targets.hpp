// What every optimal placement has in common, where all partitions are alike.
//
// Spread: the rows of least excess are those with floor[v] <= copies below v <= cap[v] at every
// vertex v of the tree. They are the bases of one matroid (a laminar family with bounds).
//
// Balance: loads can be had if and only if they lie in `partitions` times that matroid's base
// polytope, so the best balance is found without looking at a partition: one water level (slope
// of the imbalance) for all nodes, and a level of its own below each vertex that stands at its
// floor or cap. By complementary slackness the placements of least imbalance are exactly those
// within [least, most] at each node and [floor, cap] at each vertex, floor = cap where clamped.
//
// Where several maps stand on the same nodes, these placements differ in the balance of the sum of
// all maps. They are a polytope of the same kind, so the same search over it, with what the sum
// lacks at each node, finds those that are best in that too.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "tree.hpp"

namespace mapcore::placement {

struct Targets {
  std::vector<int64_t> least;  // by node: loads of every optimal placement
  std::vector<int64_t> most;
  std::vector<int32_t> floor;  // by vertex: copies of one row
  std::vector<int32_t> cap;
  std::vector<int64_t> water;  // by vertex: the slope of the imbalance below it
  std::vector<int64_t> sum_water;  // by vertex: the same of the imbalance of the sum of all maps
  std::vector<Vertex> floors;  // vertices with a floor above zero, children before parents
};

// Least spread excess, level by level, the outermost first. Each level restricts the placements
// left by those before it to another family of the same kind. Along the way, below each vertex
// the excess is 0 up to a turning point and grows by one a copy from there on.
class SpreadBounds {
 public:
  SpreadBounds(const Tree& tree, int32_t copies, Targets& out)
      : tree_(tree), floor_(out.floor), cap_(out.cap) {
    const Vertex count = tree.vertices();
    floor_.assign(count, 0);
    cap_.resize(count);
    for (Vertex v = 0; v < count; ++v) {
      cap_[v] = std::min(copies, tree.last_node(v) - tree.first_node(v));
    }
    floor_[0] = cap_[0] = copies;
    turn_.assign(count, 0);
    below_.assign(count, 0);
    std::vector<int32_t> values(tree.depth + 1, 0);
    for (Vertex v = 0; v < count; ++v) ++values[tree.level[v]];
    for (int32_t k = 1; k <= tree.depth; ++k)
      restrict_to_level(k, (copies + values[k] - 1) / values[k]);
  }

 private:
  void restrict_to_level(int32_t k, int32_t even_share) {
    std::fill(below_.begin(), below_.end(), 0);
    for (Vertex v = tree_.vertices() - 1; v >= 0; --v) {
      if (tree_.level[v] > k) continue;
      const int32_t free = tree_.level[v] == k ? even_share : below_[v];
      turn_[v] = std::min(std::max(free, floor_[v]), cap_[v]);
      if (v > 0) below_[tree_.parent[v]] += turn_[v];
    }
    for (Vertex v = 0; v < tree_.vertices() && tree_.level[v] < k; ++v) {
      const bool without_excess = cap_[v] <= below_[v], all_in_excess = floor_[v] >= below_[v];
      for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
        if (without_excess) cap_[u] = turn_[u];
        if (all_in_excess) floor_[u] = turn_[u];
      }
    }
    tighten(k);
  }

  // What the siblings cannot take a vertex must, and what they must it cannot.
  void tighten(int32_t k) {
    for (Vertex v = 0; v < tree_.vertices() && tree_.level[v] < k; ++v) {
      int64_t floors = 0, caps = 0;
      for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
        floors += floor_[u];
        caps += cap_[u];
      }
      for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
        const int64_t must = floor_[v] - (caps - cap_[u]), may = cap_[v] - (floors - floor_[u]);
        floor_[u] = static_cast<int32_t>(std::max<int64_t>(floor_[u], must));
        cap_[u] = static_cast<int32_t>(std::min<int64_t>(cap_[u], may));
      }
    }
  }

  const Tree& tree_;
  std::vector<int32_t>& floor_;
  std::vector<int32_t>& cap_;
  std::vector<int32_t> turn_;   // by vertex: copies from which on the excess grows
  std::vector<int32_t> below_;  // by vertex: the turning points of its children, in sum
};

struct Interval {
  int64_t first, last;
};

// The loads x that minimise distance(x, [lower, upper])^2 - slope * x over least <= x <= most.
inline Interval loads_at(int64_t slope, int64_t lower, int64_t upper, int64_t least,
                         int64_t most) {
  Interval at{lower, upper};
  if (slope > 0) {
    at.first = upper + slope / 2;
    at.last = upper + (slope + 1) / 2;
  } else if (slope < 0) {
    at.first = lower - (1 - slope) / 2;
    at.last = lower - (-slope) / 2;
  }
  at.first = std::min(std::max(at.first, least), most);
  at.last = std::min(std::max(at.last, least), most);
  return at;
}

class WaterLevels {
 public:
  WaterLevels(const Tree& tree, int64_t rows, Targets& out)
      : tree_(tree), rows_(rows), out_(out) {}

  // limit: by node, the most copies that it may hold.
  // False where the limits leave no room for a placement of least spread excess.
  bool find(const int64_t* lower, const int64_t* upper, const int64_t* limit) {
    out_.least.assign(tree_.nodes, 0);
    out_.most.assign(tree_.nodes, 0);
    for (Node n : tree_.by_home) out_.most[n] = std::min(rows_, limit[n]);
    return level(lower, upper, out_.water);
  }

  // The same among the targets found, for what the sum of all maps lacks: it may be below zero.
  void find_for_sum(const int64_t* lower, const int64_t* upper) {
    level(lower, upper, out_.sum_water);
  }

 private:
  // Narrow the targets to those of least imbalance, measured from these bounds.
  bool level(const int64_t* lower, const int64_t* upper, std::vector<int64_t>& water) {
    lower_ = lower;
    upper_ = upper;
    water_ = &water;
    water.assign(tree_.vertices(), 0);
    out_.floors.clear();
    steepest_ = rows_;
    for (Node n : tree_.by_home) {
      steepest_ = std::max({steepest_, rows_ + std::abs(lower[n]), rows_ + std::abs(upper[n])});
    }
    steepest_ = 2 * steepest_ + 4;
    const int64_t total = rows_ * out_.cap[0];
    const Interval even = sum(0, 0);
    int64_t slope = 0;
    const bool within = even.first <= total && total <= even.last;
    if ((!within && !solve(0, total, slope)) || !flood(0, slope)) return false;
    raise_bounds();
    return true;
  }

  // The sum of the loads below v at a slope, each vertex below v held within its bounds.
  Interval sum(Vertex v, int64_t slope) const {
    Interval total{0, 0};
    if (tree_.level[v] == tree_.depth) {
      for (int32_t i = tree_.first_node(v); i < tree_.last_node(v); ++i) {
        const Interval at = node_loads(tree_.by_home[i], slope);
        total.first += at.first;
        total.last += at.last;
      }
      return total;
    }
    for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
      const Interval at = sum(u, slope);
      const int64_t least = rows_ * out_.floor[u], most = rows_ * out_.cap[u];
      total.first += std::min(std::max(at.first, least), most);
      total.last += std::min(std::max(at.last, least), most);
    }
    return total;
  }

  Interval node_loads(Node n, int64_t slope) const {
    return loads_at(slope, lower_[n], upper_[n], out_.least[n], out_.most[n]);
  }

  // The slope at which the loads below v sum to `total`: the least that reaches it.
  bool solve(Vertex v, int64_t total, int64_t& slope) const {
    int64_t low = -steepest_, high = steepest_;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (sum(v, middle).last >= total) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    slope = low;
    const Interval at = sum(v, low);
    return at.first <= total && total <= at.last;
  }

  // Set the level below v, and levels of their own for children that it would overflow or starve.
  bool flood(Vertex v, int64_t slope) {
    (*water_)[v] = slope;
    if (tree_.level[v] == tree_.depth) {
      for (int32_t i = tree_.first_node(v); i < tree_.last_node(v); ++i) {
        const Node n = tree_.by_home[i];
        const Interval at = node_loads(n, slope);
        out_.least[n] = at.first;
        out_.most[n] = at.last;
      }
      return true;
    }
    for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
      const Interval at = sum(u, slope);
      int64_t own = slope;
      if (at.first > rows_ * out_.cap[u]) {
        out_.floor[u] = out_.cap[u];
        if (!solve(u, rows_ * out_.cap[u], own)) return false;
      } else if (at.last < rows_ * out_.floor[u]) {
        out_.cap[u] = out_.floor[u];
        if (!solve(u, rows_ * out_.floor[u], own)) return false;
      }
      if (!flood(u, own)) return false;
    }
    return true;
  }

  // What the children's bounds imply for their parents.
  void raise_bounds() {
    std::vector<int32_t> floors(tree_.vertices(), 0), caps(tree_.vertices(), 0);
    for (Vertex v = tree_.vertices() - 1; v > 0; --v) {
      if (tree_.level[v] < tree_.depth) {
        out_.floor[v] = std::max(out_.floor[v], floors[v]);
        out_.cap[v] = std::min(out_.cap[v], caps[v]);
      }
      floors[tree_.parent[v]] += out_.floor[v];
      caps[tree_.parent[v]] += out_.cap[v];
      if (out_.floor[v] > 0) out_.floors.push_back(v);
    }
  }

  const Tree& tree_;
  const int64_t rows_;
  const int64_t *lower_ = nullptr, *upper_ = nullptr;
  std::vector<int64_t>* water_ = nullptr;
  Targets& out_;
  int64_t steepest_ = 0;
};

}  // namespace mapcore::placement
