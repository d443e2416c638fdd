// Two nodes part: every partition that makes them peers is given up by one of them.
#pragma once

#include "board.hpp"

namespace mapcore::peers {

class Parting {
public:
    explicit Parting(Board &board) : board_(board) {}

    // End a pair. What is given up goes to the newcomer if it has room and may, or to the peer
    // that suits best. All or nothing.
    bool part(Node a, Node b, Node newcomer) {
        const Board::Mark mark = board_.mark();
        std::vector<std::pair<Slot, Slot>> shared;
        const State &state = board_.state;
        for (std::int32_t i = 0; i < state.load(a); ++i) {
            const Slot of_a = state.slots(a)[i], of_b = state.slot_in_row(of_a, b);
            if (of_b >= 0 && state.makes_peers(of_a, of_b)) shared.push_back({of_a, of_b});
        }
        board_.clock.work(state.load(a));
        for (const auto &[of_a, of_b] : shared) {
            if (give_to_newcomer(of_a, of_b, newcomer) || give_to_peer(of_a, of_b)) continue;
            board_.undo(mark);
            return false;
        }
        return true;
    }

    // End pairs of a node that has too many peers, the thinnest first, but before them the pair
    // with `first`. True if it has not too many any more.
    bool bring_down(Node node, Node newcomer, const std::vector<Node> &spared, Node first) {
        for (bool again = true; again && is_over(node);) {
            again = false;
            auto peers = thinnest_first(node, newcomer, spared, first);
            for (std::size_t i = 0; i < peers.size() && i < TRIED_MOST && !again; ++i)
                again = part(node, peers[i].second, newcomer);
        }
        return !is_over(node);
    }

    // Take over a copy; peers that have too many then end their thinnest pairs. All or nothing.
    bool take_over(Slot slot, Node taker) {
        const State &state = board_.state;
        const Board::Mark mark = board_.mark();
        const Slot row = state.row_of(slot);
        const Node giver = state.node(slot);
        std::vector<Node> peers;
        for (Slot other = row; other < row + state.width(); ++other)
            if (state.node(other) >= 0 && state.makes_peers(slot, other))
                peers.push_back(state.node(other));
        for (const Node node : peers)
            board_.law.allow(node, 1);
        bool fits = board_.admit(slot, taker) >= 0;
        if (fits) board_.set(slot, taker);
        for (std::size_t i = 0; fits && i < peers.size(); ++i)
            fits = bring_down(peers[i], taker, peers, giver);
        for (const Node node : peers)
            board_.law.allow(node, 0);
        for (const Node node : peers)
            fits = fits && !is_over(node);
        if (!fits) board_.undo(mark);
        return fits;
    }

    bool is_over(Node node) const {
        return board_.state.degree(node) > board_.law.limits().max_peers;
    }

private:
    static constexpr std::size_t TRIED_MOST = 4;

    // Peers of a node with what they share; those that have too many themselves come first.
    std::vector<std::pair<std::int64_t, Node>> thinnest_first(Node node, Node newcomer,
                                                              const std::vector<Node> &spared,
                                                              Node first) const {
        std::vector<std::pair<std::int64_t, Node>> found;
        const PairCounts &pairs = board_.state.pairs();
        for (std::int32_t i = 0; i < pairs.degree(node); ++i) {
            const Node peer = pairs.peers(node)[i];
            if (peer == newcomer || std::find(spared.begin(), spared.end(), peer) != spared.end())
                continue;
            std::int64_t thickness = peer == first ? 0 : pairs.counts(node)[i];
            if (is_over(peer)) thickness -= std::int64_t{1} << 32;
            found.push_back({thickness, peer});
        }
        std::sort(found.begin(), found.end());
        return found;
    }

    bool give_to_newcomer(Slot a, Slot b, Node newcomer) {
        if (newcomer < 0 || board_.law.above(newcomer) >= 0) return false;
        const State &state = board_.state;
        if (state.load(state.node(b)) < state.load(state.node(a))) std::swap(a, b);
        for (const Slot slot : {b, a}) {
            if (board_.admit(slot, newcomer) < 0) continue;
            board_.set(slot, newcomer);
            return true;
        }
        return false;
    }

    bool give_to_peer(Slot a, Slot b) {
        const State &state = board_.state;
        Slot best = -1;
        Node taker = -1;
        std::int64_t least = 0;
        for (const auto &[slot, kept] : {std::pair{b, a}, std::pair{a, b}}) {
            const Node stays = state.node(kept), goes = state.node(slot);
            board_.clock.work(4 * state.degree(stays));
            for (std::int32_t i = 0; i < state.degree(stays); ++i) {
                const Node node = state.pairs().peers(stays)[i];
                if (node == goes || board_.admit(slot, node) < 0) continue;
                const std::int64_t score =
                    4 * (board_.law.strain(node, 1) + board_.law.strain(goes, -1)) +
                    2 * board_.moves_more(slot, node) + (board_.law.above(node) >= 0);
                if (taker < 0 || score < least) best = slot, taker = node, least = score;
            }
        }
        if (taker >= 0) board_.set(best, taker);
        return taker >= 0;
    }

    Board &board_;
};

}  // namespace mapcore::peers
