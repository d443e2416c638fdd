// Copies without a node find one among the peers of the partition's other nodes.
#pragma once

#include "rows.hpp"

namespace mapcore::peers {

class Holes {
public:
    Holes(Board &board, RowMoves &rows, schedule::Random &random)
        : board_(board),
          rows_(rows),
          random_(random) {}

    // Fill what can be filled. With `rows_first` partitions whose holes nobody near has room for
    // move as a whole, as long as there is room for them elsewhere.
    void fill(bool rows_first) {
        find();
        sweep();
        for (int failures = 0; rows_first && !holes_.empty() && failures < FAILURES_MOST;) {
            if (rows_.place_row(board_.state.row_of(most_burdened()), 0))
                sweep();
            else
                ++failures;
        }
        for (const Slot slot : holes_)
            if (board_.state.node(slot) < 0) fill_anyhow(slot);
        holes_.clear();
    }

private:
    static constexpr int FAILURES_MOST = 3;
    static constexpr int SAMPLES = 200;
    static constexpr std::int64_t STRAIN_MOST = 100;

    void find() {
        holes_.clear();
        const auto count = static_cast<Slot>(board_.state.slot_count());
        for (Slot row = 0; row < count; row += board_.state.width()) {
            std::int32_t missing = board_.missing(row);
            for (Slot slot = row; slot < row + board_.state.width() && missing > 0; ++slot) {
                if (board_.state.node(slot) >= 0) continue;
                holes_.push_back(slot);
                --missing;
            }
        }
    }

    // Fill holes from nodes that have room, until no more can be.
    void sweep() {
        for (bool again = true; again && !holes_.empty();) {
            std::vector<Slot> left;
            for (const Slot slot : holes_) {
                if (board_.state.node(slot) >= 0) continue;
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

    // The hole whose partition stands on the nodes with most load above what they shall have.
    Slot most_burdened() const {
        const State &state = board_.state;
        Slot best = -1;
        std::int64_t most = 0;
        for (const Slot slot : holes_) {
            const Slot row = state.row_of(slot);
            std::int64_t burden = 0;
            for (Slot other = row; other < row + state.width(); ++other)
                if (state.node(other) >= 0) burden += board_.law.above(state.node(other));
            if (best < 0 || burden > most) best = slot, most = burden;
        }
        return best;
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
        std::int64_t least = 0;
        const auto count = static_cast<Node>(board_.state.node_count());
        for (int i = 0; i < SAMPLES; ++i)
            consider(slot, random_.below(count), with_room, best, least);
        return best;
    }

    void consider(Slot slot, Node node, bool with_room, Node &best, std::int64_t &least) const {
        const Law &law = board_.law;
        if (with_room && law.above(node) >= 0) return;
        const std::int32_t more = board_.admit(slot, node);
        if (more < 0) return;
        const std::int64_t score = 100 * law.strain(node, 1) + 40 * (law.above(node) >= 0) -
                                   4 * law.below(node) + 6 * more +
                                   50 * board_.moves_more(slot, node);
        if (best < 0 || score < least) best = node, least = score;
    }

    Node best_taker(Slot slot, bool with_room) {
        const State &state = board_.state;
        const Slot row = state.row_of(slot);
        Node best = -1;
        std::int64_t least = 0;
        for (Slot other = row; other < row + state.width(); ++other) {
            const Node holder = state.node(other);
            if (holder < 0) continue;
            board_.clock.work(4 * state.degree(holder));
            for (std::int32_t i = 0; i < state.degree(holder); ++i) {
                const Node node = state.pairs().peers(holder)[i];
                consider(slot, node, with_room, best, least);
            }
        }
        return best;
    }

    Board &board_;
    RowMoves &rows_;
    schedule::Random &random_;
    std::vector<Slot> holes_;
};

}  // namespace mapcore::peers
