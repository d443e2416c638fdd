// The main path where partitions differ (in copies, in the nodes they may use, in pinned copies),
// or where limits of nodes are at odds with spread. The same flow, with all of the objective as
// costs, and the imbalance from coarse to fine.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "engine.hpp"
#include "exchange.hpp"
#include "kinds.hpp"
#include "pools.hpp"

namespace mapcore::placement {

// The start: for each row the set of least excess and then fewest moves, whatever the loads.
// Greedy, one copy at a time, is exact for a valuated matroid.
class PricedStart {
 public:
  using Label = PricedCosts::Label;

  PricedStart(Rows<0>& rows, const PricedCosts& costs, std::vector<int64_t>& load, Poll& poll)
      : rows_(rows), tree_(rows.tree), costs_(costs), load_(load), poll_(poll), count_(tree_) {
    const size_t vertices = tree_.parent.size();
    usable_.assign(vertices * rows.classes.mask.size(), 0);
    open_children_.assign(usable_.size(), 0);
    for (size_t g = 0; g < rows.classes.mask.size(); ++g) {
      const uint8_t* mask = rows.classes.mask[g];
      for (Vertex v = tree_.vertices() - 1; v >= 0; --v) {
        int32_t& here = usable_[g * vertices + v];
        for (int32_t i = tree_.first_node(v);
             tree_.level[v] == tree_.depth && i < tree_.last_node(v); ++i) {
          const Node n = tree_.by_home[i];
          here += !costs_.is_nowhere(n) && (mask == nullptr || mask[n]);
        }
        if (v == 0 || here == 0) continue;
        usable_[g * vertices + tree_.parent[v]] += here;
        ++open_children_[g * vertices + tree_.parent[v]];
      }
    }
  }

  // Pinned copies, and of those that stand now all that add no excess.
  void keep() {
    for (int64_t p = 0; p < rows_.count; ++p) {
      const Node* c = rows_.now(p);
      for (int32_t j = 0; j < rows_.current_width; ++j) {
        if (rows_.allowed(rows_.class_of(p), c[j])) ++load_[c[j]];
      }
    }
    std::vector<Node> candidates;
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      Node* r = rows_.row(p);
      std::fill(r, r + rows_.width(), -1);
      int32_t filled = keep_pinned(p);
      const int32_t cls = rows_.class_of(p), copies = rows_.copies(p);
      find_candidates(p, candidates);
      for (Node n : candidates) {
        if (filled < copies && enter_cost(cls, n) == 0) {
          r[filled++] = n;
          count_.add(n);
        } else {
          --load_[n];
        }
      }
      count_.clear();
    }
  }

  // kinds: the tree of the pools, which has one level more, of nodes that the same rows may use.
  void fill(Pools& pools, const Tree& kinds) {
    kinds_ = &kinds;
    pools.mix(true);
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      const int32_t copies = rows_.copies(p);
      Node* r = rows_.row(p);
      int32_t filled = 0;
      while (filled < copies && r[filled] >= 0) count_.add(r[filled++]);
      for (; filled < copies; ++filled) {
        const Node n = next(p, pools);
        assert(n >= 0);
        r[filled] = n;
        count_.add(n);
      }
      count_.clear();
    }
    pools.mix(false);
  }

 private:
  int32_t keep_pinned(int64_t p) {
    Node* r = rows_.row(p);
    int32_t filled = 0;
    for (int32_t j = 0; j < rows_.pinned_width && filled < rows_.copies(p); ++j) {
      const Node n = rows_.pinned[p * rows_.pinned_width + j];
      if (!rows_.allowed(rows_.class_of(p), n) || rows_.chose(p, n)) continue;
      r[filled++] = n;
      count_.add(n);
      if (!rows_.holds_now(p, n)) ++load_[n];
    }
    return filled;
  }
  void find_candidates(int64_t p, std::vector<Node>& candidates) const {
    candidates.clear();
    const Node* c = rows_.now(p);
    for (int32_t j = 0; j < rows_.current_width; ++j) {
      if (rows_.allowed(rows_.class_of(p), c[j]) && !rows_.chose(p, c[j]))
        candidates.push_back(c[j]);
    }
    std::stable_sort(candidates.begin(), candidates.end(), [&](Node a, Node b) {
      return load_[a] - costs_.upper[a] < load_[b] - costs_.upper[b];
    });
  }

  // What one more copy on n would add to the row's excess.
  Label enter_cost(int32_t cls, Node n) const {
    Label cost = 0;
    for (Vertex v = tree_.home[n]; v > 0; v = tree_.parent[v]) {
      cost += costs_.enter(cls, v, count_.at[v]);
    }
    return cost;
  }

  // The least that one more copy below v would add; FAR where no node is left.
  Label least_enter(Vertex v, int64_t p, int32_t cls) const {
    const size_t at = static_cast<size_t>(rows_.classes.group[cls]) * tree_.parent.size() + v;
    const int32_t chosen = v > 0 ? count_.at[v] : rows_.width();
    if (tree_.level[v] == tree_.depth) {
      if (v > 0) return chosen < usable_[at] ? 0 : PricedCosts::FAR;
      int32_t here = 0;
      for (int32_t i = 0; i < rows_.width(); ++i) here += rows_.row(p)[i] >= 0;
      return here < usable_[at] ? 0 : PricedCosts::FAR;
    }
    Label least = PricedCosts::FAR;
    int32_t occupied = 0;
    for (Vertex u : count_.occupied) {
      if (tree_.parent[u] != v) continue;
      ++occupied;
      const Label below = least_enter(u, p, cls);
      if (below < PricedCosts::FAR)
        least = std::min(least, below + costs_.enter(cls, u, count_.at[u]));
    }
    return occupied < open_children_[at] ? 0 : least;
  }

  Node next(int64_t p, Pools& pools) {
    const int32_t cls = rows_.class_of(p);
    const Label least = least_enter(0, p, cls);
    Node kept = -1;
    Label kept_cost = PricedCosts::FAR;
    for (int32_t j = 0; j < rows_.current_width; ++j) {
      const Node n = rows_.now(p)[j];
      if (!rows_.allowed(cls, n) || rows_.chose(p, n)) continue;
      const Label cost = enter_cost(cls, n);
      if (cost < kept_cost) {
        kept = n;
        kept_cost = cost;
      }
    }
    if (kept >= 0 && kept_cost <= least) {
      pools.gain(kept);
      return kept;
    }
    const size_t group = static_cast<size_t>(rows_.classes.group[cls]) * tree_.parent.size();
    auto enters = [&](Vertex u) {
      if (u >= tree_.vertices())
        return rows_.allowed(cls, kinds_->by_home[kinds_->first_node(u)]);
      if (usable_[group + u] == 0) return false;
      Label cost = least_enter(u, p, cls);
      for (Vertex v = u; v > 0; v = tree_.parent[v]) cost += costs_.enter(cls, v, count_.at[v]);
      return cost <= least;
    };
    auto takes = [&](Node n) {
      return !costs_.is_nowhere(n) && rows_.allowed(cls, n) && !rows_.chose(p, n);
    };
    Node n = pools.take(0, false, enters, takes);
    if (n >= 0) return n;
    n = any_node(0, enters, takes);
    pools.gain(n);
    return n;
  }

  template <class Enters, class Takes>
  Node any_node(Vertex v, Enters& enters, Takes& takes) {
    if (tree_.level[v] == tree_.depth) {
      const int32_t first = tree_.first_node(v), size = tree_.last_node(v) - first;
      for (int32_t t = 0; t < size; ++t) {
        const Node n =
            tree_.by_home[first + static_cast<int32_t>(turn_++ % static_cast<uint32_t>(size))];
        if (takes(n)) return n;
      }
      return -1;
    }
    for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
      if (!enters(u)) continue;
      const Node n = any_node(u, enters, takes);
      if (n >= 0) return n;
    }
    return -1;
  }

  Rows<0>& rows_;
  const Tree& tree_;
  const PricedCosts& costs_;
  std::vector<int64_t>& load_;
  Poll& poll_;
  RowCount count_;
  const Tree* kinds_ = nullptr;
  std::vector<int32_t> usable_;         // group x vertex: nodes below that the group may use
  std::vector<int32_t> open_children_;  // group x vertex: children that have any
  uint32_t turn_ = 0;
};

class PricedEngine {
 public:
  using Label = PricedCosts::Label;

  PricedEngine(const PricedProblem& problem, const Tree& tree, RowClasses classes,
               std::vector<int32_t> even_share, Poll& poll)
      : problem_(problem),
        tree_(tree),
        poll_(poll),
        classes_(std::move(classes)),
        load_(tree.nodes, 0),
        costs_{tree,
               problem.lower,
               problem.upper,
               problem.limit,
               problem.sum_lower,
               problem.sum_upper,
               problem.nowhere,
               std::move(even_share)},
        flow_{load_, {}},
        rows_{tree,
              classes_,
              problem.rows,
              problem.slots,
              problem.current_width,
              problem.current,
              problem.chosen,
              problem.pinned,
              problem.pinned_width} {}

  void run() {
    costs_.set_bits();
    start();
    Exchanger<0, PricedCosts> exchanger(rows_, costs_, flow_, problem_.slots, poll_);
    std::vector<Label> label(tree_.nodes, 0);  // at these prices the rows are optimal
    std::fill(label.begin() + problem_.nowhere, label.end(), -PricedCosts::MISSING);
    int64_t steepest = 0;
    for (Node n : tree_.by_home) {
      if (!costs_.is_nowhere(n)) steepest = std::max(steepest, costs_.steepest(n, load_[n]));
    }
    while ((steepest >> costs_.coarseness) > 0) ++costs_.coarseness;
    for (;; --costs_.coarseness) {
      settle(label);
      const int64_t left = exchanger.push_excess() + exchanger.pull_owed();
      assert(left == 0);
      (void)left;
      flow_.to_sink = load_;
      label = exchanger.price_labels(PricedCosts::FAR);
      if (costs_.coarseness == 0) break;
    }
    write_prices(label);
    for (int64_t i = 0; i < rows_.count * rows_.width(); ++i) {
      if (problem_.chosen[i] >= problem_.nowhere) problem_.chosen[i] = -1;
    }
  }

 private:
  void start() {
    std::vector<int64_t> least(tree_.nodes, 0), most(tree_.nodes, 0);
    for (Node n : tree_.by_home) {
      if (costs_.is_nowhere(n)) continue;
      least[n] = std::min(problem_.lower[n], problem_.limit[n]);
      most[n] = std::min(problem_.upper[n], problem_.limit[n]);
    }
    PricedStart start(rows_, costs_, load_, poll_);
    start.keep();
    const Tree kinds = with_kinds(tree_, classes_.mask);
    Pools pools(kinds, load_, least, most);
    start.fill(pools, kinds);
  }

  // The flow to the sink that is optimal at these labels, as near to the loads as can be.
  void settle(const std::vector<Label>& label) {
    flow_.to_sink = load_;
    for (Node n : tree_.by_home) {
      int64_t& flow = flow_.to_sink[n];
      flow = std::min(flow, problem_.limit[n]);
      while (flow > 0 && costs_.down(n, flow) < label[n]) --flow;
      while (flow < problem_.limit[n] && costs_.up(n, flow) < -label[n]) ++flow;
    }
  }

  // Digits of a label, each balanced around 0, without hops. A node that no row may use ends up
  // empty at a price below every slope.
  void write_prices(const std::vector<Label>& label) {
    for (Node n : tree_.by_home) {
      if (label[n] >= PricedCosts::FAR) {
        problem_.balance_prices[n] = -2 * problem_.lower[n] - 2;
        continue;
      }
      Label rest = label[n] >> PricedCosts::MOVE_BIT;
      problem_.move_prices[n] = -digit(rest, PricedCosts::SUM_BIT - PricedCosts::MOVE_BIT);
      const int sum_bits = costs_.slope_bit - PricedCosts::SUM_BIT;
      if (sum_bits > 0) problem_.sum_prices[n] = -digit(rest, sum_bits);
      problem_.balance_prices[n] = -digit(rest, costs_.excess_bit(tree_.depth) - costs_.slope_bit);
      for (int32_t k = tree_.depth; k > 0; --k) {
        problem_.spread_prices[static_cast<int64_t>(k - 1) * tree_.nodes + n] =
            -digit(rest, costs_.excess_bits());
      }
      problem_.missing_prices[n] =
          -static_cast<int64_t>(rest >> (PricedCosts::LAST_BIT - costs_.excess_bit(0)));
    }
  }
  static int64_t digit(Label& rest, int bits) {
    const Label base = Label{1} << bits, half = base / 2;
    const Label low = ((rest + half) & (base - 1)) - half;
    rest = (rest - low) >> bits;
    return static_cast<int64_t>(low);
  }

  const PricedProblem& problem_;
  const Tree& tree_;
  Poll& poll_;
  RowClasses classes_;
  std::vector<int64_t> load_;
  PricedCosts costs_;
  Flow flow_;
  Rows<0> rows_;
};

}  // namespace mapcore::placement
