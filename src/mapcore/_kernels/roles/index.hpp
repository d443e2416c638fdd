// From a node to the rows in which it has a copy whose role may change.
//
// At given prices only some rows are tight: have an exchange that costs nothing. Which they are
// changes with the prices alone, as a free exchange can be taken back for nothing. So searches look
// at these rows only, and the index of all rows is built when a price needs it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rows.hpp"

namespace mapcore::roles {

struct Span {
    const std::uint32_t *begin;
    const std::uint32_t *end;
};

class RowIndex {
public:
    explicit RowIndex(std::int32_t node_count) : node_count_(node_count) {}

    // number(i) is the i-th of `count` rows, ascending or not.
    template <class Number>
    void build(const Rows &rows, std::size_t count, Number number) {
        build(rows, count, number, [](std::int32_t) { return true; });
    }

    // For those nodes alone that `is_wanted`.
    template <class Number, class Wanted>
    void build(const Rows &rows, std::size_t count, Number number, Wanted is_wanted) {
        begin_.assign(static_cast<std::size_t>(node_count_) + 2, 0);
        each_slot(rows, count, number, [&](std::uint32_t, std::int32_t n) {
            if (is_wanted(n)) begin_[static_cast<std::size_t>(n) + 2]++;
        });
        for (std::size_t n = 2; n < begin_.size(); n++) begin_[n] += begin_[n - 1];
        rows_.reset(new std::uint32_t[begin_.back()]);
        each_slot(rows, count, number, [&](std::uint32_t p, std::int32_t n) {
            if (is_wanted(n)) rows_[begin_[static_cast<std::size_t>(n) + 1]++] = p;
        });
    }

    bool is_built() const { return rows_ != nullptr; }

    Span of(std::int32_t node) const {
        const auto n = static_cast<std::size_t>(node);
        return {rows_.get() + begin_[n], rows_.get() + begin_[n + 1]};
    }

private:
    template <class Number, class Visit>
    static void each_slot(const Rows &rows, std::size_t count, Number number, Visit visit) {
        for (std::size_t i = 0; i < count; i++) {
            const std::uint32_t p = number(i);
            const Slot *row = rows[p];
            for (std::size_t s = 0; s < rows.width; s++)
                if (!(row[s] & FIXED)) visit(p, node_of(row[s]));
        }
    }

    std::int32_t node_count_;
    std::vector<std::size_t> begin_;  // while building, one further
    std::unique_ptr<std::uint32_t[]> rows_;
};

// The rows that are tight, and some that were: an index of those known when it was last built, and a
// list at each node of those that came since.
class TightRows {
public:
    TightRows(Rows &rows, std::int32_t node_count)
        : rows_(rows), index_(node_count), newest_(static_cast<std::size_t>(node_count), NONE) {}

    void expect(std::size_t count) { numbers_.reserve(count); }

    void add(std::uint32_t p) {
        Slot *row = rows_[p];
        if (row[0] & LISTED) return;
        row[0] |= LISTED;
        numbers_.push_back(p);
    }

    // Makes the rows that were added visible.
    void index() {
        if (!is_partial_ && (numbers_.size() - indexed_) * FEW < indexed_) {
            for (; listed_ < numbers_.size(); listed_++) list(numbers_[listed_]);
            return;
        }
        indexed_ = listed_ = numbers_.size();
        index_.build(rows_, indexed_, [&](std::size_t i) { return numbers_[i]; });
        is_partial_ = false;
        std::fill(newest_.begin(), newest_.end(), NONE);
        entries_.clear();
    }

    // Makes the rows of these nodes visible, if not those of all nodes are.
    void index_at(const std::vector<std::int32_t> &nodes) {
        if (!is_partial_ || nodes.empty()) return;
        std::vector<std::uint8_t> is_wanted(newest_.size(), 0);
        for (const std::int32_t n : nodes) is_wanted[static_cast<std::size_t>(n)] = 1;
        index_.build(
            rows_, numbers_.size(), [&](std::size_t i) { return numbers_[i]; },
            [&](std::int32_t n) { return is_wanted[static_cast<std::size_t>(n)] != 0; });
    }

    Span indexed(std::int32_t n) const { return index_.of(n); }

    // Calls visit(row) for rows that came since, until it returns true.
    template <class Visit>
    bool each_since(std::int32_t n, Visit visit) const {
        for (std::int32_t e = newest_[static_cast<std::size_t>(n)]; e != NONE;) {
            const Entry entry = entries_[static_cast<std::size_t>(e)];
            if (visit(entry.row)) return true;
            e = entry.next;
        }
        return false;
    }

private:
    struct Entry {
        std::uint32_t row;
        std::int32_t next;
    };

    void list(std::uint32_t p) {
        const Slot *row = rows_[p];
        for (std::size_t s = 0; s < rows_.width; s++) {
            if (row[s] & FIXED) continue;
            std::int32_t &newest = newest_[static_cast<std::size_t>(node_of(row[s]))];
            entries_.push_back({p, newest});
            newest = static_cast<std::int32_t>(entries_.size()) - 1;
        }
    }

    static constexpr std::int32_t NONE = -1;
    static constexpr std::size_t FEW = 8;  // one in as many rows may come by lists

    Rows &rows_;
    RowIndex index_;
    std::vector<std::uint32_t> numbers_;
    bool is_partial_ = true;   // whether the index leaves out nodes
    std::size_t indexed_ = 0;  // of numbers_, in the index
    std::size_t listed_ = 0;   // of numbers_, in the index or the lists
    std::vector<std::int32_t> newest_;
    std::vector<Entry> entries_;
};

}  // namespace mapcore::roles
