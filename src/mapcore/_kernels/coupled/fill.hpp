// Copies that have no node get one: the largest first, each where the loads become most even. Where
// there may not be room for all, every partition gets a first copy before any gets a second.
#pragma once

#include <numeric>
#include <vector>

#include "state.hpp"

namespace mapcore::coupled {

constexpr int32_t NODES_OF_A_KIND = 64;

// Where a copy more of p costs least among the nodes that `suits`, or -1 if none has room for it.
template <typename Suits>
Node best_place(State& state, Row p, Clock& clock, Suits&& suits) {
  const Problem& problem = state.problem;
  Node best = -1;
  Change least;
  auto offer = [&](Node n) {
    const Change change = state.addition(p, n);
    if (best >= 0 && !(change < least)) return;
    best = n;
    least = change;
  };
  const Node* homes = problem.current + static_cast<int64_t>(p) * problem.current_width;
  for (int32_t i = 0; i < problem.current_width; ++i) {
    if (homes[i] >= 0 && state.is_fit(p, homes[i]) && state.has_room(p, homes[i]) &&
        suits(homes[i])) {
      offer(homes[i]);
    }
  }
  // Kinds come by their emptiest node: one that crowds nothing is as good as any behind it.
  state.rooms.emptiest.walk_kinds(INT32_MAX, [&](int32_t kind) {
    state.rooms.emptiest.walk(kind, INT32_MAX, [&](Node n) {
      clock.work(1);
      if (!suits(n)) return true;  // nor would another of its kind
      if (!state.is_fit(p, n) || !state.has_room(p, n)) return false;
      offer(n);
      return true;
    });
    return best >= 0 && least.crowding <= 0;
  });
  return best;
}

inline Node best_place(State& state, Row p, Clock& clock) {
  return best_place(state, p, clock, [](Node) { return true; });
}

class Fill {
 public:
  Fill(State& state, Clock& clock) : state_(state), problem_(state.problem), clock_(clock) {
    for (Node n = 0; n < problem_.nodes; ++n) {
      is_limited_ |= problem_.capacity[n] < INT64_MAX || problem_.limit[n] < problem_.rows;
    }
  }

  // Take copies off nodes that cannot hold what they have: the fewest bytes that are enough.
  bool evict() {
    bool any = false;
    for (Node n = 0; n < problem_.nodes; ++n) {
      for (Row p; (p = to_evict(n)) >= 0; any = true) state_.remove(p, n);
    }
    return any;
  }

  // Returns whether any copy was placed.
  bool place_missing(Order order) {
    std::vector<std::pair<int32_t, Row>> copies;  // how many the row has before, and the row
    for (Row p = 0; p < problem_.rows; ++p) {
      for (int32_t i = state_.count(p); i < state_.wanted(p); ++i)
        copies.emplace_back(is_limited_ ? i : 0, p);
    }
    const bool largest_first = order != Order::SMALLEST_FIRST;
    std::sort(copies.begin(), copies.end(), [&](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first < b.first;
      return a.second != b.second && state_.is_before(a.second, b.second) == largest_first;
    });
    bool any = false;
    for (const auto& copy : copies) any |= place(copy.second) || make_room(copy.second);
    return any;
  }

 private:
  static constexpr int32_t PLACES_FOR_ROOM = 16, TRIES_FOR_ROOM = 512;

  Row to_evict(Node n) {
    const int64_t over = state_.bytes[n] - problem_.capacity[n];
    Row chosen = -1;
    for (Row p : state_.held(n)) {
      if (state_.is_pinned(p, n)) continue;
      const int64_t size = problem_.bytes[p];
      if (size > problem_.largest[n]) return p;
      if (over <= 0 || size == 0) continue;
      const bool is_enough = size >= over;
      const bool was_enough = chosen >= 0 && problem_.bytes[chosen] >= over;
      if (chosen < 0 || (is_enough && !was_enough) ||
          (is_enough == was_enough && (size < problem_.bytes[chosen]) == is_enough)) {
        chosen = p;
      }
    }
    return chosen;
  }

  bool place(Row p) {
    const Node to = best_place(state_, p, clock_);
    if (to >= 0) state_.add(p, to);
    return to >= 0;
  }

  // Place p where another copy makes room for it by going elsewhere.
  bool make_room(Row p) {
    struct {
      Row moved = -1;
      Node at = -1, to = -1;
      Change change;
    } best;
    int32_t tries = TRIES_FOR_ROOM;
    auto exchange = [&](Node at) {
      const int64_t short_bytes = state_.bytes[at] + problem_.bytes[p] - problem_.capacity[at];
      for (Row q : state_.held(at)) {
        if (--tries < 0) return true;
        clock_.work(16);
        if (problem_.bytes[q] < short_bytes || state_.is_pinned(q, at)) continue;
        state_.rooms.emptiest.walk_kinds(PLACES_FOR_ROOM, [&](int32_t kind) {
          state_.rooms.emptiest.walk(kind, NODES_OF_A_KIND, [&](Node to) {
            if (to == at || !state_.is_fit(q, to) || !state_.has_room(q, to)) return false;
            Change change = state_.move(q, at, to);
            const Change placed = state_.addition(p, at);
            change.crowding += placed.crowding;
            change.bytes += placed.bytes;
            if (best.moved < 0 || change < best.change) best = {q, at, to, change};
            return true;
          });
          return false;
        });
      }
      return false;
    };
    state_.rooms.fullest.walk_kinds(INT32_MAX, [&](int32_t kind) {
      places_.clear();
      state_.rooms.emptiest.walk(kind, NODES_OF_A_KIND, [&](Node n) {
        if (state_.is_fit(p, n)) places_.push_back(n);
        return static_cast<int32_t>(places_.size()) == PLACES_FOR_ROOM;
      });
      for (Node at : places_) {
        if (exchange(at)) return true;
      }
      return false;
    });
    if (best.moved < 0) return false;
    state_.apply_move(best.moved, best.at, best.to);
    state_.add(p, best.at);
    return true;
  }

  State& state_;
  const Problem& problem_;
  Clock& clock_;
  bool is_limited_ = false;
  std::vector<Node> places_;
};

}  // namespace mapcore::coupled
