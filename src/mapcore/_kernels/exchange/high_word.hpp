// Dividing by multiplying.
#pragma once

#include <cstdint>

namespace mapcore::exchange {

__extension__ using Wide = unsigned __int128;

// The upper half of the product: floor(a · b / 2^64).
inline std::uint64_t high_word(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::uint64_t>((Wide{a} * b) >> 64);
}

// floor(n / divisor) by one multiplication, exact for n · divisor < 2^64.
class Divider {
public:
    explicit Divider(std::uint64_t divisor)
        : is_one_(divisor <= 1), inverse_(is_one_ ? 0 : ~std::uint64_t{0} / divisor + 1) {}

    std::uint64_t operator()(std::uint64_t n) const { return is_one_ ? n : high_word(n, inverse_); }

private:
    bool is_one_;
    std::uint64_t inverse_;
};

}  // namespace mapcore::exchange
