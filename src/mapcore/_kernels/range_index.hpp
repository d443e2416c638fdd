// A static search structure over the starts of ranges: byte strings of any length, in order.
//
// It is a trie of search trees, as in Masstree (Mao, Kohler and Morris, "Cache Craftiness for Fast
// Multicore Key-Value Storage", 2012), but static. A layer covers neighbouring starts. It skips the
// prefix that they share, and orders them by their next eight bytes, the slice. Starts that have
// the same slice form a group; those of a group that are longer than the slice get a layer of their
// own, unless there is only one. So long shared prefixes cost one comparison, wherever they begin,
// and each layer is a tree of plain numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "key_arrays.hpp"
#include "slice_tree.hpp"

namespace mapcore {

class RangeIndex {
public:
    // Start i is data[offsets[i]:offsets[i + 1]]; `count` of them, ascending, each once; less than
    // 4 GiB in all. Throws std::overflow_error where they are too many.
    RangeIndex(const std::uint8_t *data, const std::int64_t *offsets, std::size_t count,
               const Descent &descent);

    // How many starts are at most the key, as bisect.bisect_right says it.
    std::uint32_t rank(const std::uint8_t *key, std::size_t size) const;

    // The same for the first `count` keys of an array.
    template <class Keys>
    void ranks(const Keys &keys, std::size_t count, std::uint32_t *out) const
    {
        for (std::size_t done = 0; done < count; done += LANES)
            rank_lanes(keys.from(done), std::min(LANES, count - done), out + done);
    }

    std::size_t count() const { return offsets_.size() - 1; }
    std::size_t byte_count() const;
    bool has_same_starts(const RangeIndex &other) const
    {
        return data_ == other.data_ && offsets_ == other.offsets_;
    }

private:
    static constexpr std::uint32_t NONE = UINT32_MAX;
    // In place of the first group of a layer whose groups have one start each: NO_GROUPS where a
    // start may be longer than its slice or end in NUL, so that equal slices do not say which is
    // the greater, the start or the key; EXACT where equal slices mean that the start is at most
    // the key.
    static constexpr std::uint32_t NO_GROUPS = UINT32_MAX, EXACT = UINT32_MAX - 1;

    struct alignas(64) Layer {
        SliceTree tree;
        std::uint32_t first, end;  // its starts
        std::uint32_t slice_count;
        std::uint32_t groups;
        std::uint32_t prefix_data;  // where the bytes of the shared prefix stand
        std::uint32_t prefix_size;
        std::uint32_t slice_at;  // position of prefix and slice in a key: prefix, then slice
    };

    struct Group {
        std::uint32_t first;  // its first start; it ends where the next group begins
        std::uint32_t layer;  // of its starts that are longer than the slice, or NONE
    };

    // One lookup on its way.
    struct Lane {
        const std::uint8_t *key;
        std::size_t size;
        const Layer *layer;
        std::uint32_t *out;
    };

    std::uint32_t start_size(std::size_t start) const
    {
        return offsets_[start + 1] - offsets_[start];
    }
    static std::int64_t slice_of(const std::uint8_t *bytes, std::size_t size);
    static int compare(const std::uint8_t *a, const std::uint8_t *b, std::size_t size);
    bool is_at_most(std::size_t start, const std::uint8_t *key, std::size_t size,
                    std::size_t equal_until) const;
    int beside_prefix(const Layer &layer, const std::uint8_t *key, std::size_t size) const;
    bool is_slice(const Layer &layer, std::uint32_t rank, std::int64_t slice) const
    {
        if (rank >= layer.slice_count) return false;
        const SliceNode *leaves = nodes_.data() + layer.tree.levels[layer.tree.height - 1];
        return leaves[rank / NODE_SLICES].slices[rank % NODE_SLICES] == slice;
    }
    bool enter(const Lane &lane, std::int64_t &slice) const;
    const Layer *leave(const Lane &lane, std::uint32_t slice_rank, std::int64_t slice) const;
    void prefetch_ties(const Lane *lanes, const std::uint32_t *ranks, const std::int64_t *slices,
                       std::size_t count) const;

    template <class Keys>
    void rank_lanes(const Keys &keys, std::size_t count, std::uint32_t *out) const;
    void rank_in_layers(Lane *lanes, std::size_t count) const;

    void build_layer(std::size_t position);
    SliceTree build_tree(const std::vector<std::int64_t> &slices);

    const Descent *descent_;
    bool has_empty_ = false;  // an empty start is least; left out of the layers, it shares nothing
    std::vector<std::uint8_t> data_;
    std::vector<std::uint32_t> offsets_;
    std::vector<Layer> layers_;
    std::vector<Group> groups_;
    std::vector<SliceNode> nodes_;
};

// The next eight bytes as a number that is ordered like them, with zeros for bytes that are not
// there, and the top bit flipped.
inline std::int64_t RangeIndex::slice_of(const std::uint8_t *bytes, std::size_t size)
{
    std::uint64_t slice = 0;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    std::memcpy(&slice, bytes, std::min<std::size_t>(size, 8));
#else
    if (size >= 8) {
        std::memcpy(&slice, bytes, 8);
    } else if (size >= 4) {
        std::uint32_t low, high;
        std::memcpy(&low, bytes, 4);
        std::memcpy(&high, bytes + size - 4, 4);
        slice = low | static_cast<std::uint64_t>(high) << 8 * (size - 4);
    } else {
        for (std::size_t i = 0; i < size; i++)
            slice |= static_cast<std::uint64_t>(bytes[i]) << 8 * i;
    }
    slice = __builtin_bswap64(slice);
#endif
    return static_cast<std::int64_t>(slice ^ 1ull << 63);
}

inline int RangeIndex::compare(const std::uint8_t *a, const std::uint8_t *b, std::size_t size)
{
    for (;; a += 8, b += 8, size -= 8) {
        const std::int64_t slice_a = slice_of(a, size), slice_b = slice_of(b, size);
        if (slice_a != slice_b) return slice_a < slice_b ? -1 : 1;
        if (size <= 8) return 0;
    }
}

// Whether a start is at most the key, where both agree in `equal_until` bytes, zeros for missing.
inline bool RangeIndex::is_at_most(std::size_t start, const std::uint8_t *key, std::size_t size,
                                   std::size_t equal_until) const
{
    const std::size_t own_size = start_size(start);
    if (own_size > equal_until && size > equal_until) {
        const int order = compare(data_.data() + offsets_[start] + equal_until, key + equal_until,
                                  std::min(own_size, size) - equal_until);
        if (order != 0) return order < 0;
    }
    return own_size <= size;
}

// -1, 0, 1: the key is less than all keys with the layer's prefix, has it, is greater.
inline int RangeIndex::beside_prefix(const Layer &layer, const std::uint8_t *key,
                                     std::size_t size) const
{
    if (layer.prefix_size == 0) return 0;
    const std::size_t begin = layer.slice_at - layer.prefix_size;
    const std::size_t shared = std::min<std::size_t>(layer.prefix_size, size - begin);
    const int order = compare(key + begin, data_.data() + layer.prefix_data, shared);
    return order == 0 && shared < layer.prefix_size ? -1 : order;
}

// Give the slice to look for in the lane's layer; or write the rank and return false.
inline bool RangeIndex::enter(const Lane &lane, std::int64_t &slice) const
{
    const int side = beside_prefix(*lane.layer, lane.key, lane.size);
    if (side != 0) {
        *lane.out = side < 0 ? lane.layer->first : lane.layer->end;
        return false;
    }
    slice = slice_of(lane.key + lane.layer->slice_at, lane.size - lane.layer->slice_at);
    return true;
}

// Return the layer where the lookup goes on; or write the rank and return null.
inline const RangeIndex::Layer *RangeIndex::leave(const Lane &lane, std::uint32_t slice_rank,
                                                  std::int64_t slice) const
{
    const Layer &layer = *lane.layer;
    const bool is_tie = is_slice(layer, slice_rank, slice);
    if (layer.groups == EXACT) {
        *lane.out = layer.first + slice_rank + is_tie;
        return nullptr;
    }
    const std::size_t slice_end = layer.slice_at + 8;
    if (layer.groups == NO_GROUPS) {
        const std::uint32_t start = layer.first + slice_rank;
        *lane.out = start + (is_tie && is_at_most(start, lane.key, lane.size, slice_end));
        return nullptr;
    }
    const Group *group = groups_.data() + layer.groups + slice_rank;
    std::uint32_t start = group->first;
    if (is_tie) {
        if (group->layer != NONE && lane.size > slice_end) return layers_.data() + group->layer;
        // At most nine starts end within the slice, and at most one is longer.
        while (start < group[1].first && is_at_most(start, lane.key, lane.size, slice_end)) start++;
    }
    *lane.out = start;
    return nullptr;
}

template <class Keys>
void RangeIndex::rank_lanes(const Keys &keys, std::size_t count, std::uint32_t *out) const
{
    if (layers_.empty()) {
        for (std::size_t i = 0; i < count; i++) out[i] = has_empty_;
        return;
    }
    const Layer &top = layers_[0];
    Lane lanes[LANES];
    std::int64_t slices[LANES];
    std::uint32_t ranks[LANES];
    bool is_decided[LANES];
    for (std::size_t i = 0; i < LANES; i++) {
        slices[i] = INT64_MIN;
        is_decided[i] = true;
        if (i >= count) continue;
        lanes[i] = {keys.key(i), keys.size(i), &top, out + i};
        is_decided[i] = !enter(lanes[i], slices[i]);
    }
    descent_->same_tree(nodes_.data(), top.tree, slices, ranks);
    if (top.groups != EXACT) prefetch_ties(lanes, ranks, slices, count);
    std::size_t left = 0;
    for (std::size_t i = 0; i < count; i++) {
        if (is_decided[i]) continue;
        if (const Layer *next = leave(lanes[i], ranks[i], slices[i])) {
            __builtin_prefetch(next);
            lanes[left] = lanes[i];
            lanes[left++].layer = next;
        }
    }
    if (left > 0) rank_in_layers(lanes, left);
}

}  // namespace mapcore
