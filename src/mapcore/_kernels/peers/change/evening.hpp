// Cells are evened out among copies that move anyway: they cost no more wherever they go.
//
// Two of them change places, or one goes elsewhere. Loads, spread and moves stay as they are, or
// get better.
#pragma once

#include "board.hpp"

namespace mapcore::peers {

class Evening {
public:
    explicit Evening(Board &board) : board_(board) {}

    // Of all copies in these slots, only those that move are looked at.
    void run(const std::vector<Slot> &slots) {
        for (int turn = 0; turn < TURNS_MOST; ++turn) {
            moving_.clear();
            for (const Slot slot : slots)
                if (moves(slot)) moving_.push_back(slot);
            bool better = false;
            for (std::size_t i = 0; i < moving_.size(); ++i)
                if (moves(moving_[i])) better |= send_on(moving_[i]) || exchange_from(i);
            if (!better) return;
        }
    }

private:
    static constexpr int TURNS_MOST = 4;
    static constexpr std::size_t LOOKED_AT = 256;

    bool moves(Slot slot) const {
        const Node node = board_.state.node(slot);
        return node >= 0 && !board_.is_held(slot, node);
    }

    // To a peer of the partition's other nodes, if loads allow it.
    bool send_on(Slot slot) {
        const State &state = board_.state;
        const Slot row = state.row_of(slot);
        Node best = -1;
        std::int64_t least = 0;
        for (Slot other = row; other < row + state.width(); ++other) {
            const Node near = state.node(other);
            if (near < 0 || other == slot) continue;
            board_.clock.work(state.degree(near));
            for (std::int32_t i = 0; i < state.degree(near); ++i) {
                const Node node = state.pairs().peers(near)[i];
                if (!keeps_loads(state.node(slot), node) || board_.admit(slot, node) < 0) continue;
                const std::int64_t cost = board_.cells.cost_more(slot, node);
                if (cost < least) best = node, least = cost;
            }
        }
        if (best >= 0) board_.set(slot, best);
        return best >= 0;
    }

    bool keeps_loads(Node from, Node to) const {
        return board_.law.strain(from, -1) + board_.law.strain(to, 1) <= 0;
    }

    bool exchange_from(std::size_t at) {
        const std::size_t count = moving_.size(), looked_at = std::min(count - 1, LOOKED_AT);
        for (std::size_t k = 1; k <= looked_at; ++k)
            if (exchange(moving_[at], moving_[(at + k) % count])) return true;
        return false;
    }

    bool exchange(Slot a, Slot b) {
        const State &state = board_.state;
        const Node in_a = state.node(a), in_b = state.node(b);
        board_.clock.work(4);
        if (in_a == in_b || !moves(b) || state.row_of(a) == state.row_of(b)) return false;
        if (!board_.law.may_stand(a, in_b) || !board_.law.may_stand(b, in_a)) return false;
        const Board::Mark mark = board_.mark();
        std::int64_t cost = 0;
        const bool fits =
            put(a, -1, cost) && put(b, -1, cost) && put(a, in_b, cost) && put(b, in_a, cost);
        if (fits && cost < 0) return true;
        board_.undo(mark);
        return false;
    }

    bool put(Slot slot, Node node, std::int64_t &cost) {
        if (node >= 0 && board_.law.new_peers(slot, node) < 0) return false;
        cost += board_.cells.cost_more(slot, node);
        board_.set(slot, node);
        return true;
    }

    Board &board_;
    std::vector<Slot> moving_;
};

}  // namespace mapcore::peers
