// Balancing: exchanges along tight paths, and a change of prices where no tight path is left.
// (The primal-dual method for minimum-cost flow, Ford and Fulkerson 1957. Many paths are sought
// between two changes of prices, in rounds that enter a node at most once, as Pothen and Fan 1990
// do for matchings.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "exchanges.hpp"
#include "repricing.hpp"

namespace mapcore::roles {

template <Direction D>
class Balance {
public:
    Balance(Rows &rows, Nodes &nodes, TightRows &tight, RowIndex &all, Clock &clock)
        : nodes_(nodes),
          exchanges_(rows, nodes, tight, all, clock),
          repricing_(nodes, exchanges_),
          came_from_(static_cast<std::size_t>(nodes.size())),
          came_by_(static_cast<std::size_t>(nodes.size())) {
        for (std::int32_t n = 0; n < nodes_.size(); n++) nodes_[n].seen = UNSEEN;
    }

    void run() {
        for (std::int32_t n = 0; n < nodes_.size(); n++)
            if (surplus(n) > 0) origins_.push_back(n);
        if (origins_.size() * FEW < static_cast<std::size_t>(nodes_.size())) {
            exchanges_.look_at(origins_);
            exhaust(&Balance::exchange_with_the_opposite);
            exhaust(&Balance::exchange_directly);
        }
        if (!origins_.empty()) exchanges_.look_at_all();
        while (!origins_.empty()) {
            exhaust(&Balance::exchange_with_the_opposite);
            exhaust(&Balance::exchange_directly);
            round_ = search_ + 1;
            while (exhaust(&Balance::exchange_by_paths)) round_ = search_ + 1;
            if (!origins_.empty()) repricing_.run(dead_);
            dead_.clear();
        }
    }

private:
    std::int32_t surplus(std::int32_t n) const { return exchanges_.surplus(nodes_[n]); }

    // Tries a way to exchange on every node with a surplus; returns whether anything was exchanged.
    bool exhaust(bool (Balance::*exchange)(std::int32_t)) {
        std::size_t left = 0;
        bool any = false;
        for (const std::int32_t n : origins_) {
            if (surplus(n) > 0) any |= (this->*exchange)(n);
            if (surplus(n) > 0) origins_[left++] = n;
        }
        origins_.resize(left);
        return any;
    }

    // With nodes that have too few where this one has too many: that is two steps in one.
    bool exchange_with_the_opposite(std::int32_t origin) {
        return exchange_with(origin, [](Price to_room) { return to_room < 0; });
    }

    bool exchange_directly(std::int32_t origin) {
        return exchange_with(origin, [](Price to_room) { return to_room <= 0; });
    }

    template <class IsEnd>
    bool exchange_with(std::int32_t origin, IsEnd is_end) {
        const std::int32_t before = surplus(origin);
        if (nodes_[origin].seen != DEAD)
            exchanges_.each_tight(origin, [&](std::uint32_t row, std::int32_t other) {
                if (!is_end(exchanges_.to_room(nodes_[other]))) return false;
                exchanges_.exchange(row, origin, other);
                nodes_[origin].load -= exchanges_.UNIT;
                nodes_[other].load += exchanges_.UNIT;
                return surplus(origin) <= 0;
            });
        return surplus(origin) < before;
    }

    bool exchange_by_paths(std::int32_t origin) {
        bool any = false;
        while (surplus(origin) > 0 && exchange_by_path(origin)) any = true;
        return any;
    }

    // Exchanges along a shortest tight path through nodes that this round did not enter yet. If
    // there is none, and no node of this round was in the way, there is none at these prices.
    bool exchange_by_path(std::int32_t origin) {
        if (nodes_[origin].seen == DEAD) return false;
        search_++;
        bool is_blocked = false;
        std::int32_t end = NONE;
        reached_.assign(1, origin);
        nodes_[origin].seen = search_;
        std::size_t head = 0;
        for (; head < reached_.size() && end == NONE; head++) {
            const std::int32_t from = reached_[head];
            exchanges_.each_tight(from, [&](std::uint32_t row, std::int32_t to) {
                Node &node = nodes_[to];
                if (node.seen >= round_) {
                    is_blocked |= node.seen < search_;
                    return false;
                }
                node.seen = search_;
                came_from_[to] = from;
                came_by_[to] = row;
                reached_.push_back(to);
                if (exchanges_.to_room(node) > 0) return false;
                end = to;
                return true;
            });
        }
        if (end == NONE) {
            if (!is_blocked) bury();
            return false;
        }
        for (; head < reached_.size(); head++) nodes_[reached_[head]].seen = UNSEEN;
        exchange_along(origin, end);
        return true;
    }

    void bury() {
        for (const std::int32_t n : reached_) nodes_[n].seen = DEAD;
        dead_.insert(dead_.end(), reached_.begin(), reached_.end());
    }

    // Exchanges as many masters as both ends allow, if there are as many rows on every hop.
    void exchange_along(std::int32_t origin, std::int32_t end) {
        std::int32_t units = std::min(surplus(origin), -surplus(end));
        way_.clear();
        for (std::int32_t to = end; to != origin; to = came_from_[to])
            units = add_hop(came_from_[to], to, units);
        std::int32_t done = 0, to = NONE;
        for (const Hop &hop : way_) {
            done = hop.to == to ? done + 1 : 1;
            to = hop.to;
            if (done <= units) exchanges_.exchange(hop.row, hop.from, hop.to);
        }
        nodes_[origin].load -= units * exchanges_.UNIT;
        nodes_[end].load += units * exchanges_.UNIT;
    }

    // Adds rows in which the two nodes may exchange to the way; returns how many, at most `units`.
    std::int32_t add_hop(std::int32_t from, std::int32_t to, std::int32_t units) {
        std::int32_t added = 0;
        const auto add = [&](std::uint32_t row) {
            way_.push_back({row, from, to});
            return ++added == units;
        };
        if (units == 1)
            add(came_by_[to]);
        else
            exchanges_.each_tight(from, [&](std::uint32_t row, std::int32_t other) {
                return other == to && add(row);
            });
        return added;
    }

    static constexpr std::int32_t NONE = -1;
    static constexpr std::size_t FEW = 8;  // one in as many nodes are cheaper to serve by themselves

    struct Hop {
        std::uint32_t row;
        std::int32_t from;
        std::int32_t to;
    };

    Nodes &nodes_;
    Exchanges<D> exchanges_;
    Repricing<D> repricing_;
    std::uint32_t search_ = 0;
    std::uint32_t round_ = 1;            // the first search of the round
    std::vector<std::int32_t> origins_;  // nodes with a surplus
    std::vector<std::int32_t> reached_;
    std::vector<std::int32_t> dead_;  // reached in vain at these prices
    std::vector<Hop> way_;
    std::vector<std::int32_t> came_from_;
    std::vector<std::uint32_t> came_by_;
};

}  // namespace mapcore::roles
