// Moving prices where nodes with too many (or too few) masters have no tight path left.
//
// The prices of all nodes that they reach move together, until an exchange with another node becomes
// tight, until one of them may keep a master more, or until one has no longer too many.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "exchanges.hpp"

namespace mapcore::roles {

template <Direction D>
class Repricing {
public:
    Repricing(Nodes &nodes, Exchanges<D> &exchanges)
        : nodes_(nodes),
          exchanges_(exchanges),
          distance_(static_cast<std::size_t>(nodes.size())) {}

    // `dead` are all nodes that are reached by tight paths; they are marked so, and unmarked after.
    void run(const std::vector<std::int32_t> &dead) {
        reached_ = dead;
        Price step = UNREACHABLE;
        for (const std::int32_t n : dead) {
            distance_[n] = 0;
            step = std::min(step, to_end(n));
        }
        if (step > 1 && !exchanges_.has_index() && exchanges_.has_room_at_one([&](std::int32_t n) {
                return nodes_[n].seen == DEAD;
            }))
            step = 1;
        if (step > 1) step = farther(nearest(step));
        for (const std::int32_t n : reached_) {
            nodes_[n].seen = UNSEEN;
            nodes_[n].price += std::max<Price>(step - distance_[n], 0) * exchanges_.UNIT;
        }
        exchanges_.find_tight(reached_);
    }

private:
    // How far the price of a node must go until a path may end there, or need not begin there.
    Price to_end(std::int32_t n) const {
        const Node &node = nodes_[n];
        return exchanges_.surplus(node) > 0 ? exchanges_.to_relief(node)
                                            : std::max<Price>(exchanges_.to_room(node), 0);
    }

    // The distance to the nearest end, by Dijkstra's algorithm on reduced costs; not above `end`.
    // Leaves in reached_ the nodes that are nearer.
    Price nearest(Price end) {
        using Entry = std::pair<Price, std::int32_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> heap;
        const auto settle = [&](std::int32_t n, Price distance) {
            exchanges_.each(n, [&](std::uint32_t, std::int32_t to, Price reduced) {
                Node &node = nodes_[to];
                const Price reached = distance + reduced;
                if (node.seen == DEAD || reached >= end) return false;
                if (node.seen == NEAR && reached >= distance_[to]) return false;
                if (node.seen != NEAR) reached_.push_back(to);
                node.seen = NEAR;
                distance_[to] = reached;
                end = std::min(end, reached + to_end(to));
                heap.push({reached, to});
                return false;
            });
        };
        const std::size_t dead_count = reached_.size();
        for (std::size_t i = 0; i < dead_count && end > 1; i++) settle(reached_[i], 0);
        while (!heap.empty() && heap.top().first < end) {
            const auto [distance, n] = heap.top();
            heap.pop();
            if (distance == distance_[n]) settle(n, distance);
        }
        const auto is_far = [&](std::int32_t n) { return distance_[n] >= end; };
        for (const std::int32_t n : reached_)
            if (is_far(n)) nodes_[n].seen = UNSEEN;
        reached_.erase(std::remove_if(reached_.begin(), reached_.end(), is_far), reached_.end());
        return end;
    }

    // Where the nodes reached have far too many among themselves, one step after the other would
    // take long: go on until they have too few in sum, or until an exchange with others is tight.
    // (The dual's maximum in this direction. What some of them then have too few comes from those
    // that still have too many, or is balanced later.)
    Price farther(Price nearest) {
        if (surplus_after(nearest) <= static_cast<std::int64_t>(reached_.size()) * FEW)
            return nearest;
        Price low = nearest, high = to_outside();
        while (low + 1 < high) {
            const Price middle = low + (high - low) / 2;
            (surplus_after(middle) > 0 ? low : high) = middle;
        }
        return high;
    }

    std::int64_t surplus_after(Price step) const {
        std::int64_t sum = 0;
        for (const std::int32_t n : reached_) {
            Node node = nodes_[n];
            node.price += (step - distance_[n]) * exchanges_.UNIT;
            sum += exchanges_.surplus(node);
        }
        return sum;
    }

    // The least distance to a node that was not reached.
    Price to_outside() {
        Price least = UNREACHABLE;
        for (const std::int32_t n : reached_)
            exchanges_.each(n, [&](std::uint32_t, std::int32_t to, Price reduced) {
                if (nodes_[to].seen < NEAR)
                    least = std::min(least, distance_[n] + reduced);
                return false;
            });
        return least;
    }

    static constexpr std::int64_t FEW = 4;  // too many masters a node that steps may well take

    Nodes &nodes_;
    Exchanges<D> &exchanges_;
    std::vector<Price> distance_;
    std::vector<std::int32_t> reached_;
};

}  // namespace mapcore::roles
