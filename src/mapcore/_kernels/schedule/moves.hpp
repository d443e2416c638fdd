// What is to be scheduled: moves of copies between nodes, and the limits on streams.
//
// A move fills one copy of a partition on a target node, by a stream from a volume that holds
// another copy. Volumes belong to nodes; a node without known volumes has one without a limit.
#pragma once

#include <cstdint>
#include <vector>

namespace mapcore::schedule {

using Index = std::int32_t;
using Wide = std::int64_t;
constexpr Index NONE = -1;

struct Moves {
    Index count;
    Index partition_count;
    const Index *partition;
    const Index *target;
    const Wide *candidates_begin;  // count + 1 places in the next two
    const Index *candidate;        // volumes that hold a copy, best first
    const Index *filled_by;        // the move that fills this copy first; NONE if it is live
    const std::uint8_t *in_flight;  // runs already: stays in the first round
    const std::uint8_t *is_urgent;  // comes first where that costs nothing

    Wide begin(Index move) const { return candidates_begin[move]; }
    Wide end(Index move) const { return candidates_begin[move + 1]; }
};

// The most streams at once. All are at least 1.
struct Limits {
    Index node_count;
    const Index *out;
    const Index *in;
    const Index *joint;  // in and out together; null where there is no such limit
    Index volume_count;
    const Index *node_of_volume;
    const Index *scans;  // a volume is read in full by each stream out of it
    Index partition;
    Index zone_count;
    const Index *zone;
    Index between_zones;  // from one zone to another
    Index cluster;

    bool is_binding(Index volume) const { return scans[volume] < out[node_of_volume[volume]]; }
};

// Positions of items by the group to which they belong.
class Groups {
public:
    Groups(const Index *group, Index count, Index group_count)
        : begin_(static_cast<std::size_t>(group_count) + 1), items_(count) {
        for (Index i = 0; i < count; i++) begin_[group[i] + 1]++;
        for (Index g = 0; g < group_count; g++) begin_[g + 1] += begin_[g];
        std::vector<Index> next(begin_.begin(), begin_.end() - 1);
        for (Index i = 0; i < count; i++) items_[next[group[i]]++] = i;
    }

    const Index *begin(Index group) const { return items_.data() + begin_[group]; }
    const Index *end(Index group) const { return items_.data() + begin_[group + 1]; }
    Index size(Index group) const { return begin_[group + 1] - begin_[group]; }

private:
    std::vector<Index> begin_;
    std::vector<Index> items_;
};

}  // namespace mapcore::schedule
