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
          shifts_rows_(shifts_rows) {}

    void even_out() {
        for (int moves = 1; moves <= MOVES_MOST && !is_even();)
            moves = improve(moves) ? 1 : moves + 1;
    }

private:
    static constexpr int MOVES_MOST = 6;

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
            if (paths_.pull(node, moves, true)) return true;
        for (const auto &[_, node] : high_)
            if (paths_.push(node, moves, true)) return true;
        return move_rows(1, moves >= 3 || shifts_rows_);
    }

    bool pull(Node node, int moves) {
        return paths_.pull(node, moves, false) || (high_.empty() && paths_.pull(node, moves, true));
    }

    bool push(Node node, int moves) {
        return paths_.push(node, moves, false) || (low_.empty() && paths_.push(node, moves, true));
    }

    bool move_rows(std::int64_t gain, bool from_overfull) {
        std::vector<Node> overfull;
        for (const auto &[_, node] : high_)
            overfull.push_back(node);
        for (const Node node : overfull)
            if (from_overfull && rows_.take_from(node, gain)) return true;
        for (const auto &[_, node] : low_)
            if (rows_.bring_to(node, overfull, gain)) return true;
        return false;
    }

    Board &board_;
    Paths &paths_;
    RowMoves &rows_;
    bool shifts_rows_;
    std::vector<std::pair<std::int64_t, Node>> low_, high_;
};

}  // namespace mapcore::peers
