// Three implementations: tables (slice-by-8), carry-less multiplication, and carry-less
// multiplication of four keys in one 512-bit register. The wider instructions are confined to
// functions with target attributes; which of them may run is asked of the processor once.
//
// The multiplying ones follow Gopal et al., "Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction" (Intel, 2009). A CRC is the remainder of the message as a polynomial over
// GF(2). Leading zeros do not change it, so that a key is taken as right-aligned in whole blocks of
// 16 bytes, and the initial value is added to its first four bytes. Blocks are folded into one. For
// its remainder by the generator G, that is widened to x^32 G: the remainder of M x^64 by x^32 G is
// x^32 times the CRC, and 64-bit operations find it without masks.

#include "crc32.hpp"

#include <array>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define MAPCORE_PCLMUL __attribute__((target("pclmul,sse4.1")))
#define MAPCORE_VPCLMUL \
    __attribute__((target("pclmul,sse4.1,avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq")))
#endif

namespace mapcore {
namespace {

using std::size_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

// ---- tables

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables()
{
    Tables tables{};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0u);
        tables[0][byte] = crc;
    }
    for (size_t zeros = 1; zeros < 8; zeros++)
        for (size_t byte = 0; byte < 256; byte++) {
            const uint32_t crc = tables[zeros - 1][byte];
            tables[zeros][byte] = (crc >> 8) ^ tables[0][crc & 255];
        }
    return tables;
}

// TABLES[z][b]: the CRC, without initial and final inversion, of byte b and z zero bytes after it.
constexpr Tables TABLES = make_tables();

inline uint32_t add_byte(uint32_t crc, uint8_t byte)
{
    return (crc >> 8) ^ TABLES[0][(crc ^ byte) & 255];
}

inline uint32_t add_eight_bytes(uint32_t crc, const uint8_t *bytes)
{
    const uint32_t low =
        crc ^ (static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
               static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24);
    return TABLES[7][low & 255] ^ TABLES[6][low >> 8 & 255] ^ TABLES[5][low >> 16 & 255] ^
           TABLES[4][low >> 24] ^ TABLES[3][bytes[4]] ^ TABLES[2][bytes[5]] ^ TABLES[1][bytes[6]] ^
           TABLES[0][bytes[7]];
}

uint32_t tables_one(const uint8_t *key, size_t size)
{
    uint32_t crc = ~0u;
    for (; size >= 8; size -= 8, key += 8) crc = add_eight_bytes(crc, key);
    for (; size > 0; size--, key++) crc = add_byte(crc, *key);
    return ~crc;
}

// Four rows at a time, so that the table loads of one do not wait for those of another.
void tables_rows(const uint8_t *rows, size_t count, size_t width, uint32_t *out)
{
    size_t row = 0;
    for (; width > 0 && row + 4 <= count; row += 4) {
        const uint8_t *a = rows + row * width, *b = a + width, *c = b + width, *d = c + width;
        const size_t last = width - 1;
        if (!a[last] || !b[last] || !c[last] || !d[last]) {
            for (size_t i = row; i < row + 4; i++)
                out[i] = tables_one(rows + i * width, row_key_size(rows + i * width, width));
            continue;
        }
        uint32_t crc_a = ~0u, crc_b = ~0u, crc_c = ~0u, crc_d = ~0u;
        size_t at = 0;
        for (; at + 8 <= width; at += 8) {
            crc_a = add_eight_bytes(crc_a, a + at);
            crc_b = add_eight_bytes(crc_b, b + at);
            crc_c = add_eight_bytes(crc_c, c + at);
            crc_d = add_eight_bytes(crc_d, d + at);
        }
        for (; at < width; at++) {
            crc_a = add_byte(crc_a, a[at]);
            crc_b = add_byte(crc_b, b[at]);
            crc_c = add_byte(crc_c, c[at]);
            crc_d = add_byte(crc_d, d[at]);
        }
        out[row] = ~crc_a;
        out[row + 1] = ~crc_b;
        out[row + 2] = ~crc_c;
        out[row + 3] = ~crc_d;
    }
    for (; row < count; row++)
        out[row] = tables_one(rows + row * width, row_key_size(rows + row * width, width));
}

void reduce_each(const Modulus &modulus, uint32_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) values[i] = modulus(values[i]);
}

#if defined(__x86_64__)

// ---- carry-less multiplication

// Bit-reflected: in a register of n bits, bit i is the coefficient of x^(n - 1 - i). The product of
// two registers of 64 bits comes out one bit low, as the product times x. With W = x^32 G:
constexpr long long X_127 = 0xccaa009e, X_191 = 0xae689191;  // modulo W
constexpr long long QUOTIENT = static_cast<long long>(0xb4e5b025f7011641);  // floor(x^127 / W)
constexpr long long W_LOW = 0x1db710640;                                    // (W - x^64) / x

// How a key that is not a whole number of blocks is put into blocks, by the size of its first,
// short block: ALIGN moves the bytes to the right end of the block and fills it with zeros;
// INITIAL marks the key's first four bytes, which may reach into the second block.
struct Alignment {
    alignas(16) uint8_t align[16];
    alignas(16) uint8_t initial[32];
};

constexpr std::array<Alignment, 17> make_alignments()
{
    std::array<Alignment, 17> alignments{};
    for (size_t size = 0; size <= 16; size++)
        for (size_t i = 0; i < 32; i++) {
            const size_t start = 16 - size;
            if (i < 16)
                alignments[size].align[i] = i < start ? 0x80 : static_cast<uint8_t>(i - start);
            alignments[size].initial[i] = i >= start && i < start + 4 ? 0xFF : 0;
        }
    return alignments;
}

constexpr std::array<Alignment, 17> ALIGNMENTS = make_alignments();

inline MAPCORE_PCLMUL __m128i load(const void *bytes)
{
    return _mm_loadu_si128(static_cast<const __m128i *>(bytes));
}

inline MAPCORE_PCLMUL __m128i fold(__m128i block, __m128i next)
{
    const __m128i by = _mm_set_epi64x(X_127, X_191);
    return _mm_xor_si128(next, _mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00),
                                             _mm_clmulepi64_si128(block, by, 0x11)));
}

// The upper half of the block is multiplied down to 128 bits in all; then Barrett's reduction: the
// quotient of the upper half, and what its multiple leaves of the lower half.
inline MAPCORE_PCLMUL uint32_t reduce(__m128i block)
{
    const __m128i x =
        _mm_xor_si128(_mm_srli_si128(block, 8),
                      _mm_clmulepi64_si128(block, _mm_cvtsi64_si128(X_127), 0x00));
    const __m128i quotient = _mm_clmulepi64_si128(x, _mm_cvtsi64_si128(QUOTIENT), 0x00);
    const __m128i multiple = _mm_clmulepi64_si128(quotient, _mm_cvtsi64_si128(W_LOW), 0x00);
    return ~static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(x, multiple), 2));
}

// 4 to 16 bytes, right-aligned in a block, without reading beyond them.
inline MAPCORE_PCLMUL __m128i load_aligned(const uint8_t *bytes, size_t size)
{
    if (size == 16) return load(bytes);
    uint64_t low = 0, high;
    if (size >= 8) {
        std::memcpy(&low, bytes, 8);
        std::memcpy(&high, bytes + size - 8, 8);
        low = size == 8 ? 0 : low << 8 * (16 - size);
    } else {
        uint32_t first, last;
        std::memcpy(&first, bytes, 4);
        std::memcpy(&last, bytes + size - 4, 4);
        high = static_cast<uint64_t>(last) << 32 | static_cast<uint64_t>(first) << 8 * (8 - size);
    }
    return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}

MAPCORE_PCLMUL uint32_t pclmul_one(const uint8_t *key, size_t size)
{
    if (size < 4) return tables_one(key, size);
    const size_t head = size % 16 ? size % 16 : 16;
    const Alignment &alignment = ALIGNMENTS[head];
    __m128i block;
    size_t at = head;
    if (size <= 16) {
        block = _mm_xor_si128(load_aligned(key, size), load(alignment.initial));
    } else {
        block = _mm_shuffle_epi8(load(key), load(alignment.align));
        block = _mm_xor_si128(block, load(alignment.initial));
        block = fold(block, _mm_xor_si128(load(key + at), load(alignment.initial + 16)));
        at += 16;
    }
    for (; at < size; at += 16) block = fold(block, load(key + at));
    return reduce(block);
}

inline MAPCORE_PCLMUL __m128i row_block(const uint8_t *row, size_t width, size_t head)
{
    const Alignment &alignment = ALIGNMENTS[head];
    __m128i block = _mm_xor_si128(_mm_shuffle_epi8(load(row), load(alignment.align)),
                                  load(alignment.initial));
    if (width > head) {
        block = fold(block, _mm_xor_si128(load(row + head), load(alignment.initial + 16)));
        for (size_t at = head + 16; at < width; at += 16) block = fold(block, load(row + at));
    }
    return block;
}

// Loads whole blocks, also where rows are shorter: the last rows, whose blocks would end beyond the
// data, are left to `pclmul_one`.
inline size_t rows_with_whole_blocks(size_t count, size_t width)
{
    const size_t beyond = 15 / width;
    return count > beyond ? count - beyond : 0;
}

MAPCORE_PCLMUL void pclmul_rows(const uint8_t *rows, size_t count, size_t width, uint32_t *out)
{
    size_t row = 0;
    if (width >= 4) {
        const size_t head = width % 16 ? width % 16 : 16;
        const size_t whole = rows_with_whole_blocks(count, width);
        for (; row + 4 <= whole; row += 4) {
            const uint8_t *first = rows + row * width;
            out[row] = reduce(row_block(first, width, head));
            out[row + 1] = reduce(row_block(first + width, width, head));
            out[row + 2] = reduce(row_block(first + 2 * width, width, head));
            out[row + 3] = reduce(row_block(first + 3 * width, width, head));
            for (size_t i = 0; i < 4; i++) {
                const uint8_t *key = first + i * width;
                if (!key[width - 1]) out[row + i] = pclmul_one(key, row_key_size(key, width));
            }
        }
    }
    for (; row < count; row++)
        out[row] = pclmul_one(rows + row * width, row_key_size(rows + row * width, width));
}

// ---- four keys in one register

inline MAPCORE_VPCLMUL __m512i load_four(const uint8_t *first, size_t width)
{
    if (width == 16) return _mm512_loadu_si512(first);
    __m512i four = _mm512_castsi128_si512(load(first));
    four = _mm512_inserti64x2(four, load(first + width), 1);
    four = _mm512_inserti64x2(four, load(first + 2 * width), 2);
    return _mm512_inserti64x2(four, load(first + 3 * width), 3);
}

inline MAPCORE_VPCLMUL __m512i fold_four(__m512i blocks, __m512i next)
{
    const __m512i by = _mm512_broadcast_i64x2(_mm_set_epi64x(X_127, X_191));
    constexpr int XOR_OF_THREE = 0x96;
    return _mm512_ternarylogic_epi64(next, _mm512_clmulepi64_epi128(blocks, by, 0x00),
                                     _mm512_clmulepi64_epi128(blocks, by, 0x11), XOR_OF_THREE);
}

inline MAPCORE_VPCLMUL __m128i reduce_four(__m512i blocks)
{
    const __m512i x = _mm512_xor_si512(
        _mm512_bsrli_epi128(blocks, 8),
        _mm512_clmulepi64_epi128(blocks, _mm512_set1_epi64(X_127), 0x00));
    const __m512i quotient = _mm512_clmulepi64_epi128(x, _mm512_set1_epi64(QUOTIENT), 0x00);
    const __m512i multiple = _mm512_clmulepi64_epi128(quotient, _mm512_set1_epi64(W_LOW), 0x00);
    const __m512i third_words = _mm512_setr_epi32(2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512i crcs = _mm512_permutexvar_epi32(third_words, _mm512_xor_si512(x, multiple));
    return _mm_xor_si128(_mm512_castsi512_si128(crcs), _mm_set1_epi32(-1));
}

MAPCORE_VPCLMUL void vpclmul_rows(const uint8_t *rows, size_t count, size_t width, uint32_t *out)
{
    size_t row = 0;
    if (width >= 4) {
        const size_t head = width % 16 ? width % 16 : 16;
        const size_t whole = rows_with_whole_blocks(count, width);
        const Alignment &alignment = ALIGNMENTS[head];
        const __m512i align = _mm512_broadcast_i64x2(load(alignment.align));
        const __m512i initial = _mm512_broadcast_i64x2(load(alignment.initial));
        const __m512i initial_second = _mm512_broadcast_i64x2(load(alignment.initial + 16));
        for (; row + 4 <= whole; row += 4) {
            const uint8_t *first = rows + row * width;
            __m512i four = load_four(first, width);
            if (head < 16) four = _mm512_shuffle_epi8(four, align);
            four = _mm512_xor_si512(four, initial);
            if (width > head) {
                four = fold_four(four,
                                 _mm512_xor_si512(load_four(first + head, width), initial_second));
                for (size_t at = head + 16; at < width; at += 16)
                    four = fold_four(four, load_four(first + at, width));
            }
            _mm_storeu_si128(reinterpret_cast<__m128i *>(out + row), reduce_four(four));
            if (first[width - 1] && first[2 * width - 1] && first[3 * width - 1] &&
                first[4 * width - 1])
                continue;
            for (size_t i = 0; i < 4; i++) {
                const uint8_t *key = first + i * width;
                if (!key[width - 1]) out[row + i] = pclmul_one(key, row_key_size(key, width));
            }
        }
    }
    for (; row < count; row++)
        out[row] = pclmul_one(rows + row * width, row_key_size(rows + row * width, width));
}

// `Modulus` for eight values at a time.
MAPCORE_VPCLMUL void reduce_eight(const Modulus &modulus, uint32_t *values, size_t count)
{
    const __m512i low_factor = _mm512_set1_epi64(static_cast<uint32_t>(modulus.reciprocal));
    const __m512i high_factor = _mm512_set1_epi64(static_cast<long long>(modulus.reciprocal >> 32));
    const __m512i divisor = _mm512_set1_epi64(modulus.divisor);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        auto *eight = reinterpret_cast<__m256i *>(values + i);
        const __m512i x = _mm512_cvtepu32_epi64(_mm256_loadu_si256(eight));
        const __m512i fraction =
            _mm512_add_epi64(_mm512_mul_epu32(low_factor, x),
                             _mm512_slli_epi64(_mm512_mul_epu32(high_factor, x), 32));
        const __m512i low = _mm512_srli_epi64(_mm512_mul_epu32(fraction, divisor), 32);
        const __m512i high = _mm512_mul_epu32(_mm512_srli_epi64(fraction, 32), divisor);
        const __m512i remainders = _mm512_srli_epi64(_mm512_add_epi64(high, low), 32);
        _mm256_storeu_si256(eight, _mm512_cvtepi64_epi32(remainders));
    }
    reduce_each(modulus, values + i, count - i);
}

bool has_pclmul()
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

bool has_vpclmul()
{
    return has_pclmul() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("vpclmulqdq");
}

#endif  // __x86_64__

std::vector<Crc32> find_implementations()
{
    std::vector<Crc32> found;
#if defined(__x86_64__)
    if (has_vpclmul()) found.push_back({"vpclmul", pclmul_one, vpclmul_rows, reduce_eight});
    if (has_pclmul()) found.push_back({"pclmul", pclmul_one, pclmul_rows, reduce_each});
#endif
    found.push_back({"tables", tables_one, tables_rows, reduce_each});
    return found;
}

const std::vector<Crc32> &implementations()
{
    static const std::vector<Crc32> found = find_implementations();
    return found;
}

}  // namespace

size_t crc32_implementation_count() { return implementations().size(); }

const Crc32 &crc32_implementation(size_t position) { return implementations()[position]; }

const Crc32 *crc32_named(const char *name)
{
    for (const Crc32 &implementation : implementations())
        if (std::strcmp(implementation.name, name) == 0) return &implementation;
    return nullptr;
}

}  // namespace mapcore
