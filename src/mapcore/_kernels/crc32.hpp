// CRC-32 as zlib computes it (polynomial 0x04C11DB7, bits reflected), one key or many at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mapcore {

// x % divisor by two multiplications, exact for all 32-bit values. Lemire, Kaser and Kurz,
// "Faster remainder by direct computation" (2019): the fraction of x / divisor in 64 bits,
// multiplied by the divisor.
struct Modulus {
    std::uint64_t reciprocal;
    std::uint32_t divisor;

    explicit Modulus(std::uint32_t divisor_ = 1)
        : reciprocal(UINT64_MAX / divisor_ + 1), divisor(divisor_)
    {
    }

    std::uint32_t operator()(std::uint32_t x) const
    {
        const std::uint64_t fraction = reciprocal * x;
        const std::uint64_t low = (fraction & UINT32_MAX) * divisor >> 32;
        return static_cast<std::uint32_t>(((fraction >> 32) * divisor + low) >> 32);
    }
};

// One way to compute it, for some set of instructions.
struct Crc32 {
    const char *name;
    // Of `size` bytes at `key`.
    std::uint32_t (*one)(const std::uint8_t *key, std::size_t size);
    // Of `count` rows of `width` bytes, one after the other. A row's key ends before the row's
    // trailing NULs, which are padding.
    void (*rows)(const std::uint8_t *rows, std::size_t count, std::size_t width,
                 std::uint32_t *out);
    // `count` values by a modulus, in place.
    void (*reduce)(const Modulus &modulus, std::uint32_t *values, std::size_t count);
};

// The implementations that this processor can run, best first; the last one runs everywhere.
std::size_t crc32_implementation_count();
const Crc32 &crc32_implementation(std::size_t position);
// The one of that name, or null.
const Crc32 *crc32_named(const char *name);

// The size of the key in a row: its width without trailing NULs.
inline std::size_t row_key_size(const std::uint8_t *row, std::size_t width)
{
    while (width > 0 && row[width - 1] == 0) width--;
    return width;
}

}  // namespace mapcore
