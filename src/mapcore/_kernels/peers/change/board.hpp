// What the parts of a change share: the placement, what limits it, and what is held now.
#pragma once

#include <tuple>
#include <vector>

#include "../../interrupt.hpp"
#include "cells.hpp"

namespace mapcore::peers {

class Board {
public:
    // What a placement is judged by; the first that differs decides.
    struct Grade {
        std::int64_t missing;  // copies without a node, against the begin
        std::int64_t strain;   // how far loads are outside what they shall be, in sum
        std::int64_t moves;    // copies to be filled, against the begin
        bool operator<(const Grade &other) const {
            return std::tie(missing, strain, moves) <
                   std::tie(other.missing, other.strain, other.moves);
        }
    };
    struct Mark {
        std::size_t log;
        Grade grade;
    };

    // `current`: partitions by `current_width`, who holds a copy now; `copies`: by partition, how
    // many it shall have.
    Board(State &state, Law &law, const Node *current, std::size_t current_width,
          const std::int32_t *copies, Clock &clock)
        : state(state),
          law(law),
          clock(clock),
          cells(state, law),
          current_(current),
          current_width_(current_width),
          copies_(copies),
          marks_(state.node_count(), 0) {
        for (std::size_t n = 0; n < state.node_count(); ++n)
            grade_.strain += below(static_cast<Node>(n)) + above(static_cast<Node>(n));
    }

    State &state;
    Law &law;
    Clock &clock;
    const Cells cells;

    const Grade &grade() const { return grade_; }

    // Copies that a node has too few or too many, 0 for none.
    std::int64_t below(Node node) const { return std::max<std::int64_t>(0, law.below(node)); }
    std::int64_t above(Node node) const { return std::max<std::int64_t>(0, law.above(node)); }

    // Who holds a copy of a slot's partition now, -1 for none.
    const Node *current_row(Slot slot) const {
        return current_ + static_cast<std::size_t>(state.partition(slot)) * current_width_;
    }
    std::size_t current_width() const { return current_width_; }

    bool is_held(Slot slot, Node node) const {
        const Node *row = current_row(slot);
        for (std::size_t i = 0; i < current_width_; ++i)
            if (row[i] == node) return true;
        return false;
    }

    // How many copies more must be filled if the node takes over the slot: -1, 0 or 1.
    int moves_more(Slot slot, Node node) const {
        const Node before = state.node(slot);
        return !is_held(slot, node) - (before >= 0 && !is_held(slot, before));
    }

    // How many copies the row of a slot lacks.
    std::int32_t missing(Slot slot) const {
        const Slot row = state.row_of(slot);
        std::int32_t count = copies_[state.partition(slot)];
        for (Slot other = row; other < row + state.width(); ++other)
            count -= state.node(other) >= 0;
        return count;
    }

    // How many new peers the node gets if it takes over the slot; -1: it may not.
    std::int32_t admit(Slot slot, Node node) const {
        return law.may_stand(slot, node) ? law.new_peers(slot, node) : -1;
    }

    void set(Slot slot, Node node) {
        const Node before = state.node(slot);
        if (before >= 0) {
            grade_.strain += law.strain(before, -1);
            grade_.moves -= !is_held(slot, before);
        }
        if (node >= 0) {
            grade_.strain += law.strain(node, 1);
            grade_.moves += !is_held(slot, node);
        }
        grade_.missing += (node < 0) - (before < 0);
        state.set(slot, node);
    }

    Mark mark() const { return {state.mark(), grade_}; }
    void undo(const Mark &mark) {
        state.undo(mark.log);
        grade_ = mark.grade;
    }
    // How many slots were set since; one that was set twice counts twice.
    std::int64_t changes_since(const Mark &mark) const {
        std::int64_t count = 0;
        for (std::size_t i = mark.log; i < state.log().size(); ++i)
            count += state.log()[i].before >= 0;
        return count;
    }

    // Call `visit(slot, holder, new_peers)` for every copy next to a peer of the taker's that it
    // may take over, until it returns false.
    template <class Visit>
    void for_each_offer(Node taker, Visit visit) {
        const PairCounts &pairs = state.pairs();
        const std::int32_t degree = pairs.degree(taker);
        mark_peers(taker);
        const bool is_full = degree >= law.peers_most(taker);
        const std::int32_t mine = mark_;
        for (std::int32_t i = 0; i < degree; ++i) {
            const Node peer = pairs.peers(taker)[i];
            const Slot *slots = state.slots(peer);
            const std::int32_t load = state.load(peer);
            clock.work(load);
            for (std::int32_t k = 0; k < load; ++k)
                if (!visit_row(taker, slots[k], mine, is_full, visit)) return;
        }
    }

private:
    void mark_peers(Node node) {
        ++mark_;
        const Node *peers = state.pairs().peers(node);
        for (std::int32_t i = 0; i < state.degree(node); ++i)
            marks_[static_cast<std::size_t>(peers[i])] = mark_;
    }

    template <class Visit>
    bool visit_row(Node taker, Slot found, std::int32_t mine, bool is_full, Visit &visit) {
        const Slot row = state.row_of(found), end = row + state.width();
        std::int32_t strangers = 0;
        for (Slot slot = row; slot < end; ++slot) {
            const Node node = state.node(slot);
            if (node < 0) continue;
            if (node == taker) return true;
            const bool is_peer = marks_[static_cast<std::size_t>(node)] == mine;
            if (is_peer && slot < found) return true;  // visited before, by way of that one
            strangers += !is_peer;
        }
        if (is_full && state.every_pair() && strangers > 1) return true;
        for (Slot slot = row; slot < end; ++slot) {
            const Node holder = state.node(slot);
            if (holder < 0) continue;
            const bool is_stranger = marks_[static_cast<std::size_t>(holder)] != mine;
            if (is_full && state.every_pair() && strangers > is_stranger) continue;
            if (!law.may_stand(slot, taker)) continue;
            std::int32_t more = 0;
            if (!state.every_pair() || strangers > is_stranger) {
                more = law.new_peers(slot, taker);
                if (more < 0) continue;
            }
            if (!visit(slot, holder, more)) return false;
        }
        return true;
    }

    const Node *current_;
    std::size_t current_width_;
    const std::int32_t *copies_;
    std::vector<std::int32_t> marks_;
    std::int32_t mark_ = 0;
    Grade grade_{0, 0, 0};
};

}  // namespace mapcore::peers
