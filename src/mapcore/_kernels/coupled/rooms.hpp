// Nodes by how much room they have: of each kind, those with the most and those with the least.
//
// Nodes of one kind stand at the same values of all levels, of spread and rules, and may hold the same partitions, so
// that for a copy one of them is as legal as another, save for what the row holds already.
#pragma once

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "engine.hpp"

namespace mapcore::coupled {

// Kinds by node, numbered as they first occur: nodes are told apart by one column after another.
inline std::vector<int32_t> find_kinds(const Problem& problem, int32_t& count) {
  std::vector<int32_t> kind(static_cast<size_t>(problem.nodes), 0);
  count = problem.nodes ? 1 : 0;
  std::unordered_map<int64_t, int32_t> renumbered;
  auto refine = [&](auto&& column) {
    renumbered.clear();
    for (Node n = 0; n < problem.nodes; ++n) {
      const int64_t key = (static_cast<int64_t>(kind[n]) << 32) | column(n);
      kind[n] = renumbered.try_emplace(key, static_cast<int32_t>(renumbered.size())).first->second;
    }
    count = static_cast<int32_t>(renumbered.size());
  };
  for (int32_t k = 0; k < problem.levels; ++k) {
    refine([&](Node n) { return problem.values[static_cast<int64_t>(k) * problem.nodes + n]; });
  }
  for (int32_t d = 0; d < problem.rules.depths; ++d) {
    refine([&](Node n) {
      return problem.rules.ancestors[static_cast<int64_t>(n) * problem.rules.depths + d];
    });
  }
  for (int32_t g = 0; g < problem.groups; ++g) {
    const uint8_t* usable = problem.group_nodes + static_cast<int64_t>(g) * problem.nodes;
    refine([&](Node n) { return int32_t{usable[n]}; });
  }
  return kind;
}

// A heap of nodes that knows where each stands. `SIGN` 1: the most room on top, -1: the least.
template <int SIGN>
class Heap {
 public:
  Heap(const std::vector<Load>& room, std::vector<int32_t>& place) : room_(room), place_(place) {}

  void push_last(Node n) {
    place_[n] = static_cast<int32_t>(heap_.size());
    heap_.push_back(n);
  }
  void build() {
    for (size_t i = heap_.size() / 2; i-- > 0;) sink(i);
  }
  void update(Node n) {
    const size_t at = static_cast<size_t>(place_[n]);
    if (!rise(at)) sink(at);
  }
  bool is_empty() const { return heap_.empty(); }
  Node top() const { return heap_.front(); }
  bool before(Node a, Node b) const {
    return room_[a] != room_[b] ? (SIGN > 0) == (room_[a] > room_[b]) : a < b;
  }

  // Visits nodes in order until `visit` says that it has seen enough, or `most` were visited.
  template <typename Visit>
  void walk(int32_t most, std::vector<int32_t>& front, Visit&& visit) const {
    front.clear();
    if (!heap_.empty()) front.push_back(0);
    auto later = [&](int32_t a, int32_t b) { return before(heap_[b], heap_[a]); };
    for (; most > 0 && !front.empty(); --most) {
      std::pop_heap(front.begin(), front.end(), later);
      const size_t at = static_cast<size_t>(front.back());
      front.pop_back();
      if (visit(heap_[at])) return;
      for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child) {
        front.push_back(static_cast<int32_t>(child));
        std::push_heap(front.begin(), front.end(), later);
      }
    }
  }

 private:
  void set(size_t at, Node n) {
    heap_[at] = n;
    place_[n] = static_cast<int32_t>(at);
  }
  bool rise(size_t at) {
    const Node n = heap_[at];
    const size_t start = at;
    for (; at > 0 && before(n, heap_[(at - 1) / 2]); at = (at - 1) / 2)
      set(at, heap_[(at - 1) / 2]);
    set(at, n);
    return at != start;
  }
  void sink(size_t at) {
    const Node n = heap_[at];
    for (size_t child; (child = 2 * at + 1) < heap_.size(); at = child) {
      if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
      if (!before(heap_[child], n)) break;
      set(at, heap_[child]);
    }
    set(at, n);
  }

  const std::vector<Load>& room_;
  std::vector<int32_t>& place_;
  std::vector<Node> heap_;
};

// The nodes of all kinds, and the kinds by their first node.
template <int SIGN>
class Ranking {
 public:
  Ranking(const std::vector<int32_t>& kind, int32_t kinds, const std::vector<Load>& room)
      : kind_(kind),
        room_(room),
        place_(kind.size(), -1),
        first_room_(static_cast<size_t>(kinds), 0),
        first_place_(static_cast<size_t>(kinds), -1),
        nodes_(static_cast<size_t>(kinds), Heap<SIGN>(room_, place_)),
        kinds_(first_room_, first_place_) {}
  Ranking(const Ranking&) = delete;
  Ranking& operator=(const Ranking&) = delete;

  void push_last(Node n) {
    Heap<SIGN>& heap = nodes_[kind_[n]];
    if (heap.is_empty()) kinds_.push_last(kind_[n]);
    heap.push_last(n);
  }
  void build() {
    for (size_t kind = 0; kind < nodes_.size(); ++kind) {
      if (nodes_[kind].is_empty()) continue;
      nodes_[kind].build();
      first_room_[kind] = room_[nodes_[kind].top()];
    }
    kinds_.build();
  }
  void update(Node n) {
    const int32_t kind = kind_[n];
    nodes_[kind].update(n);
    const Load first = room_[nodes_[kind].top()];
    if (first_room_[kind] == first) return;
    first_room_[kind] = first;
    kinds_.update(kind);
  }
  // The kinds in the order of their first nodes, and the nodes of one: until `visit` returns true.
  template <typename Visit>
  void walk_kinds(int32_t most, Visit&& visit) {
    kinds_.walk(most, kinds_front_, visit);
  }
  template <typename Visit>
  void walk(int32_t kind, int32_t most, Visit&& visit) {
    nodes_[kind].walk(most, nodes_front_, visit);
  }

 private:
  const std::vector<int32_t>& kind_;
  const std::vector<Load>& room_;
  std::vector<int32_t> place_;       // by node
  std::vector<Load> first_room_;     // by kind
  std::vector<int32_t> first_place_;
  std::vector<Heap<SIGN>> nodes_;
  Heap<SIGN> kinds_;
  std::vector<int32_t> kinds_front_, nodes_front_;
};

class Rooms {
 public:
  // frozen: by node, whether nothing can come or go.
  Rooms(const Problem& problem, const std::vector<uint8_t>& frozen)
      : kind_(find_kinds(problem, kinds_)),
        frozen_(frozen),
        room_(problem.fair, problem.fair + problem.nodes),
        emptiest(kind_, kinds_, room_),
        fullest(kind_, kinds_, room_) {
    for (Node n = 0; n < problem.nodes; ++n) {
      if (frozen_[n]) continue;
      emptiest.push_last(n);
      fullest.push_last(n);
    }
  }
  Rooms(const Rooms&) = delete;
  Rooms& operator=(const Rooms&) = delete;

  void set_all(const std::vector<Load>& loads, const Load* fair) {
    for (size_t n = 0; n < room_.size(); ++n) room_[n] = fair[n] - loads[n];
    emptiest.build();
    fullest.build();
  }
  void set(Node n, Load room) {
    room_[n] = room;
    if (frozen_[n]) return;
    emptiest.update(n);
    fullest.update(n);
  }

  // A node's share, less its load.
  Load operator[](Node n) const { return room_[n]; }
  int32_t kind(Node n) const { return kind_[n]; }
  int32_t kinds() const { return kinds_; }

 private:
  int32_t kinds_ = 0;
  std::vector<int32_t> kind_;  // by node
  const std::vector<uint8_t>& frozen_;
  std::vector<Load> room_;

 public:
  Ranking<1> emptiest;
  Ranking<-1> fullest;
};

}  // namespace mapcore::coupled
