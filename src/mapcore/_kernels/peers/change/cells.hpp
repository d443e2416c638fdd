// How evenly the partitions of each node fall on its peers.
//
// A cell is how many partitions two peers share. Its cost is the square of how far that is from
// what all would share if every node used all peers that it may have; two nodes that share nothing
// cost nothing. So thick cells get thinner, and cells that are thin come to an end.
#pragma once

#include "../limits.hpp"

namespace mapcore::peers {

class Cells {
public:
    Cells(const State &state, const Law &law) : state_(state), law_(law) {}

    // What the cost changes by if a node, or none, takes over a slot.
    std::int64_t cost_more(Slot slot, Node node) const {
        const Node before = state_.node(slot);
        const Slot row = state_.row_of(slot);
        std::int64_t sum = 0;
        for (Slot other = row; other < row + state_.width(); ++other) {
            const Node peer = state_.node(other);
            if (peer < 0 || !state_.makes_peers(slot, other)) continue;
            if (node >= 0) sum += cost_change(node, peer, 1);
            if (before >= 0) sum += cost_change(before, peer, -1);
        }
        return sum;
    }

    // An even cell, in units of 1 / (2 x peers).
    std::int64_t even(Node a, Node b) const {
        const std::int64_t partners = state_.every_pair() ? state_.width() - 1 : 1;
        return partners * (law_.limits().most[a] + law_.limits().most[b]);
    }

    std::int64_t cost(Node a, Node b, std::int64_t shared) const {
        if (shared == 0) return 0;
        const std::int64_t off = 2 * law_.limits().max_peers * shared - even(a, b);
        return off * off;
    }

    // What a cell costs that is so many partitions off.
    std::int64_t cost_of_units(std::int64_t units) const {
        return units * units * 4 * law_.limits().max_peers * law_.limits().max_peers;
    }

    // Whether two nodes share less than half of what is even, or half as much again.
    bool is_uneven(Node a, Node b, std::int64_t shared) const {
        const std::int64_t twice = 4 * law_.limits().max_peers * shared;
        return twice < even(a, b) || twice > 3 * even(a, b);
    }

private:
    std::int64_t cost_change(Node a, Node b, std::int32_t more) const {
        const std::int32_t shared = state_.pairs().shared(a, b);
        return cost(a, b, shared + more) - cost(a, b, shared);
    }

    const State &state_;
    const Law &law_;
};

}  // namespace mapcore::peers
