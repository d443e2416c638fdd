// The sets of nodes that exchange data only among each other (union-find, Tarjan 1975).
#pragma once

#include <numeric>
#include <utility>

#include "moves.hpp"

namespace mapcore::schedule {

// Give each node the lowest number of its set.
inline void label_components(const Moves &moves, const Limits &limits, Index *label) {
    std::iota(label, label + limits.node_count, 0);
    const auto find = [&](Index node) {
        while (label[node] != node) node = label[node] = label[label[node]];
        return node;
    };
    for (Index m = 0; m < moves.count; m++)
        for (Wide place = moves.begin(m); place < moves.end(m); place++) {
            Index a = find(moves.target[m]);
            Index b = find(limits.node_of_volume[moves.candidate[place]]);
            if (a > b) std::swap(a, b);
            label[b] = a;
        }
    for (Index n = 0; n < limits.node_count; n++) label[n] = find(n);
}

}  // namespace mapcore::schedule
