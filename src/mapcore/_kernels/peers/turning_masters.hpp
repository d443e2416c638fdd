// Masters where only masters and slaves are peers: they cannot be chosen afterwards.
#pragma once

#include "evening_loads.hpp"

namespace mapcore::peers {

class TurningMasters : protected EveningLoads {
public:
    using EveningLoads::EveningLoads;

protected:
    // Pass masters along shortest paths of rows, from nodes that lead too many or to nodes that
    // lead too few.
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
};

}  // namespace mapcore::peers
