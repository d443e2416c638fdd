// Rows whose copies stand against rules, or crowd a place, and rows that only go as a whole.
#pragma once

#include <vector>

#include "steps.hpp"

namespace mapcore::coupled {

class Mending {
 public:
  Mending(State& state, Steps& steps, Clock& clock)
      : state_(state), problem_(state.problem), steps_(steps), clock_(clock) {}

  // Take copies from places that have too many of their row. Returns whether any could be.
  bool uncrowd() {
    bool any = false;
    for (bool again = true; again;) {
      again = false;
      tries_ = TRIES;
      for (Row p = 0; p < problem_.rows; ++p) {
        while (state_.is_crowded(p) && (thin_out(p) || reseat(p))) again = true;
      }
      any |= again;
    }
    return any;
  }

  // Rules can tie the copies of a row to each other, so that only all of them can go elsewhere: of
  // a row that n holds, if it has too much, or else of one that it could hold.
  bool reseat_at(Node n) {
    if (problem_.rules.count == 0) return false;
    const bool gives = state_.rooms[n] < 0;
    steps_.find_partners(n, gives);
    const std::vector<Node> partners = steps_.partners;
    for (Node other : partners) {
      const Node from = gives ? n : other, to = gives ? other : n;
      rows_.clear();
      steps_.near(from, steps_.wish(from, to), Steps::EACH_WAY, steps_.moves_to_see(), [&](Row p) {
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

 private:
  static constexpr int32_t MASTER_KINDS = 64, TRIES = 2048;

  // Move a copy of a crowded row elsewhere, or exchange it for one of another row.
  bool thin_out(Row p) {
    steps_.begin(Goal::BOUNDS);
    for (int32_t i = 0; i < state_.count(p); ++i) {
      const Node from = state_.row(p)[i];
      if (state_.is_pinned(p, from)) continue;
      steps_.find_places(p, from);
      for (Node to : steps_.partners) {
        clock_.work(8);
        if (state_.has_room(p, to)) steps_.offer({p, -1, from, to, state_.move(p, from, to)});
      }
    }
    for (int32_t i = 0; !steps_.has_any() && i < state_.count(p); ++i) {
      const Node from = state_.row(p)[i];
      if (state_.is_pinned(p, from)) continue;
      steps_.find_places(p, from);
      for (Node to : steps_.partners) {
        steps_.near(to, problem_.load[p], Steps::EACH_WAY, Steps::SWAPS_TO_SEE, [&](Row q) {
          clock_.work(8);
          if (!steps_.is_movable(q, to) || !state_.may_swap(p, from, q, to)) return false;
          steps_.offer({p, q, from, to, state_.swap(p, from, q, to)});
          return true;
        });
      }
    }
    return steps_.take();
  }

  // Place all copies of a row anew, as its rules say, beside a master on any kind of node.
  bool reseat(Row p) {
    if (problem_.rules.count == 0) return false;
    if (!state_.breaks_needlessly(p) && --tries_ < 0) return false;
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
      if (!state_.holds(p, master)) {
        if (seats.left() == 0) continue;
        seats.add(master);
      }
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

  // Place all copies of a row anew, one of them on `first`.
  bool reseat_from(Row p, Node first) {
    Reseating seats(state_, p);
    seats.clear();
    if (seats.left() > 0 && state_.is_fit(p, first) && state_.has_room(p, first)) {
      seats.add(first);
      seats.fill_up(clock_);
      if (seats.is_gain()) return true;
    }
    seats.undo();
    return false;
  }

  State& state_;
  const Problem& problem_;
  Steps& steps_;
  Clock& clock_;
  int32_t tries_ = 0;  // left for rows that keep the rules but crowd a place, which may have to be
  std::vector<Node> firsts_;
  std::vector<Row> rows_;
};

}  // namespace mapcore::coupled
