// Search trees over slices: eight bytes of a key as one big-endian number.
//
// The layout is the S+ tree (Slotin, "Static B-Trees", Algorithms for Modern Hardware): nodes of
// eight slices, one cache line each; the lowest level holds all slices in order, and a slice of a
// level above is the greatest one below the child to its left. Several lookups descend side by
// side, so that one's cache miss hides behind the others' work.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mapcore {

constexpr std::size_t NODE_SLICES = 8;
constexpr std::size_t NODE_CHILDREN = NODE_SLICES + 1;
constexpr std::size_t TREE_LEVELS_MAX = 8;
// The most slices that a tree of so many levels holds: 8 * 9^7.
constexpr std::size_t TREE_SLICES_MAX = 38'263'752;
// How many lookups go side by side.
constexpr std::size_t LANES = 16;

// Slices are compared as signed numbers, with the top bit flipped: vector instructions before
// AVX-512 know no other comparison. What is left of a node is filled with the greatest number.
struct alignas(64) SliceNode {
    std::int64_t slices[NODE_SLICES];
};

struct SliceTree {
    std::uint16_t height;
    std::uint16_t shortcuts;                // its table of shortcuts, 0 for none
    std::uint32_t levels[TREE_LEVELS_MAX];  // the first node of each level, root first
};

// Where a descent stands: a level, and a node of that level, in one word.
using Place = std::uint32_t;
constexpr std::uint32_t PLACE_LEVEL_SHIFT = 28;
constexpr std::uint32_t PLACE_NODE_MASK = (1u << PLACE_LEVEL_SHIFT) - 1;
static_assert(TREE_SLICES_MAX / NODE_SLICES <= PLACE_NODE_MASK);

// Lookups on their way through trees, side by side.
struct Lanes {
    std::int64_t slices[LANES];      // what is looked for
    const SliceTree *trees[LANES];   // where
    Place places[LANES];             // where in there; no lower than just above the leaves
    std::uint32_t ranks[LANES];      // how many slices of the tree are less
    bool ties[LANES];                // whether the tree has the slice
};

// One way to descend, for some set of instructions: from places to ranks and ties.
struct Descent {
    const char *name;
    // One lookup; returns the rank.
    std::uint32_t (*one)(const SliceNode *nodes, const SliceTree &tree, Place place,
                         std::int64_t slice, bool &is_tie);
    // The first `count` lanes.
    // All lanes are in the tree of the first.
    void (*same_tree)(const SliceNode *nodes, Lanes &lanes, std::size_t count);
    void (*own_trees)(const SliceNode *nodes, Lanes &lanes, std::size_t count);
};

// The descents that this processor can run, best first; the last one runs everywhere.
std::size_t descent_count();
const Descent &descent(std::size_t position);

}  // namespace mapcore
