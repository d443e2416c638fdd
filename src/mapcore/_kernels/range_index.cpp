#include "range_index.hpp"

#include <stdexcept>

namespace mapcore {

using std::int64_t;
using std::size_t;
using std::uint32_t;
using std::uint8_t;

RangeIndex::RangeIndex(const uint8_t *data, const int64_t *offsets, size_t count,
                       const Descent &descent)
    : descent_(&descent)
{
    const int64_t begin = offsets[0], size = offsets[count] - begin;
    if (count > TREE_SLICES_MAX) throw std::overflow_error("too many starts of ranges");
    if (size >= static_cast<int64_t>(UINT32_MAX))
        throw std::overflow_error("starts of ranges of 4 GiB or more in all");
    data_.assign(data + begin, data + begin + size);
    offsets_.reserve(count + 1);
    for (size_t i = 0; i <= count; i++)
        offsets_.push_back(static_cast<uint32_t>(offsets[i] - begin));
    has_empty_ = count > 0 && start_size(0) == 0;
    if (count == has_empty_) return;
    Layer top{};
    top.first = has_empty_;
    top.end = static_cast<uint32_t>(count);
    layers_.push_back(top);
    // Layers found on the way are appended: no recursion, however deep starts nest.
    for (size_t layer = 0; layer < layers_.size(); layer++) build_layer(layer);
    layers_.shrink_to_fit();
    groups_.shrink_to_fit();
    nodes_.shrink_to_fit();
    shortcuts_.shrink_to_fit();
}

size_t RangeIndex::byte_count() const
{
    return data_.capacity() + offsets_.capacity() * sizeof(uint32_t) +
           layers_.capacity() * sizeof(Layer) + groups_.capacity() * sizeof(Group) +
           nodes_.capacity() * sizeof(SliceNode) + shortcuts_.capacity() * sizeof(Place) +
           shortcut_tables_.capacity() * sizeof(Shortcuts);
}

uint32_t RangeIndex::rank(const uint8_t *key, size_t size) const
{
    uint32_t rank = has_empty_;
    if (layers_.empty()) return rank;
    Search search{key, size, layers_.data(), &rank};
    int64_t slice;
    while (search.layer && enter(search, slice)) {
        const SliceTree &tree = search.layer->tree;
        bool is_tie;
        const uint32_t slice_rank =
            descent_->one(nodes_.data(), tree, *shortcut(tree, slice), slice, is_tie);
        search.layer = leave(search, slice_rank, is_tie);
    }
    return rank;
}

// Return the layer where the search goes on; or write the rank and return null.
const RangeIndex::Layer *RangeIndex::leave(const Search &search, uint32_t slice_rank,
                                           bool is_tie) const
{
    const Layer &layer = *search.layer;
    is_tie &= slice_rank < layer.slice_count;  // else with what fills the last leaf
    if (layer.groups == EXACT) {
        *search.out = layer.first + slice_rank + is_tie;
        return nullptr;
    }
    const size_t slice_end = layer.slice_at + 8;
    if (layer.groups == NO_GROUPS) {
        const uint32_t start = layer.first + slice_rank;
        *search.out = start + (is_tie && is_at_most(start, search.key, search.size, slice_end));
        return nullptr;
    }
    const Group *group = groups_.data() + layer.groups + slice_rank;
    uint32_t start = group->first;
    if (is_tie) {
        if (group->layer != NONE && search.size > slice_end) return layers_.data() + group->layer;
        // At most nine starts end within the slice, and at most one is longer.
        while (start < group[1].first && is_at_most(start, search.key, search.size, slice_end))
            start++;
    }
    *search.out = start;
    return nullptr;
}

// Finish the searches in their layers; return how many go on below, moved to the front.
size_t RangeIndex::leave_all(Search *searches, const Lanes &lanes, size_t count) const
{
    prefetch_ties(searches, lanes, count);
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (const Layer *next = leave(searches[i], lanes.ranks[i], lanes.ties[i])) {
            __builtin_prefetch(next);
            searches[left] = searches[i];
            searches[left++].layer = next;
        }
    return left;
}

void RangeIndex::rank_in_layers(Search *searches, Lanes &lanes, size_t count) const
{
    while (count > 0) {
        for (size_t i = 0; i < count; i++) {
            __builtin_prefetch(data_.data() + searches[i].layer->prefix_data);
            __builtin_prefetch(nodes_.data() + searches[i].layer->tree.levels[0]);
        }
        size_t entered = 0;
        for (size_t i = 0; i < count; i++)
            if (enter(searches[i], lanes.slices[entered])) {
                lanes.trees[entered] = &searches[i].layer->tree;
                lanes.places[entered] = *shortcut(*lanes.trees[entered], lanes.slices[entered]);
                searches[entered++] = searches[i];
            }
        descent_->own_trees(nodes_.data(), lanes, entered);
        count = leave_all(searches, lanes, entered);
    }
}

// What `leave` will read of groups and starts.
void RangeIndex::prefetch_ties(const Search *searches, const Lanes &lanes, size_t count) const
{
    uint32_t starts[LANES];
    size_t ties = 0;
    for (size_t i = 0; i < count; i++) {
        const Layer &layer = *searches[i].layer;
        if (layer.groups < EXACT) {
            __builtin_prefetch(groups_.data() + layer.groups + lanes.ranks[i]);
        } else if (layer.groups == NO_GROUPS && lanes.ties[i] && lanes.ranks[i] < layer.slice_count) {
            starts[ties++] = layer.first + lanes.ranks[i];
            __builtin_prefetch(offsets_.data() + layer.first + lanes.ranks[i]);
        }
    }
    for (size_t i = 0; i < ties; i++) __builtin_prefetch(data_.data() + offsets_[starts[i]]);
}

void RangeIndex::build_layer(size_t position)
{
    Layer layer = layers_[position];
    // The starts are in order: what the first and the last share, all of them share.
    const uint8_t *least = data_.data() + offsets_[layer.first];
    const uint8_t *greatest = data_.data() + offsets_[layer.end - 1];
    const size_t size = std::min(start_size(layer.first), start_size(layer.end - 1));
    const uint32_t prefix_begin = layer.slice_at;
    while (layer.slice_at < size && least[layer.slice_at] == greatest[layer.slice_at])
        layer.slice_at++;
    layer.prefix_data = offsets_[layer.first] + prefix_begin;
    layer.prefix_size = layer.slice_at - prefix_begin;

    const size_t slice_end = layer.slice_at + 8;
    const uint32_t groups = static_cast<uint32_t>(groups_.size());
    bool is_exact = true;
    std::vector<int64_t> slices;
    for (uint32_t start = layer.first; start < layer.end;) {
        const uint32_t first = start;
        uint32_t longer = 0;
        const uint8_t *key = data_.data() + offsets_[first];
        slices.push_back(slice_of(key + layer.slice_at, start_size(first) - layer.slice_at));
        for (; start < layer.end; start++) {
            key = data_.data() + offsets_[start];
            if (slice_of(key + layer.slice_at, start_size(start) - layer.slice_at) != slices.back())
                break;
            longer += start_size(start) > slice_end;
            is_exact &= start_size(start) <= slice_end &&
                        (start_size(start) == 0 || key[start_size(start) - 1] != 0);
        }
        Group group{first, NONE};
        if (longer > 1) {
            group.layer = static_cast<uint32_t>(layers_.size());
            Layer child{};
            child.first = start - longer;
            child.end = start;
            child.slice_at = static_cast<uint32_t>(slice_end);
            layers_.push_back(child);
        }
        groups_.push_back(group);
    }
    layer.slice_count = static_cast<uint32_t>(slices.size());
    if (slices.size() == layer.end - layer.first) {
        groups_.resize(groups);
        layer.groups = is_exact ? EXACT : NO_GROUPS;
    } else {
        groups_.push_back({layer.end, NONE});
        layer.groups = groups;
    }
    layer.tree = build_tree(slices);
    layers_[position] = layer;
}

SliceTree RangeIndex::build_tree(const std::vector<int64_t> &slices)
{
    std::vector<size_t> node_counts{(slices.size() + NODE_SLICES - 1) / NODE_SLICES};
    while (node_counts.back() > 1)
        node_counts.push_back((node_counts.back() + NODE_CHILDREN - 1) / NODE_CHILDREN);
    SliceTree tree{};
    tree.height = static_cast<std::uint16_t>(node_counts.size());
    size_t slices_in_child = 0;
    size_t first = nodes_.size();
    for (size_t nodes : node_counts) nodes_.resize(nodes_.size() + nodes);
    for (size_t level = 0; level < tree.height; level++) {
        tree.levels[level] = static_cast<uint32_t>(first);
        first += node_counts[tree.height - 1 - level];
    }
    for (size_t above_leaves = 0; above_leaves < tree.height; above_leaves++) {
        SliceNode *nodes = nodes_.data() + tree.levels[tree.height - 1 - above_leaves];
        for (size_t node = 0; node < node_counts[above_leaves]; node++)
            for (size_t i = 0; i < NODE_SLICES; i++) {
                // A leaf holds slices; above, the last one under child i, if there is a next child.
                size_t slice = node * NODE_SLICES + i;
                if (above_leaves > 0) slice = (node * NODE_CHILDREN + i + 1) * slices_in_child - 1;
                const bool is_filled = slice + (above_leaves > 0) < slices.size();
                nodes[node].slices[i] = is_filled ? slices[slice] : INT64_MAX;
            }
        slices_in_child = above_leaves == 0 ? NODE_SLICES : slices_in_child * NODE_CHILDREN;
    }
    if (tree.height > 2 && shortcut_tables_.size() < UINT16_MAX) build_shortcuts(tree, slices);
    return tree;
}

void RangeIndex::build_shortcuts(SliceTree &tree, const std::vector<int64_t> &slices)
{
    constexpr uint64_t SLICES_IN_INTERVAL = 8;
    Shortcuts table{slices.front(), 0, static_cast<uint32_t>(shortcuts_.size()), 0};
    const uint64_t span = static_cast<uint64_t>(slices.back()) - table.least;
    while (span >> table.shift >= slices.size() / SLICES_IN_INTERVAL) table.shift++;
    const uint64_t last = span >> table.shift;
    const uint32_t lowest = tree.height - 2u;
    size_t at_lowest = 0;  // how many slices are found from the lowest level
    size_t begin = 0;      // of the slices of the interval
    for (uint64_t interval = 0; interval <= last; interval++) {
        size_t end = begin;
        while (end < slices.size() &&
               (static_cast<uint64_t>(slices[end]) - table.least) >> table.shift == interval)
            end++;
        // A slice of the interval ranks from `begin` to `end`: the node must have both below it,
        // where rank r is found under the slice r, the first one not less.
        uint32_t low = static_cast<uint32_t>(begin / (NODE_SLICES * NODE_CHILDREN));
        uint32_t high = static_cast<uint32_t>(std::min(end, slices.size() - 1) /
                                              (NODE_SLICES * NODE_CHILDREN));
        uint32_t level = lowest;
        for (; low != high; level--) {
            low /= NODE_CHILDREN;
            high /= NODE_CHILDREN;
        }
        shortcuts_.push_back(level << PLACE_LEVEL_SHIFT | low);
        if (level == lowest) at_lowest += end - begin;
        begin = end;
    }
    if (at_lowest < slices.size() / 4 * 3) {
        shortcuts_.resize(table.first);
        return;
    }
    table.last = static_cast<uint32_t>(shortcuts_.size() - 1);
    tree.shortcuts = static_cast<std::uint16_t>(shortcut_tables_.size());
    shortcut_tables_.push_back(table);
}

}  // namespace mapcore
