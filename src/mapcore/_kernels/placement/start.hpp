// The start: keep as many copies of every row as a legal row can, and fill up anywhere. At price 0
// for every node no rows are cheaper, whatever the loads; the rest of the engine moves the loads
// to where they should be and never loses that optimality.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "pools.hpp"
#include "rows.hpp"
#include "targets.hpp"

namespace mapcore::placement {

template <int SLOTS>
class Start {
 public:
  Start(Rows<SLOTS>& rows, const Targets& targets, std::vector<int64_t>& load, Poll& poll)
      : rows_(rows),
        tree_(rows.tree),
        targets_(targets),
        load_(load),
        poll_(poll),
        count_(tree_),
        owed_(tree_.parent.size(), 0),
        reserved_(tree_.parent.size(), 0) {}

  bool had_choice = false;  // some row had more legal copies than it could keep
  bool overfilled = false;  // some copy went to a node that stood at its most

  // Fill `chosen` with kept copies, in the slots where they stand; -1 where a copy is missing.
  void keep() {
    std::vector<int64_t> odd;
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      if (!keep_all(p)) odd.push_back(p);
    }
    // The others: count every candidate first, then let go of those on the fullest nodes.
    std::vector<Node> candidates;
    for (int64_t p : odd) {
      find_candidates(p, candidates);
      for (Node n : candidates) ++load_[n];
    }
    for (int64_t p : odd) {
      poll_();
      find_candidates(p, candidates);
      keep_some(p, candidates);
    }
  }

  void fill(Pools& pools) {
    pools.mix(incomplete_.size() > static_cast<size_t>(tree_.nodes) / 8);
    for (int64_t p : incomplete_) {
      poll_();
      fill_row(p, pools);
    }
    pools.mix(false);
  }

 private:
  // The common case: all copies on usable nodes, in the slots where they stand, are part of a
  // legal row.
  bool keep_all(int64_t p) {
    const int32_t k = rows_.width();
    const Node* c = rows_.now(p);
    Node* r = rows_.row(p);
    int32_t kept = 0;
    for (int32_t i = 0; i < k; ++i) {
      r[i] = i < rows_.current_width && tree_.usable(c[i]) ? c[i] : -1;
      kept += r[i] >= 0;
    }
    for (int32_t i = k; i < rows_.current_width; ++i) {
      if (tree_.usable(c[i])) return false;
    }
    if (kept > 0) {
      if (!within_caps(r, k)) return false;
      if (!targets_.floors.empty() && (kept < k || !within_floors(r, k))) return false;
    }
    for (int32_t i = 0; i < k; ++i) {
      if (r[i] >= 0) ++load_[r[i]];
    }
    if (kept < k) incomplete_.push_back(p);
    return true;
  }

  bool within_caps(const Node* r, int32_t k) {
    Vertex few[16];
    Vertex* at = few;
    if (k > 16) {
      many_.resize(k);
      at = many_.data();
    }
    for (int32_t i = 0; i < k; ++i) {
      at[i] = r[i] < 0 ? -1 : tree_.home[r[i]];
      for (int32_t j = 0; j < i; ++j) {
        if (r[j] == r[i] && r[i] >= 0) return false;
      }
    }
    for (int32_t level = tree_.depth; level > 0; --level) {
      for (int32_t i = 0; i < k; ++i) {
        if (at[i] < 0) continue;
        int32_t same = 1;
        for (int32_t j = 0; j < i; ++j) same += at[j] == at[i];
        if (same > targets_.cap[at[i]]) return false;
      }
      for (int32_t i = 0; level > 1 && i < k; ++i) {
        if (at[i] >= 0) at[i] = tree_.parent[at[i]];
      }
    }
    return true;
  }

  bool within_floors(const Node* r, int32_t k) {
    for (int32_t i = 0; i < k; ++i) count_.add(r[i]);
    bool within = true;
    for (Vertex v : targets_.floors) within = within && count_.at[v] >= targets_.floor[v];
    count_.clear();
    return within;
  }

  void find_candidates(int64_t p, std::vector<Node>& candidates) const {
    candidates.clear();
    const Node* c = rows_.now(p);
    for (int32_t j = 0; j < rows_.current_width; ++j) {
      if (tree_.usable(c[j]) &&
          std::find(candidates.begin(), candidates.end(), c[j]) == candidates.end()) {
        candidates.push_back(c[j]);
      }
    }
  }

  // Matroid greedy: every maximal set is a maximum; take the copies on the emptiest nodes first.
  void keep_some(int64_t p, std::vector<Node>& candidates) {
    const int32_t k = rows_.width();
    std::stable_sort(candidates.begin(), candidates.end(), [&](Node a, Node b) {
      return load_[a] - targets_.most[a] < load_[b] - targets_.most[b];
    });
    std::vector<Node> kept;
    for (Node n : candidates) {
      if (static_cast<int32_t>(kept.size()) < k && fits(n, k - static_cast<int32_t>(kept.size()))) {
        kept.push_back(n);
      } else {
        --load_[n];
        had_choice = true;
      }
    }
    count_.clear();
    Node* r = rows_.row(p);
    const Node* c = rows_.now(p);
    std::fill(r, r + k, -1);
    std::vector<Node> later;
    for (Node n : kept) {
      int32_t slot = 0;
      while (c[slot] != n) ++slot;
      if (slot < k)
        r[slot] = n;
      else
        later.push_back(n);
    }
    Node* free = r;
    for (Node n : later) {
      while (*free >= 0) ++free;
      *free = n;
    }
    if (static_cast<int32_t>(kept.size()) < k) incomplete_.push_back(p);
  }

  // Add n to the counted copies if the row can still become legal with `left` more, n included.
  bool fits(Node n, int32_t left) {
    for (Vertex v = tree_.home[n]; v > 0; v = tree_.parent[v]) {
      if (count_.at[v] >= targets_.cap[v]) return false;
    }
    if (targets_.floors.empty()) {
      count_.add(n);
      return true;
    }
    count_.add(n);
    find_owed();
    bool legal = reserved_[0] <= left - 1;
    for (Vertex v = tree_.home[n]; v > 0; v = tree_.parent[v]) {
      legal = legal && count_.at[v] + reserved_[v] <= targets_.cap[v];
    }
    if (!legal) count_.remove(n);
    return legal;
  }

  // owed_: copies that the counted ones lack below each vertex to reach all floors there;
  // reserved_: what its children are owed.
  void find_owed() {
    reserved_[0] = 0;
    for (Vertex v : targets_.floors) reserved_[v] = 0;
    for (Vertex v : targets_.floors) {
      owed_[v] = std::max(reserved_[v], targets_.floor[v] - count_.at[v]);
      reserved_[tree_.parent[v]] += owed_[v];
    }
  }

  void fill_row(int64_t p, Pools& pools) {
    const int32_t k = rows_.width();
    Node* r = rows_.row(p);
    int32_t missing = 0;
    for (int32_t i = 0; i < k; ++i) {
      if (r[i] >= 0)
        count_.add(r[i]);
      else
        ++missing;
    }
    for (int32_t i = 0; i < k; ++i) {
      if (r[i] >= 0) continue;
      find_owed();
      auto enters = [&](Vertex v) { return may_enter(v, missing); };
      Node n = pools.take(0, false, enters, [&](Node m) { return !rows_.chose(p, m); });
      if (n < 0) {
        n = any_node(0, p, enters);
        assert(n >= 0);
        if (pools.gain(n)) overfilled = true;
      }
      r[i] = n;
      count_.add(n);
      --missing;
    }
    count_.clear();
  }

  // May one of `missing` copies enter v? Where v is owed none it takes room that must not be
  // reserved, at each vertex above up to one that is owed a copy below no matter which child.
  bool may_enter(Vertex v, int32_t missing) const {
    if (count_.at[v] >= targets_.cap[v]) return false;
    if (targets_.floors.empty() || owed_[v] > 0) return true;
    for (Vertex w = tree_.parent[v]; w > 0; w = tree_.parent[w]) {
      if (targets_.cap[w] - count_.at[w] <= reserved_[w]) return false;
      if (targets_.floor[w] - count_.at[w] > reserved_[w]) return true;
    }
    return missing > reserved_[0];
  }

  // No legal node has room: take one all the same, in turn. The labels find where it goes on to.
  template <class Enters>
  Node any_node(Vertex v, int64_t p, Enters& enters) {
    if (tree_.level[v] == tree_.depth) {
      const int32_t first = tree_.first_node(v), size = tree_.last_node(v) - first;
      for (int32_t t = 0; t < size; ++t) {
        const Node n =
            tree_.by_home[first + static_cast<int32_t>(turn_++ % static_cast<uint32_t>(size))];
        if (!rows_.chose(p, n)) return n;
      }
      return -1;
    }
    for (Vertex u = tree_.child_begin[v]; u < tree_.child_begin[v + 1]; ++u) {
      if (!enters(u)) continue;
      const Node n = any_node(u, p, enters);
      if (n >= 0) return n;
    }
    return -1;
  }

  Rows<SLOTS>& rows_;
  const Tree& tree_;
  const Targets& targets_;
  std::vector<int64_t>& load_;
  Poll& poll_;
  RowCount count_;
  std::vector<int32_t> owed_, reserved_;  // by vertex; 0 but for those with a floor, and the root
  std::vector<Vertex> many_;
  std::vector<int64_t> incomplete_;
  uint32_t turn_ = 0;
};

// Single exchanges, where they are all that is needed: straight from an overfull node to one with
// room, or from any node above its least to one that is short. `Direct` makes them only where they
// are tight at these prices, which then prove the result:
//   push: 1 at nodes that were overfull, 0 elsewhere: copies leave those nodes alone;
//   pull: -1 at nodes that were short, 0 elsewhere: new copies go to those nodes alone.
template <int SLOTS>
class Direct {
 public:
  Direct(Rows<SLOTS>& rows, const Targets& targets, std::vector<int64_t>& load, Pools& pools,
         Poll& poll)
      : rows_(rows),
        tree_(rows.tree),
        targets_(targets),
        load_(load),
        pools_(pools),
        poll_(poll),
        count_(tree_) {}

  // limit: by node, the load above which it gives copies up. Returns how many are left to move.
  //
  // Where there is a choice, the last copies of rows go: maps list masters first, and a master that
  // has to move costs a change of role.
  int64_t move(const std::vector<int64_t>& limit, bool to_short_nodes, int64_t left) {
    for (int32_t slot = rows_.width() - 1; slot >= 0 && left > 0; --slot) {
      for (int64_t p = 0; p < rows_.count && left > 0; ++p) {
        poll_();
        if (load_[rows_.row(p)[slot]] > limit[rows_.row(p)[slot]])
          left -= move_copy(p, slot, to_short_nodes);
      }
    }
    return left;
  }

 private:
  bool move_copy(int64_t p, int32_t slot, bool to_short_nodes) {
    Node* r = rows_.row(p);
    const Node x = r[slot];
    if (!rows_.holds_now(p, x)) return false;
    for (int32_t i = 0; i < rows_.width(); ++i) count_.add(r[i]);
    const Node m = target(p, x, to_short_nodes);
    count_.clear();
    if (m < 0) return false;
    r[slot] = m;
    --load_[x];
    return true;
  }

  Node target(int64_t p, Node x, bool to_short_nodes) {
    Vertex top = tree_.home[x];  // as far up as the row may do without its copy on x
    while (top > 0 && count_.at[top] > targets_.floor[top]) top = tree_.parent[top];
    auto above_x = [&](Vertex v) {
      return tree_.home_begin[v] <= tree_.home[x] && tree_.home[x] < tree_.home_end[v];
    };
    return pools_.take(
        top, to_short_nodes, [&](Vertex v) { return count_.at[v] < targets_.cap[v] || above_x(v); },
        [&](Node m) { return !rows_.chose(p, m) && !rows_.holds_now(p, m); });
  }

  Rows<SLOTS>& rows_;
  const Tree& tree_;
  const Targets& targets_;
  std::vector<int64_t>& load_;
  Pools& pools_;
  Poll& poll_;
  RowCount count_;
};

}  // namespace mapcore::placement
