#include "slice_tree.hpp"

#include <algorithm>
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

// The two loops are the same for all of them; a function with a target attribute can only be
// inlined into one that has it too, which a template cannot pass on.
#define MAPCORE_DESCENT(NAME, TARGET)                                                            \
    TARGET void same_tree_##NAME(const SliceNode *nodes, const SliceTree &tree,                  \
                                 const int64_t *slices, uint32_t *ranks)                         \
    {                                                                                            \
        uint32_t at[LANES] = {0};                                                                \
        for (uint32_t level = 0; level + 1 < tree.height; level++) {                             \
            const SliceNode *here = nodes + tree.levels[level];                                  \
            const SliceNode *below = nodes + tree.levels[level + 1];                             \
            for (size_t lane = 0; lane < LANES; lane++) {                                        \
                const uint32_t less = count_less_##NAME(here[at[lane]], slices[lane]);           \
                at[lane] = at[lane] * static_cast<uint32_t>(NODE_CHILDREN) + less;               \
                __builtin_prefetch(below + at[lane]);                                            \
            }                                                                                    \
        }                                                                                        \
        const SliceNode *leaves = nodes + tree.levels[tree.height - 1];                          \
        for (size_t lane = 0; lane < LANES; lane++)                                              \
            ranks[lane] = at[lane] * static_cast<uint32_t>(NODE_SLICES) +                        \
                          count_less_##NAME(leaves[at[lane]], slices[lane]);                     \
    }                                                                                            \
                                                                                                 \
    TARGET void own_trees_##NAME(const SliceNode *nodes, const SliceTree *const *trees,          \
                                 const int64_t *slices, uint32_t *ranks, size_t count)           \
    {                                                                                            \
        uint32_t highest = 0;                                                                    \
        for (size_t lane = 0; lane < count; lane++) {                                            \
            ranks[lane] = 0;                                                                     \
            highest = std::max(highest, trees[lane]->height);                                    \
        }                                                                                        \
        for (uint32_t level = 0; level < highest; level++)                                       \
            for (size_t lane = 0; lane < count; lane++) {                                        \
                const SliceTree &tree = *trees[lane];                                            \
                if (level >= tree.height) continue;                                              \
                const SliceNode &here = nodes[tree.levels[level] + ranks[lane]];                 \
                const uint32_t less = count_less_##NAME(here, slices[lane]);                     \
                const bool is_leaf = level + 1 == tree.height;                                   \
                ranks[lane] = ranks[lane] * static_cast<uint32_t>(is_leaf ? NODE_SLICES          \
                                                                          : NODE_CHILDREN) +     \
                              less;                                                              \
                if (!is_leaf) __builtin_prefetch(nodes + tree.levels[level + 1] + ranks[lane]);  \
            }                                                                                    \
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
        found.push_back({"avx512", same_tree_avx512, own_trees_avx512});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
        found.push_back({"avx2", same_tree_avx2, own_trees_avx2});
#endif
    found.push_back({"portable", same_tree_portable, own_trees_portable});
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
