// Labels: the cost of the cheapest path of exchanges from each node to the sink, or from the sink
// to each node (Bellman-Ford). A row p with a copy on x may pass it to any m that it may use:
//
//   cost(p, x -> m) = moves it adds or saves + what leaving x's vertices and entering m's costs,
//
// both up to their lowest common ancestor. There are far too many such arcs to list. The rows are
// streamed, and the arcs to nodes that hold no copy now, which cost a move each, go through a hub
// at every vertex of the tree.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "costs.hpp"

namespace mapcore::placement {

// For each vertex the children (for homes: the nodes) with the least labels, enough of them that
// one is left for a row which occupies the others.
template <class Label>
class BestBelow {
 public:
  struct Entry {
    Label label;
    int32_t which;  // a vertex, for homes a node
    bool operator==(const Entry& o) const { return label == o.label && which == o.which; }
  };

  BestBelow(const Tree& tree, int32_t copies)
      : tree_(tree),
        width_(copies + 1),
        size_(tree.parent.size()),
        entries_(tree.parent.size() * width_) {}

  template <class Allowed>
  void build(const std::vector<Label>& label, Label far, Allowed&& allowed) {
    std::fill(size_.begin(), size_.end(), 0);
    for (Vertex v = tree_.vertices() - 1; v >= 0; --v) {
      if (tree_.level[v] == tree_.depth) {
        for (int32_t i = tree_.first_node(v); i < tree_.last_node(v); ++i) {
          const Node n = tree_.by_home[i];
          if (label[n] < far && allowed(n)) insert(v, {label[n], n});
        }
      }
      if (v > 0 && size_[v] > 0) insert(tree_.parent[v], {begin(v)->label, v});
    }
  }
  const Entry* begin(Vertex v) const { return &entries_[static_cast<size_t>(v) * width_]; }
  const Entry* end(Vertex v) const { return begin(v) + size_[v]; }
  bool operator==(const BestBelow& o) const {
    for (Vertex v = 0; v < tree_.vertices(); ++v) {
      if (!std::equal(begin(v), end(v), o.begin(v), o.end(v))) return false;
    }
    return true;
  }

 private:
  void insert(Vertex v, Entry entry) {
    Entry* first = &entries_[static_cast<size_t>(v) * width_];
    int32_t& size = size_[v];
    if (size == width_ && !(entry.label < first[width_ - 1].label)) return;
    int32_t i = size < width_ ? size++ : width_ - 1;
    for (; i > 0 && entry.label < first[i - 1].label; --i) first[i] = first[i - 1];
    first[i] = entry;
  }

  const Tree& tree_;
  int32_t width_;
  std::vector<int32_t> size_;
  std::vector<Entry> entries_;
};

// What the labels need to know of a row: its costs between nodes.
template <int SLOTS, class Costs>
struct Exchanges {
  using Label = typename Costs::Label;
  Rows<SLOTS>& rows;
  const Costs& costs;
  RowCount count;

  Exchanges(Rows<SLOTS>& r, const Costs& c) : rows(r), costs(c), count(r.tree) {}

  void open(int64_t p) {
    const Node* r = rows.row(p);
    for (int32_t i = 0, k = rows.width(); i < k; ++i) {
      if (r[i] >= 0) count.add(r[i]);
    }
  }
  void close() { count.clear(); }

  // The cost at the vertices of passing a copy from x to m; FAR where that is not legal.
  Label pass(int32_t cls, Node x, Node m) const {
    Vertex u = rows.tree.home[x], v = rows.tree.home[m];
    Label cost = 0;
    while (u != v) {
      cost += costs.leave(cls, u, count.at[u]) + costs.enter(cls, v, count.at[v]);
      if (cost >= Costs::FAR) return Costs::FAR;
      u = rows.tree.parent[u];
      v = rows.tree.parent[v];
    }
    return cost;
  }
  // Calls visit(v, cost) for the vertices that contain x, from its home up, as far as the row may
  // let go of its copy: the copy may pass to any node below v, at that cost and that of entering.
  template <class Visit>
  void climb(int32_t cls, Node x, Visit&& visit) const {
    Label cost = 0;
    for (Vertex v = rows.tree.home[x];; v = rows.tree.parent[v]) {
      visit(v, cost);
      if (v == 0) return;
      cost += costs.leave(cls, v, count.at[v]);
      if (cost >= Costs::FAR) return;
    }
  }
  Label new_cost(int64_t p, int32_t slot) const {  // of passing the slot's copy to a new node
    return (rows.is_new[p * rows.width() + slot] ? 0 : Costs::MOVE) + Costs::HOP;
  }
};

// Labels to the sink: what it costs to be rid of one copy too many on each node.
template <int SLOTS, class Costs>
class LabelsToSink {
 public:
  using Label = typename Costs::Label;
  std::vector<Label> label;

  LabelsToSink(Exchanges<SLOTS, Costs>& exchanges, int32_t most_copies, Poll& poll)
      : exchanges_(exchanges), rows_(exchanges.rows), tree_(rows_.tree), poll_(poll) {
    for (int32_t g = 0; g < rows_.classes.groups(); ++g) {
      best_.emplace_back(tree_, most_copies);
      before_.emplace_back(tree_, most_copies);
    }
  }

  void find(const std::vector<int64_t>& flow) {
    label.assign(tree_.nodes, Costs::FAR);
    for (Node n : tree_.by_home) label[n] = exchanges_.costs.up(n, flow[n]);
    changed_.assign(tree_.nodes, 0);
    rows_.note_all();
    for (pass_ = 1; stream(); ++pass_) poll_.look();
  }

 private:
  // One pass over the rows. False when no label fell.
  bool stream() {
    best_.swap(before_);
    Label least = Costs::FAR;
    bool same_hubs = pass_ > 1;
    for (int32_t g = 0; g < rows_.classes.groups(); ++g) {
      const uint8_t* mask = rows_.classes.mask[g];
      best_[g].build(label, Costs::FAR, [&](Node n) { return mask == nullptr || mask[n]; });
      if (best_[g].begin(0) != best_[g].end(0)) least = std::min(least, best_[g].begin(0)->label);
      same_hubs = same_hubs && best_[g] == before_[g];
    }
    least += exchanges_.costs.least_leave();
    bool fell = false;
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      if (!worth_a_look(p, same_hubs, least)) continue;
      exchanges_.open(p);
      fell |= relax(p, same_hubs, least);
      exchanges_.close();
    }
    return fell;
  }

  bool worth_a_look(int64_t p, bool same_hubs, Label least) const {
    if (same_hubs) {  // only a copy's old node, whose label fell, can bring news
      if (!rows_.released[p]) return false;
      const Node* c = rows_.now(p);
      for (int32_t j = 0; j < rows_.current_width; ++j) {
        if (c[j] >= 0 && c[j] < tree_.nodes && changed_[c[j]] >= pass_ - 1) return true;
      }
      return false;
    }
    if (rows_.released[p]) return true;
    const Node* r = rows_.row(p);
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      if (r[i] >= 0 && label[r[i]] > least + exchanges_.new_cost(p, i)) return true;
    }
    return false;
  }

  bool relax(int64_t p, bool same_hubs, Label least) {
    bool fell = false;
    const int32_t cls = rows_.class_of(p);
    const Node *r = rows_.row(p), *c = rows_.now(p);
    Label at_root = Costs::FAR + 1;  // not looked up yet
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      const Node x = r[i];
      if (x < 0 || (rows_.pinned_width && rows_.is_pinned(p, x))) continue;
      Label lowest = label[x];
      const Label add = exchanges_.new_cost(p, i);
      if (!same_hubs && lowest > least + add) {
        exchanges_.climb(cls, x, [&](Vertex v, Label leave) {
          if (v == 0 && at_root > Costs::FAR) at_root = below(0, p, cls);
          const Label under = v == 0 ? at_root : below(v, p, cls);
          if (under < Costs::FAR) lowest = std::min(lowest, leave + under + add);
        });
      }
      for (int32_t j = 0; rows_.released[p] && j < rows_.current_width; ++j) {
        const Node m = c[j];
        if (m < 0 || !rows_.allowed(cls, m) || rows_.chose(p, m) || label[m] >= Costs::FAR)
          continue;
        const Label pass = exchanges_.pass(cls, x, m);
        if (pass < Costs::FAR) lowest = std::min(lowest, label[m] + pass + add - Costs::MOVE);
      }
      if (lowest < label[x]) {
        label[x] = lowest;
        changed_[x] = pass_;
        fell = true;
      }
    }
    return fell;
  }

  // The least label below v of a node that row p has no copy on, with the cost of entering.
  Label below(Vertex v, int64_t p, int32_t cls) const {
    const auto& best = best_[rows_.classes.group[cls]];
    Label least = Costs::FAR;
    const bool home = tree_.level[v] == tree_.depth;
    for (auto* entry = best.begin(v); entry != best.end(v) && entry->label < least; ++entry) {
      if (home) {
        if (!rows_.chose(p, entry->which)) return entry->label;
        continue;
      }
      const int32_t count = exchanges_.count.at[entry->which];
      if (count == 0) return entry->label;
      const Label enter = exchanges_.costs.enter(cls, entry->which, count);
      if (enter < Costs::FAR) least = std::min(least, enter + below(entry->which, p, cls));
    }
    return least;
  }

  Exchanges<SLOTS, Costs>& exchanges_;
  Rows<SLOTS>& rows_;
  const Tree& tree_;
  Poll& poll_;
  std::vector<BestBelow<Label>> best_, before_;  // by group
  std::vector<int32_t> changed_;                 // by node: the pass in which its label last fell
  int32_t pass_ = 0;
};

}  // namespace mapcore::placement
