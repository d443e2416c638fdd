// Rounds given to moves so far, with all that they must respect: slots, meters, partitions.
#pragma once

#include <algorithm>
#include <vector>

#include "meters.hpp"
#include "moves.hpp"
#include "table.hpp"
#include "vertices.hpp"

namespace mapcore::schedule {

class Assignment {
public:
    Assignment(const Moves &moves, const Limits &limits, const Vertices &vertices)
        : moves(moves),
          table(vertices.slots),
          meters(limits),
          siblings(moves.partition, moves.count, moves.partition_count),
          round(moves.count, NONE),
          choice(moves.count, NONE),
          source(moves.count),
          target(moves.count),
          limits_(limits),
          vertices_(vertices),
          source_slot_(moves.count),
          target_slot_(moves.count),
          degree_(vertices.count()) {}

    // Empty all rounds; sources are `choice`.
    void reset(Index rounds, const std::vector<Wide> &chosen) {
        table.reset(rounds);
        meters.reset(rounds);
        round.assign(moves.count, NONE);
        std::fill(degree_.begin(), degree_.end(), 0);
        for (Index m = 0; m < moves.count; m++) {
            target[m] = vertices_.target[moves.target[m]];
            degree_[target[m]]++;
            choose(m, chosen[m]);
            degree_[source[m]]++;
        }
    }

    Index volume(Index move) const { return moves.candidate[choice[move]]; }

    // The meter that a move counts on at one of its vertices, beside the slots; NONE for none.
    Index meter_at(Index move, Index vertex) const {
        return source[move] == vertex ? meters.at_source(volume(move))
                                      : meters.at_target(moves.target[move]);
    }

    // Whether the partition lets a move take a round: room beside its siblings, and a copy that is
    // a source is filled before.
    bool suits_partition(Index move, Index r) const {
        const Index partition = moves.partition[move];
        if (siblings.size(partition) == 1) return true;
        const Index filled_by = moves.filled_by[choice[move]];
        Index together = 0;
        for (const Index *s = siblings.begin(partition); s != siblings.end(partition); s++) {
            const Index other = round[*s];
            if (*s == move || other == NONE) continue;
            if (other == r && ++together >= limits_.partition) return false;
            if (*s == filled_by && other >= r) return false;
            if (moves.filled_by[choice[*s]] == move && other <= r) return false;
        }
        return true;
    }

    bool has_room(Index move, Index r) const {
        return meters.is_empty() || meters.has_room(volume(move), moves.target[move], r);
    }

    // Give a move a round; false, and no change, if anything speaks against it.
    bool place(Index move, Index r) {
        if (!table.is_free(source[move], r) || !table.is_free(target[move], r) ||
            !has_room(move, r) || !suits_partition(move, r))
            return false;
        put(move, r);
        return true;
    }

    void remove(Index move) {
        const Index r = round[move];
        table.release(source[move], source_slot_[move], r);
        table.release(target[move], target_slot_[move], r);
        if (!meters.is_empty()) meters.add(volume(move), moves.target[move], r, -1);
        round[move] = NONE;
    }

    // Whether another source would have a slot to spare for a move.
    bool may_come_from(Index move, Wide place) const {
        const Index vertex = vertex_of(place);
        return vertex != target[move] &&
               (vertex == source[move] ||
                degree_[vertex] < table.slot_count(vertex) * table.rounds());
    }

    // Give a move that has no round another source.
    void change_source(Index move, Wide place) {
        degree_[source[move]]--;
        choose(move, place);
        degree_[source[move]]++;
    }

    // The slot that a move holds at one of its vertices.
    Wide slot_at(Index move, Index vertex) const {
        return source[move] == vertex ? source_slot_[move] : target_slot_[move];
    }

    Index other_end(Index move, Index vertex) const {
        return source[move] == vertex ? target[move] : source[move];
    }

    void exchange(Index vertex, Wide a, Wide b, Index r) {
        if (a == b) return;
        table.exchange(a, b, r);
        for (const Wide slot : {a, b}) {
            const Index held = table.at(slot, r);
            if (held != NONE) (source[held] == vertex ? source_slot_ : target_slot_)[held] = slot;
        }
    }

    const Moves &moves;
    Table table;
    Meters meters;
    const Groups siblings;  // the moves of each partition
    std::vector<Index> round;
    std::vector<Wide> choice;           // of each move's source, among all candidates
    std::vector<Index> source, target;  // vertices

private:
    Index vertex_of(Wide place) const {
        return vertices_.source[limits_.node_of_volume[moves.candidate[place]]];
    }

    void choose(Index move, Wide place) {
        choice[move] = place;
        source[move] = vertex_of(place);
    }

    void put(Index move, Index r) {
        source_slot_[move] = table.take(source[move], r, move);
        target_slot_[move] = table.take(target[move], r, move);
        if (!meters.is_empty()) meters.add(volume(move), moves.target[move], r, 1);
        round[move] = r;
    }

    const Limits &limits_;
    const Vertices &vertices_;
    std::vector<Wide> source_slot_, target_slot_;
    std::vector<Wide> degree_;  // moves at each vertex, with or without a round
};

}  // namespace mapcore::schedule
