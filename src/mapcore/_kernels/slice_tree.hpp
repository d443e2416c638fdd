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
    std::uint32_t height;
    std::uint32_t levels[TREE_LEVELS_MAX];  // the first node of each level, root first
};

// One way to descend, for some set of instructions. Each writes, lane by lane, how many slices of
// the tree are less than the one looked for.
struct Descent {
    const char *name;
    // LANES lookups in one tree.
    void (*same_tree)(const SliceNode *nodes, const SliceTree &tree, const std::int64_t *slices,
                      std::uint32_t *ranks);
    // `count` lookups, each in a tree of its own.
    void (*own_trees)(const SliceNode *nodes, const SliceTree *const *trees,
                      const std::int64_t *slices, std::uint32_t *ranks, std::size_t count);
};

// The descents that this processor can run, best first; the last one runs everywhere.
std::size_t descent_count();
const Descent &descent(std::size_t position);

}  // namespace mapcore
