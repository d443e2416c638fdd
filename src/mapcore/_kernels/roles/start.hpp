// The start: in every row the masters that are cheapest while all prices are zero.
//
// Where more copies are equally cheap than are needed, the row is open, and the node that needs a
// master most gets it: the one that lacks most for each chance that it still has.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
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
          wants_(static_cast<std::size_t>(nodes.size()), Want{0, 0}),
          loads_(static_cast<std::size_t>(nodes.size()), 0) {}

    // Returns the masters asked for that no copy can be.
    std::int64_t run() {
        const bool is_plain =
            !given_.preferred && !given_.candidates && given_.current_width == 1;
        Membership current(given_.current, given_.current_width, rows_.width, nodes_.size());
        Membership preferred(given_.preferred, given_.preferred_width, rows_.width, nodes_.size());
        for (std::size_t p = 0; p < rows_.count; p++) {
            if (p % BLOCK == 0) clock_.work(BLOCK);
            if (is_plain && given_.asked[p] == 1) {
                find_only_master(p);
                continue;
            }
            current.enter(p);
            if (given_.preferred) preferred.enter(p);
            fill(p, current, preferred);
        }
        add_up_loads();
        set_goal();
        tight_.expect(open_.size());
        for (std::size_t i = 0; i < open_.size(); i++) {
            if (i % BLOCK == 0) clock_.work(BLOCK);
            decide(open_[i]);
        }
        add_up_loads();
        return missing_;
    }

private:
    struct Open {
        std::uint32_t row;
        std::int32_t wanted;
        Slot kind;  // the flags of the copies to choose from
    };

    // What a node still gets, and what it could: read and written for every row, so it is small.
    struct Want {
        std::int64_t lack;     // masters that it lacks, in parts of WHOLE
        std::int32_t chances;  // open rows from which it may still get one
    };

    // Kinds of copies, cheapest first; copies of one kind cost the same.
    static constexpr std::array<Slot, 4> KINDS{CURRENT | PREFERRED, CURRENT, PREFERRED, 0};

    static bool is_kind(Slot slot, Slot kind) {
        return (slot & (CURRENT | PREFERRED | FIXED)) == kind;
    }

    Slot word(std::int32_t n) const {
        return n < 0 ? FIXED : static_cast<Slot>(n) << FLAG_BITS | (given_.may_lead[n] ? 0 : FIXED);
    }

    // The common case: one master is asked for, and it is that of now or else any copy.
    void find_only_master(std::size_t p) {
        const std::int32_t *placed = given_.placed + p * rows_.width;
        const std::int32_t master = given_.current[p];
        const bool may_stay = master >= 0 && master < nodes_.size() && given_.may_lead[master];
        Slot *row = rows_[p];
        std::int32_t able = 0;
        bool stays = false;
        for (std::size_t s = 0; s < rows_.width; s++) {
            const bool is_master = may_stay && placed[s] == master;
            row[s] = word(placed[s]) | (is_master ? MASTER | CURRENT | PREFERRED : 0);
            able += !(row[s] & FIXED);
            stays |= is_master;
        }
        if (stays) {
            loads_[static_cast<std::size_t>(master)]++;
            for (std::size_t s = 0; given_.keep_current && s < rows_.width; s++) row[s] |= FIXED;
        } else if (able > 1) {
            leave_open(p, 1, 0);
        } else if (able == 1) {
            choose_all(row, 0);
        } else {
            missing_++;
        }
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
        loads_[static_cast<std::size_t>(node_of(slot))]++;
    }

    Want &want(Slot slot) { return wants_[static_cast<std::size_t>(node_of(slot))]; }

    void leave_open(std::size_t p, std::int32_t wanted, Slot kind) {
        if (open_.empty()) open_.reserve(rows_.count - p);
        open_.push_back({static_cast<std::uint32_t>(p), wanted, kind});
        const Slot *row = rows_[p];
        for (std::size_t s = 0; s < rows_.width; s++)
            if (is_kind(row[s], kind)) want(row[s]).chances++;
    }

    // Copies whose role may not change: those of now, or all others where those of now suffice.
    void fix(Slot *row, Slot current) {
        for (std::size_t s = 0; s < rows_.width; s++)
            if ((row[s] & CURRENT) == current) row[s] |= FIXED;
    }

    void add_up_loads() {
        for (std::int32_t n = 0; n < nodes_.size(); n++) {
            std::int32_t &load = loads_[static_cast<std::size_t>(n)];
            nodes_[n].load += load;
            load = 0;
        }
    }

    // How far between lower and upper the nodes have to come for all masters to find a place.
    void set_goal() {
        std::int64_t room = 0, lacking = 0;
        for (const Open &open : open_) lacking += open.wanted;
        for (std::int32_t n = 0; n < nodes_.size(); n++) {
            room += nodes_[n].upper - nodes_[n].lower;
            lacking += nodes_[n].load - nodes_[n].lower;
        }
        const std::int64_t goal =
            std::clamp(room > 0 ? lacking * WHOLE / room : 0, std::int64_t{0}, WHOLE);
        for (std::int32_t n = 0; n < nodes_.size(); n++) {
            const Node &node = nodes_[n];
            wants_[static_cast<std::size_t>(n)].lack =
                (std::int64_t{node.lower} - node.load) * WHOLE +
                (std::int64_t{node.upper} - node.lower) * goal;
        }
    }

    void decide(const Open &open) {
        Slot *row = rows_[open.row];
        for (std::int32_t w = 0; w < open.wanted; w++) {
            std::size_t best = 0;
            double most = -std::numeric_limits<double>::infinity();
            for (std::size_t s = 0; s < rows_.width; s++) {
                if (!is_kind(row[s], open.kind) || (row[s] & MASTER)) continue;
                const double need = need_of(want(row[s]));
                best = need > most ? s : best;
                most = std::max(most, need);
            }
            row[best] |= MASTER;
            want(row[best]).lack -= WHOLE;
            loads_[static_cast<std::size_t>(node_of(row[best]))]++;
        }
        for (std::size_t s = 0; s < rows_.width; s++)
            if (is_kind(row[s], open.kind)) want(row[s]).chances--;
        tight_.add(open.row);
    }

    static double need_of(const Want &want) {
        const std::int32_t shared_by = want.lack > 0 ? want.chances : 1;
        return static_cast<double>(want.lack) / shared_by;
    }

    static constexpr std::int64_t WHOLE = 1 << 10;
    static constexpr std::size_t BLOCK = 1 << 14;

    const Given &given_;
    Rows &rows_;
    Nodes &nodes_;
    TightRows &tight_;
    Clock &clock_;
    std::int64_t missing_ = 0;
    std::vector<Open> open_;
    std::vector<Want> wants_;           // by node
    std::vector<std::int32_t> loads_;  // by node: masters that it has not been told of yet
};

}  // namespace mapcore::roles
