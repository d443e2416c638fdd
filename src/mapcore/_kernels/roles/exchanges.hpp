// What a node could exchange: one of its masters for another copy of the same partition, or the
// other way about.
//
// PUSH looks from a node that has too many masters, PULL from one that has too few. The reduced cost
// of an exchange, its cost and what the prices at both ends make of it, is never below zero: every
// row holds the cheapest masters at the prices. An exchange at zero is tight and keeps it so.
#pragma once

#include <algorithm>
#include <cstdint>

#include "index.hpp"
#include "interrupt.hpp"

namespace mapcore::roles {

enum class Direction { PUSH, PULL };

template <Direction D>
class Exchanges {
public:
    Exchanges(Rows &rows, Nodes &nodes, LooseRows &loose, RowIndex &all, Clock &clock)
        : rows_(rows), nodes_(nodes), loose_(loose), all_(all), clock_(clock) {
        index();
    }

    // To be called whenever prices have changed.
    void index() {
        loose_.index();
        farthest_ = nodes_[0].price;
        for (std::int32_t n = 1; n < nodes_.size(); n++)
            farthest_ = PUSHES ? std::min(farthest_, nodes_[n].price)
                               : std::max(farthest_, nodes_[n].price);
    }

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

    // Calls visit(row, other copy, reduced cost) for the exchanges of the node that cost at most
    // `limit`, until it returns true.
    template <class Visit>
    bool each(std::int32_t n, Price limit, Visit visit) {
        const auto see = [&](std::uint32_t p) { return visit_row(n, p, limit, visit); };
        if (each_of(loose_.indexed(n), see) || loose_.each_since(n, see)) return true;
        const Price price = nodes_[n].price;
        const Price cheapest_rigid = 1 + (PUSHES ? farthest_ - price : price - farthest_);
        if (cheapest_rigid > limit) return false;
        if (!all_.is_built())
            all_.build(rows_, rows_.count,
                       [](std::size_t i) { return static_cast<std::uint32_t>(i); });
        return each_of(all_.of(n),
                       [&](std::uint32_t p) { return !(rows_[p][0] & LOOSE) && see(p); });
    }

    // Exchange the masters of two nodes in a row.
    void exchange(std::uint32_t p, std::int32_t a, std::int32_t b) {
        Slot *row = rows_[p];
        for (std::size_t s = 0; s < rows_.width; s++)
            if ((node_of(row[s]) == a || node_of(row[s]) == b) && !(row[s] & FIXED))
                row[s] ^= MASTER;
        loose_.add(p);
    }

    static constexpr bool PUSHES = D == Direction::PUSH;
    static constexpr std::int32_t UNIT = PUSHES ? 1 : -1;

private:
    template <class See>
    bool each_of(Span span, See see) {
        clock_.work(span.end - span.begin);
        const std::uint32_t *ahead = span.begin;
        for (const std::uint32_t *p = span.begin; p != span.end; p++) {
            for (; ahead != span.end && ahead - p <= AHEAD; ahead++) __builtin_prefetch(rows_[*ahead]);
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
        const Price own_cost = rows_.cost(*own) + nodes_[n].price;
        for (std::size_t s = 0; s < rows_.width; s++) {
            if ((row[s] & FIXED) || (row[s] & MASTER) == own_role) continue;
            const std::int32_t other = node_of(row[s]);
            const Price other_cost = rows_.cost(row[s]) + nodes_[other].price;
            const Price reduced = PUSHES ? other_cost - own_cost : own_cost - other_cost;
            if (reduced <= limit && visit(p, other, reduced)) return true;
            if ((*own & MASTER) != own_role) return false;  // the visitor has exchanged it
        }
        return false;
    }

    static constexpr std::ptrdiff_t AHEAD = 8;

    Rows &rows_;
    Nodes &nodes_;
    LooseRows &loose_;
    RowIndex &all_;
    Clock &clock_;
    Price farthest_ = 0;  // the price that is best to exchange with
};

}  // namespace mapcore::roles
