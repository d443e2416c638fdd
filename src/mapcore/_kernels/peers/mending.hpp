// Mending a placement: too many peers first, then loads outside their shares.
//
// Copies move singly, change places with copies of other partitions, or a partition takes over the
// nodes of another one, which are peers of each other already. Spread, rules and pins are broken no
// more by any of it, and no node gets more peers than it may have, or has.
#pragma once

#include <vector>

#include "turning_masters.hpp"

namespace mapcore::peers {

class Mending : private TurningMasters {
public:
    using TurningMasters::TurningMasters;

    void run() {
        for (int pass = 0; pass < MOST_PASSES && !is_spent(); ++pass) {
            const bool relieved = relieve_places();
            const bool cut = cut_peers();
            const bool evened = even_out();
            const bool turned = even_out_masters();
            if (!relieved && !cut && !evened && !turned) return;
            state_.forget();
        }
    }

    std::int64_t excess_peers() const {
        std::int64_t sum = 0;
        for (Node node = 0; node < node_count(); ++node)
            sum += std::max(0, state_.degree(node) - law_.limits().max_peers);
        return sum;
    }

    std::int64_t strain() const {
        std::int64_t sum = 0;
        for (Node node = 0; node < node_count(); ++node)
            sum += std::max<std::int64_t>({law_.above(node), law_.below(node), 0});
        return sum;
    }

private:
    static constexpr int MOST_PASSES = 8;

    // --- places: copies that stand in crowded places, or against rules, where they need not ------

    bool relieve_places() {
        bool any = false;
        for (Slot slot = 0; slot < static_cast<Slot>(state_.slot_count()); ++slot) {
            spend(4);
            if (state_.node(slot) < 0 ? fill(slot) : law_.is_crowded(slot) && relieve(slot))
                any = true;
        }
        return any;
    }

    bool fill(Slot slot) {
        Node best = -1;
        std::int64_t least = 0;
        const auto consider = [&](Node node) {
            if (!may_move(slot, node)) return;
            const std::int64_t found = price(-1, node);
            if (best >= 0 && found >= least) return;
            best = node;
            least = found;
        };
        visit_near(slot, consider);
        if (best < 0)
            for (Node node = 0; node < node_count(); ++node) consider(node);
        spend(node_count());
        if (best >= 0) state_.set(slot, best);
        return best >= 0;
    }

    // Spread and rules go before peers: where no other node will do, one that gets too many.
    bool relieve(Slot slot) {
        const Node before = state_.node(slot);
        if (exchange_away(slot, true)) return true;
        Node best = -1;
        std::int64_t least = 0;
        const auto consider = [&](Node node, bool anyhow) {
            if (!law_.relieves(slot, node) || !law_.may_stand(slot, node)) return;
            if (!anyhow && law_.new_peers(slot, node) < 0) return;
            const std::int64_t found = price(before, node);
            if (best >= 0 && found >= least) return;
            best = node;
            least = found;
        };
        visit_near(slot, [&](Node node) { consider(node, false); });
        if (best < 0)
            for (Node node = 0; node < node_count(); ++node) consider(node, true);
        spend(node_count());
        if (best >= 0) state_.set(slot, best);
        return best >= 0;
    }

    // --- peers: edges that have to go -----------------------------------------------------------

    bool cut_peers() {
        bool any = false;
        std::vector<Node> work;
        for (Node node = 0; node < node_count(); ++node)
            if (state_.degree(node) > law_.limits().max_peers) work.push_back(node);
        for (int round = 0; round < MOST_PASSES && !work.empty(); ++round) {
            std::vector<Node> left;
            bool progress = false;
            for (const Node node : work) {
                if (is_spent()) return any | progress;
                while (state_.degree(node) > law_.limits().max_peers && cut_one(node))
                    progress = true;
                if (state_.degree(node) > law_.limits().max_peers) left.push_back(node);
            }
            any |= progress;
            if (!progress) break;
            work.swap(left);
        }
        return any;
    }

    // Cut the edge of a node that takes the fewest moves.
    bool cut_one(Node node) {
        edges_.clear();
        const Node *peers = state_.pairs().peers(node);
        const std::int32_t *counts = state_.pairs().counts(node);
        for (std::int32_t i = 0; i < state_.degree(node); ++i) {
            const bool both = state_.degree(peers[i]) > law_.limits().max_peers;
            edges_.push_back({counts[i] - (both ? 2 : 0), peers[i]});
        }
        std::sort(edges_.begin(), edges_.end());
        const std::vector<Edge> edges = edges_;
        for (const Edge &edge : edges)
            if (is_spent() || cut(node, edge.peer)) return !is_spent();
        return false;
    }

    bool cut(Node node, Node peer) {
        const std::size_t mark = state_.mark();
        const std::int32_t before = state_.degree(node);
        std::vector<Slot> shared;
        const Node rarer = state_.load(node) <= state_.load(peer) ? node : peer;
        const Node other = rarer == node ? peer : node;
        for (std::int32_t i = 0; i < state_.load(rarer); ++i) {
            const Slot slot = state_.slots(rarer)[i], beside = state_.slot_in_row(slot, other);
            if (beside >= 0 && state_.makes_peers(slot, beside)) shared.push_back(slot);
        }
        spend(state_.load(rarer) * state_.width());
        std::sort(shared.begin(), shared.end());
        for (const Slot slot : shared) {
            if (part(slot, state_.slot_in_row(slot, other))) continue;
            state_.undo(mark);
            return false;
        }
        if (state_.degree(node) < before) return true;
        state_.undo(mark);  // another peer came for the one that went
        return false;
    }

    // Have one of two copies of a row go elsewhere.
    bool part(Slot a, Slot b) {
        Slot best_slot = -1;
        Node best = -1;
        std::int64_t least = 0;
        for (const Slot slot : {a, b}) {
            const Node keeps = state_.node(slot == a ? b : a);
            visit_near(slot, [&](Node node) {
                spend(4 * state_.width());
                if (node == keeps || !may_move(slot, node)) return;
                const std::int64_t found = price(state_.node(slot), node);
                if (best >= 0 && found >= least) return;
                best_slot = slot;
                best = node;
                least = found;
            });
        }
        if (best >= 0 && least <= 0) {
            state_.set(best_slot, best);
            return true;
        }
        if (turn_over(a, b) || exchange_away(a, false) || exchange_away(b, false)) return true;
        if (best >= 0) state_.set(best_slot, best);
        return best >= 0;
    }

    // Where only masters and slaves are peers: have a third copy of the row lead it.
    bool turn_over(Slot a, Slot b) {
        if (state_.every_pair()) return false;
        const Slot row = state_.row_of(a);
        for (Slot third = row + 1; third < end_of_row(a); ++third) {
            if (third == a || third == b || state_.node(third) < 0) continue;
            const Node follows = state_.node(third);
            if (!law_.limits().may_lead[follows] || law_.limits().depth_count > 0) continue;
            degrees_.clear();
            for (Slot slot = row; slot < end_of_row(row); ++slot)
                degrees_.push_back({state_.node(slot), degree_of(slot)});
            const std::size_t mark = state_.mark();
            state_.exchange(row, third);
            if (none_has_more(degrees_)) return true;
            state_.undo(mark);
        }
        return false;
    }

    // Have a copy change places with one of another partition: loads stay as they are.
    bool exchange_away(Slot slot, bool must_relieve) {
        const Node before = state_.node(slot);
        std::vector<Node> near;
        visit_near(slot, [&](Node node) {
            if (law_.may_stand(slot, node) && (!must_relieve || law_.relieves(slot, node)))
                near.push_back(node);
        });
        for (const Node node : near) {
            if (is_spent()) return false;
            const std::int32_t most = std::min(state_.load(node), MOST_SLOTS);
            for (std::int32_t i = 0; i < most; ++i) {
                const Slot other = state_.slots(node)[i];
                spend(2 * state_.width());
                if (!law_.may_stand(other, before)) continue;
                const std::size_t mark = state_.mark();
                state_.set(slot, -1);
                state_.set(other, -1);
                if (law_.new_peers(slot, node) >= 0) {
                    state_.set(slot, node);
                    if (law_.new_peers(other, before) >= 0) {
                        state_.set(other, before);
                        return true;
                    }
                }
                state_.undo(mark);
            }
        }
        return false;
    }

    struct Edge {
        std::int32_t weight;
        Node peer;
        bool operator<(const Edge &other) const {
            return weight != other.weight ? weight < other.weight : peer < other.peer;
        }
    };

    std::vector<Edge> edges_;
};

}  // namespace mapcore::peers
