// What runs when under each limit, on a time line in whole ticks.
//
// A lane is kept for each limit that its moves can reach: streams out of a node, into it, both
// together, full scans of a volume, streams of a partition, between two zones, in the cluster.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "moves.hpp"

namespace mapcore::schedule {

using Ticks = std::int64_t;

class Lane {
public:
    explicit Lane(Index limit) : limit_(limit) { clear(); }

    Index limit() const { return limit_; }
    const std::vector<Index> &moves() const { return moves_; }

    void clear() {
        steps_.assign(1, {0, 0});
        moves_.clear();
    }

    // The first time from `from` on at which there is room for so many ticks.
    Ticks next_free(Ticks from, Ticks ticks) const {
        std::size_t i = at(from);
        Ticks start = from;
        for (; i < steps_.size() && steps_[i].at < start + ticks; i++)
            if (steps_[i].used >= limit_) start = i + 1 < steps_.size() ? steps_[i + 1].at : start;
        return start;
    }

    // The last time at which there is room for so many ticks that end by `until`; below 0 if none.
    Ticks last_free(Ticks until, Ticks ticks) const {
        Ticks end = until;
        for (std::size_t i = at(until - 1) + 1; i-- > 0;) {
            const Ticks over = i + 1 < steps_.size() ? steps_[i + 1].at : end;
            if (over <= end - ticks) break;
            if (steps_[i].used >= limit_) end = steps_[i].at;
        }
        return end - ticks;
    }

    void add(Index move, Ticks start, Ticks finish) {
        count(start, finish, 1);
        moves_.push_back(move);
    }

    void remove(Index move, Ticks start, Ticks finish) {
        count(start, finish, -1);
        *std::find(moves_.begin(), moves_.end(), move) = moves_.back();
        moves_.pop_back();
    }

    Wide size() const { return static_cast<Wide>(steps_.size()); }

private:
    // From `at` to the next step so many moves run.
    struct Step {
        Ticks at;
        Index used;
    };

    // The last step that is not after a time.
    std::size_t at(Ticks time) const {
        const auto next = std::upper_bound(
            steps_.begin(), steps_.end(), time,
            [](Ticks value, const Step &step) { return value < step.at; });
        return next == steps_.begin() ? 0 : static_cast<std::size_t>(next - steps_.begin()) - 1;
    }

    std::size_t split(Ticks time) {
        const std::size_t i = at(time);
        if (steps_[i].at == time) return i;
        steps_.insert(steps_.begin() + static_cast<std::ptrdiff_t>(i) + 1, {time, steps_[i].used});
        return i + 1;
    }

    void merge(std::size_t i) {
        if (i > 0 && i < steps_.size() && steps_[i].used == steps_[i - 1].used)
            steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    void count(Ticks start, Ticks finish, Index change) {
        const std::size_t first = split(start), last = split(finish);
        for (std::size_t i = first; i < last; i++) steps_[i].used += change;
        merge(last);
        merge(first);
    }

    Index limit_;
    std::vector<Step> steps_;
    std::vector<Index> moves_;
};

class Lanes {
public:
    static constexpr int KINDS = 8;
    using List = std::array<Index, KINDS>;

    Lanes(const Moves &moves, const Limits &limits)
        : moves_(moves), limits_(limits),
          out_(limits.node_count, NONE), in_(limits.node_count, NONE),
          joint_(limits.node_count, NONE), volume_(limits.volume_count, NONE),
          partition_(moves.partition_count, NONE) {
        std::vector<Index> sent(limits.node_count), taken(limits.node_count);
        std::vector<Index> read(limits.volume_count), siblings(moves.partition_count);
        for (Index m = 0; m < moves.count; m++) {
            taken[moves.target[m]]++;
            siblings[moves.partition[m]]++;
            for (Wide i = moves.begin(m); i < moves.end(m); i++) {
                sent[limits.node_of_volume[moves.candidate[i]]]++;
                read[moves.candidate[i]]++;
            }
        }
        for (Index n = 0; n < limits.node_count; n++) {
            const Index joint = limits.joint == nullptr ? MANY : limits.joint[n];
            if (sent[n] + taken[n] > joint) joint_[n] = add(joint);
            if (sent[n] > limits.out[n] && limits.out[n] < joint) out_[n] = add(limits.out[n]);
            if (taken[n] > limits.in[n] && limits.in[n] < joint) in_[n] = add(limits.in[n]);
        }
        for (Index v = 0; v < limits.volume_count; v++)
            if (read[v] > limits.scans[v] && limits.is_binding(v)) volume_[v] = add(limits.scans[v]);
        for (Index p = 0; p < moves.partition_count; p++)
            if (siblings[p] > limits.partition) partition_[p] = add(limits.partition);
        if (limits.between_zones < MANY) {
            first_zone_pair_ = static_cast<Index>(lanes_.size());
            for (Wide i = 0; i < Wide{limits.zone_count} * limits.zone_count; i++)
                add(limits.between_zones);
        }
        if (moves.count > limits.cluster) cluster_ = add(limits.cluster);
    }

    Lane &operator[](Index lane) { return lanes_[lane]; }
    const Lane &operator[](Index lane) const { return lanes_[lane]; }

    void clear() {
        for (Lane &lane : lanes_) lane.clear();
    }

    // The lanes of a move that comes from the candidate at `place`; return how many there are.
    int of(Index move, Wide place, List &lanes) const {
        const Index volume = moves_.candidate[place];
        const Index source = limits_.node_of_volume[volume], target = moves_.target[move];
        int count = 0;
        for (const Index lane : {volume_[volume], out_[source], joint_[source], in_[target],
                                 joint_[target], partition_[moves_.partition[move]],
                                 between(source, target), cluster_})
            if (lane != NONE) lanes[count++] = lane;
        return count;
    }

private:
    static constexpr Index MANY = 1 << 30;

    Index add(Index limit) {
        lanes_.emplace_back(limit);
        return static_cast<Index>(lanes_.size()) - 1;
    }

    Index between(Index source, Index target) const {
        const Index from = limits_.zone[source], to = limits_.zone[target];
        if (first_zone_pair_ == NONE || from == to) return NONE;
        return first_zone_pair_ + from * limits_.zone_count + to;
    }

    const Moves &moves_;
    const Limits &limits_;
    std::vector<Index> out_, in_, joint_, volume_, partition_;
    Index first_zone_pair_ = NONE;
    Index cluster_ = NONE;
    std::vector<Lane> lanes_;
};

}  // namespace mapcore::schedule
