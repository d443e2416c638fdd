// Local search: steps between two nodes, and rows mended, while any of them is a gain.
#pragma once

#include <utility>
#include <vector>

#include "mending.hpp"

namespace mapcore::coupled {

class Search {
 public:
  Search(State& state, Clock& clock)
      : state_(state),
        problem_(state.problem),
        clock_(clock),
        steps_(state, clock),
        mending_(state, steps_, clock) {}

  // Take copies from where they break rules or crowd a place. Returns whether any could be.
  bool uncrowd() { return mending_.uncrowd(); }

  // Bring loads within [low, high], as far as moves and exchanges can. Returns whether any did.
  bool even_out() {
    bool any = false;
    for (bool again = true; again;) {
      again = false;
      for (Node n : nodes_by_distance([&](Node n) { return is_outside(n); })) {
        while (is_outside(n) &&
               (settle(n, Goal::BOUNDS) || mending_.reseat_at(n) || chain(n))) {
          again = true;
        }
      }
      any |= again;
    }
    return any;
  }

  // Let copies that are to be filled stay where data is, if loads allow.
  bool bring_home() {
    std::vector<std::pair<Row, Node>> strays;
    for (Row p = 0; p < problem_.rows; ++p) {
      if (problem_.bytes[p] == 0) continue;
      const Node* nodes = state_.row(p);
      for (int32_t i = 0; i < problem_.slots && nodes[i] >= 0; ++i) {
        if (state_.is_held_now(p, nodes[i])) continue;
        if (has_home(p)) strays.emplace_back(p, nodes[i]);
      }
    }
    std::sort(strays.begin(), strays.end(), [&](auto& a, auto& b) {
      return a.first != b.first ? state_.is_before(a.first, b.first) : a.second < b.second;
    });
    bool any = false;
    for (auto [p, at] : strays) {
      if (state_.holds(p, at) && send_home(p, at)) any = true;
    }
    return any;
  }

  // Even loads out within their bounds with copies that are to be filled anyway.
  bool even_fresh() {
    bool any = false;
    for (int32_t pass = 0; pass < FRESH_PASSES; ++pass) {
      bool again = false;
      for (Node n : nodes_by_distance([&](Node n) { return is_uneven(n); })) {
        for (int32_t i = 0; i < FRESH_STEPS && is_uneven(n) && settle(n, Goal::SHARES); ++i)
          again = true;
      }
      any |= again;
      if (!again) break;
    }
    return any;
  }

 private:
  static constexpr int32_t FRESH_PASSES = 6, FRESH_STEPS = 8;

  bool is_outside(Node n) const {
    return !state_.is_frozen(n) && state_.balance.outside(n, state_.load[n]) > 0;
  }
  bool is_uneven(Node n) const {
    const Load room = state_.rooms[n];
    return !state_.is_frozen(n) && (room < 0 ? -room : room) > problem_.fair[n] / Steps::EVEN_PART;
  }

  template <typename Which>
  std::vector<Node> nodes_by_distance(Which&& which) const {
    std::vector<Node> nodes;
    for (Node n = 0; n < problem_.nodes; ++n) {
      if (which(n)) nodes.push_back(n);
    }
    auto distance = [&](Node n) {
      const Load room = state_.rooms[n];
      return room < 0 ? -room : room;
    };
    std::sort(nodes.begin(), nodes.end(), [&](Node a, Node b) {
      return distance(a) != distance(b) ? distance(a) > distance(b) : a < b;
    });
    return nodes;
  }

  // Take the best step between n and the nodes that are furthest on the other side.
  bool settle(Node n, Goal goal) {
    steps_.begin(goal);
    const bool gives = state_.rooms[n] < 0;
    steps_.find_partners(n, gives);
    for (Node other : steps_.partners)
      gives ? steps_.try_moves(n, other) : steps_.try_moves(other, n);
    for (Node other : steps_.partners) {
      if (steps_.has_any() && (goal == Goal::BOUNDS || !steps_.would_be_uneven(n))) break;
      gives ? steps_.try_swaps(n, other) : steps_.try_swaps(other, n);
    }
    return steps_.take();
  }

  // Where no copy of one node may go to the other, a third node may take one and give another.
  bool chain(Node n) {
    steps_.begin(Goal::BOUNDS);
    const bool gives = state_.rooms[n] < 0;
    steps_.find_partners(n, gives);
    for (Node via : steps_.partners) {
      for (Node other : steps_.partners) {
        if (steps_.has_any()) return steps_.take();
        if (other == via) continue;
        gives ? steps_.try_chain(n, via, other) : steps_.try_chain(other, via, n);
      }
    }
    return steps_.take();
  }

  bool has_home(Row p) const {
    const Node* homes = problem_.current + static_cast<int64_t>(p) * problem_.current_width;
    for (int32_t i = 0; i < problem_.current_width; ++i) {
      if (homes[i] >= 0 && state_.is_fit(p, homes[i])) return true;
    }
    return false;
  }

  bool send_home(Row p, Node at) {
    steps_.begin(Goal::BOUNDS);
    if (state_.is_pinned(p, at)) return false;
    const Node* homes = problem_.current + static_cast<int64_t>(p) * problem_.current_width;
    for (int32_t i = 0; i < problem_.current_width; ++i) {
      const Node home = homes[i];
      if (home < 0 || !state_.is_fit(p, home)) continue;
      if (state_.has_room(p, home)) steps_.offer({p, -1, at, home, state_.move(p, at, home)});
      const Load like_p = problem_.load[p] - steps_.wish(at, home);
      steps_.near(home, like_p, Steps::EACH_WAY, Steps::SWAPS_TO_SEE, [&](Row q) {
        clock_.work(8);
        if (!steps_.is_movable(q, home) || !state_.may_swap(p, at, q, home)) return false;
        steps_.offer({p, q, at, home, state_.swap(p, at, q, home)});
        return true;
      });
    }
    return steps_.take();
  }

  State& state_;
  const Problem& problem_;
  Clock& clock_;
  Steps steps_;
  Mending mending_;
};

}  // namespace mapcore::coupled
