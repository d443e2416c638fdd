// Where nodes go and others come at once, each that comes takes the place of one that goes.
//
// It has the peers of the other one then, and gets as many of its copies as are due to it.
#pragma once

#include "board.hpp"

namespace mapcore::peers {

class Succession {
public:
    Succession(Board &board, const std::vector<Slot> &holes) : board_(board) {
        for (const Slot slot : holes) {
            const Node node = lost_at(slot);
            if (node >= 0) left_.push_back({node, slot});
        }
        std::stable_sort(left_.begin(), left_.end(),
                         [](const auto &a, const auto &b) { return a.first < b.first; });
    }

    void run(const std::vector<Node> &newcomers) {
        if (left_.empty()) return;
        for (const Node newcomer : newcomers)
            take_best_place(newcomer);
    }

private:
    static constexpr int LOOKED_AT = 64;

    // Who held the copy that is missing in a slot; -1 if nobody did.
    Node lost_at(Slot slot) const {
        const State &state = board_.state;
        const Slot row = state.row_of(slot);
        std::ptrdiff_t before = std::count_if(state.rows() + row, state.rows() + slot,
                                              [](Node node) { return node < 0; });
        const Node *current = board_.current_row(slot);
        for (std::size_t i = 0; i < board_.current_width(); ++i) {
            const Node node = current[i];
            if (node < 0 || state.slot_in_row(slot, node) >= 0) continue;
            if (before-- == 0) return node;
        }
        return -1;
    }

    void take_best_place(Node newcomer) {
        std::size_t best = 0;
        std::int64_t most = 0;
        int looked_at = 0;
        for (std::size_t i = 0; i < left_.size() && looked_at < LOOKED_AT; i = end_of(i)) {
            if (board_.state.node(left_[i].second) >= 0) continue;
            ++looked_at;
            const std::int64_t found = std::count_if(
                left_.begin() + static_cast<std::ptrdiff_t>(i),
                left_.begin() + static_cast<std::ptrdiff_t>(end_of(i)),
                [&](const auto &each) { return board_.law.may_stand(each.second, newcomer); });
            if (found > most) best = i, most = found;
        }
        for (std::size_t i = best; most > 0 && i < end_of(best); ++i) {
            if (board_.law.above(newcomer) >= 0) return;
            const Slot slot = left_[i].second;
            if (board_.state.node(slot) < 0 && board_.admit(slot, newcomer) >= 0)
                board_.set(slot, newcomer);
        }
    }

    // The end of the holes that one node left.
    std::size_t end_of(std::size_t begin) const {
        std::size_t end = begin;
        while (end < left_.size() && left_[end].first == left_[begin].first)
            ++end;
        return end;
    }

    Board &board_;
    std::vector<std::pair<Node, Slot>> left_;  // by the node that left them
};

}  // namespace mapcore::peers
