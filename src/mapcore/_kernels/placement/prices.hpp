// Labels from the sink: what it costs to bring one copy more to each node. They say how to serve
// nodes that are owed copies, and at the end they are the dual prices.
//
// The cheapest arc into a node without a copy comes from whichever row offers it cheapest, so each
// vertex keeps the few best offers of rows for the nodes below it. A row offers at the vertices
// that it occupies and at the root; below a vertex which the row does not occupy its offer holds
// for all nodes alike, and is passed down when the lists are read. A list that is full knows
// nothing of offers above its horizon; where that could matter, its vertex is watched (every row
// offers to it) or, for single nodes, all rows are looked through.
#pragma once

#include <cstdint>
#include <vector>

#include "labels.hpp"

namespace mapcore::placement {

template <class Label>
struct OfferList {
  struct Offer {
    Label value;
    int64_t row;
  };
  static constexpr size_t MOST = 24;
  std::vector<Offer> offers;  // by rising value, a row once
  Label horizon;              // all offers below this are known

  void clear(Label far) {
    offers.clear();
    horizon = far;
  }
  void add(Label value, int64_t row) {
    if (value >= horizon) return;
    for (size_t i = 0; i < offers.size(); ++i) {
      if (offers[i].row != row) continue;
      if (value >= offers[i].value) return;
      offers.erase(offers.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    size_t i = offers.size();
    offers.push_back({value, row});
    for (; i > 0 && offers[i - 1].value > value; --i) offers[i] = offers[i - 1];
    offers[i] = {value, row};
    if (offers.size() > MOST) {
      offers.pop_back();
      horizon = std::min(horizon, offers.back().value);
    }
  }
};

template <int SLOTS, class Costs>
class LabelsFromSink {
 public:
  using Label = typename Costs::Label;
  std::vector<Label> label;

  LabelsFromSink(Exchanges<SLOTS, Costs>& exchanges, Poll& poll)
      : exchanges_(exchanges),
        rows_(exchanges.rows),
        tree_(rows_.tree),
        poll_(poll),
        own_(tree_.parent.size(), Costs::FAR) {
    const size_t count = tree_.parent.size();
    const size_t groups = static_cast<size_t>(rows_.classes.groups());
    offers_.resize(groups * count);
    passed_.resize(count);
    watched_.assign(count, 0);
    for (Vertex v = 1; v < tree_.vertices(); ++v) {
      const Vertex above = tree_.parent[v];
      if (tree_.child_begin[above + 1] - tree_.child_begin[above] <= 8) watch(v);
    }
  }

  void find(const std::vector<int64_t>& flow) {
    label.assign(tree_.nodes, Costs::FAR);
    for (Node n : tree_.by_home) label[n] = exchanges_.costs.down(n, flow[n]);
    relax_all();
  }

  // Continue from where the labels stand, with `start` at nodes that have none.
  void extend(Label start) {
    bool any = false;
    for (Node n : tree_.by_home) {
      if (label[n] < Costs::FAR) continue;
      label[n] = start;
      any = true;
    }
    if (any) relax_all();
  }

 private:
  using List = OfferList<Label>;

  void relax_all() {
    rows_.note_all();
    changed_.assign(tree_.nodes, 0);
    for (List& list : offers_) list.clear(Costs::FAR);
    everything_ = true;
    for (pass_ = 1;; ++pass_) {
      poll_.look();
      fell_ = false;
      stream();
      everything_ = false;
      for (int32_t g = 0; g < rows_.classes.groups(); ++g) read(g);
      if (!fell_) return;
    }
  }

  void watch(Vertex v) {
    watched_[v] = 1;
    watch_list_.push_back(v);
  }
  List& list(int32_t group, Vertex v) {
    return offers_[static_cast<size_t>(group) * tree_.parent.size() + static_cast<size_t>(v)];
  }

  void stream() {
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      if (!everything_ && !has_news(p)) continue;
      const int32_t cls = rows_.class_of(p), group = rows_.classes.group[cls];
      if (!rows_.released[p] && !is_cheap(p, group)) continue;
      exchanges_.open(p);
      if (find_own(p, cls)) {
        offer(p, group);
        if (rows_.released[p]) relax_released(p, cls);
      }
      for (Vertex v : exchanges_.count.occupied) own_[v] = Costs::FAR;
      own_[0] = Costs::FAR;
      exchanges_.close();
    }
  }

  bool has_news(int64_t p) const {
    const Node* r = rows_.row(p);
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      if (r[i] >= 0 && changed_[r[i]] >= pass_ - 1) return true;
    }
    return false;
  }

  // Could an offer of this row get into any list?
  bool is_cheap(int64_t p, int32_t group) {
    const Node* r = rows_.row(p);
    Label least = Costs::FAR, horizon = list(group, 0).horizon;
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      if (r[i] < 0) continue;
      least = std::min(least, label[r[i]] + exchanges_.new_cost(p, i));
      for (Vertex v = tree_.home[r[i]]; v > 0; v = tree_.parent[v]) {
        horizon = std::max(horizon, list(group, v).horizon);
      }
    }
    least += exchanges_.costs.least_leave();
    if (least < horizon) return true;
    for (Vertex v : watch_list_) {
      if (least < list(group, v).horizon) return true;
    }
    return false;
  }

  // own_[v]: the least cost at which the row takes a copy from below v up to v, less a move if it
  // is a new one; then also what comes from above. False if the row has nothing to offer.
  bool find_own(int64_t p, int32_t cls) {
    const Node* r = rows_.row(p);
    bool any = false;
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      const Node x = r[i];
      if (x < 0 || label[x] >= Costs::FAR) continue;
      if (rows_.pinned_width && rows_.is_pinned(p, x)) continue;
      any = true;
      exchanges_.climb(cls, x, [&](Vertex v, Label leave) {
        own_[v] = std::min(own_[v], label[x] + exchanges_.new_cost(p, i) + leave);
      });
    }
    if (!any) return false;
    auto& occupied = exchanges_.count.occupied;
    if (tree_.depth > 1) {
      std::stable_sort(occupied.begin(), occupied.end(),
                       [&](Vertex a, Vertex b) { return tree_.level[a] < tree_.level[b]; });
    }
    for (Vertex v : occupied) {
      const Label enter = exchanges_.costs.enter(cls, v, exchanges_.count.at[v]);
      if (enter < Costs::FAR && own_[tree_.parent[v]] < Costs::FAR) {
        own_[v] = std::min(own_[v], own_[tree_.parent[v]] + enter);
      }
    }
    return true;
  }

  void offer(int64_t p, int32_t group) {
    if (own_[0] < Costs::FAR) list(group, 0).add(own_[0], p);
    for (Vertex v : exchanges_.count.occupied) {
      if (own_[v] < Costs::FAR) list(group, v).add(own_[v], p);
    }
    for (Vertex v : watch_list_) {
      if (exchanges_.count.at[v] > 0) continue;
      Vertex from = tree_.parent[v];
      while (from > 0 && exchanges_.count.at[from] == 0) from = tree_.parent[from];
      if (own_[from] < Costs::FAR) list(group, v).add(own_[from], p);
    }
  }

  void relax_released(int64_t p, int32_t cls) {
    const Node* c = rows_.now(p);
    for (int32_t j = 0; j < rows_.current_width; ++j) {
      const Node m = c[j];
      if (m < 0 || !rows_.allowed(cls, m) || rows_.chose(p, m)) continue;
      Vertex from = tree_.home[m];  // nearest vertex that the row occupies
      while (from > 0 && exchanges_.count.at[from] == 0) from = tree_.parent[from];
      if (own_[from] < Costs::FAR) lower(m, own_[from] - Costs::MOVE);
    }
  }

  void lower(Node m, Label value) {
    if (value >= label[m]) return;
    label[m] = value;
    changed_[m] = pass_;
    fell_ = true;
  }

  // Pass offers down the tree, and take them at the nodes.
  void read(int32_t group) {
    const uint8_t* mask = rows_.classes.mask[group];
    unresolved_.clear();
    bool watch_more = false;
    for (Vertex v = 0; v < tree_.vertices(); ++v) {
      List& here = passed_[v];
      here = list(group, v);
      const bool from_above = v > 0 && !watched_[v];
      if (from_above) {
        const List& above = passed_[tree_.parent[v]];
        here.horizon = std::min(here.horizon, above.horizon);
        for (const auto& o : above.offers) {
          if (!occupies(o.row, v)) here.add(o.value, o.row);
        }
      }
      if (tree_.level[v] < tree_.depth) continue;
      for (int32_t i = tree_.first_node(v); i < tree_.last_node(v); ++i) {
        const Node n = tree_.by_home[i];
        if ((mask != nullptr && !mask[n]) || take(n, here)) continue;
        if (from_above && list(group, v).horizon >= label[n]) {
          watch_more = true;
          watch(v);
          break;
        }
        unresolved_.push_back(n);
      }
    }
    if (watch_more) everything_ = fell_ = true;
    if (!unresolved_.empty()) look_through(group);
  }

  // False if the list cannot say whether there is a better offer for n.
  bool take(Node n, const List& offers) {
    for (const auto& o : offers.offers) {
      if (o.value >= label[n]) return true;
      if (rows_.chose(o.row, n)) continue;
      lower(n, o.value);
      return true;
    }
    return offers.horizon >= label[n];
  }

  bool occupies(int64_t p, Vertex v) const {
    const Node* r = rows_.row(p);
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      if (r[i] >= 0 && tree_.home_begin[v] <= tree_.home[r[i]] &&
          tree_.home[r[i]] < tree_.home_end[v]) {
        return true;
      }
    }
    return false;
  }

  void look_through(int32_t group) {
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      const int32_t cls = rows_.class_of(p);
      if (rows_.classes.group[cls] != group) continue;
      exchanges_.open(p);
      if (find_own(p, cls)) {
        for (Node n : unresolved_) {
          Vertex from = tree_.home[n];
          while (from > 0 && exchanges_.count.at[from] == 0) from = tree_.parent[from];
          if (own_[from] < label[n] && !rows_.chose(p, n)) lower(n, own_[from]);
        }
      }
      for (Vertex v : exchanges_.count.occupied) own_[v] = Costs::FAR;
      own_[0] = Costs::FAR;
      exchanges_.close();
    }
  }

  Exchanges<SLOTS, Costs>& exchanges_;
  Rows<SLOTS>& rows_;
  const Tree& tree_;
  Poll& poll_;
  std::vector<Label> own_;        // by vertex, for the row being looked at
  std::vector<List> offers_;      // group x vertex
  std::vector<List> passed_;      // by vertex: own offers and those from above
  std::vector<uint8_t> watched_;  // by vertex
  std::vector<Vertex> watch_list_;
  std::vector<Node> unresolved_;
  std::vector<int32_t> changed_;  // by node: the pass in which its label last fell
  int32_t pass_ = 0;
  bool everything_ = false, fell_ = false;
};

}  // namespace mapcore::placement
