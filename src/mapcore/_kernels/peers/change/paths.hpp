// Chains of single moves: one node gets a copy more, the one at the other end has one fewer.
//
// A node takes a copy over from another, which takes one over from a third, and so on; cheapest
// chains first, in copies that must be filled. Every move keeps spread, rules and peers.
#pragma once

#include "board.hpp"

namespace mapcore::peers {

class Paths {
public:
    explicit Paths(Board &board)
        : board_(board),
          distance_(board.state.node_count(), 0),
          seen_(board.state.node_count(), 0),
          slot_(board.state.node_count(), -1),
          next_(board.state.node_count(), -1),
          rank_(board.state.node_count(), 0) {}

    // Give a node a copy more, for at most so many moves. Its end is a node above its most, or
    // with `from_any` any that is above its least.
    bool pull(Node into, int moves_most, bool from_any) {
        const Law &law = board_.law;
        return search(
            into, moves_most,
            [&](Node node) { return from_any ? law.below(node) < 0 : law.above(node) > 0; },
            [&](Node node) { return apply_pull(into, node); },
            [&](Node node, int moves) {
                board_.for_each_offer(node, [&](Slot slot, Node holder, std::int32_t) {
                    const int cost = moves + std::max(0, board_.moves_more(slot, node));
                    if (holder != into && cost <= moves_most) reach(holder, cost, slot, node, node);
                    return true;
                });
            });
    }

    // Take a copy from a node, for at most so many moves. Its end is a node below its least, or
    // with `into_any` any that is below its most.
    bool push(Node from, int moves_most, bool into_any) {
        const Law &law = board_.law;
        return search(
            from, moves_most,
            [&](Node node) { return into_any ? law.above(node) < 0 : law.below(node) > 0; },
            [&](Node node) { return apply_push(from, node); },
            [&](Node node, int moves) { expand_push(node, moves, moves_most); });
    }

private:
    static constexpr std::int32_t EXPANDED_MOST = 100;
    static std::size_t at(Node node) { return static_cast<std::size_t>(node); }

    // Reach nodes from one, the cheapest first, until a chain that ends at one of them can be made.
    template <class IsEnd, class Apply, class Expand>
    bool search(Node origin, int moves_most, IsEnd is_end, Apply apply, Expand expand) {
        start(origin, moves_most);
        for (int moves = 0; moves <= moves_most; ++moves) {
            auto &bucket = buckets_[static_cast<std::size_t>(moves)];
            for (std::size_t i = 0; i < bucket.size(); ++i) {
                const Node node = bucket[i];
                if (distance_[at(node)] != moves) continue;
                if (node != origin && is_end(node)) {
                    if (apply(node)) return true;
                    continue;
                }
                if (moves == moves_most || ++expanded_ > EXPANDED_MOST) continue;
                expand(node, moves);
            }
        }
        return false;
    }

    void start(Node node, int moves_most) {
        ++stamp_;
        expanded_ = 0;
        if (buckets_.size() <= static_cast<std::size_t>(moves_most))
            buckets_.resize(static_cast<std::size_t>(moves_most) + 1);
        for (auto &bucket : buckets_)
            bucket.clear();
        seen_[at(node)] = stamp_;
        distance_[at(node)] = 0;
        buckets_[0].push_back(node);
    }

    // Of ways that cost as much, the one that evens out cells most; `taker` gets the slot.
    void reach(Node node, int cost, Slot slot, Node next, Node taker) {
        const bool is_new = seen_[at(node)] != stamp_ || distance_[at(node)] > cost;
        if (!is_new && distance_[at(node)] < cost) return;
        const std::int64_t rank = board_.cells.cost_more(slot, taker);
        if (!is_new && rank >= rank_[at(node)]) return;
        seen_[at(node)] = stamp_;
        distance_[at(node)] = cost;
        slot_[at(node)] = slot;
        next_[at(node)] = next;
        rank_[at(node)] = rank;
        if (is_new) buckets_[static_cast<std::size_t>(cost)].push_back(node);
    }

    void expand_push(Node node, int moves, int moves_most) {
        const State &state = board_.state;
        const Slot *slots = state.slots(node);
        const std::int32_t load = state.load(node);
        for (std::int32_t i = 0; i < load; ++i) {
            const Slot slot = slots[i];
            const Node anchor = anchor_of(slot);
            if (anchor < 0) continue;
            const std::int32_t degree = state.degree(anchor);
            board_.clock.work(degree);
            for (std::int32_t k = 0; k < degree; ++k) {
                const Node taker = state.pairs().peers(anchor)[k];
                if (seen_[at(taker)] == stamp_ && distance_[at(taker)] <= moves) continue;
                const int cost = moves + std::max(0, board_.moves_more(slot, taker));
                if (cost > moves_most) continue;
                if (seen_[at(taker)] == stamp_ && distance_[at(taker)] <= cost) continue;
                if (board_.admit(slot, taker) < 0) continue;
                reach(taker, cost, slot, node, taker);
            }
        }
    }

    // The peer of the holder's, in the row of a slot, with the fewest peers: every taker without
    // new peers is among them.
    Node anchor_of(Slot slot) const {
        const State &state = board_.state;
        const Slot row = state.row_of(slot);
        Node best = -1;
        for (Slot other = row; other < row + state.width(); ++other) {
            const Node node = state.node(other);
            if (node < 0 || !state.makes_peers(slot, other)) continue;
            if (best < 0 || state.degree(node) < state.degree(best)) best = node;
        }
        return best;
    }

    bool apply_pull(Node into, Node from) {
        const Board::Mark mark = board_.mark();
        for (Node node = from; node != into; node = next_[at(node)])
            if (!step(slot_[at(node)], node, next_[at(node)])) return take_back(mark);
        return true;
    }

    bool apply_push(Node from, Node into) {
        const Board::Mark mark = board_.mark();
        for (Node node = into; node != from; node = next_[at(node)])
            if (!step(slot_[at(node)], next_[at(node)], node)) return take_back(mark);
        return true;
    }

    bool step(Slot slot, Node giver, Node taker) {
        if (board_.state.node(slot) != giver || board_.admit(slot, taker) < 0) return false;
        board_.set(slot, taker);
        return true;
    }

    bool take_back(const Board::Mark &mark) {
        board_.undo(mark);
        return false;
    }

    Board &board_;
    std::vector<int> distance_;
    std::vector<std::int32_t> seen_;
    std::vector<Slot> slot_;
    std::vector<Node> next_;
    std::vector<std::int64_t> rank_;
    std::vector<std::vector<Node>> buckets_;
    std::int32_t stamp_ = 0;
    std::int32_t expanded_ = 0;
};

}  // namespace mapcore::peers
