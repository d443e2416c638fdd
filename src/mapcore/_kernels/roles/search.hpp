// Balancing by exchanges of masters in rows that cost nothing at the present prices.
//
// A push goes from a node with too many masters to nodes that could take over one of them; a pull
// from a node with too few to nodes that could give it one. Both follow tight arcs only: exchanges
// between two copies of a partition whose cost and price together are equal. So every row stays
// cheapest at the prices whatever is exchanged, and a path needs no cost to be remembered.
// (Primal-dual method for minimum-cost flow, Ford and Fulkerson 1957.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "interrupt.hpp"
#include "rows.hpp"

namespace mapcore::roles {

enum class Direction { PUSH, PULL };

template <Direction D>
class Search {
public:
    Search(Rows &rows, Nodes &nodes, const RowIndex &index, Clock &clock)
        : rows_(rows),
          nodes_(nodes),
          index_(index),
          clock_(clock),
          seen_(nodes.size(), 0),
          came_from_(nodes.size()),
          came_by_(nodes.size()),
          distance_(nodes.size()) {}

    static bool is_origin(const Nodes &nodes, std::int32_t n) {
        return D == Direction::PUSH ? nodes.has_too_many(n) : nodes.has_too_few(n);
    }

    // Balance all nodes that can be, raising prices where nothing is free.
    void run() {
        std::vector<std::int32_t> origins;
        for (std::int32_t n = 0; n < static_cast<std::int32_t>(nodes_.size()); n++)
            if (is_origin(nodes_, n)) origins.push_back(n);
        while (!origins.empty()) {
            std::size_t left = 0;
            for (const std::int32_t n : origins) {
                while (is_origin(nodes_, n) && exchange_from(n)) {
                }
                if (is_origin(nodes_, n)) origins[left++] = n;
            }
            origins.resize(left);
            if (left > 0) reprice();
        }
    }

private:
    // Calls visit(row, own slot, other slot) for the exchanges of the node, until it returns true.
    template <class Visit>
    bool each_exchange(std::int32_t n, Visit visit) {
        constexpr Slot own_role = D == Direction::PUSH ? MASTER : 0;
        const std::uint32_t *row_number = index_.begin(n), *end = index_.end(n);
        clock_.work(end - row_number);
        for (; row_number != end; row_number++) {
            if (end - row_number > AHEAD) __builtin_prefetch(rows_.row(row_number[AHEAD]));
            Slot *row = rows_.row(*row_number);
            Slot *own = row;
            while (node_of(*own) != n) own++;
            if ((*own & MASTER) != own_role) continue;
            for (Slot *other = row; other != row + rows_.width; other++)
                if (!(*other & FIXED) && (*other & MASTER) != own_role)
                    if (visit(*row_number, *own, *other)) return true;
        }
        return false;
    }

    // What an exchange between two copies costs at the prices; never below zero.
    Price reduced_cost(Slot own, Slot other) const {
        const Price difference = rows_.cost(other) + nodes_.price[node_of(other)] -
                                 rows_.cost(own) - nodes_.price[node_of(own)];
        return D == Direction::PUSH ? difference : -difference;
    }

    // How far the price of a node may still go until a path may end there; not above zero where
    // one may end now.
    Price to_end(std::int32_t n) const {
        const Node &node = nodes_.table[n];
        if (D == Direction::PUSH) return nodes_.right_slope(node) - nodes_.price[n];
        return nodes_.price[n] - nodes_.left_slope(node);
    }

    // How far the price of a node with too many or too few may go until it has them rightly.
    Price to_relief(std::int32_t n) const {
        const Node &node = nodes_.table[n];
        if (D == Direction::PUSH) return nodes_.left_slope(node) - nodes_.price[n];
        return nodes_.price[n] - nodes_.right_slope(node);
    }

    // Find a shortest tight path from the node, and exchange masters along it.
    bool exchange_from(std::int32_t origin) {
        if (seen_[origin] == DEAD) return false;
        stamp_++;
        queue_.clear();
        queue_.push_back(origin);
        seen_[origin] = stamp_;
        for (std::size_t head = 0; head < queue_.size(); head++) {
            const std::int32_t from = queue_[head];
            std::int32_t end = -1;
            each_exchange(from, [&](std::uint32_t row, Slot own, Slot other) {
                const std::int32_t to = node_of(other);
                if (seen_[to] >= stamp_ || reduced_cost(own, other) != 0) return false;
                seen_[to] = stamp_;
                came_from_[to] = from;
                came_by_[to] = row;
                queue_.push_back(to);
                if (to_end(to) > 0) return false;
                end = to;
                return true;
            });
            if (end >= 0) {
                exchange(origin, end);
                return true;
            }
        }
        for (const std::int32_t n : queue_) seen_[n] = DEAD;
        dead_.insert(dead_.end(), queue_.begin(), queue_.end());
        return false;
    }

    void exchange(std::int32_t origin, std::int32_t end) {
        const std::int32_t unit = D == Direction::PUSH ? 1 : -1;
        nodes_.table[origin].load -= unit;
        nodes_.table[end].load += unit;
        for (std::int32_t to = end; to != origin; to = came_from_[to]) {
            Slot *row = rows_.row(came_by_[to]);
            for (std::size_t i = 0; i < rows_.width; i++)
                if (node_of(row[i]) == to || node_of(row[i]) == came_from_[to])
                    if (!(row[i] & FIXED)) row[i] ^= MASTER;
        }
    }

    // Move the prices of all that the origins reach, as far as the next path or relief asks: by
    // Dijkstra's algorithm on reduced costs.
    void reprice() {
        using Entry = std::pair<Price, std::int32_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> heap;
        Price nearest = UNREACHABLE;
        settled_.clear();
        stamp_++;
        const auto settle = [&](std::int32_t n, Price distance) {
            settled_.push_back(n);
            const Price rest = is_origin(nodes_, n) ? to_relief(n)
                                                   : std::max<Price>(to_end(n), 0);
            if (distance + rest < nearest) nearest = distance + rest;
            each_exchange(n, [&](std::uint32_t, Slot own, Slot other) {
                const std::int32_t to = node_of(other);
                if (seen_[to] == DEAD) return false;
                const Price reached = distance + reduced_cost(own, other);
                if (reached < nearest && (seen_[to] != stamp_ || reached < distance_[to])) {
                    seen_[to] = stamp_;
                    distance_[to] = reached;
                    heap.push({reached, to});
                }
                return false;
            });
        };
        for (const std::int32_t n : dead_) distance_[n] = 0;
        for (const std::int32_t n : dead_) settle(n, 0);
        while (!heap.empty() && heap.top().first < nearest) {
            const auto [distance, n] = heap.top();
            heap.pop();
            if (distance == distance_[n]) settle(n, distance);
        }
        for (const std::int32_t n : settled_) {
            const Price change = nearest - distance_[n];
            if (change > 0) nodes_.price[n] += D == Direction::PUSH ? change : -change;
        }
        for (const std::int32_t n : dead_) seen_[n] = 0;
        dead_.clear();
    }

    static constexpr std::int32_t DEAD = std::numeric_limits<std::int32_t>::max();
    static constexpr std::ptrdiff_t AHEAD = 8;

    Rows &rows_;
    Nodes &nodes_;
    const RowIndex &index_;
    Clock &clock_;
    std::int32_t stamp_ = 0;
    std::vector<std::int32_t> seen_;  // the search that came last to a node, or DEAD
    std::vector<std::int32_t> came_from_;
    std::vector<std::uint32_t> came_by_;
    std::vector<Price> distance_;
    std::vector<std::int32_t> queue_;
    std::vector<std::int32_t> dead_;  // all that was reached in vain at these prices
    std::vector<std::int32_t> settled_;
};

}  // namespace mapcore::roles
