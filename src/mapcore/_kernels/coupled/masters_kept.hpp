// Masters that stay where they are, at no cost: moves that trade places between two partitions.
//
// Placement knows no roles: a node that gives one copy away may as well give one up that is a slave.
// A move of partition p takes its copy from x, where its master is, to y. If another partition q
// keeps a slave on x and may stand on y, p keeps its copy on x, and q moves from x to y. There are as
// many moves, every node has as many copies, and spread is looked at.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "row_cost.hpp"

namespace mapcore::coupled {

struct Placed {
    const std::int32_t *current;  // rows by current_width, -1 for none
    std::int32_t current_width;
    const std::int32_t *masters;  // rows by masters_width, -1 for none
    std::int32_t masters_width;
    std::int32_t *chosen;  // rows by width, -1 for none
    std::int32_t width;
    std::int64_t rows;
    const std::int32_t *kind;      // by row: which nodes it may use, and its shares
    const std::uint8_t *may_hold;  // kinds by nodes
    const std::uint8_t *may_lead;  // by node
    const std::int32_t *pinned;    // rows by pinned_width, -1 for none
    std::int32_t pinned_width;
    std::int32_t nodes;
};

class MasterKeeper {
 public:
  MasterKeeper(const Placed &placed, const Spread &spread, const std::int64_t *shares)
      : placed_(placed), spread_(spread), shares_(shares) {}

  // Returns how many moves traded places.
  std::int64_t run() {
    find_losses();
    if (losses_.empty()) return 0;
    index_slaves();
    std::int64_t traded = 0;
    for (const Loss &loss : losses_) traded += trade(loss);
    return traded;
  }

 private:
  struct Loss {
    std::int64_t row;
    std::int32_t from;
  };

  static bool has(const std::int32_t *list, std::int32_t width, std::int32_t node) {
    return std::find(list, list + width, node) != list + width;
  }
  const std::int32_t *current(std::int64_t p) const {
    return placed_.current + p * placed_.current_width;
  }
  std::int32_t *chosen(std::int64_t p) const { return placed_.chosen + p * placed_.width; }
  bool holds_now(std::int64_t p, std::int32_t n) const {
    return has(current(p), placed_.current_width, n);
  }
  bool holds(std::int64_t p, std::int32_t n) const { return has(chosen(p), placed_.width, n); }
  bool leads(std::int64_t p, std::int32_t n) const {
    return has(placed_.masters + p * placed_.masters_width, placed_.masters_width, n);
  }
  bool may_hold(std::int64_t p, std::int32_t n) const {
    return placed_.may_hold[std::int64_t{placed_.kind[p]} * placed_.nodes + n];
  }

  // Masters whose copy is given up, though the node could go on leading.
  void find_losses() {
    for (std::int64_t p = 0; p < placed_.rows; p++)
      for (std::int32_t m = 0; m < placed_.masters_width; m++) {
        const std::int32_t from = placed_.masters[p * placed_.masters_width + m];
        if (from >= 0 && placed_.may_lead[from] && may_hold(p, from) && holds_now(p, from) &&
            !holds(p, from))
          losses_.push_back({p, from});
      }
  }

  // The rows that keep a slave on a node that gives masters up.
  void index_slaves() {
    std::vector<std::uint8_t> is_wanted(placed_.nodes);
    for (const Loss &loss : losses_) is_wanted[loss.from] = 1;
    begin_.assign(static_cast<std::size_t>(placed_.nodes) + 2, 0);
    each_slave(is_wanted, [&](std::int64_t, std::int32_t n) { begin_[n + 2]++; });
    for (std::size_t n = 2; n < begin_.size(); n++) begin_[n] += begin_[n - 1];
    slaves_.resize(begin_.back());
    each_slave(is_wanted, [&](std::int64_t p, std::int32_t n) { slaves_[begin_[n + 1]++] = p; });
  }

  template <class Visit>
  void each_slave(const std::vector<std::uint8_t> &is_wanted, Visit visit) const {
    for (std::int64_t p = 0; p < placed_.rows; p++)
      for (std::int32_t s = 0; s < placed_.width; s++) {
        const std::int32_t n = chosen(p)[s];
        if (n >= 0 && is_wanted[n] && holds_now(p, n) && !leads(p, n)) visit(p, n);
      }
  }

  bool trade(const Loss &loss) {
    std::int32_t looks = MOST_LOOKS;
    for (std::int32_t s = 0; s < placed_.width; s++) {
      const std::int32_t to = chosen(loss.row)[s];
      if (to < 0 || holds_now(loss.row, to)) continue;
      for (std::int64_t i = begin_[loss.from]; i < begin_[loss.from + 1] && looks > 0; i++, looks--)
        if (trade_with(slaves_[i], loss, s)) return true;
    }
    return false;
  }

  bool trade_with(std::int64_t q, const Loss &loss, std::int32_t s) {
    const std::int32_t to = chosen(loss.row)[s];
    if (q == loss.row || !holds(q, loss.from) || holds(q, to) || holds_now(q, to) ||
        !may_hold(q, to) || has(pinned(q), placed_.pinned_width, loss.from) ||
        has(pinned(loss.row), placed_.pinned_width, to))
      return false;
    const auto t = static_cast<std::int32_t>(
        std::find(chosen(q), chosen(q) + placed_.width, loss.from) - chosen(q));
    measure(loss.row, q, before_);
    chosen(loss.row)[s] = loss.from;
    chosen(q)[t] = to;
    measure(loss.row, q, after_);
    if (before_ == after_) return true;
    chosen(loss.row)[s] = to;
    chosen(q)[t] = loss.from;
    return false;
  }

  const std::int32_t *pinned(std::int64_t p) const {
    return placed_.pinned + p * placed_.pinned_width;
  }

  void measure(std::int64_t p, std::int64_t q, std::vector<std::int32_t> &excesses) const {
    excesses.assign(spread_.count, 0);
    for (const std::int64_t row : {p, q}) {
      std::int32_t width = 0;
      while (width < placed_.width && chosen(row)[width] >= 0) width++;
      for (std::int32_t k = 0; k < spread_.count; k++)
        excesses[k] += excess(spread_.levels + k * spread_.nodes, shares_[std::int64_t{placed_.kind[row]} * spread_.count + k],
                              chosen(row), width);
    }
  }

  static constexpr std::int32_t MOST_LOOKS = 256;  // partitions tried for one master

  const Placed &placed_;
  const Spread &spread_;
  const std::int64_t *shares_;  // kinds by levels
  std::vector<Loss> losses_;
  std::vector<std::int64_t> begin_;
  std::vector<std::int64_t> slaves_;
  std::vector<std::int32_t> before_, after_;
};

}  // namespace mapcore::coupled
