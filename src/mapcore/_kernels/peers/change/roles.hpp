// Masters are evened out by exchanges of roles, which move no data.
//
// Only where the master and each slave are peers do roles decide who has which peers; where all
// copies are, roles are chosen afterwards.
#pragma once

#include "board.hpp"

namespace mapcore::peers {

class Roles {
public:
    explicit Roles(Board &board)
        : board_(board),
          seen_(board.state.node_count(), 0),
          slot_(board.state.node_count(), -1),
          next_(board.state.node_count(), -1) {}

    void even_out() {
        const auto count = static_cast<Node>(board_.state.node_count());
        for (Node node = 0; node < count; ++node) {
            while (masters(node) < least(node) && bring(node, true))
                continue;
            while (masters(node) > most(node) && bring(node, false))
                continue;
        }
    }

private:
    static constexpr std::size_t REACHED_MOST = 2000;

    std::int64_t masters(Node node) const { return board_.state.masters(node); }
    std::int64_t least(Node node) const { return board_.law.limits().masters_least[node]; }
    std::int64_t most(Node node) const { return board_.law.limits().masters_most[node]; }

    // A node leads one partition more, or one fewer, along the shortest chain of exchanges.
    bool bring(Node begin, bool more) {
        ++stamp_;
        queue_.assign(1, begin);
        seen_[static_cast<std::size_t>(begin)] = stamp_;
        for (std::size_t i = 0; i < queue_.size() && queue_.size() < REACHED_MOST; ++i) {
            const Node node = queue_[i];
            if (node != begin &&
                (more ? masters(node) > least(node) : masters(node) < most(node)) &&
                walk(begin, node, more))
                return true;
            expand(node, more);
        }
        return false;
    }

    void expand(Node node, bool more) {
        const State &state = board_.state;
        const std::int32_t load = state.load(node);
        board_.clock.work(load);
        for (std::int32_t k = 0; k < load; ++k) {
            const Slot slot = state.slots(node)[k], row = state.row_of(slot);
            if (more) {
                if (slot != row && state.node(row) >= 0 && may_exchange(slot))
                    reach(state.node(row), slot, node);
                continue;
            }
            for (Slot other = row + 1; slot == row && other < row + state.width(); ++other)
                if (state.node(other) >= 0 && may_exchange(other))
                    reach(state.node(other), other, node);
        }
    }

    void reach(Node node, Slot slot, Node next) {
        const auto at = static_cast<std::size_t>(node);
        if (seen_[at] == stamp_) return;
        seen_[at] = stamp_;
        slot_[at] = slot;
        next_[at] = next;
        queue_.push_back(node);
    }

    bool walk(Node begin, Node end, bool more) {
        const Board::Mark mark = board_.mark();
        for (Node node = end; node != begin; node = next_[static_cast<std::size_t>(node)]) {
            const Slot slot = slot_[static_cast<std::size_t>(node)];
            const Node next = next_[static_cast<std::size_t>(node)];
            const Slot row = board_.state.row_of(slot);
            const bool stands = board_.state.node(slot) == (more ? next : node) &&
                                board_.state.node(row) == (more ? node : next);
            if (!stands || !may_exchange(slot)) {
                board_.undo(mark);
                return false;
            }
            board_.state.exchange(row, slot);
        }
        return true;
    }

    // Whether a slave may lead instead of its master, with no more peers above the limit.
    bool may_exchange(Slot slot) {
        State &state = board_.state;
        const Slot row = state.row_of(slot);
        const Limits &limits = board_.law.limits();
        if (!limits.may_lead[state.node(slot)] || limits.depth_count > 0) return false;
        const std::int64_t before = peers_above(row);
        const std::size_t mark = state.mark();
        state.exchange(row, slot);
        const std::int64_t after = peers_above(row);
        state.undo(mark);
        return after <= before;
    }

    std::int64_t peers_above(Slot row) const {
        const State &state = board_.state;
        std::int64_t sum = 0;
        for (Slot slot = row; slot < row + state.width(); ++slot)
            if (state.node(slot) >= 0)
                sum += std::max(0, state.degree(state.node(slot)) - board_.law.limits().max_peers);
        return sum;
    }

    Board &board_;
    std::vector<std::int32_t> seen_;
    std::vector<Slot> slot_;
    std::vector<Node> next_, queue_;
    std::int32_t stamp_ = 0;
};

}  // namespace mapcore::peers
