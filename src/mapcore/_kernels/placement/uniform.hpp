// The main path where all partitions are alike.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "engine.hpp"
#include "exchange.hpp"
#include "start.hpp"

namespace mapcore::placement {

template <int SLOTS>
class UniformEngine {
 public:
  UniformEngine(const UniformProblem& problem, const Tree& tree, const Targets& targets, Poll& poll)
      : problem_(problem),
        tree_(tree),
        targets_(targets),
        poll_(poll),
        load_(tree.nodes, 0),
        costs_{tree, targets},
        flow_{load_, {}},
        rows_{tree,
              classes_,
              problem.rows,
              problem.copies,
              problem.current_width,
              problem.current,
              problem.chosen} {
    classes_.copies = {problem.copies};
    classes_.group = {0};
    classes_.mask = {nullptr};
  }

  bool run() {
    Start<SLOTS> start(rows_, targets_, load_, poll_);
    start.keep();
    remember_start();
    Pools pools(tree_, load_, targets_.least, targets_.most);
    start.fill(pools);
    bool direct = !start.had_choice && !start.overfilled;  // have all exchanges been direct ones?
    if (sum_over() > 0) {
      if (direct)
        Direct<SLOTS>(rows_, targets_, load_, pools, poll_).move(targets_.most, false, sum_over());
      if (sum_over() > 0) {
        direct = false;
        if (!push()) return false;
      }
    }
    const bool pulled = sum_short() > 0;
    if (pulled) {
      direct = direct && !pools.used_room;
      if (direct)
        Direct<SLOTS>(rows_, targets_, load_, pools, poll_).move(targets_.least, true, sum_short());
      if (sum_short() > 0) {
        direct = false;
        if (!pull()) return false;
      }
    }
    if (direct)
      direct_prices(pulled);
    else
      price();
    check_invariants();
    return true;
  }

 private:
  int64_t sum_over() const {
    int64_t sum = 0;
    for (Node n : tree_.by_home) sum += std::max<int64_t>(0, load_[n] - targets_.most[n]);
    return sum;
  }
  int64_t sum_short() const {
    int64_t sum = 0;
    for (Node n : tree_.by_home) sum += std::max<int64_t>(0, targets_.least[n] - load_[n]);
    return sum;
  }
  void remember_start() {
    side_.assign(tree_.nodes, 0);
    for (Node n : tree_.by_home) {
      side_[n] =
          static_cast<int8_t>((load_[n] > targets_.most[n]) - (load_[n] < targets_.least[n]));
    }
  }
  Exchanger<SLOTS, BoundedCosts> exchanger() {
    return {rows_, costs_, flow_, problem_.copies, poll_};
  }
  bool push() {
    flow_.to_sink.assign(tree_.nodes, 0);
    for (Node n : tree_.by_home) flow_.to_sink[n] = std::min(load_[n], targets_.most[n]);
    return exchanger().push_excess() == 0;
  }
  bool pull() {
    flow_.to_sink = load_;
    for (Node n : tree_.by_home) flow_.to_sink[n] = std::max(load_[n], targets_.least[n]);
    return exchanger().pull_owed() == 0;
  }
  void direct_prices(bool pulled) {
    for (Node n : tree_.by_home) {
      problem_.move_prices[n] = pulled ? (side_[n] < 0 ? -1 : 0) : (side_[n] > 0 ? 1 : 0);
    }
  }
  void price() {
    flow_.to_sink = load_;
    auto engine = exchanger();
    const auto& label = engine.price_labels(BoundedCosts::Label{1} << 50);
    for (Node n : tree_.by_home) problem_.move_prices[n] = -(label[n] >> 24);
    raise_prices();
  }

  // Nodes that the sink does not reach may have any price below that of all others, as long as
  // they keep their differences: the highest leaves the most to the sum with other maps.
  void raise_prices() {
    constexpr int64_t APART = -(int64_t{1} << 25);
    int64_t lowest = 0, highest = INT64_MIN;
    for (Node n : tree_.by_home) {
      const int64_t price = problem_.move_prices[n];
      if (price < APART)
        highest = std::max(highest, price);
      else
        lowest = std::min(lowest, price);
    }
    for (Node n : tree_.by_home) {
      if (problem_.move_prices[n] < APART) problem_.move_prices[n] += lowest - 1 - highest;
    }
  }

  void check_invariants() const {
#ifndef NDEBUG
    std::vector<int64_t> loads(tree_.nodes, 0);
    RowCount count(tree_);
    for (int64_t p = 0; p < rows_.count; ++p) {
      for (int32_t i = 0; i < rows_.width(); ++i) {
        const Node n = rows_.row(p)[i];
        assert(tree_.usable(n));
        ++loads[n];
        count.add(n);
      }
      for (Vertex v : count.occupied) assert(count.at[v] <= targets_.cap[v]);
      for (Vertex v : targets_.floors) assert(count.at[v] >= targets_.floor[v]);
      count.clear();
    }
    for (Node n : tree_.by_home) {
      assert(loads[n] == load_[n] && loads[n] >= targets_.least[n] && loads[n] <= targets_.most[n]);
    }
#endif
  }

  const UniformProblem& problem_;
  const Tree& tree_;
  const Targets& targets_;
  Poll& poll_;
  std::vector<int64_t> load_;
  std::vector<int8_t> side_;  // by node, when all was kept: 1 above its most, -1 below its least
  BoundedCosts costs_;
  Flow flow_;
  RowClasses classes_;
  Rows<SLOTS> rows_;
};

}  // namespace mapcore::placement
