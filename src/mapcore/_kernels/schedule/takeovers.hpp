// When each planned takeover goes, so that no node leads more than at its present peak.
//
// A takeover may go while its heir has fewer masters than it shall have, or at least two fewer
// than the leader. Each that goes may let others go, at both of its nodes. What can never go by
// that rule are cycles: when nothing else is left, the one whose heir has the fewest masters goes
// and opens its cycle. Urgent takeovers do not wait.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "../interrupt.hpp"
#include "moves.hpp"

namespace mapcore::schedule {

struct Takeovers {
    Index count;
    const double *ready;  // when the heir is in sync
    const Index *leader;
    const Index *heir;
    const std::uint8_t *is_urgent;
};

class TakeoverOrder {
public:
    TakeoverOrder(const Takeovers &takeovers, Index node_count, Index *masters, const Index *goals,
                  double *when, Index *rank, Clock &clock)
        : takeovers_(takeovers), masters_(masters), goals_(goals), when_(when), rank_(rank),
          clock_(clock), at_heir_(node_count), at_leader_(node_count), is_done_(takeovers.count) {}

    void run() {
        std::vector<Index> order(takeovers_.count);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
            return takeovers_.ready[a] < takeovers_.ready[b];
        });
        for (std::size_t i = 0; i < order.size();) {
            now_ = takeovers_.ready[order[i]];
            for (; i < order.size() && takeovers_.ready[order[i]] == now_; i++) arrive(order[i]);
            settle();
        }
        while (sweep(order)) {}
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
            return masters_[takeovers_.heir[a]] < masters_[takeovers_.heir[b]];
        });
        for (const Index takeover : order) {
            if (is_done_[takeover]) continue;
            go(takeover);
            settle();
        }
    }

private:
    static constexpr Index LOOK_AT = 64;  // takeovers that wait at a node

    struct Ring {
        std::vector<Index> waiting;
        std::size_t next = 0;
    };

    bool may_go(Index takeover) const {
        const Index heir = takeovers_.heir[takeover];
        return masters_[heir] < goals_[heir] ||
               masters_[heir] + 1 < masters_[takeovers_.leader[takeover]];
    }

    void arrive(Index takeover) {
        if (takeovers_.is_urgent[takeover] || may_go(takeover)) {
            go(takeover);
            return;
        }
        at_heir_[takeovers_.heir[takeover]].waiting.push_back(takeover);
        at_leader_[takeovers_.leader[takeover]].waiting.push_back(takeover);
    }

    void go(Index takeover) {
        const Index leader = takeovers_.leader[takeover], heir = takeovers_.heir[takeover];
        masters_[leader]--;
        masters_[heir]++;
        is_done_[takeover] = 1;
        when_[takeover] = now_;
        rank_[takeover] = next_rank_++;
        touched_.insert(touched_.end(), {leader, heir});
    }

    void settle() {
        while (!touched_.empty()) {
            const Index node = touched_.back();
            touched_.pop_back();
            look_through(at_heir_[node]);
            look_through(at_leader_[node]);
        }
    }

    // Look at some takeovers that wait, where the last look ended.
    void look_through(Ring &ring) {
        Index looked_at = 0;
        for (std::size_t left = ring.waiting.size(); left > 0 && looked_at < LOOK_AT; left--) {
            if (ring.next >= ring.waiting.size()) ring.next = 0;
            const Index takeover = ring.waiting[ring.next];
            if (is_done_[takeover]) {
                ring.waiting[ring.next] = ring.waiting.back();
                ring.waiting.pop_back();
                continue;
            }
            ring.next++;
            looked_at++;
            if (may_go(takeover)) go(takeover);
        }
        clock_.work(looked_at + 1);
    }

    // Whether any of the takeovers that still wait could go.
    bool sweep(const std::vector<Index> &order) {
        bool any = false;
        for (const Index takeover : order) {
            if (is_done_[takeover] || !may_go(takeover)) continue;
            go(takeover);
            settle();
            any = true;
        }
        clock_.work(takeovers_.count);
        return any;
    }

    const Takeovers &takeovers_;
    Index *masters_;
    const Index *goals_;
    double *when_;
    Index *rank_;
    Clock &clock_;
    std::vector<Ring> at_heir_, at_leader_;
    std::vector<std::uint8_t> is_done_;
    std::vector<Index> touched_;
    Index next_rank_ = 0;
    double now_ = 0;
};

}  // namespace mapcore::schedule
