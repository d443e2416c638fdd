// Loads outside their shares: copies follow shortest paths of single moves, or whole partitions
// take over the nodes of others, which are peers of each other already.
#pragma once

#include "workbench.hpp"

namespace mapcore::peers {

class EveningLoads : protected Workbench {
    static constexpr int MOST_DEPTH = 6;
    static constexpr std::size_t MOST_REACHED = 2000;

public:
    using Workbench::Workbench;

protected:
    bool even_out() {
        bool any = false;
        for (int depth = 1; depth <= MOST_DEPTH; ++depth) {
            over_.clear();
            under_.clear();
            for (Node node = 0; node < node_count(); ++node) {
                if (law_.above(node) > 0) over_.push_back(node);
                if (law_.below(node) > 0) under_.push_back(node);
            }
            spend(node_count());
            if ((over_.empty() && under_.empty()) || is_spent()) return any;
            for (const Node node : under_)
                while (!is_spent() && law_.below(node) > 0 && (pull(node, depth) || clone_to(node))) any = true;
            for (const Node node : over_)
                while (!is_spent() && law_.above(node) > 0 && (push(node, depth) || clone_from(node))) any = true;
        }
        return any;
    }

private:
    // Bring a copy to a node along a shortest path of single moves, from one that can spare it.
    bool pull(Node node, int depth) {
        begin_search(node);
        std::size_t next = 0;
        for (int step = 0; step < depth; ++step) {
            const std::size_t end = queue_.size();
            for (; next < end && queue_.size() < MOST_REACHED && !is_spent(); ++next) {
                const Node taker = queue_[next];
                const bool is_done = any_offer(taker, [&](Slot slot) {
                    const Node giver = state_.node(slot);
                    if (is_reached(giver) || !may_pass(slot, taker)) return false;
                    reach(giver, slot, taker);
                    return law_.strain(giver, -1) <= 0 && walk_in(giver);
                });
                if (is_done) return true;
            }
        }
        return false;
    }

    // Go through the copies that a node could take over, in rows of its peers, and where it has
    // none, in all, until one is taken.
    template <class Take>
    bool any_offer(Node taker, Take take) {
        const auto any_in_row = [&](Slot in_row) {
            spend(4 * state_.width());
            const Slot begin = state_.row_of(in_row);
            for (Slot slot = begin; slot < begin + state_.width(); ++slot)
                if (state_.node(slot) >= 0 && take(slot)) return true;
            return false;
        };
        if (state_.degree(taker) == 0) {
            for (Slot slot = 0; slot < static_cast<Slot>(state_.slot_count()); slot += state_.width())
                if (any_in_row(slot)) return true;
            return false;
        }
        for (std::int32_t i = 0; i < state_.degree(taker); ++i) {
            const Node peer = state_.pairs().peers(taker)[i];
            const std::int32_t most = std::min(state_.load(peer), MOST_SLOTS);
            for (std::int32_t k = 0; k < most; ++k)
                if (any_in_row(state_.slots(peer)[k])) return true;
        }
        return false;
    }

    bool walk_in(Node giver) {
        const std::size_t mark = state_.mark();
        for (Node node = giver; to_[static_cast<std::size_t>(node)] >= 0;) {
            const Slot slot = via_[static_cast<std::size_t>(node)];
            const Node taker = to_[static_cast<std::size_t>(node)];
            if (state_.node(slot) != node || !may_pass(slot, taker)) {
                state_.undo(mark);
                return false;
            }
            state_.set(slot, taker);
            node = taker;
        }
        return true;
    }

    // Bring a copy away from a node along a shortest path, to one that has room.
    bool push(Node node, int depth) {
        begin_search(node);
        std::size_t next = 0;
        for (int step = 0; step < depth; ++step) {
            const std::size_t end = queue_.size();
            for (; next < end && queue_.size() < MOST_REACHED && !is_spent(); ++next) {
                const Node giver = queue_[next];
                const std::int32_t most = std::min(state_.load(giver), MOST_SLOTS);
                for (std::int32_t k = 0; k < most; ++k) {
                    const Slot slot = state_.slots(giver)[k];
                    const std::size_t first = queue_.size();
                    visit_near(slot, [&](Node taker) {
                        spend(state_.width());
                        if (!is_reached(taker) && may_pass(slot, taker)) reach(taker, slot, giver);
                    });
                    for (std::size_t i = first; i < queue_.size(); ++i)
                        if (law_.strain(queue_[i], 1) <= 0 && walk_out(queue_[i])) return true;
                }
            }
        }
        return false;
    }

    bool walk_out(Node taker) {
        const std::size_t mark = state_.mark();
        for (Node node = taker; to_[static_cast<std::size_t>(node)] >= 0;) {
            const Slot slot = via_[static_cast<std::size_t>(node)];
            const Node giver = to_[static_cast<std::size_t>(node)];
            if (state_.node(slot) != giver || !may_pass(slot, node)) {
                state_.undo(mark);
                return false;
            }
            state_.set(slot, node);
            node = giver;
        }
        return true;
    }

    // Have some partition take over the nodes of one that this node is in.
    bool clone_to(Node node) {
        const Slot model = best_row(node, 1);
        if (model < 0) return false;
        Slot best = -1;
        std::int64_t least = 0;
        for (const Node over : over_)
            if (!is_spent() && law_.above(over) > 0) {
                const std::int32_t most = std::min(state_.load(over), MOST_SLOTS);
                for (std::int32_t i = 0; i < most; ++i)
                    consider_clone(state_.row_of(state_.slots(over)[i]), model, best, least);
                if (best >= 0) break;
            }
        if (best < 0) return false;
        clone(best, model);
        return true;
    }

    bool clone_from(Node node) {
        const Slot source = best_row(node, -1);
        if (source < 0) return false;
        Slot best = -1;
        std::int64_t least = 0;
        for (const Node under : under_)
            if (!is_spent() && law_.below(under) > 0) {
                const std::int32_t most = std::min(state_.load(under), MOST_SLOTS);
                for (std::int32_t i = 0; i < most; ++i) {
                    const Slot model = state_.row_of(state_.slots(under)[i]);
                    Slot found = -1;
                    consider_clone(source, model, found, least);
                    if (found >= 0) best = model;
                }
                if (best >= 0) break;
            }
        if (best < 0) return false;
        clone(source, best);
        return true;
    }

    // The row of a node of which loads change for the better, or least for the worse.
    Slot best_row(Node node, std::int64_t more) {
        Slot best = -1;
        std::int64_t least = 0;
        const std::int32_t most = std::min(state_.load(node), MOST_SLOTS);
        for (std::int32_t i = 0; i < most; ++i) {
            const Slot row = state_.row_of(state_.slots(node)[i]);
            std::int64_t sum = 0;
            for (Slot slot = row; slot < row + state_.width(); ++slot)
                if (state_.node(slot) >= 0) sum += law_.strain(state_.node(slot), more);
            if (best >= 0 && sum >= least) continue;
            best = row;
            least = sum;
        }
        spend(most * state_.width());
        return best;
    }

    void consider_clone(Slot row, Slot model, Slot &best, std::int64_t &least) {
        spend(2 * state_.width());
        if (row == model || !law_.may_clone(row, model)) return;
        std::int64_t sum = 0;
        for (Slot i = 0; i < state_.width(); ++i) {
            const Node old = state_.node(row + i), now = state_.node(model + i);
            if (old >= 0 && state_.slot_in_row(model, old) < 0) sum += law_.strain(old, -1);
            if (now >= 0 && state_.slot_in_row(row, now) < 0) sum += law_.strain(now, 1);
        }
        if (!state_.every_pair()) {
            const Node leads = state_.node(row), follows = state_.node(model);
            if (leads != follows &&
                law_.masters_strain(leads, -1) + law_.masters_strain(follows, 1) > 0)
                return;
        }
        if (sum >= least) return;
        best = row;
        least = sum;
    }

    void clone(Slot row, Slot model) {
        for (Slot i = 0; i < state_.width(); ++i)
            if (state_.node(row + i) >= 0) state_.set(row + i, -1);
        for (Slot i = 0; i < state_.width(); ++i)
            if (state_.node(model + i) >= 0) state_.set(row + i, state_.node(model + i));
    }

    std::vector<Node> over_, under_;
};

}  // namespace mapcore::peers
