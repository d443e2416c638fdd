// The graph whose edges are the moves: what a stream takes a slot of while it runs.
//
// Under limits in and out apart, a node is two vertices, one for each side, and the graph is
// bipartite; under a joint limit it is one. A vertex has as many slots in each round as its limit
// says. A table of slots by rounds would be mostly empty where few nodes do most of the work; then
// nodes with little to do share a vertex of one slot, which leaves at least half of its rounds
// free, so that the sharing costs no round.
#pragma once

#include <algorithm>
#include <vector>

#include "moves.hpp"

namespace mapcore::schedule {

class Vertices {
public:
    Vertices(const Moves &moves, const Limits &limits, const std::vector<Wide> &choice,
             Index rounds)
        : source(limits.node_count, NONE), target(limits.node_count, NONE), rounds_(rounds) {
        std::vector<Index> outgoing(limits.node_count), incoming(limits.node_count);
        // Any copy may become a source later: its node needs a vertex.
        std::vector<std::uint8_t> may_send(limits.node_count);
        for (Index m = 0; m < moves.count; m++) {
            outgoing[limits.node_of_volume[moves.candidate[choice[m]]]]++;
            incoming[moves.target[m]]++;
            for (Wide place = moves.begin(m); place < moves.end(m); place++)
                may_send[limits.node_of_volume[moves.candidate[place]]] = 1;
        }
        Wide whole = 0;
        for (Index n = 0; n < limits.node_count; n++) {
            if (limits.joint != nullptr)
                whole += most_slots(limits.joint[n], outgoing[n] + incoming[n]);
            else
                whole += most_slots(limits.out[n], outgoing[n]) +
                         most_slots(limits.in[n], incoming[n]);
        }
        is_shared_ = whole * rounds > 6 * Wide{moves.count} + (1 << 20);
        if (limits.joint != nullptr) {
            join(moves, limits, outgoing, incoming, may_send);
            return;
        }
        for (Index n = 0; n < limits.node_count; n++)
            if (may_send[n]) source[n] = side(outgoing[n], limits.out[n]);
        open_ = NONE;
        for (Index n = 0; n < limits.node_count; n++)
            if (incoming[n]) target[n] = side(incoming[n], limits.in[n]);
    }

    Index count() const { return static_cast<Index>(slots.size()); }

    std::vector<Index> source;  // vertex of each node as a source
    std::vector<Index> target;  // and as a target
    std::vector<Index> slots;   // of each vertex

private:
    // Of a limit far above what is needed, so many slots as leave half of them free.
    Index most_slots(Index limit, Index degree) const {
        return std::min(limit, 2 * ((degree + rounds_ - 1) / rounds_) + 2);
    }

    Index add(Index limit, Index degree) {
        slots.push_back(most_slots(limit, degree));
        return count() - 1;
    }

    Index side(Index degree, Index limit) {
        if (!is_shared_ || 2 * Wide{degree} > rounds_) return add(limit, degree);
        if (open_ == NONE || 2 * Wide{open_load_ + degree} > rounds_) {
            open_ = add(1, 0);
            open_load_ = 0;
        }
        open_load_ += degree;
        return open_;
    }

    // Nodes that exchange data must not share a vertex: an edge has two ends.
    void join(const Moves &moves, const Limits &limits, const std::vector<Index> &outgoing,
              const std::vector<Index> &incoming, const std::vector<std::uint8_t> &may_send) {
        struct Open {
            Index vertex;
            Index load;
        };
        constexpr std::size_t OPEN_MOST = 16;
        std::vector<Index> partners;
        std::vector<Open> open;
        const NodeMoves touching(moves, limits);
        for (Index n = 0; n < limits.node_count; n++) {
            if (!may_send[n] && !incoming[n]) continue;
            const Index degree = outgoing[n] + incoming[n];
            if (!is_shared_ || 2 * Wide{degree} > rounds_) {
                source[n] = target[n] = add(limits.joint[n], degree);
                continue;
            }
            partners.clear();
            touching.collect_partners(n, partners);
            const auto fits = [&](const Open &candidate) {
                if (2 * Wide{candidate.load + degree} > rounds_) return false;
                for (const Index partner : partners)
                    if (source[partner] == candidate.vertex) return false;
                return true;
            };
            auto found = std::find_if(open.begin(), open.end(), fits);
            if (found == open.end()) {
                if (open.size() == OPEN_MOST) open.erase(open.begin());
                open.push_back({add(1, 0), 0});
                found = open.end() - 1;
            }
            found->load += degree;
            source[n] = target[n] = found->vertex;
        }
    }

    // The nodes with which each node may exchange data.
    class NodeMoves {
    public:
        NodeMoves(const Moves &moves, const Limits &limits) {
            std::vector<Index> node, partner;
            for (Index m = 0; m < moves.count; m++)
                for (Wide place = moves.begin(m); place < moves.end(m); place++) {
                    const Index from = limits.node_of_volume[moves.candidate[place]];
                    node.insert(node.end(), {from, moves.target[m]});
                    partner_.insert(partner_.end(), {moves.target[m], from});
                }
            groups_ = Groups(node.data(), static_cast<Index>(node.size()), limits.node_count);
        }

        void collect_partners(Index node, std::vector<Index> &partners) const {
            for (const Index *i = groups_.begin(node); i != groups_.end(node); i++)
                partners.push_back(partner_[*i]);
        }

    private:
        std::vector<Index> partner_;
        Groups groups_{nullptr, 0, 0};
    };

    Index rounds_;
    bool is_shared_ = false;
    Index open_ = NONE;
    Index open_load_ = 0;
};

}  // namespace mapcore::schedule
