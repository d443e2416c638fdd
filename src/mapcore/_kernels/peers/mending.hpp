// Mending a placement: too many peers first, then loads outside their shares.
//
// Copies move singly, change places with copies of other partitions, or a partition takes over the
// nodes of another one, which are peers of each other already. Spread, rules and pins are broken no
// more by any of it, and no node gets more peers than it may have, or has.
#pragma once

#include <vector>

#include "../interrupt.hpp"
#include "limits.hpp"

namespace mapcore::peers {

class Mending {
public:
    // Where what is asked cannot be had, searches fail slowly: so all of them have a budget.
    Mending(State &state, const Limits &limits, std::int64_t most_steps, Clock &clock)
        : state_(state), law_(limits, state), clock_(clock), found_(state.node_count(), 0),
          via_(state.node_count(), -1), to_(state.node_count(), -1),
          left_(most_steps) {}

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
    static constexpr int MOST_DEPTH = 6;
    static constexpr std::int32_t MOST_SLOTS = 512;  // of a node that one search looks at
    static constexpr std::size_t MOST_REACHED = 2000;

    void spend(std::int64_t steps) {
        left_ -= steps;
        clock_.work(steps);
    }

    bool is_spent() const { return left_ <= 0; }

    Node node_count() const { return static_cast<Node>(state_.node_count()); }

    Slot end_of_row(Slot slot) const { return state_.row_of(slot) + state_.width(); }

    bool keeps_masters(Slot slot, Node node) const {
        if (state_.every_pair() || slot % state_.width() != 0) return true;
        const Node before = state_.node(slot);
        const std::int64_t given = before < 0 ? 0 : law_.masters_strain(before, -1);
        return law_.masters_strain(node, 1) + given <= 0;
    }

    bool may_move(Slot slot, Node node) const {
        return law_.may_stand(slot, node) && law_.new_peers(slot, node) >= 0;
    }

    // The same where balance is all that is at stake.
    bool may_pass(Slot slot, Node node) const {
        return may_move(slot, node) && keeps_masters(slot, node);
    }

    // The peers of the other nodes in a row, which are those that may follow without new peers.
    template <class Visit>
    void visit_near(Slot slot, Visit visit) const {
        for (Slot other = state_.row_of(slot); other < end_of_row(slot); ++other) {
            const Node near = state_.node(other);
            if (near < 0 || other == slot) continue;
            const Node *peers = state_.pairs().peers(near);
            for (std::int32_t i = 0; i < state_.degree(near); ++i) visit(peers[i]);
            if (state_.every_pair() && state_.degree(near) >= law_.limits().max_peers) return;
        }
    }

    // What it costs loads that a copy goes from one node to another; less is better.
    std::int64_t price(Node from, Node to) const {
        const std::int64_t full = state_.load(to) >= law_.limits().most[to];
        return 4 * (law_.strain(to, 1) + (from < 0 ? 0 : law_.strain(from, -1))) + full;
    }

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

    struct Degree {
        Node node;
        std::int32_t before;
    };

    std::int32_t degree_of(Slot slot) const {
        return state_.node(slot) < 0 ? 0 : state_.degree(state_.node(slot));
    }

    // Whether each node has no more peers than it may have, or had.
    bool none_has_more(const std::vector<Degree> &degrees) const {
        return std::all_of(degrees.begin(), degrees.end(), [&](const Degree &each) {
            return each.node < 0 ||
                   state_.degree(each.node) <= std::max(law_.limits().max_peers, each.before);
        });
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

    // --- loads ----------------------------------------------------------------------------------

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

    void begin_search(Node node) {
        if (++search_ == 1) std::fill(found_.begin(), found_.end(), 0);
        queue_.clear();
        reach(node, -1, -1);
    }

    bool is_reached(Node node) const { return found_[static_cast<std::size_t>(node)] == search_; }

    void reach(Node node, Slot via, Node to) {
        found_[static_cast<std::size_t>(node)] = search_;
        via_[static_cast<std::size_t>(node)] = via;
        to_[static_cast<std::size_t>(node)] = to;
        queue_.push_back(node);
    }

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

    // Where only masters and slaves are peers, masters cannot be chosen afterwards: pass them along
    // shortest paths of rows, from nodes that lead too many or to nodes that lead too few.
    bool even_out_masters() {
        if (state_.every_pair() || law_.limits().depth_count > 0) return false;
        bool any = false;
        for (Node node = 0; node < node_count(); ++node)
            while (!is_spent() && leads_too_many(node) && pass_on(node)) any = true;
        for (Node node = 0; node < node_count(); ++node)
            while (!is_spent() && leads_too_few(node) && take_over(node)) any = true;
        return any;
    }

    bool leads_too_many(Node node) const {
        return state_.masters(node) > law_.limits().masters_most[node];
    }

    bool leads_too_few(Node node) const {
        return law_.limits().may_lead[node] &&
               state_.masters(node) < law_.limits().masters_least[node];
    }

    // Have a slave lead its row instead, if no node gets too many peers by it.
    bool turn(Slot slave) {
        const Slot row = state_.row_of(slave);
        if (state_.node(row) < 0 || !law_.limits().may_lead[state_.node(slave)]) return false;
        degrees_.clear();
        for (Slot slot = row; slot < end_of_row(row); ++slot)
            degrees_.push_back({state_.node(slot), degree_of(slot)});
        const std::size_t mark = state_.mark();
        state_.exchange(row, slave);
        spend(8 * state_.width());
        if (none_has_more(degrees_)) return true;
        state_.undo(mark);
        return false;
    }

    bool pass_on(Node node) {
        begin_search(node);
        for (std::size_t next = 0; next < queue_.size() && !is_spent(); ++next) {
            const Node leader = queue_[next];
            const std::int32_t most = std::min(state_.load(leader), MOST_SLOTS);
            for (std::int32_t i = 0; i < most; ++i) {
                const Slot row = state_.slots(leader)[i];
                spend(state_.width());
                if (row % state_.width() != 0) continue;
                for (Slot slave = row + 1; slave < end_of_row(row); ++slave) {
                    const Node heir = state_.node(slave);
                    if (heir < 0 || is_reached(heir)) continue;
                    reach(heir, slave, leader);
                    if (law_.masters_strain(heir, 1) <= 0 && turn_all(heir, true)) return true;
                }
            }
        }
        return false;
    }

    bool take_over(Node node) {
        begin_search(node);
        for (std::size_t next = 0; next < queue_.size() && !is_spent(); ++next) {
            const Node heir = queue_[next];
            const std::int32_t most = std::min(state_.load(heir), MOST_SLOTS);
            for (std::int32_t i = 0; i < most; ++i) {
                const Slot slave = state_.slots(heir)[i];
                spend(state_.width());
                if (slave % state_.width() == 0) continue;
                const Node leader = state_.node(state_.row_of(slave));
                if (leader < 0 || is_reached(leader)) continue;
                reach(leader, slave, heir);
                if (law_.masters_strain(leader, -1) <= 0 && turn_all(leader, false)) return true;
            }
        }
        return false;
    }

    // Turn the rows on the path to a node: it is the heir of the one before it, or its leader.
    bool turn_all(Node end, bool is_heir) {
        const std::size_t mark = state_.mark();
        for (Node node = end; to_[static_cast<std::size_t>(node)] >= 0;) {
            const Slot slave = via_[static_cast<std::size_t>(node)];
            const Node other = to_[static_cast<std::size_t>(node)];
            const Slot row = state_.row_of(slave);
            const bool stands = state_.node(slave) == (is_heir ? node : other) &&
                                state_.node(row) == (is_heir ? other : node);
            if (!stands || !turn(slave)) {
                state_.undo(mark);
                return false;
            }
            node = other;
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

    struct Edge {
        std::int32_t weight;
        Node peer;
        bool operator<(const Edge &other) const {
            return weight != other.weight ? weight < other.weight : peer < other.peer;
        }
    };

    State &state_;
    Law law_;
    Clock &clock_;
    std::vector<Edge> edges_;
    std::vector<Degree> degrees_;
    std::vector<Node> over_, under_, queue_;
    std::vector<std::int32_t> found_;  // by node: the last search that reached it
    std::vector<Slot> via_;            // by node: the slot over which it was reached
    std::vector<Node> to_;             // by node: the node before it on the path
    std::int32_t search_ = 0;
    std::int64_t left_;                // of the budget
};

}  // namespace mapcore::peers
