// Pseudo-random numbers that are the same on every machine (xorshift64*, Vigna 2016).
#pragma once

#include <cstdint>

namespace mapcore {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    // A number below `count`, which is not 0.
    std::int32_t below(std::int32_t count) {
        return static_cast<std::int32_t>((next() >> 32) * static_cast<std::uint64_t>(count) >> 32);
    }

private:
    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1DULL;
    }

    std::uint64_t state_;
};

}  // namespace mapcore
