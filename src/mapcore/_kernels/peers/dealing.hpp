// Which partition gets which row of nodes, so that nodes hold even loads.
//
// Rows stay as they are, and so do the peers of nodes; partitions of unequal load are dealt out to
// them, the largest first, each to a row of the node that is farthest below its share (longest
// processing time first: Graham, "Bounds on multiprocessing timing anomalies", 1969).
#pragma once

#include <queue>
#include <vector>

#include "../interrupt.hpp"
#include "pairs.hpp"

namespace mapcore::peers {

struct Deal {
    const Node *rows;                 // rows by width, -1 for no copy
    std::size_t count;
    std::size_t width;
    const std::int64_t *loads;        // of partitions, as many as rows, the largest first
    std::int64_t *lacking;            // by node: how far below its share it is; changed
    std::size_t node_count;
};

// Write the row of each partition.
inline void deal(const Deal &deal, std::int32_t *row_of, Clock &clock) {
    constexpr std::size_t MOST_ROWS = 64;  // of a node that are compared
    std::vector<std::vector<std::int32_t>> open(deal.node_count);
    for (std::size_t row = deal.count; row-- > 0;)
        for (std::size_t i = 0; i < deal.width; ++i)
            if (deal.rows[row * deal.width + i] >= 0)
                open[static_cast<std::size_t>(deal.rows[row * deal.width + i])].push_back(
                    static_cast<std::int32_t>(row));
    std::vector<std::uint8_t> is_taken(deal.count, 0);

    struct Entry {
        std::int64_t lacking;
        std::int32_t node;
        bool operator<(const Entry &other) const {
            return lacking != other.lacking ? lacking < other.lacking : node > other.node;
        }
    };
    std::priority_queue<Entry> queue;
    for (std::size_t node = 0; node < deal.node_count; ++node)
        if (!open[node].empty()) queue.push({deal.lacking[node], static_cast<std::int32_t>(node)});

    std::size_t next = 0;
    while (next < deal.count && !queue.empty()) {
        const Entry top = queue.top();
        queue.pop();
        std::vector<std::int32_t> &rows = open[static_cast<std::size_t>(top.node)];
        while (!rows.empty() && is_taken[static_cast<std::size_t>(rows.back())]) rows.pop_back();
        if (rows.empty()) continue;
        const std::int64_t now = deal.lacking[top.node];
        if (now != top.lacking) {
            queue.push({now, top.node});
            continue;
        }
        std::int32_t best = -1;
        std::int64_t most = 0;
        const std::size_t end = rows.size() - std::min(rows.size(), MOST_ROWS);
        for (std::size_t i = rows.size(); i-- > end;) {
            const std::int32_t row = rows[i];
            if (is_taken[static_cast<std::size_t>(row)]) continue;
            std::int64_t sum = 0;
            for (std::size_t k = 0; k < deal.width; ++k) {
                const Node node = deal.rows[static_cast<std::size_t>(row) * deal.width + k];
                if (node >= 0) sum += deal.lacking[node];
            }
            if (best >= 0 && sum <= most) continue;
            best = row;
            most = sum;
        }
        clock.work(static_cast<std::int64_t>(MOST_ROWS * deal.width));
        is_taken[static_cast<std::size_t>(best)] = 1;
        row_of[next] = best;
        for (std::size_t k = 0; k < deal.width; ++k) {
            const Node node = deal.rows[static_cast<std::size_t>(best) * deal.width + k];
            if (node >= 0) deal.lacking[node] -= deal.loads[next];
        }
        ++next;
        queue.push({deal.lacking[top.node], top.node});
    }
    // Rows without copies are left to the smallest partitions.
    for (std::size_t row = 0; row < deal.count && next < deal.count; ++row)
        if (!is_taken[row]) row_of[next++] = static_cast<std::int32_t>(row);
}

}  // namespace mapcore::peers
