// The start: in every row the masters that are cheapest while all prices are zero.
//
// Where more copies are equally cheap than are needed, the row is open, and the node that needs a
// master most gets it: the one that lacks most for each chance that it still has.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "index.hpp"
#include "../interrupt.hpp"

namespace mapcore::roles {

struct Given {
    const std::int32_t *placed;
    const std::int32_t *current;
    std::size_t current_width;
    const std::int32_t *preferred;  // or null
    std::size_t preferred_width;
    const std::int32_t *asked;
    const std::uint8_t *may_lead;
    const std::uint8_t *candidates;  // aligned with placed, or null where all copies are
    bool keep_current;
};

// Whether a node stands in a list of a row, for short and for long lists.
class Membership {
public:
    Membership(const std::int32_t *lists, std::size_t width, std::size_t row_width,
               std::int32_t node_count)
        : lists_(lists), width_(width) {
        if (width * row_width > 64) row_of_.assign(static_cast<std::size_t>(node_count), 0);
    }

    void enter(std::size_t p) {
        list_ = lists_ + p * width_;
        stamp_ = p + 1;
        if (row_of_.empty()) return;
        for (std::size_t i = 0; i < width_; i++)
            if (list_[i] >= 0 && static_cast<std::size_t>(list_[i]) < row_of_.size())
                row_of_[list_[i]] = stamp_;
    }

    bool has(std::int32_t node) const {
        if (!row_of_.empty()) return row_of_[node] == stamp_;
        for (std::size_t i = 0; i < width_; i++)
            if (list_[i] == node) return true;
        return false;
    }

private:
    const std::int32_t *lists_;
    std::size_t width_;
    const std::int32_t *list_ = nullptr;
    std::size_t stamp_ = 0;
    std::vector<std::size_t> row_of_;
};

class Start {
public:
    Start(const Given &given, Rows &rows, Nodes &nodes, TightRows &tight, Clock &clock)
        : given_(given),
          rows_(rows),
          nodes_(nodes),
          tight_(tight),
          clock_(clock),
          chances_(static_cast<std::size_t>(nodes.size()), 0) {}

    // Returns the masters asked for that no copy can be.
    std::int64_t run() {
        const bool is_plain =
            !given_.preferred && !given_.candidates && given_.current_width == 1;
        Membership current(given_.current, given_.current_width, rows_.width, nodes_.size());
        Membership preferred(given_.preferred, given_.preferred_width, rows_.width, nodes_.size());
        for (std::size_t p = 0; p < rows_.count; p++) {
            if (p % BLOCK == 0) clock_.work(BLOCK);
            if (is_plain && given_.asked[p] == 1 && keep_only_master(p)) continue;
            current.enter(p);
            if (given_.preferred) preferred.enter(p);
            fill(p, current, preferred);
        }
        set_goal();
        for (const Open &open : open_) decide(open);
        return missing_;
    }

private:
    struct Open {
        std::uint32_t row;
        std::int32_t wanted;
        Slot kind;  // the flags of the copies to choose from
    };

    // Kinds of copies, cheapest first; copies of one kind cost the same.
    static constexpr std::array<Slot, 4> KINDS{CURRENT | PREFERRED, CURRENT, PREFERRED, 0};

    static bool is_kind(Slot slot, Slot kind) {
        return (slot & (CURRENT | PREFERRED | FIXED)) == kind;
    }

    Slot word(std::int32_t n) const {
        return n < 0 ? FIXED : static_cast<Slot>(n) << FLAG_BITS | (given_.may_lead[n] ? 0 : FIXED);
    }

    // The common case: one master is asked for, and that of now has a copy that may lead.
    bool keep_only_master(std::size_t p) {
        const std::int32_t *placed = given_.placed + p * rows_.width;
        const std::int32_t master = given_.current[p];
        if (master < 0 || master >= nodes_.size() || !given_.may_lead[master]) return false;
        Slot *row = rows_[p];
        bool is_held = false;
        for (std::size_t s = 0; s < rows_.width; s++) {
            const bool is_master = placed[s] == master;
            row[s] = word(placed[s]) | (is_master ? MASTER | CURRENT | PREFERRED : 0) |
                     (given_.keep_current ? FIXED : 0);
            is_held |= is_master;
        }
        if (is_held) nodes_[master].load++;
        return is_held;
    }

    void fill(std::size_t p, const Membership &current, const Membership &preferred) {
        Slot *row = rows_[p];
        const std::int32_t *placed = given_.placed + p * rows_.width;
        std::int32_t counts[4] = {0, 0, 0, 0}, able = 0;
        for (std::size_t s = 0; s < rows_.width; s++) {
            row[s] = word(placed[s]);
            if (given_.candidates && !given_.candidates[p * rows_.width + s]) row[s] |= FIXED;
            if (row[s] & FIXED) continue;
            const bool is_current = current.has(placed[s]);
            const bool is_preferred = given_.preferred ? preferred.has(placed[s]) : is_current;
            row[s] |= (is_current ? CURRENT : 0) | (is_preferred ? PREFERRED : 0);
            counts[(is_current ? 0 : 2) + (is_preferred ? 0 : 1)]++;
            able++;
        }
        const std::int32_t asked = std::max(given_.asked[p], 0);
        std::int32_t wanted = std::min(asked, able);
        missing_ += asked - wanted;
        const bool current_suffice = counts[0] + counts[1] >= wanted;
        for (std::size_t k = 0; k < 4 && wanted > 0; k++) {
            if (counts[k] > wanted)
                leave_open(p, wanted, KINDS[k]);
            else if (counts[k] > 0)
                choose_all(row, KINDS[k]);
            wanted -= std::min(wanted, counts[k]);
        }
        if (given_.keep_current) fix(row, current_suffice ? 0 : CURRENT);
    }

    void choose_all(Slot *row, Slot kind) {
        for (std::size_t s = 0; s < rows_.width; s++)
            if (is_kind(row[s], kind)) choose(row[s]);
    }

    void choose(Slot &slot) {
        slot |= MASTER;
        nodes_[node_of(slot)].load++;
    }

    void leave_open(std::size_t p, std::int32_t wanted, Slot kind) {
        open_.push_back({static_cast<std::uint32_t>(p), wanted, kind});
        const Slot *row = rows_[p];
        for (std::size_t s = 0; s < rows_.width; s++)
            if (is_kind(row[s], kind)) chances_[node_of(row[s])]++;
    }

    // Copies whose role may not change: those of now, or all others where those of now suffice.
    void fix(Slot *row, Slot current) {
        for (std::size_t s = 0; s < rows_.width; s++)
            if ((row[s] & CURRENT) == current) row[s] |= FIXED;
    }

    // How far between lower and upper the nodes have to come for all masters to find a place.
    void set_goal() {
        std::int64_t room = 0, lacking = 0;
        for (const Open &open : open_) lacking += open.wanted;
        for (std::int32_t n = 0; n < nodes_.size(); n++) {
            room += nodes_[n].upper - nodes_[n].lower;
            lacking += nodes_[n].load - nodes_[n].lower;
        }
        goal_ = std::clamp(room > 0 ? lacking * WHOLE / room : 0, std::int64_t{0}, WHOLE);
    }

    void decide(const Open &open) {
        Slot *row = rows_[open.row];
        clock_.work(1);
        for (std::int32_t w = 0; w < open.wanted; w++) {
            Slot *best = nullptr;
            for (std::size_t s = 0; s < rows_.width; s++)
                if (is_kind(row[s], open.kind) && !(row[s] & MASTER) &&
                    (!best || needs_more(node_of(row[s]), node_of(*best))))
                    best = row + s;
            choose(*best);
        }
        for (std::size_t s = 0; s < rows_.width; s++)
            if (is_kind(row[s], open.kind)) chances_[node_of(row[s])]--;
        tight_.add(open.row);
    }

    // What a node lacks, in parts of WHOLE.
    std::int64_t lack(std::int32_t n) const {
        const Node &node = nodes_[n];
        return (node.lower - node.load) * WHOLE + (node.upper - node.lower) * goal_;
    }

    bool needs_more(std::int32_t a, std::int32_t b) const {
        const std::int64_t a_lacks = lack(a), b_lacks = lack(b);
        if (a_lacks > 0 && b_lacks > 0) return a_lacks * chances_[b] > b_lacks * chances_[a];
        return a_lacks > b_lacks;
    }

    static constexpr std::int64_t WHOLE = 1 << 10;
    static constexpr std::size_t BLOCK = 1 << 14;

    const Given &given_;
    Rows &rows_;
    Nodes &nodes_;
    TightRows &tight_;
    Clock &clock_;
    std::int64_t missing_ = 0;
    std::int64_t goal_ = 0;  // in parts of WHOLE
    std::vector<Open> open_;
    std::vector<std::int32_t> chances_;  // open rows from which a node may still get a master
};

}  // namespace mapcore::roles
