// A first placement by one sweep around a ring of nodes.
//
// Each node leads its share of partitions and takes their slaves from the places near it on the
// ring, always those that are furthest behind what they are due by then. So a node's peers are its
// neighbours, and the width of the window says how many they are.
#pragma once

#include <vector>

#include "../interrupt.hpp"
#include "limits.hpp"

namespace mapcore::peers {

struct Ring {
    std::size_t size;
    const Node *order;              // the node at each place
    const std::int64_t *masters;    // by place: partitions that it leads
    const std::int64_t *slaves;     // by place: copies due besides, in units of 1 / DUE_ONE
    std::size_t ahead;              // places of the window after the master's
    std::size_t behind;             // and before it
};

struct Swept {
    const std::int32_t *partitions;  // those that are filled; all of one class
    std::size_t count;
    std::size_t copies;              // of each
    const std::uint8_t *must_hold;   // by node: of the places that hold copies of all; may be null
    std::size_t bound;               // how many copies of each partition go to such places
};

class Sweep {
public:
    static constexpr std::int64_t DUE_ONE = std::int64_t{1} << 20;

    Sweep(const Limits &limits, const Ring &ring, const Swept &swept, Node *rows, std::size_t width)
        : limits_(limits), ring_(ring), swept_(swept), width_(width), copies_(swept.copies),
          rows_(rows), behind_due_(ring.size, 0), rates_(ring.size, 0) {}

    void run(Clock &clock) {
        const std::size_t count = swept_.count;
        if (count == 0 || ring_.size == 0) return;
        row_class_ = static_cast<std::size_t>(limits_.row_class[swept_.partitions[0]]);
        set_rates();
        std::size_t next = 0;
        for (std::size_t place = 0; place < ring_.size && next < count; ++place) {
            open_window(place);
            const bool is_last = place + 1 == ring_.size;
            std::int64_t left = ring_.masters[place];
            for (; next < count && (left > 0 || is_last); --left)
                fill(swept_.partitions[next++], place);
            clock.work(static_cast<std::int64_t>((window_.size() + 1) * copies_) *
                       (ring_.masters[place] + 1));
        }
    }

private:
    struct Candidate {
        std::size_t place;
        std::int64_t taken;  // partitions of this master that it has a copy of
    };

    std::int32_t value(std::size_t level, Node node) const {
        return limits_.levels[level * limits_.node_count + static_cast<std::size_t>(node)];
    }

    std::int32_t share(std::size_t level) const {
        return limits_.class_shares[row_class_ * limits_.level_count + level];
    }

    std::size_t span() const { return std::min(ring_.size - 1, ring_.ahead + ring_.behind); }

    // The place of the window's member `i`: the nearest ones first.
    std::size_t member(std::size_t place, std::size_t i) const {
        const std::size_t paired = 2 * std::min(ring_.ahead, ring_.behind);
        if (i < paired ? i % 2 == 0 : ring_.ahead > ring_.behind) {
            const std::size_t step = i < paired ? i / 2 + 1 : i - paired / 2 + 1;
            return (place + step) % ring_.size;
        }
        const std::size_t step = i < paired ? i / 2 + 1 : i - paired / 2 + 1;
        return (place + ring_.size - step) % ring_.size;
    }

    // Whether a slave may stand here beside this master alone.
    bool fits(Node master, Node slave) const {
        for (std::size_t level = 0; level < limits_.level_count; ++level)
            if (share(level) < 2 && value(level, master) == value(level, slave)) return false;
        if (limits_.depth_count == 0) return true;
        for (std::size_t column = 1; column < copies_; ++column)
            if (is_close(column, master, slave)) return true;
        return false;
    }

    bool is_close(std::size_t column, Node master, Node slave) const {
        const std::size_t depths = limits_.depth_count;
        const std::int32_t *a = limits_.ancestors + static_cast<std::size_t>(master) * depths;
        const std::int32_t *b = limits_.ancestors + static_cast<std::size_t>(slave) * depths;
        std::size_t same = 0;
        while (same < depths && a[same] == b[same]) ++same;
        return static_cast<std::int32_t>(same) >= limits_.closeness[2 * column] &&
               static_cast<std::int32_t>(same) < limits_.closeness[2 * column + 1];
    }

    // What a node is due for each partition in whose window it is.
    void set_rates() {
        std::vector<std::int64_t> seen(ring_.size, 0);
        for (std::size_t place = 0; place < ring_.size; ++place)
            for (std::size_t i = 0; i < span(); ++i) {
                const std::size_t other = member(place, i);
                if (fits(ring_.order[place], ring_.order[other])) seen[other] += ring_.masters[place];
            }
        for (std::size_t place = 0; place < ring_.size; ++place)
            rates_[place] = seen[place] > 0 ? ring_.slaves[place] / seen[place] : 0;
    }

    void open_window(std::size_t place) {
        window_.clear();
        for (std::size_t i = 0; i < span(); ++i) {
            const std::size_t other = member(place, i);
            if (fits(ring_.order[place], ring_.order[other])) window_.push_back({other, 0});
        }
        // An even share for each member of the window breaks ties.
        evenness_ = DUE_ONE / (4 * (ring_.masters[place] + 1));
    }

    void fill(std::int32_t partition, std::size_t place) {
        Node *row = rows_ + static_cast<std::size_t>(partition) * width_;
        row[0] = ring_.order[place];
        for (const Candidate &each : window_) behind_due_[each.place] += rates_[each.place];
        for (std::size_t column = 1; column < copies_; ++column) {
            Candidate *best = nullptr;
            std::int64_t most = 0;
            const bool must = is_bound(row, column);
            for (Candidate &each : window_) {
                const std::int64_t score = behind_due_[each.place] - evenness_ * each.taken;
                if (best != nullptr && score <= most) continue;
                if (!may_follow(row, column, ring_.order[each.place], must)) continue;
                best = &each;
                most = score;
            }
            if (best == nullptr) {
                row[column] = nearest(row, column, place);
                continue;
            }
            ++best->taken;
            behind_due_[best->place] -= DUE_ONE;
            row[column] = ring_.order[best->place];
        }
    }

    // Whether all copies that are left must go to the places that hold a copy of every partition.
    bool is_bound(const Node *row, std::size_t column) const {
        if (swept_.must_hold == nullptr) return false;
        std::size_t lacking = swept_.bound;
        for (std::size_t i = 0; i < column; ++i)
            if (swept_.must_hold[row[i]]) lacking -= lacking > 0;
        return lacking >= copies_ - column;
    }

    bool may_follow(const Node *row, std::size_t column, Node node, bool must) const {
        if (must && !swept_.must_hold[node]) return false;
        for (std::size_t i = 0; i < column; ++i)
            if (row[i] == node) return false;
        if (limits_.depth_count > 0 && !is_close(column, row[0], node)) return false;
        for (std::size_t level = 0; level < limits_.level_count; ++level) {
            std::int32_t with = 0;
            for (std::size_t i = 0; i < column; ++i)
                with += value(level, row[i]) == value(level, node);
            if (with >= share(level)) return false;
        }
        return true;
    }

    // The nearest node on the ring that may follow, or that is not in the row; -1 if all are.
    Node nearest(const Node *row, std::size_t column, std::size_t place) const {
        Node other = -1;
        for (std::size_t step = 1; step < ring_.size; ++step) {
            const Node node = ring_.order[(place + step) % ring_.size];
            if (may_follow(row, column, node, false)) return node;
            if (other < 0 && std::find(row, row + column, node) == row + column) other = node;
        }
        return other;
    }

    const Limits &limits_;
    const Ring &ring_;
    const Swept &swept_;
    std::size_t width_;
    std::size_t copies_;
    Node *rows_;
    std::size_t row_class_ = 0;
    std::vector<std::int64_t> behind_due_;
    std::vector<std::int64_t> rates_;
    std::vector<Candidate> window_;
    std::int64_t evenness_ = 0;
};

}  // namespace mapcore::peers
