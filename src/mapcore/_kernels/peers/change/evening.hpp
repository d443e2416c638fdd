// Cells are evened out among copies that move anyway: they cost no more wherever they go.
//
// Two of them change places, or one goes elsewhere. Loads, spread and moves stay as they are, or
// get better. Cells that are far from even may cost a few moves more, so that they do not pile up
// over many changes.
#pragma once

#include "board.hpp"

namespace mapcore::peers {

class Evening {
public:
    explicit Evening(Board &board) : board_(board), least_gain_(1) {}

    // Of all copies in these slots, those that move are looked at; then, for at most so many moves
    // more, others in uneven cells of the nodes around.
    void run(const std::vector<Slot> &slots, std::int64_t moves_more_most) {
        tries_left_ = TRIES_MOST;
        for (int turn = 0; turn < TURNS_MOST && tries_left_ > 0; ++turn) {
            look_for_moving(slots);
            bool better = false;
            for (std::size_t i = 0; i < moving_.size(); ++i)
                if (moves(moving_[i])) better |= send_on(moving_[i]) || exchange_from(i);
            if (!better) break;
        }
        look_for_moving(slots);
        spend(slots, board_.grade().moves + moves_more_most);
    }

private:
    static constexpr int TURNS_MOST = 4;
    static constexpr std::size_t LOOKED_AT = 256, TRIES_MOST = 1 << 17, SHARED_MOST = 8;

    void look_for_moving(const std::vector<Slot> &slots) {
        moving_.clear();
        for (const Slot slot : slots)
            if (moves(slot)) moving_.push_back(slot);
    }

    // Improve the most uneven cells until there have been so many moves.
    void spend(const std::vector<Slot> &slots, std::int64_t moves_most) {
        least_gain_ = board_.cells.cost_of_units(2);
        for (const Cell &cell : uneven_cells(slots)) {
            if (board_.grade().moves >= moves_most) break;
            for (const Slot slot : shared_slots(cell))
                if (send_on(slot) || exchange_with_moving(slot)) break;
        }
        least_gain_ = 1;
    }

    struct Cell {
        std::int64_t cost;
        Node a, b;
        bool operator<(const Cell &other) const {
            return std::tie(other.cost, a, b) < std::tie(cost, other.a, other.b);
        }
    };

    // Cells that are far from even, the most uneven first, of the nodes that the slots stand next
    // to.
    std::vector<Cell> uneven_cells(const std::vector<Slot> &slots) const {
        const State &state = board_.state;
        std::vector<Node> nodes;
        for (const Slot slot : slots)
            for (Slot other = state.row_of(slot); other < state.row_of(slot) + state.width();
                 ++other)
                if (state.node(other) >= 0) nodes.push_back(state.node(other));
        std::sort(nodes.begin(), nodes.end());
        nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
        std::vector<Cell> found;
        for (const Node a : nodes)
            for (std::int32_t i = 0; i < state.degree(a); ++i) {
                const Node b = state.pairs().peers(a)[i];
                const std::int32_t shared = state.pairs().counts(a)[i];
                if (board_.cells.is_uneven(a, b, shared))
                    found.push_back(
                        {board_.cells.cost(a, b, shared), std::min(a, b), std::max(a, b)});
            }
        std::sort(found.begin(), found.end());
        found.erase(
            std::unique(found.begin(), found.end(),
                        [](const Cell &x, const Cell &y) { return x.a == y.a && x.b == y.b; }),
            found.end());
        return found;
    }

    // Some copies of both nodes, of partitions that they share.
    std::vector<Slot> shared_slots(const Cell &cell) const {
        const State &state = board_.state;
        std::vector<Slot> found;
        const std::int32_t load = state.load(cell.a);
        for (std::int32_t i = 0; i < load && found.size() < SHARED_MOST; ++i) {
            const Slot slot = state.slots(cell.a)[i], other = state.slot_in_row(slot, cell.b);
            if (other < 0 || !state.makes_peers(slot, other)) continue;
            found.push_back(slot);
            found.push_back(other);
        }
        return found;
    }

    bool exchange_with_moving(Slot slot) {
        const std::size_t looked_at = std::min({moving_.size(), LOOKED_AT, tries_left_});
        tries_left_ -= looked_at;
        for (std::size_t k = 0; k < looked_at; ++k)
            if (exchange(slot, moving_[k])) return true;
        return false;
    }

    bool moves(Slot slot) const {
        const Node node = board_.state.node(slot);
        return node >= 0 && !board_.is_held(slot, node);
    }

    // To a peer of the partition's other nodes, if loads allow it.
    bool send_on(Slot slot) {
        const State &state = board_.state;
        const Slot row = state.row_of(slot);
        Node best = -1;
        std::int64_t least = 1 - least_gain_;
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
        const std::size_t count = moving_.size();
        const std::size_t looked_at = std::min({count - 1, LOOKED_AT, tries_left_});
        tries_left_ -= looked_at;
        for (std::size_t k = 1; k <= looked_at; ++k)
            if (exchange(moving_[at], moving_[(at + k) % count])) return true;
        return false;
    }

    bool exchange(Slot a, Slot b) {
        const State &state = board_.state;
        const Node in_a = state.node(a), in_b = state.node(b);
        board_.clock.work(4);
        if (in_a == in_b || !moves(b) || state.row_of(a) == state.row_of(b)) return false;
        if (board_.admit(a, in_b) < 0 || board_.admit(b, in_a) < 0) return false;
        const Board::Mark mark = board_.mark();
        std::int64_t cost = 0;
        const bool fits =
            put(a, -1, cost) && put(b, -1, cost) && put(a, in_b, cost) && put(b, in_a, cost);
        if (fits && cost <= -least_gain_) return true;
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
    std::size_t tries_left_ = 0;
    std::int64_t least_gain_;
};

}  // namespace mapcore::peers
