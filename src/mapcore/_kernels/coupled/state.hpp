// The placement as it stands, and what every change to it does.
#pragma once

#include <algorithm>
#include <vector>

#include "change.hpp"
#include "rooms.hpp"

namespace mapcore::coupled {

class State {
 public:
  explicit State(const Problem& problem)
      : problem(problem),
        balance{problem},
        crowding(problem),
        load(static_cast<size_t>(problem.nodes), 0),
        bytes(static_cast<size_t>(problem.nodes), 0),
        held_(static_cast<size_t>(problem.nodes)),
        is_sorted_(static_cast<size_t>(problem.nodes), 0),
        frozen_(frozen_nodes(problem)),
        rooms(problem, frozen_) {}

  // Take over what is chosen; without `refill` all of it, else what is held now.
  void read(bool refill) {
    for (Row p = 0; p < problem.rows; ++p) {
      Node* nodes = row(p);
      int32_t count = 0;
      for (int32_t i = 0; i < problem.slots; ++i) {
        const Node n = nodes[i];
        if (n < 0 || (refill && !is_held_now(p, n) && !is_pinned(p, n))) continue;
        nodes[count++] = n;
        load[n] += problem.load[p];
        bytes[n] += problem.bytes[p];
        held_[n].push_back(p);
      }
      std::fill(nodes + count, nodes + problem.slots, -1);
    }
    rooms.set_all(load, problem.fair);
  }

  Node* row(Row p) const { return problem.chosen + static_cast<int64_t>(p) * problem.slots; }
  int32_t count(Row p) const {
    int32_t count = 0;
    for (const Node* nodes = row(p); count < problem.slots && nodes[count] >= 0;) ++count;
    return count;
  }
  int32_t wanted(Row p) const { return problem.class_copies[problem.row_class[p]]; }
  bool holds(Row p, Node n) const { return stands_in(row(p), problem.slots, n); }
  bool is_held_now(Row p, Node n) const {
    return stands_in(problem.current + static_cast<int64_t>(p) * problem.current_width,
                     problem.current_width, n);
  }
  bool is_pinned(Row p, Node n) const {
    return stands_in(problem.pinned + static_cast<int64_t>(p) * problem.pinned_width,
                     problem.pinned_width, n);
  }
  bool is_crowded(Row p) const { return crowding.is_crowded(p, row(p), count(p)); }
  bool breaks_needlessly(Row p) const {
    return crowding.breaks_needlessly(p, row(p), count(p));
  }
  bool is_frozen(Node n) const { return frozen_[n]; }
  // Bytes to be filled for a copy here.
  int64_t fill(Row p, Node n) const { return is_held_now(p, n) ? 0 : problem.bytes[p]; }

  // Rows with a copy on a node, the largest first.
  const std::vector<Row>& held(Node n) {
    if (!is_sorted_[n]) {
      std::sort(held_[n].begin(), held_[n].end(), [&](Row a, Row b) { return is_before(a, b); });
      is_sorted_[n] = 1;
    }
    return held_[n];
  }
  bool is_before(Row a, Row b) const {
    return problem.load[a] != problem.load[b] ? problem.load[a] > problem.load[b] : a < b;
  }
  // The first of the rows on a node with at most this load; `held` must have been called.
  size_t first_within(Node n, Load most) const {
    const auto& rows = held_[n];
    return static_cast<size_t>(
        std::partition_point(rows.begin(), rows.end(),
                             [&](Row p) { return problem.load[p] > most; }) -
        rows.begin());
  }

  // Whether a copy may stand on a node that has room for it.
  bool is_fit(Row p, Node n) const {
    const int64_t group = problem.class_group[problem.row_class[p]];
    return problem.group_nodes[group * problem.nodes + n] && !frozen_[n] &&
           problem.bytes[p] <= problem.largest[n] && !holds(p, n);
  }
  bool has_room(Row p, Node n) const {
    return static_cast<int64_t>(held_[n].size()) < problem.limit[n] &&
           bytes[n] + problem.bytes[p] <= problem.capacity[n];
  }

  // A copy of p more on `to`.
  Change addition(Row p, Node to) const {
    Change change;
    change.crowding = crowding.exchange(p, row(p), count(p), -1, to);
    balance.add(change, to, load[to], problem.load[p]);
    change.bytes = fill(p, to);
    return change;
  }
  void add(Row p, Node to) {
    row(p)[count(p)] = to;
    enter(p, to);
  }
  Change removal(Row p, Node from) const {
    Change change;
    change.crowding = crowding.exchange(p, row(p), count(p), from, -1);
    balance.add(change, from, load[from], -problem.load[p]);
    change.bytes = -fill(p, from);
    return change;
  }
  void remove(Row p, Node from) {
    Node* nodes = row(p);
    const int32_t last = count(p) - 1;
    *std::find(nodes, nodes + last, from) = nodes[last];
    nodes[last] = -1;
    leave(p, from);
  }

  // A copy of p from one node to another.
  Change move(Row p, Node from, Node to) const {
    Change change;
    change.crowding = crowding.exchange(p, row(p), count(p), from, to);
    balance.add(change, from, load[from], -problem.load[p]);
    balance.add(change, to, load[to], problem.load[p]);
    change.bytes = fill(p, to) - fill(p, from);
    return change;
  }
  void apply_move(Row p, Node from, Node to) {
    *std::find(row(p), row(p) + problem.slots, from) = to;
    leave(p, from);
    enter(p, to);
  }

  // A copy of p from a to b, and one of q from b to a.
  bool may_swap(Row p, Node a, Row q, Node b) const {
    const int64_t more = problem.bytes[p] - problem.bytes[q];
    return is_fit(p, b) && is_fit(q, a) && bytes[b] + more <= problem.capacity[b] &&
           bytes[a] - more <= problem.capacity[a];
  }
  Change swap(Row p, Node a, Row q, Node b) const {
    Change change;
    change.crowding = crowding.exchange(p, row(p), count(p), a, b) +
                      crowding.exchange(q, row(q), count(q), b, a);
    const Load more = problem.load[p] - problem.load[q];
    balance.add(change, a, load[a], -more);
    balance.add(change, b, load[b], more);
    change.bytes = fill(p, b) - fill(p, a) + fill(q, a) - fill(q, b);
    return change;
  }
  // A copy of p from one node to a second, and one of q from there to a third.
  Change chain(Row p, Node from, Node via, Row q, Node to) const {
    Change change;
    change.crowding = crowding.exchange(p, row(p), count(p), from, via) +
                      crowding.exchange(q, row(q), count(q), via, to);
    balance.add(change, from, load[from], -problem.load[p]);
    balance.add(change, via, load[via], problem.load[p] - problem.load[q]);
    balance.add(change, to, load[to], problem.load[q]);
    change.bytes = fill(p, via) - fill(p, from) + fill(q, to) - fill(q, via);
    return change;
  }
  void apply_swap(Row p, Node a, Row q, Node b) {
    apply_move(p, a, b);
    apply_move(q, b, a);
  }

  const Problem& problem;
  const Balance balance;
  Crowding crowding;
  std::vector<Load> load;      // by node
  std::vector<int64_t> bytes;  // by node

 private:
  static bool stands_in(const Node* nodes, int32_t width, Node n) {
    for (int32_t i = 0; i < width; ++i) {
      if (nodes[i] == n) return true;
    }
    return false;
  }
  // Nodes with no room beside their pinned copies.
  static std::vector<uint8_t> frozen_nodes(const Problem& problem) {
    std::vector<int64_t> pins(static_cast<size_t>(problem.nodes), 0);
    for (int64_t i = 0; i < problem.rows * problem.pinned_width; ++i) {
      if (problem.pinned[i] >= 0) ++pins[problem.pinned[i]];
    }
    std::vector<uint8_t> frozen(pins.size());
    for (size_t n = 0; n < pins.size(); ++n) frozen[n] = pins[n] >= problem.limit[n];
    return frozen;
  }
  void enter(Row p, Node n) {
    crowding.forget(p);
    auto& rows = held_[n];
    auto at = rows.end();
    if (is_sorted_[n]) {
      at = std::lower_bound(rows.begin(), rows.end(), p,
                            [&](Row a, Row b) { return is_before(a, b); });
    }
    rows.insert(at, p);
    count_in(n, problem.load[p], problem.bytes[p]);
  }
  void leave(Row p, Node n) {
    crowding.forget(p);
    held(n);
    auto& rows = held_[n];
    rows.erase(std::lower_bound(rows.begin(), rows.end(), p,
                                [&](Row a, Row b) { return is_before(a, b); }));
    count_in(n, -problem.load[p], -problem.bytes[p]);
  }
  void count_in(Node n, Load more, int64_t more_bytes) {
    load[n] += more;
    bytes[n] += more_bytes;
    rooms.set(n, problem.fair[n] - load[n]);
  }

  std::vector<std::vector<Row>> held_;  // by node
  std::vector<uint8_t> is_sorted_;      // by node
  std::vector<uint8_t> frozen_;         // by node

 public:
  Rooms rooms;
};

}  // namespace mapcore::coupled
