// Copies without a node find one among the peers of the partition's other nodes.
#pragma once

#include <limits>

#include "rows.hpp"

namespace mapcore::peers {

class Holes {
public:
    Holes(Board &board, RowMoves &rows, Random &random)
        : board_(board),
          rows_(rows),
          random_(random) {}

    // The copies that rows lack.
    static std::vector<Slot> find(const Board &board) {
        std::vector<Slot> found;
        const auto count = static_cast<Slot>(board.state.slot_count());
        for (Slot row = 0; row < count; row += board.state.width()) {
            std::int32_t missing = board.missing(row);
            for (Slot slot = row; slot < row + board.state.width() && missing > 0; ++slot) {
                if (board.state.node(slot) >= 0) continue;
                found.push_back(slot);
                --missing;
            }
        }
        return found;
    }

    // Fill holes. With `rows_first` partitions whose holes nobody near has room for move as a
    // whole, as long as there is room for them elsewhere.
    void fill(const std::vector<Slot> &holes, bool rows_first) {
        holes_ = holes;
        sweep();
        if (rows_first) move_rows();
        for (const Slot slot : holes_)
            if (is_hole(slot)) fill_anyhow(slot);
    }

private:
    static constexpr int FAILURES_MOST = 3;
    static constexpr int SAMPLES = 200;
    static constexpr std::int64_t STRAIN_MOST = 100;
    static constexpr std::int64_t NEVER = std::numeric_limits<std::int64_t>::max();

    bool is_hole(Slot slot) const {
        return board_.state.node(slot) < 0 && board_.missing(slot) > 0;
    }

    // Fill holes from nodes that have room, until no more can be.
    void sweep() {
        for (bool again = true; again && !holes_.empty();) {
            std::vector<Slot> left;
            for (const Slot slot : holes_) {
                if (!is_hole(slot)) continue;
                const Node node = best_taker(slot, true);
                if (node >= 0)
                    board_.set(slot, node);
                else
                    left.push_back(slot);
            }
            again = left.size() < holes_.size();
            holes_.swap(left);
        }
    }

    // Partitions that stand on the nodes with most load above what they shall have go first. The
    // nodes that they leave take other holes over.
    void move_rows() {
        std::vector<std::pair<std::int64_t, Slot>> burdens;
        for (const Slot slot : holes_)
            burdens.push_back({-burden(slot), slot});
        std::sort(burdens.begin(), burdens.end());
        int failures = 0;
        for (const auto &[_, slot] : burdens) {
            if (!is_hole(slot)) continue;
            const Slot row = board_.state.row_of(slot);
            std::vector<Node> left;
            for (Slot other = row; other < row + board_.state.width(); ++other)
                if (board_.state.node(other) >= 0) left.push_back(board_.state.node(other));
            if (rows_.place_row(row, 0)) {
                for (const Node node : left)
                    take_holes_near(node);
            } else if (++failures == FAILURES_MOST) {
                return;
            }
        }
    }

    std::int64_t burden(Slot slot) const {
        const Slot row = board_.state.row_of(slot);
        std::int64_t burden = 0;
        for (Slot other = row; other < row + board_.state.width(); ++other)
            if (board_.state.node(other) >= 0) burden += board_.law.above(board_.state.node(other));
        return burden;
    }

    // A node that has room takes holes over, of partitions that its peers hold.
    void take_holes_near(Node node) {
        const State &state = board_.state;
        while (board_.law.above(node) < 0) {
            Slot best = -1;
            std::int64_t least = NEVER;
            for (std::int32_t i = 0; i < state.degree(node); ++i) {
                const Node peer = state.pairs().peers(node)[i];
                board_.clock.work(state.load(peer));
                for (std::int32_t k = 0; k < state.load(peer); ++k) {
                    const Slot row = state.row_of(state.slots(peer)[k]);
                    for (Slot slot = row; slot < row + state.width(); ++slot) {
                        if (!is_hole(slot)) continue;
                        const std::int64_t found = harm(slot, node, true);
                        if (found < least) best = slot, least = found;
                    }
                }
            }
            if (best < 0) return;
            board_.set(best, node);
        }
    }

    // Among peers with room, among any with room, among peers at all, and so on.
    void fill_anyhow(Slot slot) {
        for (const bool with_room : {true, false}) {
            Node node = best_taker(slot, with_room);
            if (node < 0) node = sampled_taker(slot, with_room);
            if (node < 0) continue;
            board_.set(slot, node);
            return;
        }
        const Slot row = board_.state.row_of(slot);
        for (std::int64_t strain = 0; strain < STRAIN_MOST; strain += 3)
            if (rows_.place_row(row, strain)) return;
        const Node node = least_harmful(slot);
        if (node >= 0) board_.set(slot, node);
    }

    // Copies go before spread, and both before peers: a node that breaks as little as can be.
    Node least_harmful(Slot slot) const {
        const State &state = board_.state;
        Node best = -1;
        std::tuple<bool, std::int32_t, std::int64_t> least;
        const auto count = static_cast<Node>(state.node_count());
        board_.clock.work(count);
        for (Node node = 0; node < count; ++node) {
            if (!board_.law.is_able(slot, node) || state.slot_in_row(slot, node) >= 0) continue;
            std::int32_t strangers = 0;
            const Slot row = state.row_of(slot);
            for (Slot other = row; other < row + state.width(); ++other)
                strangers += state.node(other) >= 0 && state.makes_peers(slot, other) &&
                             state.pairs().shared(node, state.node(other)) == 0;
            const std::tuple harm{!board_.law.may_stand(slot, node), strangers,
                                  board_.law.strain(node, 1)};
            if (best < 0 || harm < least) best = node, least = harm;
        }
        return best;
    }

    Node sampled_taker(Slot slot, bool with_room) {
        Node best = -1;
        std::int64_t least = NEVER;
        const auto count = static_cast<Node>(board_.state.node_count());
        board_.clock.work(SAMPLES);
        for (int i = 0; i < SAMPLES; ++i) {
            const Node node = random_.below(count);
            const std::int64_t found = harm(slot, node, with_room);
            if (found < least) best = node, least = found;
        }
        return best;
    }

    // What speaks against a node in a slot; NEVER if it may not stand there, or has no room.
    std::int64_t harm(Slot slot, Node node, bool with_room) const {
        const Law &law = board_.law;
        if (with_room && law.above(node) >= 0) return NEVER;
        const std::int32_t more = board_.admit(slot, node);
        if (more < 0) return NEVER;
        return 100 * law.strain(node, 1) + 40 * (law.above(node) >= 0) - 4 * law.below(node) +
               6 * more + 50 * board_.moves_more(slot, node);
    }

    Node best_taker(Slot slot, bool with_room) {
        const State &state = board_.state;
        const Slot row = state.row_of(slot);
        Node best = -1;
        std::int64_t least = NEVER;
        for (Slot other = row; other < row + state.width(); ++other) {
            const Node holder = state.node(other);
            if (holder < 0) continue;
            board_.clock.work(4 * state.degree(holder));
            for (std::int32_t i = 0; i < state.degree(holder); ++i) {
                const Node node = state.pairs().peers(holder)[i];
                const std::int64_t found = harm(slot, node, with_room);
                if (found < least) best = node, least = found;
            }
        }
        return best;
    }

    Board &board_;
    RowMoves &rows_;
    Random &random_;
    std::vector<Slot> holes_;
};

}  // namespace mapcore::peers
