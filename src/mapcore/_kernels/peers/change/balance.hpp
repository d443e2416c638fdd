// Loads are brought to what they shall be: by the shortest chains first, and by whole partitions.
#pragma once

#include "paths.hpp"
#include "rows.hpp"

namespace mapcore::peers {

class Balance {
public:
    // `shifts_rows`: whether whole partitions are of use; not where each value of a level holds one
    // copy of each, so that none takes load off another.
    Balance(Board &board, Paths &paths, RowMoves &rows, bool shifts_rows)
        : board_(board),
          paths_(paths),
          rows_(rows),
          shifts_rows_(shifts_rows),
          is_wide_(board.state.node_count() > WIDE),
          tried_(board.state.node_count(), 0) {}

    void even_out() {
        std::fill(tried_.begin(), tried_.end(), 0);
        for (int moves = 1; moves <= MOVES_MOST && !is_even();)
            moves = improve(moves) ? 1 : moves + 1;
    }

private:
    static constexpr int MOVES_MOST = 6;
    static constexpr std::size_t WIDE = 500;  // nodes

    bool is_even() {
        low_.clear();
        high_.clear();
        for (std::size_t n = 0; n < board_.state.node_count(); ++n) {
            const auto node = static_cast<Node>(n);
            if (board_.law.below(node) > 0) low_.push_back({-board_.law.below(node), node});
            if (board_.law.above(node) > 0) high_.push_back({-board_.law.above(node), node});
        }
        std::sort(low_.begin(), low_.end());
        std::sort(high_.begin(), high_.end());
        return low_.empty() && high_.empty();
    }

    // Do what a unit of load may cost so many moves for.
    bool improve(int moves) {
        bool better = false;
        for (const auto &[_, node] : low_)
            while (board_.law.below(node) > 0 && pull(node, moves))
                better = true;
        if (better) return true;
        for (const auto &[_, node] : high_)
            while (board_.law.above(node) > 0 && push(node, moves))
                better = true;
        if (better) return true;
        if (moves == 1) return move_rows(2, shifts_rows_);
        for (const auto &[_, node] : low_)
            better |= board_.law.below(node) > 0 && paths_.pull(node, moves, true);
        for (const auto &[_, node] : high_)
            better |= board_.law.above(node) > 0 && paths_.push(node, moves, true);
        return better || move_rows(1, moves >= 3 || shifts_rows_);
    }

    bool pull(Node node, int moves) {
        if (high_.empty()) return paths_.pull(node, moves, true);
        return may_try(node, moves) && paths_.pull(node, moves, false);
    }

    bool push(Node node, int moves) {
        if (low_.empty()) return paths_.push(node, moves, true);
        return may_try(node, moves) && paths_.push(node, moves, false);
    }

    // Where there are many nodes, one with too few copies is hardly ever near one with too many:
    // that is looked for once.
    bool may_try(Node node, int moves) {
        int &tried = tried_[static_cast<std::size_t>(node)];
        if (is_wide_ && tried >= moves) return false;
        tried = moves;
        return true;
    }

    bool move_rows(std::int64_t gain, bool from_overfull) {
        std::vector<Node> overfull;
        for (const auto &[_, node] : high_)
            overfull.push_back(node);
        bool better = false;
        for (const Node node : overfull)
            if (from_overfull && board_.law.above(node) > 0 && rows_.take_from(node, gain)) {
                better = true;
                if (!is_wide_) return true;
            }
        for (const auto &[_, node] : low_)
            if (board_.law.below(node) > 0 && rows_.bring_to(node, overfull, gain)) {
                better = true;
                if (!is_wide_) return true;
            }
        return better;
    }

    Board &board_;
    Paths &paths_;
    RowMoves &rows_;
    bool shifts_rows_, is_wide_;
    std::vector<int> tried_;  // by node: the most moves that a search was tried with
    std::vector<std::pair<std::int64_t, Node>> low_, high_;
};

}  // namespace mapcore::peers
