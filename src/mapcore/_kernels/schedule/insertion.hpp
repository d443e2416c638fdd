// Finds a round for one move after the other (edge colouring, Vizing and König by Kempe chains).
//
// In this order: a round that is free at both ends; an alternating path that makes one; another
// copy as the source; a path that only changes which rounds are free at one end, where the rounds
// free at both are those of siblings; and last by ejecting moves, which are then inserted again.
#pragma once

#include <utility>
#include <vector>

#include "assignment.hpp"
#include "paths.hpp"
#include "../random.hpp"

namespace mapcore::schedule {

class Insertion {
public:
    Insertion(Assignment &assignment, Paths &paths)
        : a_(assignment), paths_(paths), random_(SEED) {}

    // False if no round was found; `ejected` holds the moves that lost theirs.
    bool insert(Index move) {
        if (a_.moves.in_flight[move]) return a_.place(move, 0);
        return at_once(move) || for_volume(move) || by_path(move, 16) || from_another(move) ||
               by_path(move, 24) || by_shift(move, 40) || by_ejection(move);
    }

    // The cheap ways only, which change no other move's source and eject nothing.
    bool insert_gently(Index move) { return at_once(move) || by_path(move, 64); }

    std::vector<Index> ejected;

private:
    static constexpr std::uint64_t SEED = 0x9E3779B97F4A7C15ULL;

    bool at_once(Index move) {
        const Table::Word *source = a_.table.free_words(a_.source[move]);
        const Table::Word *target = a_.table.free_words(a_.target[move]);
        for (Index word = 0; word < a_.table.words(); word++)
            for (Table::Word both = source[word] & target[word]; both != 0; both &= both - 1)
                if (a_.place(move, word * 64 + __builtin_ctzll(both))) return true;
        return false;
    }

    // Whether a move finds a slot at one of its vertices, and there on its volume.
    bool has_slot(Index move, Index vertex, Index round) const {
        return a_.table.is_free(vertex, round) &&
               !a_.meters.is_full(a_.meter_at(move, vertex), round);
    }

    bool by_path(Index move, int tries) {
        for (int i = 0; i < tries; i++) {
            Index vertex = a_.target[move], far = a_.source[move];
            if (i & 1) std::swap(vertex, far);
            const Index full = a_.table.pick_free(far, random_);
            const Index open = a_.table.pick_free(vertex, random_);
            if (full == NONE || open == NONE) return false;
            if (full == open || has_slot(move, vertex, full)) continue;
            if (a_.meters.is_full(a_.meter_at(move, far), full)) continue;
            if (paths_.free_slot(move, vertex, full, open, far) && a_.place(move, full)) return true;
        }
        return false;
    }

    // Both ends have free slots, but in those rounds the volume has none: a path at the source.
    bool for_volume(Index move) {
        const Index source = a_.source[move], meter = a_.meter_at(move, source);
        if (meter == NONE) return false;
        for (int i = 0; i < 8; i++) {
            const Index full = a_.table.pick_free(a_.target[move], random_);
            const Index open = a_.table.pick_free(source, random_);
            if (full == NONE || open == NONE) return false;
            if (full == open || has_slot(move, source, full)) continue;
            if (paths_.free_slot(move, source, full, open, a_.target[move]) && a_.place(move, full))
                return true;
        }
        return false;
    }

    bool from_another(Index move) {
        const Wide chosen = a_.choice[move];
        for (Wide place = a_.moves.begin(move); place < a_.moves.end(move); place++) {
            if (place == chosen || !a_.may_come_from(move, place)) continue;
            a_.change_source(move, place);
            if (at_once(move) || by_path(move, 8)) return true;
            a_.change_source(move, chosen);
        }
        return false;
    }

    bool by_shift(Index move, int tries) {
        for (int i = 0; i < tries; i++) {
            const Index vertex = i & 1 ? a_.source[move] : a_.target[move];
            const Index open = a_.table.pick_free(vertex, random_);
            const Index full = random_.below(a_.table.rounds());
            if (open == NONE) return false;
            if (open == full || a_.table.is_free(vertex, full)) continue;
            if (paths_.free_slot(NONE, vertex, full, open, NONE) &&
                (at_once(move) || by_path(move, 4)))
                return true;
        }
        return false;
    }

    bool by_ejection(Index move) {
        const Index partition = a_.moves.partition[move];
        for (int i = 0; i < 64; i++) {
            Index round = NONE;
            if (i < 32)
                round = a_.table.pick_free(
                    random_.below(2) ? a_.source[move] : a_.target[move], random_);
            if (round == NONE) round = random_.below(a_.table.rounds());
            if (i < 48 && !a_.suits_partition(move, round)) continue;
            for (const Index vertex : {a_.source[move], a_.target[move]})
                if (!a_.table.is_free(vertex, round)) {
                    const Index slots = static_cast<Index>(a_.table.slot_count(vertex));
                    eject(a_.table.at(a_.table.first_slot(vertex) + random_.below(slots), round));
                }
            if (!a_.has_room(move, round)) eject_same_volume(move, round);
            if (!a_.suits_partition(move, round))
                for (const Index *s = a_.siblings.begin(partition); s != a_.siblings.end(partition);
                     s++)
                    if (*s != move && a_.round[*s] != NONE) {
                        eject(*s);
                        if (a_.suits_partition(move, round)) break;
                    }
            if (a_.place(move, round)) return true;
        }
        return false;
    }

    void eject_same_volume(Index move, Index round) {
        const Index source = a_.source[move];
        for (Wide s = a_.table.first_slot(source); s < a_.table.end_slot(source); s++) {
            const Index held = a_.table.at(s, round);
            if (held == NONE || a_.source[held] != source) continue;
            if (a_.volume(held) != a_.volume(move)) continue;
            eject(held);
            return;
        }
    }

    void eject(Index move) {
        if (move == NONE || a_.round[move] == NONE || a_.moves.in_flight[move]) return;
        a_.remove(move);
        ejected.push_back(move);
    }

    Assignment &a_;
    Paths &paths_;
    Random random_;
};

}  // namespace mapcore::schedule
