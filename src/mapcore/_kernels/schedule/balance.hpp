// Parts of streams over the places that they may pass, so that the busiest is least busy.
//
// One stream after the other spreads anew over its places, as water fills what is lowest, until
// little changes: the loads approach the one division that is best at every level, which also
// shows which places are the bottleneck. Busy means work over the limit of a place.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "../interrupt.hpp"
#include "moves.hpp"

namespace mapcore::schedule {

class Balance {
public:
    // `load` holds what each place has to do besides; `share` is that of each candidate.
    Balance(const Moves &moves, const double *length, const Index *place, const Index *limit,
            double *load, double *share, Clock &clock)
        : moves_(moves), length_(length), place_(place), limit_(limit), load_(load),
          share_(share), clock_(clock) {}

    void run() {
        std::fill(share_, share_ + moves_.begin(moves_.count), 0.0);
        double total = 0;
        for (Index m = 0; m < moves_.count; m++) {
            spread(m);
            total += length_[m];
        }
        const Wide sweeps = std::clamp(WORK / (1 + moves_.begin(moves_.count)), LEAST, MOST);
        for (Wide i = 0; i < sweeps; i++) {
            double changed = 0;
            for (Index m = 0; m < moves_.count; m++)
                if (moves_.end(m) - moves_.begin(m) > 1) changed += spread(m);
            if (changed <= LITTLE * total) return;
        }
    }

private:
    static constexpr Wide WORK = 6000000, LEAST = 2, MOST = 200;
    static constexpr double LITTLE = 1e-6;

    // Spread one stream anew; return how much of it goes elsewhere.
    double spread(Index move) {
        const Wide begin = moves_.begin(move), end = moves_.end(move);
        clock_.work(end - begin);
        lowest_.clear();
        for (Wide i = begin; i < end; i++) {
            const Index place = place_[i];
            load_[place] -= share_[i] * length_[move];
            const bool is_known = std::any_of(
                lowest_.begin(), lowest_.end(),
                [&](const std::pair<double, Wide> &known) { return place_[known.second] == place; });
            if (!is_known) lowest_.emplace_back(0.0, i);
        }
        for (auto &[busy, i] : lowest_) busy = load_[place_[i]] / limit_[place_[i]];
        std::sort(lowest_.begin(), lowest_.end());
        // The level up to which the lowest places are filled.
        double level = 0, volume = length_[move], width = 0;
        std::size_t used = 0;
        while (used < lowest_.size()) {
            const auto &[busy, i] = lowest_[used];
            if (used > 0 && level <= busy) break;
            volume += busy * limit_[place_[i]];
            width += limit_[place_[i]];
            level = volume / width;
            used++;
        }
        double changed = 0;
        for (std::size_t n = 0; n < lowest_.size(); n++) {
            const auto &[busy, i] = lowest_[n];
            const double part = n < used ? (level - busy) * limit_[place_[i]] : 0.0;
            const double share = std::max(0.0, part / length_[move]);
            changed += std::abs(share - share_[i]) * length_[move];
            share_[i] = share;
            load_[place_[i]] += share * length_[move];
        }
        return changed;
    }

    const Moves &moves_;
    const double *length_;
    const Index *place_;
    const Index *limit_;
    double *load_;
    double *share_;
    Clock &clock_;
    std::vector<std::pair<double, Wide>> lowest_;  // how busy, and which candidate
};

}  // namespace mapcore::schedule
