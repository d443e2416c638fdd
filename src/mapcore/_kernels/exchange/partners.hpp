// Whom a copy is compared with: everybody where there are few, else some drawn by a fixed hash.
#pragma once

#include <cstddef>
#include <cstdint>

#include "high_word.hpp"

namespace mapcore::exchange {

constexpr std::size_t TRIES = 16;
constexpr std::size_t SWEEPS = 8;

class Partners {
public:
    explicit Partners(std::size_t count) : count_(count), is_small_(count <= 2 * TRIES) {}

    std::size_t tries() const { return is_small_ ? count_ : TRIES; }

    // The partner number `attempt` of number `own` in a sweep; may be `own` itself.
    std::size_t pick(std::size_t own, std::size_t attempt, std::size_t sweep) const {
        if (is_small_) return (own + attempt) % count_;
        std::uint64_t mixed = own * 0x9E3779B97F4A7C15u + attempt * 0xBF58476D1CE4E5B9u +
                              sweep * 0x94D049BB133111EBu;
        mixed = (mixed ^ (mixed >> 32)) * 0xD6E8FEB86659FD93u;
        return static_cast<std::size_t>(high_word(mixed, count_));
    }

private:
    std::size_t count_;
    bool is_small_;
};

}  // namespace mapcore::exchange
