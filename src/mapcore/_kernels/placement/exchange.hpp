// Pushes and pulls: exchanges along tight arcs, many between two rounds of labels.
//
// An arc x -> m is tight when the label on one side is the label on the other and its cost. Any
// exchange along tight arcs leaves every row optimal at the labels' prices, so paths need not be
// followed to their ends nor remembered: a copy is handed to the next node, which hands one on.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "labels.hpp"
#include "prices.hpp"

namespace mapcore::placement {

// Loads, and how much of each flows on to the sink. Above its flow a node has copies too many,
// below it the node is owed copies.
struct Flow {
  std::vector<int64_t>& load;
  std::vector<int64_t> to_sink;

  int64_t excess() const {
    int64_t sum = 0;
    for (size_t n = 0; n < load.size(); ++n) sum += std::max<int64_t>(0, load[n] - to_sink[n]);
    return sum;
  }
  int64_t owed() const {
    int64_t sum = 0;
    for (size_t n = 0; n < load.size(); ++n) sum += std::max<int64_t>(0, to_sink[n] - load[n]);
    return sum;
  }
};

// The nodes by label, and within a label by home, so that a node with a given label below a given
// vertex is found at once. Nodes are put on and taken off in constant time.
template <class Label>
class LabelGroups {
 public:
  explicit LabelGroups(const Tree& tree) : tree_(tree) {}

  template <class Allowed>
  void build(const std::vector<Label>& label, Label far, Allowed&& allowed) {
    groups_.clear();
    index_.clear();
    run_of_.assign(tree_.nodes, -1);
    place_.assign(tree_.nodes, 0);
    runs_.clear();
    for (Vertex h = tree_.home_begin[0]; h < tree_.home_end[0]; ++h) {
      for (int32_t i = tree_.first_node(h); i < tree_.last_node(h); ++i) {
        const Node n = tree_.by_home[i];
        if (label[n] >= far || !allowed(n)) continue;
        auto& runs = groups_[group_for(label[n])].runs;
        if (runs.empty() || runs_[runs.back()].home != h) {
          runs.push_back(static_cast<int32_t>(runs_.size()));
          runs_.push_back({h, 0, 0, {}});
        }
        run_of_[n] = runs.back();
        place_[n] = static_cast<int32_t>(runs_[runs.back()].nodes.size());
        runs_[runs.back()].nodes.push_back(n);
      }
    }
  }

  void put(Node n) {  // no effect if it is on already
    if (run_of_[n] < 0) return;
    Run& run = runs_[run_of_[n]];
    if (place_[n] >= run.on) swap(run, place_[n], run.on++);
  }
  bool has(Label label) const { return index_.count(label) > 0; }

  // The next node with this label below v that is open, and that `takes` allows; nodes that are
  // not open are taken off. `skips` gives the end of the homes to leave out from a home on.
  template <class Skips, class Open, class Takes>
  Node find(Label label, Vertex v, Skips&& skips, Open&& open, Takes&& takes) {
    const auto found = index_.find(label);
    if (found == index_.end()) return -1;
    Group& group = groups_[found->second];
    const auto begin = first_run(group, tree_.home_begin[v]);
    const auto end = first_run(group, tree_.home_end[v]);
    if (begin == end) return -1;
    if (group.next <= begin || group.next >= end) group.next = begin;
    const auto start = group.next;
    Node n = scan(group, start, end, skips, open, takes);
    if (n < 0) n = scan(group, begin, start, skips, open, takes);
    return n;
  }

 private:
  struct Run {  // nodes of one home with one label; those that are on come first
    Vertex home;
    int32_t on, next;
    std::vector<Node> nodes;
  };
  struct Group {
    std::vector<int32_t> runs;  // by home
    size_t next = 0;
  };

  size_t group_for(Label label) {
    const auto [at, fresh] = index_.try_emplace(label, groups_.size());
    if (fresh) groups_.emplace_back();
    return at->second;
  }
  size_t first_run(const Group& group, Vertex home) const {
    size_t low = 0, high = group.runs.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (runs_[group.runs[middle]].home < home)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  template <class Skips, class Open, class Takes>
  Node scan(Group& group, size_t from, size_t to, Skips& skips, Open& open, Takes& takes) {
    while (from < to) {
      Run& run = runs_[group.runs[from]];
      const Vertex past = skips(run.home);
      if (past > run.home) {
        from = first_run(group, past);
        continue;
      }
      const Node n = take(run, open, takes);
      if (n >= 0) {
        group.next = from + 1;
        return n;
      }
      ++from;
    }
    return -1;
  }
  template <class Open, class Takes>
  Node take(Run& run, Open& open, Takes& takes) {
    for (int32_t tried = 0; tried < run.on;) {
      if (run.next >= run.on) run.next = 0;
      const Node n = run.nodes[run.next];
      if (!open(n)) {
        swap(run, run.next, --run.on);
        continue;
      }
      ++run.next;
      if (takes(n)) return n;
      ++tried;
    }
    return -1;
  }
  void swap(Run& run, int32_t i, int32_t j) {
    std::swap(run.nodes[i], run.nodes[j]);
    place_[run.nodes[i]] = i;
    place_[run.nodes[j]] = j;
  }

  const Tree& tree_;
  std::map<Label, size_t> index_;  // label to group
  std::vector<Group> groups_;
  std::vector<Run> runs_;
  std::vector<int32_t> run_of_, place_;  // by node
};

template <int SLOTS, class Costs>
class Exchanger {
 public:
  using Label = typename Costs::Label;
  static constexpr int MOST_PASSES = 4;  // over the rows, before the labels are found anew

  Exchanger(Rows<SLOTS>& rows, const Costs& costs, Flow& flow, int32_t most_copies, Poll& poll)
      : rows_(rows),
        tree_(rows.tree),
        costs_(costs),
        flow_(flow),
        poll_(poll),
        exchanges_(rows, costs),
        to_sink(exchanges_, most_copies, poll),
        from_sink(exchanges_, poll) {
    for (int32_t g = 0; g < rows.classes.groups(); ++g) groups_.emplace_back(tree_);
  }

  // Push what is above a node's flow towards the sink. Returns what cannot get there.
  int64_t push_excess() {
    for (;;) {
      const int64_t left = flow_.excess();
      if (left == 0) return 0;
      to_sink.find(flow_.to_sink);
      const std::vector<Label>& e = to_sink.label;
      start_round(e, left);
      int64_t moved = 0;
      for (Node n : tree_.by_home) {
        for (; flow_.load[n] > flow_.to_sink[n] && ends_at(e, n); ++moved) ++flow_.to_sink[n];
      }
      for (int64_t now = 1, pass = 0; now > 0 && pass < MOST_PASSES && flow_.excess() > 0; ++pass) {
        now = push_pass(e);
        moved += now;
      }
      if (moved == 0) return left;
    }
  }

  // Pull copies to the nodes that are owed some. Returns what cannot be had.
  int64_t pull_owed() {
    for (;;) {
      const int64_t left = flow_.owed();
      if (left == 0) return 0;
      from_sink.find(flow_.to_sink);
      const std::vector<Label>& d = from_sink.label;
      start_round(d, left);
      int64_t moved = 0;
      for (Node n : tree_.by_home) {
        for (; owed(n) && begins_at(d, n); ++moved) --flow_.to_sink[n];
      }
      for (int64_t now = 1, pass = 0; now > 0 && pass < MOST_PASSES && flow_.owed() > 0; ++pass) {
        now = pull_pass(d);
        moved += now;
      }
      if (moved == 0) return left;
    }
  }

  // Prices of the nodes: labels of the flow as it stands.
  const std::vector<Label>& price_labels(Label start) {
    from_sink.find(flow_.to_sink);
    if (start < Costs::FAR) from_sink.extend(start);
    return from_sink.label;
  }

 private:
  bool owed(Node n) const { return flow_.to_sink[n] > flow_.load[n]; }
  bool ends_at(const std::vector<Label>& e, Node n) const {
    return e[n] < Costs::FAR && costs_.up(n, flow_.to_sink[n]) == e[n];
  }
  bool begins_at(const std::vector<Label>& d, Node n) const {
    return d[n] < Costs::FAR && costs_.down(n, flow_.to_sink[n]) == d[n];
  }

  // May n hand a copy on? Not where its path is the step to the sink itself, which is exhausted.
  bool passes(const std::vector<Label>& label, Node n) const {
    return (label[n] & (Costs::MOVE - 1)) != 0 && through_[n] < most_through_;
  }

  // A node hands on only so many copies a round: many small streams find their way sooner.
  void start_round(const std::vector<Label>& label, int64_t left) {
    most_through_ = 1 + 16 * left / std::max<int64_t>(1, tree_.nodes);
    through_.assign(tree_.nodes, 0);
    for (int32_t g = 0; g < rows_.classes.groups(); ++g) {
      const uint8_t* mask = rows_.classes.mask[g];
      groups_[g].build(label, Costs::FAR, [&](Node n) { return mask == nullptr || mask[n]; });
    }
  }

  int64_t push_pass(const std::vector<Label>& e) {
    int64_t moved = 0;
    auto open = [&](Node m) { return ends_at(e, m) || passes(e, m); };
    for (auto& group : groups_) put_all(group, open);
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      if (!any_in_row(p, [&](Node x) { return flow_.load[x] > flow_.to_sink[x]; })) continue;
      const int32_t cls = rows_.class_of(p);
      exchanges_.open(p);
      for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
        const Node x = rows_.row(p)[i];
        if (x < 0 || flow_.load[x] <= flow_.to_sink[x] || e[x] >= Costs::FAR) continue;
        if (rows_.pinned_width && rows_.is_pinned(p, x)) continue;
        const Node m = tight_partner(p, cls, i, e, -1, open);
        if (m < 0) continue;
        if (ends_at(e, m))
          ++flow_.to_sink[m];
        else
          ++through_[m];
        exchange(p, i, m);
        ++moved;
      }
      exchanges_.close();
    }
    return moved;
  }

  int64_t pull_pass(const std::vector<Label>& d) {
    int64_t moved = 0;
    auto open = [&](Node m) { return owed(m); };
    for (auto& group : groups_) put_all(group, open);
    auto gives = [&](Node x) { return d[x] < Costs::FAR && (begins_at(d, x) || passes(d, x)); };
    for (int64_t p = 0; p < rows_.count; ++p) {
      poll_();
      if (!any_in_row(p, gives)) continue;
      const int32_t cls = rows_.class_of(p);
      if (Costs::BOUNDED && !rows_.released[p] && !any_match(p, cls, d)) continue;
      exchanges_.open(p);
      for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
        const Node x = rows_.row(p)[i];
        if (x < 0 || !gives(x)) continue;
        if (rows_.pinned_width && rows_.is_pinned(p, x)) continue;
        const Node m = tight_partner(p, cls, i, d, 1, open);
        if (m < 0) continue;
        if (begins_at(d, x)) {
          --flow_.to_sink[x];
        } else {
          ++through_[x];
          for (auto& group : groups_) group.put(x);
        }
        exchange(p, i, m);
        ++moved;
      }
      exchanges_.close();
    }
    return moved;
  }

  template <class Open>
  void put_all(LabelGroups<Label>& group, Open& open) {
    for (Node n : tree_.by_home) {
      if (open(n)) group.put(n);
    }
  }
  template <class Test>
  bool any_in_row(int64_t p, Test&& test) const {
    const Node* r = rows_.row(p);
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      if (r[i] >= 0 && test(r[i])) return true;
    }
    return false;
  }
  bool any_match(int64_t p, int32_t cls, const std::vector<Label>& d) const {
    const Node* r = rows_.row(p);
    for (int32_t i = 0, k = rows_.width(); i < k; ++i) {
      if (r[i] >= 0 && d[r[i]] < Costs::FAR &&
          groups_[rows_.classes.group[cls]].has(d[r[i]] + exchanges_.new_cost(p, i))) {
        return true;
      }
    }
    return false;
  }

  // A node m such that passing the slot's copy from x to m is tight, and that is open.
  // direction -1: label[x] = label[m] + cost (to the sink); 1: label[m] = label[x] + cost.
  template <class Open>
  Node tight_partner(int64_t p, int32_t cls, int32_t slot, const std::vector<Label>& label,
                     int direction, Open& open) {
    const Node x = rows_.row(p)[slot];
    const Label cost = exchanges_.new_cost(p, slot);
    if (rows_.released[p]) {
      const Node* c = rows_.now(p);
      for (int32_t j = 0; j < rows_.current_width; ++j) {
        const Node m = c[j];
        if (m < 0 || !rows_.allowed(cls, m) || rows_.chose(p, m) || !open(m)) continue;
        const Label pass = exchanges_.pass(cls, x, m);
        if (pass >= Costs::FAR) continue;
        if (label[m] == label[x] + direction * (cost - Costs::MOVE + pass)) return m;
      }
    }
    Node found = -1;
    exchanges_.climb(cls, x, [&](Vertex v, Label leave) {
      if (found >= 0) return;
      found = partner_below(v, p, cls, label[x] + direction * (cost + leave), direction, open);
    });
    return found;
  }

  // A new node for row p below v with this label, or with one that differs by the cost of entering.
  template <class Open>
  Node partner_below(Vertex v, int64_t p, int32_t cls, Label wanted, int direction, Open& open) {
    const auto& count = exchanges_.count;
    auto& group = groups_[rows_.classes.group[cls]];
    auto takes = [&](Node m) { return !rows_.chose(p, m) && !rows_.holds_now(p, m); };
    auto skips = [&](Vertex home) {  // homes below children of v that the row occupies
      Vertex u = home;
      while (u != v && tree_.parent[u] != v) u = tree_.parent[u];
      return u == v || count.at[u] == 0 ? home : tree_.home_end[u];
    };
    const Node m = group.find(wanted, v, skips, open, takes);
    if (m >= 0 || tree_.level[v] == tree_.depth) return m;
    for (size_t i = 0; i < count.occupied.size(); ++i) {
      const Vertex u = count.occupied[i];
      if (tree_.parent[u] != v || count.at[u] == 0) continue;
      const Label enter = costs_.enter(cls, u, count.at[u]);
      if (enter >= Costs::FAR) continue;
      const Node below = partner_below(u, p, cls, wanted + direction * enter, direction, open);
      if (below >= 0) return below;
    }
    return -1;
  }

  void exchange(int64_t p, int32_t slot, Node m) {
    Node& x = rows_.row(p)[slot];
    --flow_.load[x];
    ++flow_.load[m];
    exchanges_.count.remove(x);
    exchanges_.count.add(m);
    x = m;
    rows_.note(p);
  }

  Rows<SLOTS>& rows_;
  const Tree& tree_;
  const Costs& costs_;
  Flow& flow_;
  Poll& poll_;
  Exchanges<SLOTS, Costs> exchanges_;

 public:
  LabelsToSink<SLOTS, Costs> to_sink;
  LabelsFromSink<SLOTS, Costs> from_sink;

 private:
  std::vector<LabelGroups<Label>> groups_;  // by group of classes
  std::vector<int64_t> through_;            // by node: copies handed on in this round
  int64_t most_through_ = 1;
};

}  // namespace mapcore::placement
