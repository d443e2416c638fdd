// The rows: which nodes hold a partition's copies now, which shall hold them, and what sets them
// apart. A row's chosen nodes are a base of a matroid; the engine changes it by exchanges: the row
// gives up a copy on x and takes one on m.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "../interrupt.hpp"
#include "tree.hpp"

namespace mapcore::placement {

// Asks the caller every few milliseconds whether to go on.
class Poll {
 public:
  Poll(Ask ask, void* argument) : ask_(ask), argument_(argument), last_(SteadyClock::now()) {}

  // Call once a row or more rarely; throws Interrupted.
  void operator()() {
    if (++calls_ % 2048 == 0) look();
  }
  void look() {
    const auto now = SteadyClock::now();
    if (ask_ == nullptr || now - last_ < std::chrono::milliseconds(20)) return;
    last_ = now;
    if (!ask_(argument_)) throw Interrupted{};
  }

 private:
  using SteadyClock = std::chrono::steady_clock;
  Ask ask_;
  void* argument_;
  SteadyClock::time_point last_;
  uint32_t calls_ = 0;
};

// Partitions that want as many copies, may use the same nodes and pin as many copies below each
// vertex are of one class. Where there is one class only, `allowed` stays empty.
struct RowClasses {
  std::vector<int32_t> of_row;       // by row; empty where all are of class 0
  std::vector<int32_t> copies;       // by class
  std::vector<int32_t> group;        // by class: which set of nodes it may use
  std::vector<const uint8_t*> mask;  // by group: may the node be used; null: all usable nodes

  int32_t groups() const { return static_cast<int32_t>(mask.size()); }
};

// SLOTS: copies of every row, known when compiled; 0 where it is not.
template <int SLOTS>
struct Rows {
  const Tree& tree;
  const RowClasses& classes;
  int64_t count;
  int32_t slots;  // width of `chosen`
  int32_t current_width;
  const Node* current;  // count x current_width, -1 for none
  Node* chosen;         // count x slots, -1 for none
  const Node* pinned = nullptr;
  int32_t pinned_width = 0;

  // Facts about each row, kept up to date by `note`: they decide what an exchange costs.
  std::vector<uint8_t> is_new = {};  // by slot: the node holds no copy now
  std::vector<uint8_t> released =
      {};  // by row: some usable node that holds a copy now is not chosen

  int32_t width() const { return SLOTS ? SLOTS : slots; }
  Node* row(int64_t p) const { return chosen + p * width(); }
  const Node* now(int64_t p) const { return current + p * current_width; }
  int32_t class_of(int64_t p) const { return classes.of_row.empty() ? 0 : classes.of_row[p]; }
  int32_t copies(int64_t p) const { return SLOTS ? SLOTS : classes.copies[class_of(p)]; }

  bool chose(int64_t p, Node n) const {
    const Node* r = row(p);
    for (int32_t i = 0, k = width(); i < k; ++i) {
      if (r[i] == n) return true;
    }
    return false;
  }
  bool holds_now(int64_t p, Node n) const {
    const Node* c = now(p);
    for (int32_t j = 0; j < current_width; ++j) {
      if (c[j] == n) return true;
    }
    return false;
  }
  bool allowed(int32_t cls, Node n) const {
    if (!tree.usable(n)) return false;
    const uint8_t* mask = classes.mask[classes.group[cls]];
    return mask == nullptr || mask[n];
  }
  bool is_pinned(int64_t p, Node n) const {
    for (int32_t j = 0; j < pinned_width; ++j) {
      if (pinned[p * pinned_width + j] == n) return true;
    }
    return false;
  }

  void note(int64_t p) {
    const Node *r = row(p), *c = now(p);
    const int32_t cls = class_of(p);
    for (int32_t i = 0, k = width(); i < k; ++i) {
      is_new[p * width() + i] = r[i] >= 0 && !holds_now(p, r[i]);
    }
    released[p] = 0;
    for (int32_t j = 0; j < current_width && !released[p]; ++j) {
      released[p] = c[j] >= 0 && allowed(cls, c[j]) && !chose(p, c[j]);
    }
  }
  void note_all() {
    if (!released.empty() || count == 0) return;
    is_new.resize(count * width());
    released.resize(count);
    for (int64_t p = 0; p < count; ++p) note(p);
  }
};

}  // namespace mapcore::placement
