// All copies of a row taken off their nodes and placed anew, on trial.
#pragma once

#include <vector>

#include "fill.hpp"

namespace mapcore::coupled {

class Reseating {
 public:
  Reseating(State& state, Row row) : state_(state), row_(row) {
    before_.assign(state.row(row), state.row(row) + state.count(row));
    for (Node n : before_) {
      if (state.is_pinned(row, n)) pinned.push_back(n);
    }
  }

  // Take off all copies but pinned ones.
  void clear() {
    const std::vector<Node> nodes(state_.row(row_), state_.row(row_) + state_.count(row_));
    for (Node n : nodes) {
      if (state_.is_pinned(row_, n)) continue;
      change_ += state_.removal(row_, n);
      state_.remove(row_, n);
    }
  }
  void add(Node n) {
    change_ += state_.addition(row_, n);
    state_.add(row_, n);
  }
  void fill_up(Clock& clock) {
    for (Node n; left() > 0 && (n = best_place(state_, row_, clock)) >= 0;) add(n);
  }
  // As many copies as before.
  int32_t left() const { return static_cast<int32_t>(before_.size()) - state_.count(row_); }
  bool is_gain() const { return left() == 0 && change_.is_gain_for_data(); }
  void undo() {
    clear();
    for (Node n : before_) {
      if (!state_.holds(row_, n)) add(n);
    }
  }

  std::vector<Node> pinned;

 private:
  State& state_;
  const Row row_;
  std::vector<Node> before_;
  Change change_;  // since the row was as before
};

}  // namespace mapcore::coupled
