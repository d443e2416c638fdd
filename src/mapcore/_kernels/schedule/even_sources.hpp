// A source for each stream, so that no node, volume or pair of zones has much more to do than others.
//
// Each stream in turn takes the source where it adds least to the sum of a power of what all of
// them have to do over their limits, until none wants another: no stream can then make things
// more even alone. A low power at first spreads work far, a high one at last lowers the busiest;
// then random streams take random sources, the worse for evenness the less often (simulated
// annealing), as it may take several that change together.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "../interrupt.hpp"
#include "engine.hpp"
#include "moves.hpp"
#include "../random.hpp"

namespace mapcore::schedule {

class EvenSources {
public:
    EvenSources(const Moves &moves, const Limits &limits, const Durations &durations, Wide *choice,
                Clock &clock)
        : moves_(moves), limits_(limits), durations_(durations), choice_(choice), clock_(clock),
          out_(limits.node_count), joint_(limits.node_count), volume_(limits.volume_count),
          pair_(limits.between_zones < MANY ? Wide{limits.zone_count} * limits.zone_count : 0),
          order_(moves.count) {}

    // `choice` comes with the first candidates and takes up the places of those chosen.
    void run() {
        double total = 0;
        for (Index m = 0; m < moves_.count; m++) {
            joint_[moves_.target[m]] += length(m, choice_[m]);
            total += length(m, choice_[m]);
        }
        unit_ = total / std::max(1, limits_.node_count);
        for (Index m = 0; m < moves_.count; m++) count(m, choice_[m], 1);
        std::iota(order_.begin(), order_.end(), 0);
        std::stable_sort(order_.begin(), order_.end(), [&](Index a, Index b) {
            return length(a, choice_[a]) > length(b, choice_[b]);
        });
        for (int doublings = 1; doublings <= HIGHEST; doublings++)
            for (int sweep = 0; sweep < SWEEPS && improve(doublings); sweep++) {}
        anneal();
    }

private:
    static constexpr Index MANY = 1 << 30;
    static constexpr int SWEEPS = 12;
    static constexpr double ENOUGH = 1 - 1e-9;
    static constexpr int HIGHEST = 3;  // how often loads are squared
    static constexpr Wide STEPS_PER_MOVE = 400, MOST_STEPS = 2000000;
    static constexpr double HOT = 1.0, COLD = 1e-4;  // in what a typical move adds
    static constexpr std::uint64_t SEED = 0xD1B54A32D192ED03ULL;

    double length(Index move, Wide place) const {
        const Index source = limits_.node_of_volume[moves_.candidate[place]];
        return durations_.size[move] /
               std::min(durations_.rate[source], durations_.rate[moves_.target[move]]);
    }

    // Let each move take the source that is best for it; whether any took another.
    bool improve(int doublings) {
        bool any = false;
        for (const Index m : order_) {
            if (moves_.end(m) - moves_.begin(m) == 1 || moves_.in_flight[m]) continue;
            clock_.work(4 * (moves_.end(m) - moves_.begin(m)));
            const Wide before = choice_[m];
            count(m, before, -1);
            Wide best = before;
            double least = cost(m, before, doublings) * ENOUGH;
            for (Wide place = moves_.begin(m); place < moves_.end(m); place++) {
                if (place == before || waits_for_itself(m, place)) continue;
                const double own = cost(m, place, doublings);
                if (own >= least) continue;
                least = own;
                best = place;
            }
            count(m, best, 1);
            choice_[m] = best;
            any |= best != before;
        }
        return any;
    }

    void anneal() {
        std::vector<Index> free;
        double added = 0;
        for (const Index m : order_) {
            if (moves_.end(m) - moves_.begin(m) == 1 || moves_.in_flight[m]) continue;
            free.push_back(m);
            count(m, choice_[m], -1);
            added += cost(m, choice_[m], HIGHEST);
            count(m, choice_[m], 1);
        }
        if (free.empty()) return;
        const Wide steps = std::min(STEPS_PER_MOVE * static_cast<Wide>(free.size()), MOST_STEPS);
        double heat = HOT * added / static_cast<double>(free.size());
        const double cooling = std::pow(COLD / HOT, 1.0 / static_cast<double>(steps));
        for (Wide step = 0; step < steps; step++, heat *= cooling) {
            const Index m = free[random_.below(static_cast<Index>(free.size()))];
            const Wide before = choice_[m];
            const Wide place = moves_.begin(m) +
                               random_.below(static_cast<Index>(moves_.end(m) - moves_.begin(m)));
            clock_.work(8);
            if (place == before || waits_for_itself(m, place)) continue;
            count(m, before, -1);
            const double worse = cost(m, place, HIGHEST) - cost(m, before, HIGHEST);
            const double luck = static_cast<double>(1 + random_.below(1 << 24)) / (1 << 24);
            choice_[m] = worse <= 0 || luck < std::exp(-worse / heat) ? place : before;
            count(m, choice_[m], 1);
        }
        improve(HIGHEST);
    }

    // Whether the copy at a place is filled, at some remove, from that of the move.
    bool waits_for_itself(Index move, Wide place) const {
        Index by = moves_.filled_by[place];
        while (by != NONE && by != move) by = moves_.filled_by[choice_[by]];
        return by == move;
    }

    template <typename Visit>
    void visit(Index move, Wide place, Visit visit) {
        const Index volume = moves_.candidate[place];
        const Index source = limits_.node_of_volume[volume], target = moves_.target[move];
        visit(out_[source], limits_.out[source]);
        if (limits_.joint != nullptr) visit(joint_[source], limits_.joint[source]);
        if (limits_.is_binding(volume)) visit(volume_[volume], limits_.scans[volume]);
        const Index from = limits_.zone[source], to = limits_.zone[target];
        if (!pair_.empty() && from != to)
            visit(pair_[Wide{from} * limits_.zone_count + to], limits_.between_zones);
    }

    void count(Index move, Wide place, int sign) {
        const double change = sign * length(move, place);
        visit(move, place, [&](double &load, Index) { load += change; });
    }

    // What a move adds at a place to the sum of the powers.
    double cost(Index move, Wide place, int doublings) {
        const double added = length(move, place);
        double sum = 0;
        visit(move, place, [&](double &load, Index limit) {
            sum += power((load + added) / (unit_ * limit), doublings) -
                   power(load / (unit_ * limit), doublings);
        });
        return sum;
    }

    static double power(double value, int doublings) {
        while (doublings-- > 0) value *= value;
        return value;
    }

    const Moves &moves_;
    const Limits &limits_;
    const Durations &durations_;
    Wide *choice_;
    Clock &clock_;
    std::vector<double> out_, joint_, volume_, pair_;  // seconds of work
    double unit_ = 1;
    Random random_{SEED};
    std::vector<Index> order_;  // moves, the longest first
};

}  // namespace mapcore::schedule
