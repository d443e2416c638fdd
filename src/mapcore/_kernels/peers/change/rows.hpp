// Moves of whole partitions: load that has far to go travels without new peers.
//
// A partition is taken over by the nodes that hold another one, which are peers of each other
// already. As many copies move as it has, and as many nodes are relieved, however far away they
// are.
#pragma once

#include "../../random.hpp"
#include "board.hpp"

namespace mapcore::peers {

class RowMoves {
public:
    RowMoves(Board &board, Random &random) : board_(board), random_(random) {}

    // Bring a partition to a node that has too few copies, so that strain gets less by `gain`.
    // The partition is one of an overfull node's, or any.
    bool bring_to(Node node, const std::vector<Node> &overfull, std::int64_t gain) {
        const Slot to = best_goal_with(node);
        if (to < 0) return false;
        const std::int64_t cost = strain_of_row(to, 1);
        Best best;
        int tried = 0;
        for (const Node giver : overfull) {
            if (board_.law.above(giver) <= 0) continue;
            for (std::int32_t i = 0; i < board_.state.load(giver); ++i)
                consider_source(row_at(giver, i), to, best);
            if (++tried == SOURCES_MOST) break;
        }
        if (best.row < 0 || best.strain > 0)
            for (int i = 0; i < SAMPLES; ++i)
                consider_source(any_row(), to, best);
        if (best.row < 0 || cost + best.strain > -gain) return false;
        move_row(best.row, to);
        return true;
    }

    // Take a partition off a node that has too many copies, so that strain gets less by `gain`.
    bool take_from(Node node, std::int64_t gain) {
        Slot best = -1;
        std::int64_t least = 0;
        for (std::int32_t i = 0; i < board_.state.load(node); ++i) {
            const Slot row = row_at(node, i);
            if (!may_leave(row)) continue;
            const std::int64_t score = 4 * strain_of_row(row, -1) + held_in(row);
            if (best < 0 || score < least) best = row, least = score;
        }
        return best >= 0 && place_row(best, -gain - strain_of_row(best, -1));
    }

    // Move a partition, holes and all, to where strain grows by no more than `most`.
    bool place_row(Slot row, std::int64_t most) {
        Slot best = -1;
        std::int64_t least = 0;
        for (int i = 0; i < 2 * SAMPLES; ++i) {
            const Slot to = any_row();
            if (to == row || !may_take(row, to)) continue;
            std::int64_t score = 4 * strain_of_row(to, 1);
            for (Slot k = 0; k < board_.state.width(); ++k) {
                const Node node = board_.state.node(to + k);
                if (node < 0) continue;
                score += (board_.law.above(node) >= 0) - 2 * board_.is_held(row, node);
            }
            if (best < 0 || score < least) best = to, least = score;
            if (least <= 4 * most && i >= SAMPLES / 2) break;
        }
        if (best < 0 || strain_of_row(best, 1) > most) return false;
        move_row(row, best);
        return true;
    }

private:
    static constexpr int SOURCES_MOST = 20;
    static constexpr int SAMPLES = 200;

    struct Best {
        Slot row = -1;
        std::int64_t strain = 0, moves = 0;
    };

    Slot row_at(Node node, std::int32_t i) const {
        return board_.state.row_of(board_.state.slots(node)[i]);
    }

    Slot any_row() {
        const auto rows =
            static_cast<std::int32_t>(board_.state.slot_count()) / board_.state.width();
        board_.clock.work(1);
        return random_.below(rows) * board_.state.width();
    }

    // By how much strain changes if all nodes of a row had `more` copies.
    std::int64_t strain_of_row(Slot row, std::int64_t more) const {
        std::int64_t sum = 0;
        for (Slot slot = row; slot < row + board_.state.width(); ++slot)
            if (board_.state.node(slot) >= 0)
                sum += board_.law.strain(board_.state.node(slot), more);
        return sum;
    }

    std::int64_t held_in(Slot row) const {
        std::int64_t count = 0;
        for (Slot slot = row; slot < row + board_.state.width(); ++slot) {
            const Node node = board_.state.node(slot);
            count += node >= 0 && board_.is_held(slot, node);
        }
        return count;
    }

    bool is_whole(Slot row) const {
        for (Slot slot = row; slot < row + board_.state.width(); ++slot)
            if (board_.state.node(slot) < 0) return false;
        return true;
    }

    bool may_leave(Slot row) const { return is_whole(row) && board_.law.may_clone(row, row); }

    // Whether the nodes of one row may hold the other, and hold nothing of it yet.
    bool may_take(Slot row, Slot to) const {
        if (!is_whole(to) || !board_.law.may_clone(row, to)) return false;
        for (Slot k = 0; k < board_.state.width(); ++k)
            if (board_.state.slot_in_row(row, board_.state.node(to + k)) >= 0) return false;
        return true;
    }

    Slot best_goal_with(Node node) const {
        Slot best = -1;
        std::int64_t least = 0;
        for (std::int32_t i = 0; i < board_.state.load(node); ++i) {
            const Slot row = row_at(node, i);
            if (!is_whole(row)) continue;
            const std::int64_t strain = strain_of_row(row, 1);
            if (best < 0 || strain < least) best = row, least = strain;
        }
        return best;
    }

    void consider_source(Slot row, Slot to, Best &best) const {
        if (!is_whole(row) || !may_take(row, to)) return;
        const std::int64_t strain = strain_of_row(row, -1);
        std::int64_t moves = 0;
        for (Slot k = 0; k < board_.state.width(); ++k)
            moves += board_.moves_more(row + k, board_.state.node(to + k));
        if (best.row >= 0 &&
            (strain > best.strain || (strain == best.strain && moves >= best.moves)))
            return;
        best = {row, strain, moves};
    }

    void move_row(Slot row, Slot to) {
        const Slot width = board_.state.width();
        for (Slot k = 0; k < width; ++k)
            if (board_.state.node(row + k) >= 0) board_.set(row + k, -1);
        for (Slot k = 0; k < width; ++k)
            board_.set(row + k, board_.state.node(to + k));
    }

    Board &board_;
    Random &random_;
};

}  // namespace mapcore::peers
