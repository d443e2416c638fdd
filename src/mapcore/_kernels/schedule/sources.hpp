// The source of each move, so that all can be done within as few rounds as the sources allow.
//
// A flow: move -> volume -> node. In T rounds a volume gives T times its scans, a node T times its
// limit out, and under a joint limit what the copies coming in leave. Each move first takes its
// best copy that has room; the rest find room along shortest augmenting paths. Where a search ends
// without finding any, the volumes that it saw are full and their moves have nowhere else to go
// (Hall's theorem): that set is the proof that T is too small, and says by how much at least.
#pragma once

#include <algorithm>
#include <vector>

#include "../interrupt.hpp"
#include "moves.hpp"
#include "../random.hpp"

namespace mapcore::schedule {

class SourceFlow {
public:
    SourceFlow(const Moves &moves, const Limits &limits, Clock &clock)
        : moves_(moves),
          limits_(limits),
          clock_(clock),
          volumes_(limits.node_of_volume, limits.volume_count, limits.node_count),
          in_load_(limits.node_count),
          choice_(moves.count),
          volume_room_(limits.volume_count),
          node_room_(limits.node_count),
          first_(limits.volume_count),
          next_(moves.count),
          previous_(moves.count),
          volume_seen_(limits.volume_count),
          node_seen_(limits.node_count),
          is_full_(limits.volume_count) {
        for (Index m = 0; m < moves.count; m++) in_load_[moves.target[m]]++;
    }

    // Choose all sources for the least number of rounds from `rounds` on, and return that number.
    Wide least_rounds(Wide rounds) {
        std::vector<Index> waiting = start(rounds);
        while (!(waiting = augment(waiting)).empty()) {
            const Wide more = lack(rounds, static_cast<Wide>(waiting.size()));
            for (Index v = 0; v < limits_.volume_count; v++)
                volume_room_[v] += volume_capacity(v, rounds + more) - volume_capacity(v, rounds);
            for (Index n = 0; n < limits_.node_count; n++)
                node_room_[n] += node_capacity(n, rounds + more) - node_capacity(n, rounds);
            rounds += more;
            proof_ = is_full_;
        }
        return rounds;
    }

    // Choose all sources anew for as many rounds as are known to do: in another order of moves, and
    // beginning at any of their candidates.
    void choose_again(Wide rounds, const std::vector<Index> &order, Random &random) {
        std::vector<Index> waiting;
        empty(rounds);
        for (const Index move : order) {
            const Index count = static_cast<Index>(moves_.end(move) - moves_.begin(move));
            const Index skip = random.below(count);
            Index tried = 0;
            for (; tried < count; tried++) {
                const Wide place = moves_.begin(move) + (skip + tried) % count;
                if (!has_room(moves_.candidate[place])) continue;
                take(move, place);
                break;
            }
            if (tried == count) waiting.push_back(move);
        }
        augment(waiting);
    }

    // The place of each move's source among all candidates.
    const std::vector<Wide> &choice() const { return choice_; }

    // The volumes that were full when the number of rounds was raised last.
    const std::vector<std::uint8_t> &proof() const { return proof_; }

private:
    struct Reached {
        Wide place;    // candidate by which `move` would come here
        Index move;    // what moves here
        Index parent;  // the entry whose volume it would leave; NONE for the move that waits
    };

    Wide volume_capacity(Index volume, Wide rounds) const {
        return rounds * limits_.scans[volume];
    }

    Wide node_capacity(Index node, Wide rounds) const {
        const Wide out = rounds * limits_.out[node];
        if (limits_.joint == nullptr) return out;
        return std::max<Wide>(0, std::min(out, rounds * limits_.joint[node] - in_load_[node]));
    }

    bool has_room(Index volume) const {
        return volume_room_[volume] > 0 && node_room_[limits_.node_of_volume[volume]] > 0;
    }

    void take(Index move, Wide place) {
        const Index volume = moves_.candidate[place];
        choice_[move] = place;
        previous_[move] = NONE;
        next_[move] = first_[volume];
        if (first_[volume] != NONE) previous_[first_[volume]] = move;
        first_[volume] = move;
        volume_room_[volume]--;
        node_room_[limits_.node_of_volume[volume]]--;
    }

    void leave(Index move) {
        const Index volume = moves_.candidate[choice_[move]];
        if (previous_[move] != NONE) next_[previous_[move]] = next_[move];
        else first_[volume] = next_[move];
        if (next_[move] != NONE) previous_[next_[move]] = previous_[move];
        volume_room_[volume]++;
        node_room_[limits_.node_of_volume[volume]]++;
        choice_[move] = NONE;
    }

    void empty(Wide rounds) {
        for (Index v = 0; v < limits_.volume_count; v++) volume_room_[v] = volume_capacity(v, rounds);
        for (Index n = 0; n < limits_.node_count; n++) node_room_[n] = node_capacity(n, rounds);
        std::fill(first_.begin(), first_.end(), NONE);
        std::fill(choice_.begin(), choice_.end(), NONE);
        clock_.work(moves_.count);
    }

    // Give each move its best copy with room; return the moves that found none.
    std::vector<Index> start(Wide rounds) {
        empty(rounds);
        std::vector<Index> waiting;
        for (Index move = 0; move < moves_.count; move++) {
            Wide place = moves_.begin(move);
            while (place < moves_.end(move) && !has_room(moves_.candidate[place])) place++;
            if (place < moves_.end(move)) take(move, place);
            else waiting.push_back(move);
        }
        return waiting;
    }

    std::vector<Index> augment(const std::vector<Index> &waiting) {
        std::vector<Index> left;
        std::fill(is_full_.begin(), is_full_.end(), 0);
        for (const Index move : waiting) {
            const Index goal = search(move);
            if (goal == NONE) {
                mark_full();
                left.push_back(move);
                continue;
            }
            for (Index i = goal; i != NONE; i = queue_[i].parent) {
                if (choice_[queue_[i].move] != NONE) leave(queue_[i].move);
                take(queue_[i].move, queue_[i].place);
            }
        }
        return left;
    }

    // Nothing that the last search reached will get room with this many rounds.
    void mark_full() {
        for (const Reached &reached : queue_) {
            const Index volume = moves_.candidate[reached.place];
            const Index node = limits_.node_of_volume[volume];
            is_full_[volume] = 1;
            if (node_seen_[node] != stamp_) continue;
            for (const Index *v = volumes_.begin(node); v != volumes_.end(node); v++)
                is_full_[*v] = 1;
        }
    }

    // Breadth first, until a volume with room; return its entry in the queue or NONE.
    Index search(Index move) {
        stamp_++;
        queue_.clear();
        if (reach_from(move, NONE)) return last();
        for (Index i = 0; i < static_cast<Index>(queue_.size()); i++) {
            const Index volume = moves_.candidate[queue_[i].place];
            const Index node = limits_.node_of_volume[volume];
            if (volume_room_[volume] <= 0) {  // only its own moves make room
                if (reach_from_moves_of(volume, i)) return last();
            } else if (node_seen_[node] != stamp_) {
                node_seen_[node] = stamp_;
                for (const Index *v = volumes_.begin(node); v != volumes_.end(node); v++)
                    if (reach_from_moves_of(*v, i)) return last();
            }
        }
        return NONE;
    }

    Index last() const { return static_cast<Index>(queue_.size()) - 1; }

    bool reach_from_moves_of(Index volume, Index parent) {
        for (Index move = first_[volume]; move != NONE; move = next_[move])
            if (reach_from(move, parent)) return true;
        return false;
    }

    // Queue the volumes to which `move` could go; true if the last of them has room.
    bool reach_from(Index move, Index parent) {
        clock_.work(1);
        for (Wide place = moves_.begin(move); place < moves_.end(move); place++) {
            const Index volume = moves_.candidate[place];
            if (is_full_[volume] || volume_seen_[volume] == stamp_) continue;
            volume_seen_[volume] = stamp_;
            queue_.push_back({place, move, parent});
            if (has_room(volume)) return true;
        }
        return false;
    }

    // How many rounds more the full set needs at least, as it has to serve `count` moves more.
    Wide lack(Wide rounds, Wide count) const {
        const Wide needed = count + full_set_load();
        Wide more = 1;
        while (full_set_capacity(rounds + more) < needed) more *= 2;
        Wide too_few = more / 2;
        while (more - too_few > 1) {
            const Wide middle = too_few + (more - too_few) / 2;
            (full_set_capacity(rounds + middle) < needed ? too_few : more) = middle;
        }
        return more;
    }

    Wide full_set_load() const {
        Wide load = 0;
        for (Index v = 0; v < limits_.volume_count; v++)
            if (is_full_[v])
                for (Index move = first_[v]; move != NONE; move = next_[move]) load++;
        return load;
    }

    Wide full_set_capacity(Wide rounds) const {
        Wide capacity = 0;
        for (Index n = 0; n < limits_.node_count; n++) {
            Wide scans = 0;
            for (const Index *v = volumes_.begin(n); v != volumes_.end(n); v++)
                if (is_full_[*v]) scans += volume_capacity(*v, rounds);
            capacity += std::min(scans, node_capacity(n, rounds));
        }
        return capacity;
    }

    const Moves &moves_;
    const Limits &limits_;
    Clock &clock_;
    const Groups volumes_;
    std::vector<Index> in_load_;
    std::vector<Wide> choice_;
    std::vector<Wide> volume_room_;
    std::vector<Wide> node_room_;
    std::vector<Index> first_, next_, previous_;  // the moves of each volume, as a list
    std::vector<Index> volume_seen_, node_seen_;
    std::vector<std::uint8_t> is_full_, proof_;
    std::vector<Reached> queue_;
    Index stamp_ = 0;
};

}  // namespace mapcore::schedule
