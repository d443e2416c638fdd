#include "slice_tree.hpp"

#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define MAPCORE_AVX2 __attribute__((target("avx2,popcnt")))
#define MAPCORE_AVX512 __attribute__((target("avx512f,avx512vl,popcnt")))
#endif

namespace mapcore {
namespace {

using std::int64_t;
using std::size_t;
using std::uint32_t;

// Each set of instructions has its own way to count the slices of a node that are less than one.

inline uint32_t count_less_portable(const SliceNode &node, int64_t slice)
{
    const int64_t *slices = node.slices;
    uint32_t count = (slices[3] < slice) * 4u;
    count += (slices[count + 1] < slice) * 2u;
    count += slices[count] < slice;
    return count + (slices[count] < slice);
}

#if defined(__x86_64__)

inline MAPCORE_AVX2 uint32_t count_less_avx2(const SliceNode &node, int64_t slice)
{
    const __m256i wanted = _mm256_set1_epi64x(slice);
    const auto *halves = reinterpret_cast<const __m256i *>(node.slices);
    const __m256i low = _mm256_cmpgt_epi64(wanted, _mm256_load_si256(halves));
    const __m256i high = _mm256_cmpgt_epi64(wanted, _mm256_load_si256(halves + 1));
    const int bits = _mm256_movemask_pd(_mm256_castsi256_pd(low)) |
                     _mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4;
    return static_cast<uint32_t>(_mm_popcnt_u32(static_cast<unsigned>(bits)));
}

inline MAPCORE_AVX512 uint32_t count_less_avx512(const SliceNode &node, int64_t slice)
{
    const __mmask8 less =
        _mm512_cmplt_epi64_mask(_mm512_load_si512(node.slices), _mm512_set1_epi64(slice));
    return static_cast<uint32_t>(_mm_popcnt_u32(less));
}

#endif

// The loops are the same for all of them. They are a macro, since a function with a target attribute
// can only be inlined into one that has it too, which a template cannot pass on.
//
// `level` counts down to the leaves by the tree's own numbering: the root is level 0.
#define MAPCORE_DESCENT(NAME, TARGET)                                                            \
    inline TARGET uint32_t step_##NAME(const SliceNode *nodes, const SliceTree &tree,            \
                                       uint32_t level, uint32_t node, int64_t slice)             \
    {                                                                                            \
        const uint32_t child = node * static_cast<uint32_t>(NODE_CHILDREN) +                     \
                               count_less_##NAME(nodes[tree.levels[level] + node], slice);       \
        __builtin_prefetch(nodes + tree.levels[level + 1] + child);                              \
        return child;                                                                            \
    }                                                                                            \
                                                                                                 \
    inline TARGET uint32_t finish_##NAME(const SliceNode *nodes, const SliceTree &tree,          \
                                         uint32_t node, int64_t slice, bool &is_tie)             \
    {                                                                                            \
        const SliceNode &leaf = nodes[tree.levels[tree.height - 1] + node];                      \
        const uint32_t less = count_less_##NAME(leaf, slice);                                    \
        is_tie = less < NODE_SLICES && leaf.slices[less] == slice;                               \
        return node * static_cast<uint32_t>(NODE_SLICES) + less;                                 \
    }                                                                                            \
                                                                                                 \
    TARGET uint32_t one_##NAME(const SliceNode *nodes, const SliceTree &tree, Place place,       \
                               int64_t slice, bool &is_tie)                                      \
    {                                                                                            \
        uint32_t node = place & PLACE_NODE_MASK;                                                 \
        for (uint32_t level = place >> PLACE_LEVEL_SHIFT; level + 1 < tree.height; level++)      \
            node = step_##NAME(nodes, tree, level, node, slice);                                 \
        return finish_##NAME(nodes, tree, node, slice, is_tie);                                  \
    }                                                                                            \
                                                                                                 \
    TARGET void same_tree_##NAME(const SliceNode *nodes, Lanes &lanes, size_t count)             \
    {                                                                                            \
        const SliceTree &tree = *lanes.trees[0];                                                 \
        uint32_t at[LANES];                                                                      \
        const uint32_t lowest = tree.height < 2 ? 0 : tree.height - 2u;                          \
        uint32_t first = lowest;                                                                 \
        for (size_t lane = 0; lane < count; lane++) {                                            \
            const uint32_t level = lanes.places[lane] >> PLACE_LEVEL_SHIFT;                      \
            at[lane] = lanes.places[lane] & PLACE_NODE_MASK;                                     \
            first = level < first ? level : first;                                               \
        }                                                                                        \
        for (uint32_t level = first; level < lowest; level++)                                    \
            for (size_t lane = 0; lane < count; lane++)                                          \
                if (lanes.places[lane] >> PLACE_LEVEL_SHIFT <= level)                            \
                    at[lane] = step_##NAME(nodes, tree, level, at[lane], lanes.slices[lane]);    \
        if (tree.height > 1)                                                                     \
            for (size_t lane = 0; lane < count; lane++)                                          \
                at[lane] = step_##NAME(nodes, tree, lowest, at[lane], lanes.slices[lane]);       \
        for (size_t lane = 0; lane < count; lane++)                                              \
            lanes.ranks[lane] = finish_##NAME(nodes, tree, at[lane], lanes.slices[lane],         \
                                              lanes.ties[lane]);                                 \
    }                                                                                            \
                                                                                                 \
    TARGET void own_trees_##NAME(const SliceNode *nodes, Lanes &lanes, size_t count)             \
    {                                                                                            \
        uint32_t at[LANES], levels[LANES];                                                       \
        for (size_t lane = 0; lane < count; lane++) {                                            \
            levels[lane] = lanes.places[lane] >> PLACE_LEVEL_SHIFT;                              \
            at[lane] = lanes.places[lane] & PLACE_NODE_MASK;                                     \
        }                                                                                        \
        for (bool is_deeper = true; is_deeper;) {                                                \
            is_deeper = false;                                                                   \
            for (size_t lane = 0; lane < count; lane++) {                                        \
                const SliceTree &tree = *lanes.trees[lane];                                      \
                if (levels[lane] + 1 >= tree.height) continue;                                   \
                at[lane] =                                                                       \
                    step_##NAME(nodes, tree, levels[lane]++, at[lane], lanes.slices[lane]);      \
                is_deeper = true;                                                                \
            }                                                                                    \
        }                                                                                        \
        for (size_t lane = 0; lane < count; lane++)                                              \
            lanes.ranks[lane] = finish_##NAME(nodes, *lanes.trees[lane], at[lane],               \
                                              lanes.slices[lane], lanes.ties[lane]);             \
    }

MAPCORE_DESCENT(portable, )
#if defined(__x86_64__)
MAPCORE_DESCENT(avx2, MAPCORE_AVX2)
MAPCORE_DESCENT(avx512, MAPCORE_AVX512)
#endif

std::vector<Descent> find_descents()
{
    std::vector<Descent> found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("popcnt"))
        found.push_back({"avx512", one_avx512, same_tree_avx512, own_trees_avx512});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
        found.push_back({"avx2", one_avx2, same_tree_avx2, own_trees_avx2});
#endif
    found.push_back({"portable", one_portable, same_tree_portable, own_trees_portable});
    return found;
}

const std::vector<Descent> &descents()
{
    static const std::vector<Descent> found = find_descents();
    return found;
}

}  // namespace

size_t descent_count() { return descents().size(); }

const Descent &descent(size_t position) { return descents()[position]; }

}  // namespace mapcore
