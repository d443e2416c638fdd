// From keys to partitions to nodes, over flat tables.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "crc32.hpp"
#include "key_arrays.hpp"
#include "range_index.hpp"

namespace mapcore {

// What a lookup reads. It owns none of it.
struct Lookup {
    // Hash keys where `ranges` is null, else range keys.
    const RangeIndex *ranges = nullptr;
    // By the rank of a key among the starts of ranges: its partition, -1 in a gap. Null where it is
    // the rank less one: no gaps but below the first start, and no splits.
    const std::int32_t *rank_partitions = nullptr;
    Modulus modulus;
    const Crc32 *crc32 = &crc32_implementation(0);
    // By partition: the node of its master, -1 where there is none.
    const std::int32_t *masters = nullptr;

    std::int32_t partition(const std::uint8_t *key, std::size_t size) const
    {
        if (ranges) return rank_partition(ranges->rank(key, size));
        return static_cast<std::int32_t>(modulus(crc32->one(key, size)));
    }

    // Write the partitions of `count` keys, -1 in a gap; return the position of the first key in a
    // gap, or `count`.
    template <class Keys>
    std::size_t partitions(const Keys &keys, std::size_t count, std::int32_t *out) const
    {
        return in_chunks(keys, count, out, false);
    }

    // The same, on to the nodes of the masters: -1 in a gap and where there is no master.
    template <class Keys>
    std::size_t nodes(const Keys &keys, std::size_t count, std::int32_t *out) const
    {
        return in_chunks(keys, count, out, true);
    }

private:
    std::int32_t rank_partition(std::uint32_t rank) const
    {
        return rank_partitions ? rank_partitions[rank] : static_cast<std::int32_t>(rank) - 1;
    }

    static constexpr std::size_t CHUNK = 1024;  // its numbers stay in the first-level cache

    template <class Keys>
    std::size_t in_chunks(const Keys &keys, std::size_t count, std::int32_t *out,
                          bool to_nodes) const
    {
        std::size_t first_gap = count;
        for (std::size_t first = 0; first < count; first += CHUNK) {
            const std::size_t size = std::min(CHUNK, count - first);
            if (!ranges) {
                hash_chunk(keys.from(first), size, out + first, to_nodes);
                continue;
            }
            const std::size_t gap = range_chunk(keys.from(first), size, out + first, to_nodes);
            if (gap < size && first_gap == count) first_gap = first + gap;
        }
        return first_gap;
    }

    template <class Keys>
    void hash_chunk(const Keys &keys, std::size_t count, std::int32_t *out, bool to_nodes) const
    {
        auto *numbers = reinterpret_cast<std::uint32_t *>(out);
        hash(keys, count, numbers);
        crc32->reduce(modulus, numbers, count);
        if (to_nodes)
            for (std::size_t i = 0; i < count; i++) out[i] = masters[out[i]];
    }

    template <class Keys>
    void hash(const Keys &keys, std::size_t count, std::uint32_t *out) const
    {
        for (std::size_t i = 0; i < count; i++) out[i] = crc32->one(keys.key(i), keys.size(i));
    }

    void hash(const RowKeys &keys, std::size_t count, std::uint32_t *out) const
    {
        crc32->rows(keys.rows, count, keys.width, out);
    }

    template <class Keys>
    std::size_t range_chunk(const Keys &keys, std::size_t count, std::int32_t *out,
                            bool to_nodes) const
    {
        std::uint32_t ranks[CHUNK];
        ranges->ranks(keys, count, ranks);
        std::size_t first_gap = count;
        for (std::size_t i = 0; i < count; i++) {
            out[i] = rank_partition(ranks[i]);
            if (out[i] < 0 && first_gap == count) first_gap = i;
        }
        if (to_nodes)
            for (std::size_t i = 0; i < count; i++)
                if (out[i] >= 0) out[i] = masters[out[i]];
        return first_gap;
    }
};

}  // namespace mapcore
