// A shorter time line from one that is there: every stream must end by an earlier time.
//
// Streams that end too late are taken out and put back into gaps; where there is none, others give
// way, those that have seldom been hard to place, and are put back in their turn (ejection search
// guided by penalties, Nagata and Bräysy 2009). In between some streams change places at random.
// The end asked for is halfway between what was reached and what was not, or the lower bound.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "../interrupt.hpp"
#include "engine.hpp"
#include "lanes.hpp"
#include "../random.hpp"

namespace mapcore::schedule {

class Tightening {
public:
    Tightening(const Moves &moves, const Limits &limits, const Durations &durations, Clock &clock)
        : moves_(moves), limits_(limits), durations_(durations), clock_(clock),
          siblings_(moves.partition, moves.count, moves.partition_count),
          lanes_(moves, limits), start_(moves.count, UNPLACED), finish_(moves.count),
          choice_(moves.count), penalty_(moves.count, 1), is_chosen_(moves.count) {}

    // Improve starts, finishes and sources until they end by `bound`, or so much work is done;
    // return when the last ends.
    double run(double bound, Wide work, double *start, double *finish, Wide *choice) {
        const double end = *std::max_element(finish, finish + moves_.count);
        int exponent;
        std::frexp(end, &exponent);
        tick_ = std::ldexp(1.0, exponent - PRECISION);
        read(start, choice);
        Ticks reached = keep();
        Ticks missed = static_cast<Ticks>(std::ceil(bound / tick_)) - 1;
        work_left_ = work;
        bool is_first = true;
        while (reached - missed > 1 + missed / CLOSE_ENOUGH && work_left_ > 0) {
            until_ = is_first ? missed + 1 + (reached - missed) / 8 : missed + (reached - missed) / 2;
            is_first = false;
            if (fits(work / TRIES)) reached = keep();
            else missed = until_;
        }
        if (static_cast<double>(reached) * tick_ >= end) return end;
        return write(start, finish, choice);
    }

private:
    static constexpr std::uint64_t SEED = 0x2545F4914F6CDD1DULL;
    static constexpr int PRECISION = 46;       // bits of the length
    static constexpr Ticks UNPLACED = -1;
    static constexpr Ticks CLOSE_ENOUGH = 2000;
    static constexpr Wide TRIES = 8;
    static constexpr int POSITIONS = 12;  // looked at where others must give way
    static constexpr int SHAKEN = 3;      // streams that change places after each
    static constexpr Wide FIXED = Wide{1} << 40;  // the price of what cannot give way

    struct Position {
        Wide place;
        Ticks start;
    };

    Ticks ticks(Index move, Wide place) const {
        const Index source = limits_.node_of_volume[moves_.candidate[place]];
        const double seconds = durations_.size[move] /
                               std::min(durations_.rate[source], durations_.rate[moves_.target[move]]);
        return std::max(Ticks{1}, static_cast<Ticks>(std::ceil(seconds / tick_)));
    }

    bool is_placed(Index move) const { return start_[move] != UNPLACED; }
    Index filler(Index move) const { return moves_.filled_by[choice_[move]]; }

    void place(Index move, Wide place, Ticks start) {
        start_[move] = start;
        finish_[move] = start + ticks(move, place);
        choice_[move] = place;
        Lanes::List list;
        for (int i = lanes_.of(move, place, list); i-- > 0;)
            lanes_[list[i]].add(move, start, finish_[move]);
    }

    void take(Index move) {
        Lanes::List list;
        for (int i = lanes_.of(move, choice_[move], list); i-- > 0;)
            lanes_[list[i]].remove(move, start_[move], finish_[move]);
        start_[move] = UNPLACED;
    }

    // Take a move out, and those that are filled from its copy.
    void eject(Index move) {
        if (!is_placed(move)) return;
        take(move);
        pool_.push_back(move);
        for (const Index *s = first_sibling(move); s != last_sibling(move); s++)
            if (is_placed(*s) && filler(*s) == move) eject(*s);
    }

    const Index *first_sibling(Index move) const { return siblings_.begin(moves_.partition[move]); }
    const Index *last_sibling(Index move) const { return siblings_.end(moves_.partition[move]); }

    bool has_followers(Index move) const {
        return std::any_of(first_sibling(move), last_sibling(move),
                           [&](Index s) { return is_placed(s) && filler(s) == move; });
    }

    // When the copy of a candidate can be read; UNPLACED if nothing fills it yet.
    Ticks readable(Wide place) const {
        const Index by = moves_.filled_by[place];
        if (by == NONE) return 0;
        return is_placed(by) ? finish_[by] : UNPLACED;
    }

    // The first gap from a time on, whether or not it ends in time.
    Ticks gap_after(Index move, Wide place, Ticks from, Ticks length) {
        Lanes::List list;
        const int count = lanes_.of(move, place, list);
        Ticks start = from;
        for (int agreed = 0, i = 0; agreed < count; i = i + 1 == count ? 0 : i + 1) {
            const Ticks next = lanes_[list[i]].next_free(start, length);
            spend(4);
            agreed = next == start ? agreed + 1 : 1;
            start = next;
        }
        return start;
    }

    // The last gap that ends by a time; below 0 if there is none.
    Ticks gap_before(Index move, Wide place, Ticks until, Ticks length) {
        Lanes::List list;
        const int count = lanes_.of(move, place, list);
        Ticks start = until - length;
        for (int agreed = 0, i = 0; agreed < count && start >= 0; i = i + 1 == count ? 0 : i + 1) {
            const Ticks next = lanes_[list[i]].last_free(start + length, length);
            spend(4);
            agreed = next == start ? agreed + 1 : 1;
            start = next;
        }
        return start;
    }

    void spend(Wide work) {
        work_left_ -= work;
        clock_.work(work);
    }

    // Put a move into a gap: the first or the last one of a random source that has one.
    bool fill_gap(Index move) {
        const Wide begin = moves_.begin(move), count = moves_.end(move) - begin;
        const Wide first = random_.below(static_cast<Index>(count));
        const bool is_late = random_.below(3) == 0;
        for (Wide i = 0; i < count; i++) {
            const Wide at = begin + (first + i) % count;
            const Ticks from = readable(at);
            if (from == UNPLACED) continue;
            const Ticks length = ticks(move, at);
            const Ticks start = is_late ? gap_before(move, at, until_, length)
                                        : gap_after(move, at, from, length);
            if (start < from || start + length > until_) continue;
            place(move, at, start);
            return true;
        }
        return false;
    }

    // Let others give way where that is least bad.
    bool force(Index move) {
        Wide least = FIXED;
        Position best{0, 0};
        std::vector<Index> giving_way;
        for (int i = 0; i < POSITIONS; i++) {
            Position position;
            if (!any_position(move, position)) continue;
            const Wide cost = in_the_way(move, position, least);
            if (cost >= least) continue;
            least = cost;
            best = position;
            giving_way = chosen_;
        }
        if (least == FIXED) return false;
        for (const Index other : giving_way) eject(other);
        // One that gave way may be what fills the source.
        if (readable(best.place) == UNPLACED) return false;
        place(move, best.place, best.start);
        return true;
    }

    // A time at which some other move of the same lanes starts or ends, or the first or last one.
    bool any_position(Index move, Position &position) {
        const Wide begin = moves_.begin(move);
        position.place = begin + random_.below(static_cast<Index>(moves_.end(move) - begin));
        const Ticks from = readable(position.place), length = ticks(move, position.place);
        if (from == UNPLACED || from + length > until_) return false;
        Lanes::List list;
        const int count = lanes_.of(move, position.place, list);
        Ticks start = random_.below(2) ? from : until_ - length;
        if (count > 0 && random_.below(4) != 0) {
            const std::vector<Index> &moves = lanes_[list[random_.below(count)]].moves();
            if (!moves.empty()) {
                const Index other = moves[random_.below(static_cast<Index>(moves.size()))];
                const Ticks around[] = {finish_[other], start_[other] - length, start_[other],
                                        finish_[other] - length};
                start = around[random_.below(4)];
            }
        }
        position.start = std::clamp(start, from, until_ - length);
        return true;
    }

    // What it costs to make room at a position: the moves to be ejected are `chosen_` then.
    Wide in_the_way(Index move, const Position &position, Wide most) {
        chosen_.clear();
        Lanes::List list;
        const Ticks start = position.start, finish = start + ticks(move, position.place);
        Wide cost = 0;
        for (int i = lanes_.of(move, position.place, list); i-- > 0 && cost < most;)
            cost += clear_way(lanes_[list[i]], start, finish);
        for (const Index other : chosen_) is_chosen_[other] = false;
        return cost;
    }

    Wide clear_way(const Lane &lane, Ticks start, Ticks finish) {
        overlapping_.clear();
        spend(static_cast<Wide>(lane.moves().size()) + 4);
        for (const Index other : lane.moves())
            if (start_[other] < finish && finish_[other] > start && !is_chosen_[other])
                overlapping_.push_back(other);
        if (static_cast<Index>(overlapping_.size()) < lane.limit()) return 0;
        std::sort(overlapping_.begin(), overlapping_.end(), [&](Index a, Index b) {
            return start_[a] != start_[b] ? start_[a] < start_[b] : a < b;
        });
        Wide cost = 0;
        running_.clear();
        for (const Index next : overlapping_) {
            running_.erase(std::remove_if(running_.begin(), running_.end(),
                                          [&](Index m) { return finish_[m] <= start_[next]; }),
                           running_.end());
            running_.push_back(next);
            if (static_cast<Index>(running_.size()) < lane.limit()) continue;
            const auto cheapest = std::min_element(running_.begin(), running_.end(), [&](Index a, Index b) {
                const Wide cost_a = price(a), cost_b = price(b);
                return cost_a != cost_b ? cost_a < cost_b : finish_[a] > finish_[b];
            });
            if (moves_.in_flight[*cheapest]) return FIXED;
            cost += price(*cheapest);
            is_chosen_[*cheapest] = true;
            chosen_.push_back(*cheapest);
            running_.erase(cheapest);
        }
        return cost;
    }

    Wide price(Index move) const {
        if (moves_.in_flight[move]) return FIXED;
        Wide sum = penalty_[move];
        for (const Index *s = first_sibling(move); s != last_sibling(move); s++)
            if (is_placed(*s) && filler(*s) == move) sum += penalty_[*s];
        return sum;
    }

    // Let some moves that share a lane with this one change places.
    void shake(Index move) {
        Lanes::List list;
        const int count = lanes_.of(move, choice_[move], list);
        for (int i = 0; i < SHAKEN && count > 0; i++) {
            const std::vector<Index> &moves = lanes_[list[random_.below(count)]].moves();
            if (moves.empty()) continue;
            const Index other = moves[random_.below(static_cast<Index>(moves.size()))];
            if (moves_.in_flight[other] || has_followers(other)) continue;
            const Position before{choice_[other], start_[other]};
            take(other);
            const Wide begin = moves_.begin(other);
            const Wide at = begin + random_.below(static_cast<Index>(moves_.end(other) - begin));
            const Ticks from = readable(at), length = ticks(other, at);
            Ticks start = UNPLACED;
            if (from != UNPLACED && from + length <= until_) {
                const Ticks room = until_ - length - from;
                const Ticks any = from + static_cast<Ticks>(
                    static_cast<double>(random_.below(1 << 20)) / (1 << 20) * static_cast<double>(room));
                start = random_.below(2) ? gap_after(other, at, any, length)
                                         : gap_before(other, at, any + length, length);
                if (start < from || start + length > until_) start = UNPLACED;
            }
            if (start == UNPLACED) place(other, before.place, before.start);
            else place(other, at, start);
        }
    }

    // Whether everything ends by `until_`, after so much work.
    bool fits(Wide work) {
        const Wide least_left = work_left_ - work;
        for (Index m = 0; m < moves_.count; m++)
            if (is_placed(m) && finish_[m] > until_) {
                if (moves_.in_flight[m]) return false;
                eject(m);
            }
        while (!pool_.empty()) {
            if (work_left_ < std::max(Wide{0}, least_left)) return false;
            const Index move = pool_.back();
            pool_.pop_back();
            if (fill_gap(move)) continue;
            penalty_[move]++;
            if (force(move)) shake(move);
            else pool_.insert(pool_.begin(), move);
            spend(16);
        }
        return true;
    }

    // Start from a time line that is there.
    void read(const double *start, const Wide *choice) {
        std::vector<Index> order(moves_.count);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
            return start[a] != start[b] ? start[a] < start[b] : moves_.in_flight[a] > moves_.in_flight[b];
        });
        std::copy(choice, choice + moves_.count, choice_.begin());
        pack(order);
    }

    // Place all moves as early as each can be, one after the other; return when the last ends.
    Ticks pack(const std::vector<Index> &order) {
        lanes_.clear();
        std::fill(start_.begin(), start_.end(), UNPLACED);
        Ticks end = 0;
        for (const Index move : order) {
            const Wide at = choice_[move];
            const bool is_fixed = moves_.in_flight[move] != 0;
            place(move, at, is_fixed ? 0 : gap_after(move, at, readable(at), ticks(move, at)));
            end = std::max(end, finish_[move]);
        }
        return end;
    }

    // Move everything up as far as it goes, urgent moves first where that costs nothing.
    Ticks keep() {
        std::vector<Index> order(moves_.count);
        std::iota(order.begin(), order.end(), 0);
        const std::vector<Ticks> starts(start_);
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
            return starts[a] != starts[b] ? starts[a] < starts[b] : moves_.in_flight[a] > moves_.in_flight[b];
        });
        const Ticks end = pack(order);
        best_start_ = start_;
        best_choice_ = choice_;
        return end;
    }

    double write(double *start, double *finish, Wide *choice) {
        double end = 0;
        for (Index m = 0; m < moves_.count; m++) {
            choice[m] = best_choice_[m];
            const Index source = limits_.node_of_volume[moves_.candidate[choice[m]]];
            start[m] = static_cast<double>(best_start_[m]) * tick_;
            finish[m] = start[m] + durations_.size[m] / std::min(durations_.rate[source],
                                                                 durations_.rate[moves_.target[m]]);
            end = std::max(end, finish[m]);
        }
        return end;
    }

    const Moves &moves_;
    const Limits &limits_;
    const Durations &durations_;
    Clock &clock_;
    const Groups siblings_;
    Lanes lanes_;
    std::vector<Ticks> start_, finish_, best_start_;
    std::vector<Wide> choice_, best_choice_;
    std::vector<Wide> penalty_;           // how often a move was hard to place
    std::vector<Index> pool_;             // moves to be placed, the next one last
    std::vector<Index> chosen_;           // moves in the way
    std::vector<char> is_chosen_;
    std::vector<Index> overlapping_, running_;
    double tick_ = 1;
    Ticks until_ = 0;
    Wide work_left_ = 0;
    Random random_{SEED};
};

}  // namespace mapcore::schedule
