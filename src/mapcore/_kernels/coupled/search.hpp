// Local search: moves and exchanges of copies between two nodes, while any of them is a gain.
//
// What is looked at follows from the placement alone, not from how it came about: where the search
// ends, another one that starts there finds nothing to do.
#pragma once

#include <vector>

#include "reseating.hpp"

namespace mapcore::coupled {

class Search {
 public:
  Search(State& state, Clock& clock) : state_(state), problem_(state.problem), clock_(clock) {}

  // Bring loads within [low, high], as far as moves and exchanges can. Returns whether any did.
  bool even_out() {
    bool any = false;
    for (bool again = true; again;) {
      again = false;
      for (Node n : nodes_by_distance([&](Node n) { return is_outside(n); })) {
        while (is_outside(n) && (settle(n, Goal::BOUNDS) || reseat_at(n) || chain(n))) again = true;
      }
      any |= again;
    }
    return any;
  }

  // Take copies from places that have too many of their row. Returns whether any could be.
  bool uncrowd() {
    bool any = false;
    for (bool again = true; again;) {
      again = false;
      for (Row p = 0; p < problem_.rows; ++p) {
        while (state_.is_crowded(p) && (thin_out(p) || reseat(p))) again = true;
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
  enum class Goal { BOUNDS, SHARES };
  static constexpr int32_t OWN_KIND = 4, OTHER_KINDS = 12, EACH_WAY = 3,
                           ROWS_TO_SWAP = 64, FRESH_PASSES = 6, FRESH_STEPS = 8, MASTER_KINDS = 64, EVEN_PART = 256;

  static constexpr size_t PLACES = 16, MOVES_TO_SEE = 1024, SWAPS_TO_SEE = 24,
                          CHAINS_TO_SEE = 48;

  struct Step {
    Row p = -1, q = -1;  // q: -1 for a move
    Node from = -1, to = -1;
    Change change;
    Node by_way_of = -1;  // of a chain: p goes there, and q from there to `to`
  };

  bool is_outside(Node n) const {
    return !state_.is_frozen(n) && state_.balance.outside(n, state_.load[n]) > 0;
  }
  bool is_uneven(Node n) const {
    const Load room = state_.rooms[n];
    return !state_.is_frozen(n) && (room < 0 ? -room : room) > problem_.fair[n] / EVEN_PART;
  }

  // Move a copy of a crowded row elsewhere, or exchange it for one of another row.
  bool thin_out(Row p) {
    goal_ = Goal::BOUNDS;
    best_ = Step{};
    for (int32_t i = 0; i < state_.count(p); ++i) {
      const Node from = state_.row(p)[i];
      if (state_.is_pinned(p, from)) continue;
      find_places(p, from);
      for (Node to : partners_) {
        clock_.work(8);
        if (state_.has_room(p, to)) offer({p, -1, from, to, state_.move(p, from, to)});
      }
    }
    for (int32_t i = 0; best_.p < 0 && i < state_.count(p); ++i) {
      const Node from = state_.row(p)[i];
      if (state_.is_pinned(p, from)) continue;
      find_places(p, from);
      for (Node to : partners_) {
        near(to, problem_.load[p], EACH_WAY, SWAPS_TO_SEE, [&](Row q) {
          clock_.work(8);
          if (!is_movable(q, to) || !state_.may_swap(p, from, q, to)) return false;
          offer({p, q, from, to, state_.swap(p, from, q, to)});
          return true;
        });
      }
    }
    return take_best();
  }

  // Place all copies of a row anew, as its rules say, beside a master on any kind of node.
  bool reseat(Row p) {
    if (!state_.breaks_needlessly(p)) return false;
    Reseating seats(state_, p);
    firsts_.assign(seats.pinned.begin(), seats.pinned.end());
    state_.rooms.emptiest.walk_kinds(MASTER_KINDS, [&](int32_t kind) {
      state_.rooms.emptiest.walk(kind, INT32_MAX, [&](Node n) {
        if (!state_.is_fit(p, n) || !state_.has_room(p, n)) return false;
        firsts_.push_back(n);
        return true;
      });
      return false;
    });
    for (Node master : firsts_) {
      if (!problem_.rules.may_lead[master]) continue;
      seats.clear();
      if (!state_.holds(p, master)) seats.add(master);
      place_slaves(p, master, seats);
      if (seats.is_gain()) return true;
    }
    seats.undo();
    return false;
  }

  // One slave for each that the rules are for, where its rule says, and the others anywhere.
  void place_slaves(Row p, Node master, Reseating& seats) {
    std::vector<Node> unmatched = seats.pinned;
    for (int32_t r = 0; r < problem_.rules.count; ++r) {
      const Rule& rule = problem_.rules.rules[r];
      auto satisfies = [&](Node n) {
        const int32_t close = closeness(problem_.rules, master, n);
        return n != master && rule.from <= close && close < rule.until;
      };
      for (int32_t i = 0; i < rule.slaves && seats.left() > 0; ++i) {
        const auto there = std::find_if(unmatched.begin(), unmatched.end(), satisfies);
        if (there != unmatched.end()) {
          unmatched.erase(there);
          continue;
        }
        const Node n = best_place(state_, p, clock_, satisfies);
        if (n >= 0) seats.add(n);
      }
    }
    seats.fill_up(clock_);
  }

  // Rules can tie the copies of a row to each other, so that only all of them can go elsewhere: of
  // a row that n holds, if it has too much, or else of one that it could hold.
  bool reseat_at(Node n) {
    if (problem_.rules.count == 0) return false;
    const bool gives = state_.rooms[n] < 0;
    find_partners(n, gives);
    const std::vector<Node> partners = partners_;
    for (Node other : partners) {
      const Node from = gives ? n : other, to = gives ? other : n;
      rows_.clear();
      near(from, wish(from, to), EACH_WAY, MOVES_TO_SEE, [&](Row p) {
        if (state_.is_pinned(p, from) || !state_.is_fit(p, to)) return false;
        rows_.push_back(p);
        return true;
      });
      const std::vector<Row> rows = rows_;
      for (Row p : rows) {
        if (reseat_from(p, to)) return true;
      }
    }
    return false;
  }

  bool reseat_from(Row p, Node first) {
    Reseating seats(state_, p);
    seats.clear();
    if (state_.is_fit(p, first) && state_.has_room(p, first)) {
      seats.add(first);
      seats.fill_up(clock_);
      if (seats.is_gain()) return true;
    }
    seats.undo();
    return false;
  }

  // Nodes to which a copy could go and crowd less, the emptiest of their kinds.
  void find_places(Row p, Node from) {
    partners_.clear();
    state_.rooms.emptiest.walk_kinds(INT32_MAX, [&](int32_t kind) {
      state_.rooms.emptiest.walk(kind, NODES_OF_A_KIND, [&](Node to) {
        if (!state_.is_fit(p, to)) return false;
        if (state_.crowding.exchange(p, state_.row(p), state_.count(p), from, to) >= 0) return true;
        partners_.push_back(to);
        return state_.has_room(p, to);
      });
      return partners_.size() >= PLACES;
    });
  }

  template <typename Which>
  std::vector<Node> nodes_by_distance(Which&& which) const {
    std::vector<Node> nodes;
    for (Node n = 0; n < problem_.nodes; ++n) {
      if (which(n)) nodes.push_back(n);
    }
    auto distance = [&](Node n) { return state_.rooms[n] < 0 ? -state_.rooms[n] : state_.rooms[n]; };
    std::sort(nodes.begin(), nodes.end(), [&](Node a, Node b) {
      return distance(a) != distance(b) ? distance(a) > distance(b) : a < b;
    });
    return nodes;
  }

  // Take the best step between n and the nodes that are furthest on the other side.
  bool settle(Node n, Goal goal) {
    goal_ = goal;
    best_ = Step{};
    const bool gives = state_.rooms[n] < 0;
    find_partners(n, gives);
    for (Node other : partners_) gives ? try_moves(n, other) : try_moves(other, n);
    for (Node other : partners_) {
      if (best_.p >= 0 && (goal == Goal::BOUNDS || !would_be_uneven(n))) break;
      gives ? try_swaps(n, other) : try_swaps(other, n);
    }
    return take_best();
  }

  bool take_best() {
    if (best_.p < 0) return false;
    if (best_.by_way_of >= 0) {
      state_.apply_move(best_.p, best_.from, best_.by_way_of);
      state_.apply_move(best_.q, best_.by_way_of, best_.to);
    } else if (best_.q < 0) {
      state_.apply_move(best_.p, best_.from, best_.to);
    } else {
      state_.apply_swap(best_.p, best_.from, best_.q, best_.to);
    }
    return true;
  }

  bool would_be_uneven(Node n) const {
    Load shift = problem_.load[best_.p] - (best_.q < 0 ? 0 : problem_.load[best_.q]);
    if (n == best_.to) shift = -shift;
    const Load room = state_.rooms[n] + shift;
    return (room < 0 ? -room : room) > problem_.fair[n] / EVEN_PART;
  }

  void find_partners(Node n, bool gives) {
    partners_.clear();
    // A node with one copy can only pass on all of what it has too much, to one that may have more.
    const bool passes_on = gives && state_.held(n).size() == 1;
    auto collect = [&](auto& ranking) {
      auto note = [&](Node other) {
        if (passes_on && problem_.high[other] <= problem_.high[n]) return;
        if (other != n && (state_.rooms[other] > state_.rooms[n]) == gives) {
          partners_.push_back(other);
        }
      };
      const int32_t own = state_.rooms.kind(n);
      ranking.walk(own, OWN_KIND + 1, [&](Node other) { return note(other), false; });
      ranking.walk_kinds(OTHER_KINDS, [&](int32_t kind) {
        if (kind != own) ranking.walk(kind, 1, [&](Node other) { return note(other), true; });
        return false;
      });
    };
    if (gives) {
      collect(state_.rooms.emptiest);
    } else {
      collect(state_.rooms.fullest);
    }
  }

  // What a transfer from one node to another should be for both to be as near their shares.
  Load wish(Node from, Node to) const { return (state_.rooms[to] - state_.rooms[from]) / 2; }

  bool is_movable(Row p, Node from) const {
    if (state_.is_pinned(p, from)) return false;
    return goal_ == Goal::BOUNDS || !state_.is_held_now(p, from);
  }

  void offer(const Step& step) {
    const bool is_gain =
        goal_ == Goal::SHARES ? step.change.is_gain() : step.change.is_gain_for_data();
    if (!is_gain) return;
    if (best_.p >= 0) {
      const bool is_better = goal_ == Goal::SHARES ? step.change < best_.change
                                                   : step.change.goes_before(best_.change);
      if (!is_better) return;
    }
    best_ = step;
  }

  // Visits rows of a node with loads near `target`, from there to both sides, until enough of them
  // could be used.
  template <typename Use>
  void near(Node n, Load target, int32_t each_way, size_t most, Use&& use) {
    const auto& rows = state_.held(n);
    const size_t first = state_.first_within(n, target);
    int32_t used = 0;
    for (size_t i = first; i < rows.size() && i < first + most && used < each_way; ++i)
      used += use(rows[i]);
    used = 0;
    for (size_t i = first; i > 0 && i + most > first && used < each_way; --i)
      used += use(rows[i - 1]);
  }

  void try_moves(Node from, Node to) {
    auto use = [&](Row p) {
      clock_.work(4);
      if (!is_movable(p, from) || !state_.is_fit(p, to) || !state_.has_room(p, to)) return false;
      const Change change = state_.move(p, from, to);
      offer({p, -1, from, to, change});
      return change.crowding <= 0;
    };
    near(from, wish(from, to), EACH_WAY, MOVES_TO_SEE, use);
    if (goal_ == Goal::SHARES) return;
    const Load least = state_.load[from] - problem_.high[from];
    if (least > 0) near(from, least, EACH_WAY, MOVES_TO_SEE, use);
    const Load spare = std::min(state_.load[from] - problem_.low[from],
                                problem_.high[to] - state_.load[to]);
    if (spare > 0) near(from, spare, EACH_WAY, MOVES_TO_SEE, use);
  }

  void try_swaps(Node from, Node to) {
    const Load more = wish(from, to);
    const size_t count = state_.held(from).size();
    const size_t stride = count / ROWS_TO_SWAP + 1;
    for (size_t i = 0; i < count; i += stride) {
      const Row p = state_.held(from)[i];
      if (problem_.load[p] < more || !is_movable(p, from) || !state_.is_fit(p, to)) continue;
      near(to, problem_.load[p] - more, 1, SWAPS_TO_SEE, [&](Row q) {
        clock_.work(8);
        if (!is_movable(q, to) || !state_.may_swap(p, from, q, to)) return false;
        const Change change = state_.swap(p, from, q, to);
        offer({p, q, from, to, change});
        return change.crowding <= 0;
      });
    }
  }

  // Where no copy of one node may go to the other, a third node may take one and give another.
  bool chain(Node n) {
    goal_ = Goal::BOUNDS;
    best_ = Step{};
    const bool gives = state_.rooms[n] < 0;
    find_partners(n, gives);
    for (Node via : partners_) {
      for (Node other : partners_) {
        if (best_.p >= 0) return take_best();
        if (other == via) continue;
        gives ? try_chain(n, via, other) : try_chain(other, via, n);
      }
    }
    return take_best();
  }

  void try_chain(Node from, Node via, Node to) {
    near(from, wish(from, to), EACH_WAY, CHAINS_TO_SEE, [&](Row p) {
      clock_.work(4);
      if (!is_movable(p, from) || !state_.is_fit(p, via)) return false;
      const Change first = state_.move(p, from, via);
      if (first.crowding > 0) return false;
      near(via, problem_.load[p], EACH_WAY, CHAINS_TO_SEE, [&](Row q) {
        clock_.work(4);
        const int64_t more = problem_.bytes[p] - problem_.bytes[q];
        if (!is_movable(q, via) || !state_.is_fit(q, to) || !state_.has_room(q, to) ||
            state_.bytes[via] + more > problem_.capacity[via]) {
          return false;
        }
        Step step{p, q, from, to, state_.chain(p, from, via, q, to), via};
        offer(step);
        return step.change.crowding <= 0;
      });
      return true;
    });
  }

  bool has_home(Row p) const {
    const Node* homes = problem_.current + static_cast<int64_t>(p) * problem_.current_width;
    for (int32_t i = 0; i < problem_.current_width; ++i) {
      if (homes[i] >= 0 && state_.is_fit(p, homes[i])) return true;
    }
    return false;
  }

  bool send_home(Row p, Node at) {
    goal_ = Goal::BOUNDS;
    best_ = Step{};
    if (state_.is_pinned(p, at)) return false;
    const Node* homes = problem_.current + static_cast<int64_t>(p) * problem_.current_width;
    for (int32_t i = 0; i < problem_.current_width; ++i) {
      const Node home = homes[i];
      if (home < 0 || !state_.is_fit(p, home)) continue;
      if (state_.has_room(p, home)) offer({p, -1, at, home, state_.move(p, at, home)});
      near(home, problem_.load[p] - wish(at, home), EACH_WAY, SWAPS_TO_SEE, [&](Row q) {
        clock_.work(8);
        if (!is_movable(q, home) || !state_.may_swap(p, at, q, home)) return false;
        offer({p, q, at, home, state_.swap(p, at, q, home)});
        return true;
      });
    }
    return take_best();
  }

  State& state_;
  const Problem& problem_;
  Clock& clock_;
  Goal goal_ = Goal::BOUNDS;
  Step best_;
  std::vector<Node> partners_, firsts_;
  std::vector<Row> rows_;
};

}  // namespace mapcore::coupled
