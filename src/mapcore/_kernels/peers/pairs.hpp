// How many partitions each node shares with each of its peers, as sparse rows.
//
// Degrees are small (tens), so a row is a short list that is read from its begin: that is faster
// than hashing, and its order depends on nothing but what was done. A row that is full moves to the
// end of the pool with twice the room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mapcore::peers {

using Node = std::int32_t;  // -1: none

// Where the rows of a pool lie.
class RowPool {
public:
    RowPool(std::size_t rows, std::int32_t room) : rows_(rows), end_(0), least_(std::max(1, room)) {
        for (Row &row : rows_) {
            row = {end_, 0, least_};
            end_ += static_cast<std::size_t>(least_);
        }
    }

    std::size_t begin(Node row) const { return rows_[static_cast<std::size_t>(row)].begin; }
    std::int32_t size(Node row) const { return rows_[static_cast<std::size_t>(row)].size; }
    std::size_t end() const { return end_; }
    std::size_t count() const { return rows_.size(); }

    // Make room for one more and return its place; `move(from, to, size)` carries a row over.
    template <class Move>
    std::size_t append(Node node, Move move) {
        Row &row = rows_[static_cast<std::size_t>(node)];
        if (row.size == row.room) {
            const std::size_t from = row.begin;
            row.begin = end_;
            row.room *= 2;
            end_ += static_cast<std::size_t>(row.room);
            move(from, row.begin, static_cast<std::size_t>(row.size));
        }
        return row.begin + static_cast<std::size_t>(row.size++);
    }

    void shorten(Node row) { --rows_[static_cast<std::size_t>(row)].size; }

private:
    struct Row {
        std::size_t begin;
        std::int32_t size;
        std::int32_t room;
    };
    std::vector<Row> rows_;
    std::size_t end_;
    std::int32_t least_;
};

class PairCounts {
public:
    // `room`: how many peers a node has at first without a row being moved.
    PairCounts(std::size_t node_count, std::int32_t room)
        : pool_(node_count, room), peers_(pool_.end(), -1), counts_(pool_.end(), 0) {}

    std::int32_t degree(Node node) const { return pool_.size(node); }

    // The peers of a node and, at the same places, how many partitions it shares with each.
    const Node *peers(Node node) const { return peers_.data() + pool_.begin(node); }
    const std::int32_t *counts(Node node) const { return counts_.data() + pool_.begin(node); }

    std::int32_t shared(Node a, Node b) const {
        const std::int32_t at = find(a, b);
        return at < 0 ? 0 : counts(a)[at];
    }

    void add(Node a, Node b) {
        add_one(a, b);
        add_one(b, a);
    }

    void remove(Node a, Node b) {
        remove_one(a, b);
        remove_one(b, a);
    }

private:
    std::int32_t find(Node node, Node peer) const {
        const Node *row = peers(node);
        const std::int32_t size = pool_.size(node);
        for (std::int32_t i = 0; i < size; ++i)
            if (row[i] == peer) return i;
        return -1;
    }

    void add_one(Node node, Node peer) {
        const std::int32_t found = find(node, peer);
        if (found >= 0) {
            ++counts_[pool_.begin(node) + static_cast<std::size_t>(found)];
            return;
        }
        const std::size_t at = pool_.append(node, [this](auto from, auto to, auto size) {
            peers_.resize(pool_.end(), -1);
            counts_.resize(pool_.end(), 0);
            std::copy_n(peers_.begin() + static_cast<std::ptrdiff_t>(from), size,
                        peers_.begin() + static_cast<std::ptrdiff_t>(to));
            std::copy_n(counts_.begin() + static_cast<std::ptrdiff_t>(from), size,
                        counts_.begin() + static_cast<std::ptrdiff_t>(to));
        });
        peers_[at] = peer;
        counts_[at] = 1;
    }

    void remove_one(Node node, Node peer) {
        const std::size_t at = pool_.begin(node) + static_cast<std::size_t>(find(node, peer));
        if (--counts_[at] > 0) return;
        const std::size_t last =
            pool_.begin(node) + static_cast<std::size_t>(pool_.size(node)) - 1;
        peers_[at] = peers_[last];
        counts_[at] = counts_[last];
        pool_.shorten(node);
    }

    RowPool pool_;
    std::vector<Node> peers_;
    std::vector<std::int32_t> counts_;
};

}  // namespace mapcore::peers
