// A placement under change: rows of copies, who holds what, loads, and pairs of peers.
#pragma once

#include "pairs.hpp"

namespace mapcore::peers {

using Slot = std::int32_t;  // partition * width + column; column 0 is the master's

class State {
public:
    struct Change {
        Slot slot;
        Node before;
    };

    // `rows`: partitions by width, -1 for no copy. `every_pair`: all copies of a partition are
    // peers of each other (as after any failover), not the master and each slave alone.
    State(const Node *rows, std::size_t partitions, std::size_t width, std::size_t node_count,
          bool every_pair, std::int32_t degree_expected)
        : width_(static_cast<Slot>(width)),
          every_pair_(every_pair),
          rows_(rows, rows + partitions * width),
          place_(rows_.size(), 0),
          pairs_(node_count, degree_expected),
          lists_(node_count,
                 static_cast<std::int32_t>(rows_.size() / std::max<std::size_t>(1, node_count)) + 2),
          slots_(lists_.end(), -1),
          masters_(node_count, 0) {
        for (std::size_t i = 0; i < rows_.size(); ++i)
            if (rows_[i] >= 0) enlist(static_cast<Slot>(i), rows_[i]);
        for (Slot slot = 0; slot < static_cast<Slot>(rows_.size()); ++slot) {
            if (rows_[at(slot)] < 0) continue;
            const Slot row = row_of(slot), end = every_pair_ ? slot : std::min(slot, row + 1);
            for (Slot other = row; other < end; ++other)
                if (rows_[at(other)] >= 0) pairs_.add(rows_[at(slot)], rows_[at(other)]);
        }
    }

    Slot width() const { return width_; }
    bool every_pair() const { return every_pair_; }
    Slot partition(Slot slot) const { return slot / width_; }
    Slot row_of(Slot slot) const { return slot - slot % width_; }
    std::size_t slot_count() const { return rows_.size(); }
    std::size_t node_count() const { return lists_.count(); }
    const Node *rows() const { return rows_.data(); }
    Node node(Slot slot) const { return rows_[at(slot)]; }
    std::int32_t load(Node node) const { return lists_.size(node); }
    std::int32_t masters(Node node) const { return masters_[static_cast<std::size_t>(node)]; }
    const Slot *slots(Node node) const { return slots_.data() + lists_.begin(node); }
    const PairCounts &pairs() const { return pairs_; }
    std::int32_t degree(Node node) const { return pairs_.degree(node); }

    // The slot of a node in the row of a slot, -1 for none.
    Slot slot_in_row(Slot slot, Node node) const {
        const Slot row = row_of(slot);
        for (Slot i = row; i < row + width_; ++i)
            if (rows_[at(i)] == node) return i;
        return -1;
    }

    // Whether the copies in two slots of one row make their nodes peers.
    bool makes_peers(Slot a, Slot b) const {
        return a != b && (every_pair_ || a % width_ == 0 || b % width_ == 0);
    }

    // Put another node, or none, into a slot; noted in the log.
    void set(Slot slot, Node node) {
        log_.push_back({slot, rows_[at(slot)]});
        put(slot, node);
    }

    // Two copies of a row change places: the master's role passes where one of them is in column 0.
    void exchange(Slot a, Slot b) {
        const Node in_a = node(a), in_b = node(b);
        set(a, -1);
        set(b, -1);
        set(a, in_b);
        set(b, in_a);
    }

    std::size_t mark() const { return log_.size(); }
    const std::vector<Change> &log() const { return log_; }
    void forget() { log_.clear(); }

    // Take back all changes since a mark, the last one first.
    void undo(std::size_t mark) {
        while (log_.size() > mark) {
            const Change change = log_.back();
            log_.pop_back();
            put(change.slot, change.before);
        }
    }

private:
    static std::size_t at(Slot slot) { return static_cast<std::size_t>(slot); }

    void put(Slot slot, Node node) {
        const Slot row = row_of(slot);
        const Node before = rows_[at(slot)];
        if (before >= 0) {
            for (Slot other = row; other < row + width_; ++other)
                if (rows_[at(other)] >= 0 && makes_peers(slot, other))
                    pairs_.remove(before, rows_[at(other)]);
            strike(slot, before);
        }
        rows_[at(slot)] = node;
        if (node < 0) return;
        enlist(slot, node);
        for (Slot other = row; other < row + width_; ++other)
            if (rows_[at(other)] >= 0 && makes_peers(slot, other))
                pairs_.add(node, rows_[at(other)]);
    }

    void enlist(Slot slot, Node node) {
        const std::size_t place = lists_.append(node, [this](auto from, auto to, auto size) {
            slots_.resize(lists_.end(), -1);
            std::copy_n(slots_.begin() + static_cast<std::ptrdiff_t>(from), size,
                        slots_.begin() + static_cast<std::ptrdiff_t>(to));
        });
        slots_[place] = slot;
        masters_[static_cast<std::size_t>(node)] += slot % width_ == 0;
        place_[at(slot)] = static_cast<std::int32_t>(place - lists_.begin(node));
    }

    void strike(Slot slot, Node node) {
        const std::size_t begin = lists_.begin(node);
        const std::size_t last = begin + static_cast<std::size_t>(lists_.size(node)) - 1;
        const std::size_t gap = begin + static_cast<std::size_t>(place_[at(slot)]);
        slots_[gap] = slots_[last];
        place_[at(slots_[gap])] = static_cast<std::int32_t>(gap - begin);
        lists_.shorten(node);
        masters_[static_cast<std::size_t>(node)] -= slot % width_ == 0;
    }

    Slot width_;
    bool every_pair_;
    std::vector<Node> rows_;
    std::vector<std::int32_t> place_;  // by slot: its place in the list of its node
    PairCounts pairs_;
    RowPool lists_;
    std::vector<Slot> slots_;
    std::vector<std::int32_t> masters_;  // by node: copies in column 0
    std::vector<Change> log_;
};

}  // namespace mapcore::peers
