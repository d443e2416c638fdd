// A static search structure over the starts of ranges: byte strings of any length, in order.
//
// It is a trie of search trees, as in Masstree (Mao, Kohler and Morris, "Cache Craftiness for Fast
// Multicore Key-Value Storage", 2012), but static. A layer covers neighbouring starts. It skips the
// prefix that they share, and orders them by their next eight bytes, the slice. Starts that have
// the same slice form a group; those of a group that are longer than the slice get a layer of their
// own, unless there is only one. So long shared prefixes cost one comparison, wherever they begin,
// and each layer is a tree of plain numbers.
//
// A large tree whose slices are evenly spread has shortcuts: what lies between its least and its
// greatest slice is divided into equal intervals, and a table says for each the lowest node with
// all slices of the interval below it, at the level above the leaves or higher. Most starts are
// found in three steps then, whatever their number.
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

    struct Shortcuts {
        std::int64_t least;   // slice of the tree
        std::uint32_t shift;  // from the distance to the least slice to the interval
        std::uint32_t first, last;  // in `shortcuts_`
    };

    // One lookup on its way.
    struct Search {
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
    const Place *shortcut(const SliceTree &tree, std::int64_t slice) const;
    bool enter(const Search &search, std::int64_t &slice) const;
    const Layer *leave(const Search &search, std::uint32_t slice_rank, bool is_tie) const;
    std::size_t leave_all(Search *searches, const Lanes &lanes, std::size_t count) const;
    void prefetch_ties(const Search *searches, const Lanes &lanes, std::size_t count) const;
    void rank_in_layers(Search *searches, Lanes &lanes, std::size_t count) const;

    template <class Keys>
    void rank_lanes(const Keys &keys, std::size_t count, std::uint32_t *out) const;

    void build_layer(std::size_t position);
    SliceTree build_tree(const std::vector<std::int64_t> &slices);
    void build_shortcuts(SliceTree &tree, const std::vector<std::int64_t> &slices);

    const Descent *descent_;
    bool has_empty_ = false;  // an empty start is least; left out of the layers, it shares nothing
    std::vector<std::uint8_t> data_;
    std::vector<std::uint32_t> offsets_;
    std::vector<Layer> layers_;
    std::vector<Group> groups_;
    std::vector<SliceNode> nodes_;
    std::vector<Shortcuts> shortcut_tables_{1};  // none is number 0
    std::vector<Place> shortcuts_{0};            // at 0 the root
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

// Where to start looking for a slice. Slices less than all or greater than all belong to the first
// or last interval: that holds the least or greatest slice, and so the outermost leaf.
inline const Place *RangeIndex::shortcut(const SliceTree &tree, std::int64_t slice) const
{
    const Shortcuts &table = shortcut_tables_[tree.shortcuts];
    const std::uint64_t distance =
        slice > table.least ? static_cast<std::uint64_t>(slice) - table.least : 0;
    const std::uint64_t at = table.first + (distance >> table.shift);
    return shortcuts_.data() + (at < table.last ? at : table.last);
}

// Give the slice to look for in the layer; or write the rank and return false.
inline bool RangeIndex::enter(const Search &search, std::int64_t &slice) const
{
    const Layer &layer = *search.layer;
    const int side = beside_prefix(layer, search.key, search.size);
    if (side != 0) {
        *search.out = side < 0 ? layer.first : layer.end;
        return false;
    }
    slice = slice_of(search.key + layer.slice_at, search.size - layer.slice_at);
    return true;
}

template <class Keys>
void RangeIndex::rank_lanes(const Keys &keys, std::size_t count, std::uint32_t *out) const
{
    if (layers_.empty()) {
        for (std::size_t i = 0; i < count; i++) out[i] = has_empty_;
        return;
    }
    const Layer &top = layers_[0];
    Search searches[LANES];
    Lanes lanes;
    const Place *places[LANES];
    std::size_t entered = 0;
    // A short prefix that all starts share is one number, the same for all lanes.
    const bool has_short_prefix = top.prefix_size > 0 && top.prefix_size <= 8;
    const std::int64_t prefix =
        has_short_prefix ? slice_of(data_.data() + top.prefix_data, top.prefix_size) : 0;
    for (std::size_t i = 0; i < count; i++) {
        const Search &search = searches[entered] = {keys.key(i), keys.size(i), &top, out + i};
        if (has_short_prefix && search.size >= top.slice_at &&
            slice_of(search.key, top.prefix_size) == prefix)
            lanes.slices[entered] =
                slice_of(search.key + top.slice_at, search.size - top.slice_at);
        else if (!enter(search, lanes.slices[entered]))
            continue;
        places[entered] = shortcut(top.tree, lanes.slices[entered]);
        __builtin_prefetch(places[entered++]);
    }
    lanes.trees[0] = &top.tree;
    for (std::size_t i = 0; i < entered; i++) {
        lanes.places[i] = *places[i];
        __builtin_prefetch(nodes_.data() + top.tree.levels[lanes.places[i] >> PLACE_LEVEL_SHIFT] +
                           (lanes.places[i] & PLACE_NODE_MASK));
    }
    descent_->same_tree(nodes_.data(), lanes, entered);
    bool has_ties = false;
    for (std::size_t i = 0; i < entered; i++) {
        lanes.ties[i] &= lanes.ranks[i] < top.slice_count;  // else with what fills the last leaf
        has_ties |= lanes.ties[i];
    }
    // Without groups or ties the ranks among slices are ranks among starts.
    if (top.groups == EXACT || (top.groups == NO_GROUPS && !has_ties))
        for (std::size_t i = 0; i < entered; i++)
            *searches[i].out = top.first + lanes.ranks[i] + lanes.ties[i];
    else
        rank_in_layers(searches, lanes, leave_all(searches, lanes, entered));
}

}  // namespace mapcore
