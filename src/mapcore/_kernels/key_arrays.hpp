// The forms in which many keys come, with one face: key(i), size(i), and from(i), the
// keys from i on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crc32.hpp"

namespace mapcore {

// Rows of one width; a key ends before its row's trailing NULs.
struct RowKeys {
    const std::uint8_t *rows;
    std::size_t width;

    const std::uint8_t *key(std::size_t i) const { return rows + i * width; }
    std::size_t size(std::size_t i) const { return row_key_size(rows + i * width, width); }
    RowKeys from(std::size_t i) const { return {rows + i * width, width}; }
};

// Key i at data[offsets[i]:offsets[i + 1]], as in Arrow's binary and string arrays.
template <class Offset>
struct PackedKeys {
    const std::uint8_t *data;
    const Offset *offsets;

    const std::uint8_t *key(std::size_t i) const { return data + offsets[i]; }
    std::size_t size(std::size_t i) const
    {
        return static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    }
    PackedKeys from(std::size_t i) const { return {data, offsets + i}; }
};

// Keys that lie wherever they are.
struct ScatteredKeys {
    const std::uint8_t *const *keys;
    const std::size_t *sizes;

    const std::uint8_t *key(std::size_t i) const { return keys[i]; }
    std::size_t size(std::size_t i) const { return sizes[i]; }
    ScatteredKeys from(std::size_t i) const { return {keys + i, sizes + i}; }
};

}  // namespace mapcore
