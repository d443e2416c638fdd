// Limits that are no slots of a vertex: how many streams of a round fall under each.
//
// A meter is kept for each volume whose scans bind, for each node whose limits in and out bind
// beside a joint one, for each pair of zones, and for the cluster; a move counts on a few of them.
#pragma once

#include <algorithm>
#include <vector>

#include "moves.hpp"

namespace mapcore::schedule {

class Meters {
public:
    static constexpr int KINDS = 5;

    explicit Meters(const Limits &limits)
        : limits_(limits),
          volume_(limits.volume_count, NONE),
          out_(limits.node_count, NONE),
          in_(limits.node_count, NONE) {
        for (Index v = 0; v < limits.volume_count; v++)
            if (limits.is_binding(v)) volume_[v] = add(limits.scans[v]);
        if (limits.joint != nullptr)
            for (Index n = 0; n < limits.node_count; n++) {
                if (limits.out[n] < limits.joint[n]) out_[n] = add(limits.out[n]);
                if (limits.in[n] < limits.joint[n]) in_[n] = add(limits.in[n]);
            }
        is_at_nodes_ = !limit_.empty();
        if (limits.between_zones != UNLIMITED) {
            first_zone_pair_ = static_cast<Index>(limit_.size());
            for (Wide i = 0; i < Wide{limits.zone_count} * limits.zone_count; i++)
                add(limits.between_zones);
        }
        if (limits.cluster != UNLIMITED) cluster_ = add(limits.cluster);
    }

    static constexpr Index UNLIMITED = 1 << 30;

    bool is_empty() const { return limit_.empty(); }
    // Whether any meter belongs to a node or its volumes.
    bool is_at_nodes() const { return is_at_nodes_; }

    // The meter at the source of a stream: of the volume, or else of the node.
    Index at_source(Index volume) const {
        return volume_[volume] != NONE ? volume_[volume] : out_[limits_.node_of_volume[volume]];
    }

    Index at_target(Index node) const { return in_[node]; }

    // Start to count for a number of rounds.
    void reset(Index rounds) {
        rounds_ = rounds;
        count_.assign(limit_.size() * static_cast<std::size_t>(rounds), 0);
    }

    bool is_full(Index meter, Index round) const {
        return meter != NONE && count_[Wide{meter} * rounds_ + round] >= limit_[meter];
    }

    // Whether a stream from `volume` to `target` has room on all its meters.
    bool has_room(Index volume, Index target, Index round) const {
        Index meters[KINDS];
        list(volume, target, meters);
        return std::none_of(meters, meters + KINDS,
                            [&](Index meter) { return is_full(meter, round); });
    }

    void add(Index volume, Index target, Index round, int change) {
        Index meters[KINDS];
        list(volume, target, meters);
        for (const Index meter : meters)
            if (meter != NONE) count_[Wide{meter} * rounds_ + round] += change;
    }

private:
    Index add(Index limit) {
        limit_.push_back(limit);
        return static_cast<Index>(limit_.size()) - 1;
    }

    void list(Index volume, Index target, Index (&meters)[KINDS]) const {
        const Index node = limits_.node_of_volume[volume];
        meters[0] = volume_[volume];
        meters[1] = out_[node];
        meters[2] = in_[target];
        meters[3] = NONE;
        if (first_zone_pair_ != NONE && limits_.zone[node] != limits_.zone[target])
            meters[3] = first_zone_pair_ + limits_.zone[node] * limits_.zone_count +
                        limits_.zone[target];
        meters[4] = cluster_;
    }

    const Limits &limits_;
    std::vector<Index> volume_, out_, in_;
    Index first_zone_pair_ = NONE;
    Index cluster_ = NONE;
    bool is_at_nodes_ = false;
    std::vector<Index> limit_;
    std::vector<Index> count_;  // meters by rounds
    Index rounds_ = 0;
};

}  // namespace mapcore::schedule
