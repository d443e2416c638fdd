// What a change of the placement costs: one entry for each part of the objective, in its order.
#pragma once

#include <tuple>

#include "engine.hpp"

namespace mapcore::coupled {

struct Change {
  bool strains = false;  // whether a node gets further outside of [low, high]
  Wide crowding = 0;  // rules broken and copies above the even share of a place, see Crowding
  Wide outside = 0;   // squared distances of loads from [low, high]
  int64_t bytes = 0;  // to be filled
  Wide uneven = 0;    // squared distances of loads from fair shares

  bool operator<(const Change& other) const {
    return std::tie(crowding, outside, bytes, uneven) <
           std::tie(other.crowding, other.outside, other.bytes, other.uneven);
  }
  Change& operator+=(const Change& other) {
    strains |= other.strains;
    crowding += other.crowding;
    outside += other.outside;
    bytes += other.bytes;
    uneven += other.uneven;
    return *this;
  }
  bool is_gain() const { return *this < Change{}; }
  // Better by more than where free copies stand within even loads.
  bool is_gain_for_data() const {
    return std::tie(crowding, outside, bytes) < std::make_tuple(Wide{0}, Wide{0}, int64_t{0});
  }
};

// How even the loads are.
struct Balance {
  const Problem& problem;

  static Wide square(Load distance) { return Wide{distance} * distance; }
  Wide outside(Node n, Load load) const {
    if (load > problem.high[n]) return square(load - problem.high[n]);
    return load < problem.low[n] ? square(problem.low[n] - load) : 0;
  }
  // Node n, which holds `before`, gets `added` more.
  void add(Change& change, Node n, Load before, Load added) const {
    const Load after = before + added;
    const Wide more = outside(n, after) - outside(n, before);
    change.strains |= more > 0;
    change.outside += more;
    change.uneven += square(after - problem.fair[n]) - square(before - problem.fair[n]);
  }
};

// How the copies of a row stand to each other. One number orders the costs of rows as the
// objective does: a digit for rules that are broken, then one a level for copies above the even
// share, the outermost first; sums of a few rows do not overflow it.
struct Crowding {
  static constexpr int DIGIT = 14, MOST_COPIES = 256;
  const Problem& problem;

  int32_t value(int32_t level, Node n) const {
    return problem.values[static_cast<int64_t>(level) * problem.nodes + n];
  }
  Wide more_broken(const Node* nodes, int32_t count, Node from, Node to) const {
    Node changed[MOST_COPIES];
    if (count >= MOST_COPIES) return 0;
    int32_t left = 0;
    for (int32_t i = 0; i < count; ++i) {
      if (nodes[i] != from) changed[left++] = nodes[i];
    }
    if (to >= 0) changed[left++] = to;
    const int32_t more = least_broken(problem.rules, changed, left) -
                         least_broken(problem.rules, nodes, count);
    return more * (Wide{1} << DIGIT * problem.levels);
  }
  const int32_t* shares(Row row) const {
    return problem.class_share + static_cast<int64_t>(problem.row_class[row]) * problem.levels;
  }
  Wide unit(int32_t level) const { return Wide{1} << DIGIT * (problem.levels - 1 - level); }

  bool breaks_needlessly(Row row, const Node* nodes, int32_t count) const {
    return problem.rules.count &&
           least_broken(problem.rules, nodes, count) > problem.class_broken[problem.row_class[row]];
  }
  // Whether a row breaks more rules than it must, or any place has more than its even share of it.
  bool is_crowded(Row row, const Node* nodes, int32_t count) const {
    if (breaks_needlessly(row, nodes, count)) return true;
    const int32_t* share = shares(row);
    for (int32_t k = 0; k < problem.levels; ++k) {
      for (int32_t i = 0; i < count; ++i) {
        int32_t here = 0;
        for (int32_t j = 0; j <= i; ++j) here += value(k, nodes[j]) == value(k, nodes[i]);
        if (here > share[k]) return true;
      }
    }
    return false;
  }

  // What `row` costs more with a copy on `to` instead of on `from`; -1 for nowhere.
  Wide exchange(Row row, const Node* nodes, int32_t count, Node from, Node to) const {
    const int32_t* share = shares(row);
    Wide cost = problem.rules.count ? more_broken(nodes, count, from, to) : 0;
    for (int32_t k = 0; k < problem.levels; ++k) {
      const int32_t left = from < 0 ? -1 : value(k, from), entered = to < 0 ? -1 : value(k, to);
      if (left == entered) continue;
      int32_t there = 0, here = 0;
      for (int32_t i = 0; i < count; ++i) {
        const int32_t at = value(k, nodes[i]);
        there += at == left;
        here += at == entered;
      }
      if (from >= 0 && there > share[k]) cost -= unit(k);
      if (to >= 0 && here >= share[k]) cost += unit(k);
    }
    return cost;
  }
};

}  // namespace mapcore::coupled
