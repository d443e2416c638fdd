// Which move holds which slot of a vertex in which round, and in which rounds a slot is free.
#pragma once

#include <vector>

#include "moves.hpp"
#include "../random.hpp"

namespace mapcore::schedule {

class Table {
public:
    using Word = std::uint64_t;

    explicit Table(const std::vector<Index> &slots) : first_slot_(slots.size() + 1) {
        for (std::size_t v = 0; v < slots.size(); v++)
            first_slot_[v + 1] = first_slot_[v] + slots[v];
    }

    void reset(Index rounds) {
        rounds_ = rounds;
        words_ = (rounds + 63) / 64;
        held_.assign(static_cast<std::size_t>(first_slot_.back() * rounds), NONE);
        free_.assign((first_slot_.size() - 1) * static_cast<std::size_t>(words_), ~Word{0});
        const Word last = rounds % 64 == 0 ? ~Word{0} : (Word{1} << (rounds % 64)) - 1;
        for (std::size_t v = 1; v < first_slot_.size(); v++) free_[v * words_ - 1] = last;
    }

    Index rounds() const { return rounds_; }
    Index words() const { return words_; }
    Wide first_slot(Index vertex) const { return first_slot_[vertex]; }
    Wide end_slot(Index vertex) const { return first_slot_[vertex + 1]; }
    Wide slot_count(Index vertex) const { return end_slot(vertex) - first_slot(vertex); }

    const Word *free_words(Index vertex) const { return free_.data() + Wide{vertex} * words_; }

    bool is_free(Index vertex, Index round) const {
        return free_words(vertex)[round >> 6] >> (round & 63) & 1;
    }

    Index at(Wide slot, Index round) const { return held_[slot * rounds_ + round]; }

    // The first free slot, NONE if there is none.
    Wide free_slot(Index vertex, Index round) const {
        for (Wide s = first_slot(vertex); s < end_slot(vertex); s++)
            if (at(s, round) == NONE) return s;
        return NONE;
    }

    Index free_count(Index vertex, Index round) const {
        Index count = 0;
        for (Wide s = first_slot(vertex); s < end_slot(vertex); s++) count += at(s, round) == NONE;
        return count;
    }

    // Put a move into the first free slot, which there is, and return it.
    Wide take(Index vertex, Index round, Index move) {
        const Wide slot = free_slot(vertex, round);
        held_[slot * rounds_ + round] = move;
        for (Wide s = slot + 1; s < end_slot(vertex); s++)
            if (at(s, round) == NONE) return slot;
        free_[Wide{vertex} * words_ + (round >> 6)] &= ~(Word{1} << (round & 63));
        return slot;
    }

    void release(Index vertex, Wide slot, Index round) {
        held_[slot * rounds_ + round] = NONE;
        free_[Wide{vertex} * words_ + (round >> 6)] |= Word{1} << (round & 63);
    }

    // Let two slots of a vertex change places in a round.
    void exchange(Wide a, Wide b, Index round) {
        std::swap(held_[a * rounds_ + round], held_[b * rounds_ + round]);
    }

    // Any round in which the vertex has a free slot, NONE if there is none.
    Index pick_free(Index vertex, Random &random) const {
        const Word *free = free_words(vertex);
        Index word = random.below(words_);
        for (Index i = 0; i < words_; i++, word = word + 1 == words_ ? 0 : word + 1) {
            if (free[word] == 0) continue;
            Word bits = free[word];
            for (Index skip = random.below(__builtin_popcountll(bits)); skip > 0; skip--)
                bits &= bits - 1;
            return word * 64 + __builtin_ctzll(bits);
        }
        return NONE;
    }

private:
    std::vector<Wide> first_slot_;
    Index rounds_ = 0;
    Index words_ = 0;
    std::vector<Index> held_;  // slots by rounds
    std::vector<Word> free_;   // vertices by rounds, a bit each
};

}  // namespace mapcore::schedule
