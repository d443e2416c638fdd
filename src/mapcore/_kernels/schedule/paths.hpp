// Alternating paths: moves that change between two rounds, so that a slot becomes free.
//
// At `vertex` a round `full` has no free slot, while `open` has. One move of `full` goes over to
// `open`; where that takes the last slot at its other end, a move of `open` there goes over to
// `full`, and so on until a vertex has a slot to spare (Kempe chains with capacities). Meters at
// nodes are respected by choosing which of a vertex's moves gives way; all else is checked when the path is
// flipped, and a path that would break anything is put back.
#pragma once

#include <cassert>
#include <utility>
#include <vector>

#include "assignment.hpp"
#include "../interrupt.hpp"

namespace mapcore::schedule {

class Paths {
public:
    Paths(Assignment &assignment, Clock &clock)
        : a_(assignment), clock_(clock), seen_(assignment.moves.count) {}

    // Free a slot of `vertex` in round `full`.
    //
    // Args: `arriving` is the move that is to take it, whose other end is `far`; both are NONE
    // where it is only to be free.
    bool free_slot(Index arriving, Index vertex, Index full, Index open, Index far) {
        const bool is_found = find(arriving, vertex, full, open, far);
        clock_.work(8 + static_cast<Wide>(path_.size()));
        return is_found && flip();
    }

    Wide steps() const { return steps_; }

private:
    struct Change {
        Index move;
        Index before;
        Index after;
    };

    bool find(Index arriving, Index vertex, Index full, Index open, Index far) {
        stamp_++;
        path_.clear();
        if (arriving != NONE && !a_.suits_partition(arriving, full)) return false;
        const Index start = vertex;
        const Index meter = arriving == NONE ? NONE : a_.meter_at(arriving, vertex);
        Wide slot = a_.table.free_slot(vertex, open);
        if (!bring_one_that_may_go(vertex, slot, meter, full, open, false)) return false;
        Index from = full, to = open;
        for (Index move; (move = a_.table.at(slot, from)) != NONE; std::swap(from, to)) {
            if (seen_[move] == stamp_ || a_.moves.in_flight[move]) return false;
            if (!suits_partition(move, to, arriving, full)) return false;
            seen_[move] = stamp_;
            path_.push_back({move, from, to});
            steps_++;
            vertex = a_.other_end(move, vertex);
            slot = a_.slot_at(move, vertex);
            const Index arrives = a_.meter_at(move, vertex);
            if (a_.table.is_free(vertex, to) && !a_.meters.is_full(arrives, to)) {
                const Index needed = 1 + (vertex == far && to == full) +
                                     (vertex == start && to == open);
                if (needed == 1 || a_.table.free_count(vertex, to) >= needed) return true;
                if (a_.table.at(slot, to) == NONE) return false;
            }
            if (!bring_one_that_may_go(vertex, slot, arrives, to, from, true)) return false;
        }
        return false;
    }

    bool suits_partition(Index move, Index to, Index arriving, Index full) const {
        if (arriving != NONE && to == full &&
            a_.moves.partition[move] == a_.moves.partition[arriving])
            return false;
        return a_.suits_partition(move, to);
    }

    // A stream that counts on `meter` comes to a vertex in round `round`: see that `slot` holds a
    // move that may leave for `other`, where the stream makes room if it comes from there.
    bool bring_one_that_may_go(Index vertex, Wide slot, Index meter, Index round, Index other,
                               bool comes_from_other) {
        if (!a_.meters.is_at_nodes()) return true;
        const bool must_match = a_.meters.is_full(meter, round);
        const auto may_go = [&](Index move) {
            if (move == NONE || seen_[move] == stamp_ || a_.moves.in_flight[move]) return false;
            const Index own = a_.meter_at(move, vertex);
            if (must_match && own != meter) return false;
            return own == NONE || (own == meter && comes_from_other) ||
                   !a_.meters.is_full(own, other);
        };
        const Index held = a_.table.at(slot, round);
        if (may_go(held)) return true;
        if (held != NONE && seen_[held] == stamp_) return false;
        for (Wide s = a_.table.first_slot(vertex); s < a_.table.end_slot(vertex); s++)
            if (may_go(a_.table.at(s, round))) {
                a_.exchange(vertex, slot, s, round);
                return true;
            }
        return false;
    }

    bool flip() {
        for (const Change &change : path_) a_.remove(change.move);
        for (std::size_t i = 0; i < path_.size(); i++) {
            if (a_.place(path_[i].move, path_[i].after)) continue;
            while (i-- > 0) a_.remove(path_[i].move);
            for (const Change &change : path_) {
                const bool is_back = a_.place(change.move, change.before);
                assert(is_back);
                (void)is_back;
            }
            return false;
        }
        return true;
    }

    Assignment &a_;
    Clock &clock_;
    std::vector<Change> path_;
    std::vector<Index> seen_;
    Index stamp_ = 0;
    Wide steps_ = 0;
};

}  // namespace mapcore::schedule
