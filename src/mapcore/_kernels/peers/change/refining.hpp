// Fewer moves by trying: a partition goes back to where it was, and loads are evened out again.
#pragma once

#include "balance.hpp"

namespace mapcore::peers {

class Refining {
public:
    Refining(Board &board, Balance &balance, Random &random)
        : board_(board),
          balance_(balance),
          random_(random) {}

    // Try each of these rows once, in any order; what is no worse is kept.
    void run(std::vector<Slot> rows) {
        for (std::size_t i = rows.size(); i > 1; --i)
            std::swap(rows[i - 1],
                      rows[static_cast<std::size_t>(random_.below(static_cast<std::int32_t>(i)))]);
        for (const Slot row : rows) {
            const Board::Mark mark = board_.mark();
            if (!send_home(row)) continue;
            balance_.even_out();
            if (mark.grade < board_.grade()) board_.undo(mark);
        }
    }

private:
    // Put copies of a row back to nodes that hold one now; False if none goes back.
    bool send_home(Slot row) {
        const Slot end = row + board_.state.width();
        std::vector<Slot> away;
        for (Slot slot = row; slot < end; ++slot) {
            const Node node = board_.state.node(slot);
            if (node >= 0 && !board_.is_held(slot, node)) away.push_back(slot);
        }
        if (away.empty()) return false;
        bool any = false;
        const Node *current = board_.current_row(row);
        const Board::Mark mark = board_.mark();
        std::vector<Node> there;
        for (const Slot slot : away) {
            there.push_back(board_.state.node(slot));
            board_.set(slot, -1);
        }
        for (std::size_t k = 0; k < away.size(); ++k) {
            for (std::size_t i = 0; i < board_.current_width(); ++i) {
                if (current[i] < 0 || board_.admit(away[k], current[i]) < 0) continue;
                board_.set(away[k], current[i]);
                any = true;
                break;
            }
            if (board_.state.node(away[k]) >= 0) continue;
            if (board_.admit(away[k], there[k]) < 0) {
                board_.undo(mark);
                return false;
            }
            board_.set(away[k], there[k]);
        }
        if (!any) board_.undo(mark);
        return any;
    }

    Board &board_;
    Balance &balance_;
    Random &random_;
};

}  // namespace mapcore::peers
