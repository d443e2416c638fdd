// Start times and sources of streams of any length: list scheduling, event by event.
//
// Whenever something ends, the streams that could start now are started in order of what is most
// pressing: the work that still waits at either end over the limit there, or the streams of the
// partition that must follow each other. The source is the copy, free now, with the least work
// waiting; a copy that has just been filled is one of them. Only some streams of each node that
// something ended at are looked at, the longest first, so that an event costs little.
#pragma once

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "../interrupt.hpp"
#include "moves.hpp"

namespace mapcore::schedule {

class ListScheduler {
public:
    ListScheduler(const Moves &moves, const Limits &limits, const Durations &durations,
                  int variant, Clock &clock)
        : moves_(moves),
          limits_(limits),
          durations_(durations),
          variant_(variant),
          look_at_(std::clamp(4000000 / std::max(1, moves.count), LOOK_AT_LEAST, LOOK_AT_MOST)),
          clock_(clock),
          siblings_(moves.partition, moves.count, moves.partition_count),
          state_(moves.count, WAITING),
          out_(limits.node_count),
          in_(limits.node_count),
          scans_(limits.volume_count),
          of_partition_(moves.partition_count),
          between_(limits.between_zones < MANY ? Wide{limits.zone_count} * limits.zone_count : 0),
          load_out_(limits.node_count),
          load_in_(limits.node_count),
          chain_(moves.partition_count),
          at_target_(limits.node_count),
          at_source_(limits.node_count),
          is_touched_(limits.node_count),
          seen_(moves.count, -1) {
        add_work();
        queue_moves();
    }

    // Write the start, the finish and the source of each move; return when the last ends.
    double run(double *start, double *finish, Wide *choice) {
        double now = 0;
        for (Index m = 0; m < moves_.count; m++)
            if (moves_.in_flight[m]) begin(m, moves_.begin(m), now, start, finish, choice);
        for (Index n = 0; n < limits_.node_count; n++) touch(n);
        while (true) {
            while (start_some(now, start, finish, choice)) {}
            for (const Index n : touched_) is_touched_[n] = 0;
            touched_.clear();
            released_.clear();
            if (running_.empty()) return now;
            now = running_.top().time;
            while (!running_.empty() && running_.top().time <= now) {
                const Running ended = running_.top();
                running_.pop();
                end(ended.move, choice[ended.move]);
            }
            retry_refused();
        }
    }

private:
    enum State : std::uint8_t { WAITING, RUNNING, DONE };
    static constexpr Index MANY = 1 << 30;
    static constexpr Index LOOK_AT_MOST = 24;   // streams of a node that are weighed
    static constexpr Index LOOK_AT_LEAST = 4;   // where there are very many
    static constexpr Index PASS_OVER = 100;  // that cannot start, before giving up on a node

    static constexpr double URGENT = 1e-9;

    struct Running {
        double time;
        Index move;
        bool operator<(const Running &other) const {
            return time != other.time ? time > other.time : move > other.move;
        }
    };

    struct Pressing {
        double first;
        double second;
        Index move;
        bool operator<(const Pressing &other) const {
            if (first != other.first) return first > other.first;
            if (second != other.second) return second > other.second;
            return move < other.move;
        }
    };

    // Moves that wait at a node; looked through in a ring.
    struct Ring {
        std::vector<Index> moves;
        std::size_t next = 0;
        Index gone = 0;  // seen since the last clearing that wait no more
    };

    double duration(Index move, Index volume) const {
        const Index source = limits_.node_of_volume[volume];
        return durations_.size[move] /
               std::min(durations_.rate[source], durations_.rate[moves_.target[move]]);
    }

    double shortest(Index move) const {
        double best = std::numeric_limits<double>::infinity();
        for (Wide place = moves_.begin(move); place < moves_.end(move); place++)
            best = std::min(best, duration(move, moves_.candidate[place]));
        return best;
    }

    void add_work() {
        for (Index m = 0; m < moves_.count; m++) {
            const double share = 1.0 / static_cast<double>(moves_.end(m) - moves_.begin(m));
            for (Wide place = moves_.begin(m); place < moves_.end(m); place++)
                load_out_[limits_.node_of_volume[moves_.candidate[place]]] +=
                    share * duration(m, moves_.candidate[place]);
            load_in_[moves_.target[m]] += shortest(m);
            chain_[moves_.partition[m]] += shortest(m);
        }
    }

    void queue_moves() {
        std::vector<std::pair<double, Index>> order(moves_.count);
        for (Index m = 0; m < moves_.count; m++)
            order[m] = {moves_.is_urgent[m] ? -std::numeric_limits<double>::max() : -shortest(m), m};
        std::sort(order.begin(), order.end());
        for (const auto &[key, m] : order) {
            at_target_[moves_.target[m]].moves.push_back(m);
            for (Wide place = moves_.begin(m); place < moves_.end(m); place++)
                at_source_[limits_.node_of_volume[moves_.candidate[place]]].moves.push_back(m);
        }
    }

    void touch(Index node) {
        if (is_touched_[node]) return;
        is_touched_[node] = 1;
        touched_.push_back(node);
    }

    bool has_joint_room(Index node) const {
        return limits_.joint == nullptr || out_[node] + in_[node] < limits_.joint[node];
    }

    bool can_take(Index move) const {
        const Index node = moves_.target[move];
        return in_[node] < limits_.in[node] && has_joint_room(node) &&
               of_partition_[moves_.partition[move]] < limits_.partition;
    }

    bool can_give(Index node) const {
        return out_[node] < limits_.out[node] && has_joint_room(node);
    }

    Index *between(Index source, Index target) {
        const Index from = limits_.zone[source], to = limits_.zone[target];
        if (between_.empty() || from == to) return nullptr;
        return &between_[Wide{from} * limits_.zone_count + to];
    }

    // The place of the copy to take, NONE if none is free.
    Wide best_source(Index move) {
        Wide best = NONE;
        double least = 0;
        bool is_refused = cluster_ >= limits_.cluster;
        for (Wide place = moves_.begin(move); place < moves_.end(move); place++) {
            const Index volume = moves_.candidate[place];
            const Index node = limits_.node_of_volume[volume];
            const Index filler = moves_.filled_by[place];
            if (filler != NONE && state_[filler] != DONE) continue;
            if (!can_give(node) || scans_[volume] >= limits_.scans[volume]) continue;
            const Index *pair = between(node, moves_.target[move]);
            if (pair != nullptr && *pair >= limits_.between_zones) {
                is_refused = true;
                continue;
            }
            const double waiting = pressure_out(node);
            if (best == NONE || waiting < least) {
                best = place;
                least = waiting;
            }
        }
        if (is_refused && (best == NONE || cluster_ >= limits_.cluster)) {
            refused_.push_back(move);
            return NONE;
        }
        return best;
    }

    double pressure_in(Index node) const {
        const double alone = load_in_[node] / limits_.in[node] + durations_.delay[node];
        if (limits_.joint == nullptr) return alone;
        return std::max(alone, joint_pressure(node));
    }

    double pressure_out(Index node) const {
        const double alone = load_out_[node] / limits_.out[node] + durations_.delay[node];
        if (limits_.joint == nullptr) return alone;
        return std::max(alone, joint_pressure(node));
    }

    double joint_pressure(Index node) const {
        return (load_in_[node] + load_out_[node]) / limits_.joint[node] + durations_.delay[node];
    }

    void weigh(Index move) {
        if (seen_[move] == stamp_ || state_[move] != WAITING || !can_take(move)) return;
        seen_[move] = stamp_;
        double out = std::numeric_limits<double>::infinity();
        for (Wide place = moves_.begin(move); place < moves_.end(move); place++)
            out = std::min(out, pressure_out(limits_.node_of_volume[moves_.candidate[place]]));
        const double in = pressure_in(moves_.target[move]);
        const double chain = chain_[moves_.partition[move]] / limits_.partition;
        const double length = shortest(move);
        Pressing pressing{0, 0, move};
        if (variant_ == 0) pressing = {std::max({in, out, chain}), std::min(in, out) + length, move};
        else if (variant_ == 1) pressing = {std::max({in, out, chain}) + length, in + out, move};
        else pressing = {std::max(in + length, std::max(out, chain + length)), length, move};
        if (moves_.is_urgent[move]) pressing.first += URGENT;
        pressing_.push_back(pressing);
    }

    void look_through(Ring &ring) {
        Index weighed = 0, passed = 0, gone = 0;
        std::size_t i = ring.next < ring.moves.size() ? ring.next : 0;
        for (std::size_t left = ring.moves.size(); left > 0; left--) {
            if (weighed >= look_at_ || passed >= PASS_OVER) break;
            if (i >= ring.moves.size()) i = 0;
            const Index move = ring.moves[i];
            if (state_[move] != WAITING) {
                gone++;
                i++;
                continue;
            }
            if (can_take(move) && seen_[move] != stamp_) {
                weigh(move);
                weighed++;
            } else {
                passed++;
            }
            i++;
        }
        ring.next = passed >= PASS_OVER ? i : 0;
        ring.gone += gone;
        if (ring.gone > PASS_OVER && 2 * ring.gone > static_cast<Index>(ring.moves.size()))
            drop_gone(ring);
        clock_.work(weighed + (passed + gone) / 4 + 1);
    }

    void drop_gone(Ring &ring) {
        const auto gone = [&](Index move) { return state_[move] != WAITING; };
        ring.moves.erase(std::remove_if(ring.moves.begin(), ring.moves.end(), gone),
                         ring.moves.end());
        ring.next = 0;
        ring.gone = 0;
    }

    // Start what is most pressing among the streams at nodes that have room; false if none could.
    bool start_some(double now, double *start, double *finish, Wide *choice) {
        stamp_++;
        pressing_.clear();
        for (const Index node : touched_) {
            if (in_[node] < limits_.in[node] && has_joint_room(node)) look_through(at_target_[node]);
            if (can_give(node)) look_through(at_source_[node]);
        }
        for (const Index move : released_) weigh(move);
        std::sort(pressing_.begin(), pressing_.end());
        bool any = false;
        for (const Pressing &pressing : pressing_) {
            if (!can_take(pressing.move)) continue;
            const Wide place = best_source(pressing.move);
            if (place == NONE) continue;
            begin(pressing.move, place, now, start, finish, choice);
            any = true;
        }
        return any;
    }

    void begin(Index move, Wide place, double now, double *start, double *finish, Wide *choice) {
        const Index volume = moves_.candidate[place];
        start[move] = now;
        finish[move] = now + duration(move, volume);
        choice[move] = place;
        state_[move] = RUNNING;
        count(move, volume, 1);
        const double share = 1.0 / static_cast<double>(moves_.end(move) - moves_.begin(move));
        for (Wide i = moves_.begin(move); i < moves_.end(move); i++)
            load_out_[limits_.node_of_volume[moves_.candidate[i]]] -=
                share * duration(move, moves_.candidate[i]);
        load_in_[moves_.target[move]] -= shortest(move);
        chain_[moves_.partition[move]] -= shortest(move);
        running_.push({finish[move], move});
    }

    void end(Index move, Wide place) {
        const Index volume = moves_.candidate[place];
        count(move, volume, -1);
        state_[move] = DONE;
        touch(limits_.node_of_volume[volume]);
        touch(moves_.target[move]);
        const Index partition = moves_.partition[move];
        for (const Index *s = siblings_.begin(partition); s != siblings_.end(partition); s++)
            if (state_[*s] == WAITING) released_.push_back(*s);
    }

    void count(Index move, Index volume, int change) {
        const Index source = limits_.node_of_volume[volume], target = moves_.target[move];
        out_[source] += change;
        in_[target] += change;
        scans_[volume] += change;
        of_partition_[moves_.partition[move]] += change;
        cluster_ += change;
        if (Index *pair = between(source, target)) *pair += change;
    }

    // What the cluster or two zones had no room for may go now, wherever it is.
    void retry_refused() {
        for (const Index move : refused_)
            if (state_[move] == WAITING) released_.push_back(move);
        refused_.clear();
    }

    const Moves &moves_;
    const Limits &limits_;
    const Durations &durations_;
    const int variant_;
    const Index look_at_;
    Clock &clock_;
    const Groups siblings_;
    std::vector<std::uint8_t> state_;
    std::vector<Index> out_, in_, scans_, of_partition_, between_;  // streams that run
    Index cluster_ = 0;
    std::vector<double> load_out_, load_in_, chain_;  // work that waits, in seconds
    std::vector<Ring> at_target_, at_source_;
    std::vector<std::uint8_t> is_touched_;
    std::vector<Index> touched_, released_, refused_;
    std::vector<Index> seen_;
    std::vector<Pressing> pressing_;
    std::priority_queue<Running> running_;
    Index stamp_ = 0;
};

}  // namespace mapcore::schedule
