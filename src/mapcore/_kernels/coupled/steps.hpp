// Steps of a search: a copy moved, two exchanged, or one passed on by way of a third node.
//
// What is looked at follows from the placement alone, not from how it came about: where a search
// ends, another one that starts there finds nothing to do.
#pragma once

#include <vector>

#include "reseating.hpp"

namespace mapcore::coupled {

// What a step must gain: loads nearer to [low, high] or fewer bytes, or also loads nearer to
// shares, with copies that are to be filled anyway.
enum class Goal { BOUNDS, SHARES };

struct Step {
  Row p = -1, q = -1;  // q: -1 for a move
  Node from = -1, to = -1;
  Change change;
  Node by_way_of = -1;  // of a chain: p goes there, and q from there to `to`
};

class Steps {
 public:
  static constexpr int32_t EACH_WAY = 3, EVEN_PART = 256;
  static constexpr size_t SWAPS_TO_SEE = 24;

  Steps(State& state, Clock& clock)
      : state_(state),
        problem_(state.problem),
        clock_(clock),
        are_alike_(std::all_of(problem_.load, problem_.load + problem_.rows,
                               [&](Load load) { return load == problem_.load[0]; })) {}

  void begin(Goal goal) {
    goal_ = goal;
    best_ = Step{};
  }
  bool has_any() const { return best_.p >= 0; }
  // Do the best step that was offered. False if there was none.
  bool take() {
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

  // Whether n stays away from its share after the best step.
  bool would_be_uneven(Node n) const {
    Load shift = problem_.load[best_.p] - (best_.q < 0 ? 0 : problem_.load[best_.q]);
    if (n == best_.to) shift = -shift;
    const Load room = state_.rooms[n] + shift;
    return (room < 0 ? -room : room) > problem_.fair[n] / EVEN_PART;
  }

  // Nodes that could take what n has too much, or give what it lacks, the furthest off their kind.
  void find_partners(Node n, bool gives) {
    partners.clear();
    // A node with one copy can only pass on all of what it has too much, to one that may have more.
    const bool passes_on = gives && state_.held(n).size() == 1;
    auto collect = [&](auto& ranking) {
      auto note = [&](Node other) {
        if (passes_on && problem_.high[other] <= problem_.high[n]) return;
        if (other != n && (state_.rooms[other] > state_.rooms[n]) == gives) {
          partners.push_back(other);
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

  // Nodes to which a copy could go and crowd less, the emptiest of their kinds.
  void find_places(Row p, Node from) {
    partners.clear();
    state_.rooms.emptiest.walk_kinds(INT32_MAX, [&](int32_t kind) {
      state_.rooms.emptiest.walk(kind, NODES_OF_A_KIND, [&](Node to) {
        if (!state_.is_fit(p, to)) return false;
        if (state_.crowding.exchange(p, state_.row(p), state_.count(p), from, to) >= 0) return true;
        partners.push_back(to);
        return state_.has_room(p, to);
      });
      return partners.size() >= PLACES;
    });
  }

  // Rules tie most rows to where they are, and there are other steps for these.
  size_t moves_to_see() const { return problem_.rules.count ? RULED_TO_SEE : MOVES_TO_SEE; }

  // What a transfer from one node to another should be for both to be as near their shares.
  Load wish(Node from, Node to) const { return (state_.rooms[to] - state_.rooms[from]) / 2; }

  bool is_movable(Row p, Node from) const {
    if (state_.is_pinned(p, from)) return false;
    return goal_ == Goal::BOUNDS || !state_.is_held_now(p, from);
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
    near(from, wish(from, to), EACH_WAY, moves_to_see(), use);
    if (goal_ == Goal::SHARES) return;
    const Load least = state_.load[from] - problem_.high[from];
    if (least > 0) near(from, least, EACH_WAY, moves_to_see(), use);
    const Load spare = std::min(state_.load[from] - problem_.low[from],
                                problem_.high[to] - state_.load[to]);
    if (spare > 0) near(from, spare, EACH_WAY, moves_to_see(), use);
  }

  void try_swaps(Node from, Node to) {
    if (are_alike_) return;  // loads would stay as they are
    const Load more = wish(from, to);
    const size_t count = state_.held(from).size();
    const size_t stride = count / ROWS_TO_SWAP + 1;
    for (size_t i = 0; i < count; i += stride) {
      const Row p = state_.held(from)[i];
      if (problem_.load[p] < more || !is_movable(p, from) || !state_.is_fit(p, to)) continue;
      if (state_.crowding.exchange(p, state_.row(p), state_.count(p), from, to) > 0) continue;
      near(to, problem_.load[p] - more, 1, SWAPS_TO_SEE, [&](Row q) {
        clock_.work(8);
        if (!is_movable(q, to) || !state_.may_swap(p, from, q, to)) return false;
        const Change change = state_.swap(p, from, q, to);
        offer({p, q, from, to, change});
        return change.crowding <= 0;
      });
    }
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

  std::vector<Node> partners;  // what `find_partners` and `find_places` find

 private:
  static constexpr int32_t OWN_KIND = 4, OTHER_KINDS = 12;
  static constexpr size_t PLACES = 16, MOVES_TO_SEE = 1024, RULED_TO_SEE = 128, ROWS_TO_SWAP = 64,
                          CHAINS_TO_SEE = 48;

  State& state_;
  const Problem& problem_;
  Clock& clock_;
  const bool are_alike_;  // whether all partitions have one load
  Goal goal_ = Goal::BOUNDS;
  Step best_;
};

}  // namespace mapcore::coupled
