// What a change of the placement costs: one entry for each part of the objective, in its order.
#pragma once

#include <algorithm>
#include <tuple>
#include <vector>

#include "engine.hpp"

namespace mapcore::coupled {

struct Change {
  bool strains = false;  // whether a node gets further outside of [low, high]
  Wide crowding = 0;  // rules broken and copies above the even share of a place, see Crowding
  Wide outside = 0;   // squared distances of loads from [low, high]
  Load relief = 0;    // by how much these distances get less, in sum; no part of the objective
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
    relief += other.relief;
    bytes += other.bytes;
    uneven += other.uneven;
    return *this;
  }
  // Whether this step of a search is to be taken before another: those that burden no node go
  // first, as what they move need not be moved on, and of these what relieves most a byte.
  bool goes_before(const Change& other) const {
    if (strains != other.strains) return other.strains;
    if (strains || crowding != other.crowding) return *this < other;
    const Wide mine = Wide{relief} * std::max<int64_t>(other.bytes, 0);
    const Wide theirs = Wide{other.relief} * std::max<int64_t>(bytes, 0);
    return mine != theirs ? mine > theirs : *this < other;
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
  Load outside(Node n, Load load) const {
    if (load > problem.high[n]) return load - problem.high[n];
    return load < problem.low[n] ? problem.low[n] - load : 0;
  }
  // Node n, which holds `before`, gets `added` more.
  void add(Change& change, Node n, Load before, Load added) const {
    const Load after = before + added;
    const Load was = outside(n, before), is = outside(n, after);
    change.strains |= is > was;
    change.outside += square(is) - square(was);
    change.relief += was - is;
    change.uneven += square(after - problem.fair[n]) - square(before - problem.fair[n]);
  }
};

// How the copies of a row stand to each other. One number orders the costs of rows as the
// objective does: a digit for rules that are broken, then one a level for copies above the even
// share, the outermost first; sums of a few rows do not overflow it.
class Crowding {
 public:
  explicit Crowding(const Problem& given)
      : problem(given), broken_(given.rules.count ? static_cast<size_t>(given.rows) : 0, UNKNOWN) {}

  // To be called whenever a row changes.
  void forget(Row row) {
    if (problem.rules.count) broken_[static_cast<size_t>(row)] = UNKNOWN;
  }

  int32_t value(int32_t level, Node n) const {
    return problem.values[static_cast<int64_t>(level) * problem.nodes + n];
  }
  const int32_t* shares(Row row) const {
    return problem.class_share + static_cast<int64_t>(problem.row_class[row]) * problem.levels;
  }
  bool breaks_needlessly(Row row, const Node* nodes, int32_t count) const {
    return problem.rules.count &&
           broken_now(row, nodes, count) > problem.class_broken[problem.row_class[row]];
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
    Wide cost = problem.rules.count ? more_broken(row, nodes, count, from, to) : 0;
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

 private:
  static constexpr int32_t MOST_COPIES = 256, UNKNOWN = -1;

  int digit() const { return std::max(1, std::min(14, 120 / (problem.levels + 1))); }  // bits
  Wide unit(int32_t level) const { return Wide{1} << digit() * (problem.levels - 1 - level); }

  // The innermost of the places that rules name; those around it follow from it.
  int32_t place(Node n) const {
    return problem.rules.ancestors[(static_cast<int64_t>(n) + 1) * problem.rules.depths - 1];
  }
  int32_t broken_now(Row row, const Node* nodes, int32_t count) const {
    int32_t& known = broken_[static_cast<size_t>(row)];
    if (known == UNKNOWN) known = least_broken(problem.rules, nodes, count);
    return known;
  }
  Wide more_broken(Row row, const Node* nodes, int32_t count, Node from, Node to) const {
    if (count >= MOST_COPIES || (from >= 0 && to >= 0 && place(from) == place(to) &&
                                 problem.rules.may_lead[from] == problem.rules.may_lead[to])) {
      return 0;
    }
    Node changed[MOST_COPIES];
    int32_t left = 0;
    for (int32_t i = 0; i < count; ++i) {
      if (nodes[i] != from) changed[left++] = nodes[i];
    }
    if (to >= 0) changed[left++] = to;
    const int32_t more =
        least_broken(problem.rules, changed, left) - broken_now(row, nodes, count);
    return more * (Wide{1} << digit() * problem.levels);
  }

  const Problem& problem;
  mutable std::vector<int32_t> broken_;  // by row: slaves against the rules, as far as known
};

}  // namespace mapcore::coupled
