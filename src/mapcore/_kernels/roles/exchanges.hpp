// What a node could exchange: one of its masters for another copy of the same partition, or the
// other way about.
//
// PUSH looks from a node that has too many masters, PULL from one that has too few. The reduced cost
// of an exchange, its cost and what the prices at both ends make of it, is never below zero: every
// row holds the cheapest masters at the prices. An exchange at zero is tight and keeps it so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "index.hpp"
#include "../interrupt.hpp"

namespace mapcore::roles {

enum class Direction { PUSH, PULL };

template <Direction D>
class Exchanges {
public:
    Exchanges(Rows &rows, Nodes &nodes, TightRows &tight, RowIndex &all, Clock &clock)
        : rows_(rows), nodes_(nodes), tight_(tight), all_(all), clock_(clock) {}

    // Makes the tight exchanges of these nodes known, or of all.
    void look_at(const std::vector<std::int32_t> &nodes) { tight_.index_at(nodes); }
    void look_at_all() { tight_.index(); }

    // How many masters the node has too many, or too few.
    std::int32_t surplus(const Node &node) const {
        return PUSHES ? node.load - nodes_.most(node) : nodes_.least(node) - node.load;
    }

    // How far the price must go until the node could take, or give, one master; at most zero if it
    // could now.
    Price to_room(const Node &node) const {
        return PUSHES ? nodes_.right_slope(node) - node.price : node.price - nodes_.left_slope(node);
    }

    // How far the price must go until a node with a surplus has one less.
    Price to_relief(const Node &node) const {
        return PUSHES ? nodes_.left_slope(node) - node.price : node.price - nodes_.right_slope(node);
    }

    // Calls visit(row, other node) for the tight exchanges of a node, until it returns true.
    template <class Visit>
    bool each_tight(std::int32_t n, Visit visit) {
        const auto visit_free = [&](std::uint32_t p, std::int32_t other, Price) {
            return visit(p, other);
        };
        const auto see = [&](std::uint32_t p) { return visit_row(n, p, 0, visit_free); };
        return each_of(tight_.indexed(n), see) || tight_.each_since(n, see);
    }

    // Calls visit(row, other node, reduced cost) for all exchanges of a node, until it returns true.
    template <class Visit>
    bool each(std::int32_t n, Visit visit) {
        if (!all_.is_built())
            all_.build(rows_, rows_.count,
                       [](std::size_t i) { return static_cast<std::uint32_t>(i); });
        return each_of(all_.of(n), [&](std::uint32_t p) {
            return visit_row(n, p, UNREACHABLE, visit);
        });
    }

    // Whether it is cheap to look at all exchanges of a few nodes.
    bool has_index() const { return all_.is_built(); }

    // Whether a node inside of a set could exchange at one with a node outside that has room.
    template <class IsInside>
    bool has_room_at_one(IsInside is_inside) {
        const auto has_room = [&](std::uint32_t, std::int32_t other, Price reduced) {
            return reduced == 1 && !is_inside(other) && to_room(nodes_[other]) <= 0;
        };
        for (std::size_t p = 0; p < rows_.count; p++) {
            if (p % BLOCK == 0) clock_.work(BLOCK);
            const Slot *row = rows_[p];
            for (std::size_t s = 0; s < rows_.width; s++)
                if (!(row[s] & FIXED) && is_inside(node_of(row[s])) &&
                    visit_row(node_of(row[s]), static_cast<std::uint32_t>(p), 1, has_room))
                    return true;
        }
        return false;
    }

    // To be called when the prices of nodes have changed: notes the rows that became tight. Those
    // have a copy at such a node that became dear as a master, or cheap as none.
    void find_tight(const std::vector<std::int32_t> &changed) {
        if (has_index() && changed.size() < static_cast<std::size_t>(nodes_.size()) / MANY) {
            for (const std::int32_t n : changed)
                each_of(all_.of(n), [&](std::uint32_t p) { return note_if_tight(p); });
        } else {
            std::vector<std::uint8_t> has_changed(static_cast<std::size_t>(nodes_.size()), 0);
            for (const std::int32_t n : changed) has_changed[static_cast<std::size_t>(n)] = 1;
            for (std::size_t p = 0; p < rows_.count; p++) {
                if (p % BLOCK == 0) clock_.work(BLOCK);
                Slot is_touched = 0;
                for (std::size_t s = 0; s < rows_.width; s++) {
                    const Slot slot = rows_[p][s];
                    is_touched |= has_changed[static_cast<std::size_t>(node_of(slot))] &
                                  (PUSHES ? slot : ~slot);
                }
                if (is_touched & MASTER) note_if_tight(static_cast<std::uint32_t>(p));
            }
        }
        tight_.index();
    }

    // Exchange the masters of two nodes in a row.
    void exchange(std::uint32_t p, std::int32_t a, std::int32_t b) {
        Slot *row = rows_[p];
        for (std::size_t s = 0; s < rows_.width; s++)
            if ((node_of(row[s]) == a || node_of(row[s]) == b) && !(row[s] & FIXED))
                row[s] ^= MASTER;
    }

    static constexpr bool PUSHES = D == Direction::PUSH;
    static constexpr std::int32_t UNIT = PUSHES ? 1 : -1;

private:
    Price priced(Slot slot) const { return rows_.cost(slot) + nodes_[node_of(slot)].price; }

    // A row is tight if its dearest master costs no less than its cheapest other copy.
    bool note_if_tight(std::uint32_t p) {
        const Slot *row = rows_[p];
        if (row[0] & LISTED) return false;
        Price dearest = -UNREACHABLE, cheapest = UNREACHABLE;
        for (std::size_t s = 0; s < rows_.width; s++) {
            if (row[s] & FIXED) continue;
            if (row[s] & MASTER)
                dearest = std::max(dearest, priced(row[s]));
            else
                cheapest = std::min(cheapest, priced(row[s]));
        }
        if (dearest >= cheapest) tight_.add(p);
        return false;
    }

    template <class See>
    bool each_of(Span span, See see) {
        clock_.work(span.end - span.begin);
        const std::uint32_t *ahead = span.begin;
        for (const std::uint32_t *p = span.begin; p != span.end; p++) {
            for (; ahead != span.end && ahead - p <= AHEAD; ahead++)
                __builtin_prefetch(rows_[*ahead]);
            if (see(*p)) return true;
        }
        return false;
    }

    template <class Visit>
    bool visit_row(std::int32_t n, std::uint32_t p, Price limit, Visit &visit) {
        constexpr Slot own_role = PUSHES ? MASTER : 0;
        const Slot *row = rows_[p];
        const Slot *own = row;
        while (node_of(*own) != n) own++;
        if ((*own & MASTER) != own_role) return false;
        const Price own_cost = priced(*own);
        for (std::size_t s = 0; s < rows_.width; s++) {
            if ((row[s] & FIXED) || (row[s] & MASTER) == own_role) continue;
            const Price reduced = PUSHES ? priced(row[s]) - own_cost : own_cost - priced(row[s]);
            if (reduced <= limit && visit(p, node_of(row[s]), reduced)) return true;
            if ((*own & MASTER) != own_role) return false;  // the visitor has exchanged it
        }
        return false;
    }

    static constexpr std::ptrdiff_t AHEAD = 8;
    static constexpr std::size_t BLOCK = 1 << 14;
    static constexpr std::size_t MANY = 64;  // one node in as many is cheaper to look up than to read

    Rows &rows_;
    Nodes &nodes_;
    TightRows &tight_;
    RowIndex &all_;
    Clock &clock_;
};

}  // namespace mapcore::roles
