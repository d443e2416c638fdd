// What mending works with: the placement, what it may become, a budget, and a search over nodes.
#pragma once

#include <vector>

#include "../interrupt.hpp"
#include "limits.hpp"

namespace mapcore::peers {

class Workbench {
public:
    // Where what is asked cannot be had, searches fail slowly: so all of them have a budget.
    Workbench(State &state, const Limits &limits, std::int64_t most_steps, Clock &clock)
        : state_(state), law_(limits, state), clock_(clock), found_(state.node_count(), 0),
          via_(state.node_count(), -1), to_(state.node_count(), -1),
          left_(most_steps) {}

protected:
    static constexpr std::int32_t MOST_SLOTS = 512;  // of a node that one search looks at

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

    State &state_;
    Law law_;
    Clock &clock_;
    std::vector<Degree> degrees_;
    std::vector<Node> queue_;
    std::vector<std::int32_t> found_;  // by node: the last search that reached it
    std::vector<Slot> via_;            // by node: the slot over which it was reached
    std::vector<Node> to_;             // by node: the node before it on the path
    std::int32_t search_ = 0;
    std::int64_t left_;                // of the budget
};

}  // namespace mapcore::peers
