// The start: in every row the masters that are cheapest while all prices are zero.
//
// Where more copies are equally cheap than are needed, the row is open, and the node that needs a
// master most gets it: the one that lacks most for each chance that it still has.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "rows.hpp"

namespace mapcore::roles {

struct Given {
    const std::int32_t *placed;
    const std::int32_t *current;
    std::size_t current_width;
    const std::int32_t *preferred;  // or null
    std::size_t preferred_width;
    const std::int32_t *asked;
    const std::uint8_t *may_lead;
    bool keep_current;
};

// Whether a node stands in a list of a row, for short and for long lists.
class Membership {
public:
    Membership(const std::int32_t *lists, std::size_t width, std::size_t row_width,
               std::size_t node_count)
        : lists_(lists), width_(width) {
        if (width * row_width > 64) row_of_.assign(node_count, 0);
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
    Start(const Given &given, Rows &rows, Nodes &nodes) : given_(given), rows_(rows), nodes_(nodes) {}

    // Returns the masters asked for that no copy can be.
    std::int64_t run() {
        Membership current(given_.current, given_.current_width, rows_.width, nodes_.size());
        Membership preferred(given_.preferred, given_.preferred ? given_.preferred_width : 0,
                             rows_.width, nodes_.size());
        std::int64_t missing = 0;
        for (std::size_t p = 0; p < rows_.count; p++) {
            current.enter(p);
            if (given_.preferred) preferred.enter(p);
            missing += fill(p, current, preferred);
        }
        for (const Open &open : open_) decide(open);
        return missing;
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

    std::int32_t fill(std::size_t p, const Membership &current, const Membership &preferred) {
        Slot *row = rows_.row(p);
        const std::int32_t *placed = given_.placed + p * rows_.width;
        std::int32_t counts[4] = {0, 0, 0, 0}, able = 0;
        for (std::size_t i = 0; i < rows_.width; i++) {
            const std::int32_t n = placed[i];
            if (n < 0 || !given_.may_lead[n]) {
                row[i] = (n < 0 ? 0 : static_cast<Slot>(n) << FLAG_BITS) | FIXED;
                continue;
            }
            const bool is_current = current.has(n);
            const bool is_preferred = given_.preferred ? preferred.has(n) : is_current;
            row[i] = static_cast<Slot>(n) << FLAG_BITS | (is_current ? CURRENT : 0) |
                     (is_preferred ? PREFERRED : 0);
            counts[(is_current ? 0 : 2) + (is_preferred ? 0 : 1)]++;
            able++;
        }
        const std::int32_t asked = std::max(given_.asked[p], 0);
        std::int32_t wanted = std::min(asked, able);
        const bool current_suffice = counts[0] + counts[1] >= wanted;
        for (int k = 0; k < 4 && wanted > 0; k++) {
            if (counts[k] > wanted)
                leave_open(p, wanted, KINDS[k]);
            else if (counts[k] > 0)
                choose_all(row, KINDS[k]);
            wanted -= std::min(wanted, counts[k]);
        }
        if (given_.keep_current) fix(row, current_suffice ? 0 : CURRENT);
        return std::max(asked - able, 0);
    }

    void choose_all(Slot *row, Slot kind) {
        for (std::size_t i = 0; i < rows_.width; i++)
            if (is_kind(row[i], kind)) choose(row[i]);
    }

    void choose(Slot &slot) {
        slot |= MASTER;
        nodes_.table[node_of(slot)].load++;
    }

    void leave_open(std::size_t p, std::int32_t wanted, Slot kind) {
        open_.push_back({static_cast<std::uint32_t>(p), wanted, kind});
        const Slot *row = rows_.row(p);
        for (std::size_t i = 0; i < rows_.width; i++)
            if (is_kind(row[i], kind)) nodes_.table[node_of(row[i])].offers++;
    }

    void fix(Slot *row, Slot current) {
        for (std::size_t i = 0; i < rows_.width; i++)
            if ((row[i] & CURRENT) == current) row[i] |= FIXED;
    }

    void decide(const Open &open) {
        Slot *row = rows_.row(open.row);
        for (std::int32_t w = 0; w < open.wanted; w++) {
            Slot *best = nullptr;
            for (std::size_t i = 0; i < rows_.width; i++)
                if (is_kind(row[i], open.kind) && !(row[i] & MASTER) &&
                    (!best || needs_more(table(row[i]), table(*best))))
                    best = row + i;
            choose(*best);
        }
        for (std::size_t i = 0; i < rows_.width; i++)
            if (is_kind(row[i], open.kind)) table(row[i]).offers--;
    }

    Node &table(Slot slot) { return nodes_.table[node_of(slot)]; }

    // Whether a needs a master more than b: below its share, then with room, then the least over.
    static bool needs_more(const Node &a, const Node &b) {
        const bool a_lacks = a.load < a.lower, b_lacks = b.load < b.lower;
        if (a_lacks != b_lacks) return a_lacks;
        const std::int64_t a_room = a_lacks ? a.lower - a.load : std::int64_t{a.upper} - a.load;
        const std::int64_t b_room = b_lacks ? b.lower - b.load : std::int64_t{b.upper} - b.load;
        if (a_room > 0 && b_room > 0) return a_room * b.offers > b_room * a.offers;
        return a_room > b_room;
    }

    const Given &given_;
    Rows &rows_;
    Nodes &nodes_;
    std::vector<Open> open_;
};

}  // namespace mapcore::roles
