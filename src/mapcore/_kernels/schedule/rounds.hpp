// Sources and rounds of all moves, in as few rounds as can be found.
//
// The bound on the rounds is also the number that is tried first. All moves are inserted, urgent
// ones first, so that they get the earliest rounds; where some are left over, everything starts
// anew with those first that were in the way of others, and with other sources. When the work for
// that is spent, more rounds are tried, first for the moves left over by the best attempt alone.
#pragma once

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "engine.hpp"
#include "insertion.hpp"
#include "sources.hpp"

namespace mapcore::schedule {

class Search {
public:
    Search(const Moves &moves, const Limits &limits, Clock &clock)
        : moves_(moves), limits_(limits), clock_(clock),
          flow_(moves, limits, clock), order_(moves.count), blame_(moves.count) {}

    // Sources and rounds, unless that takes `most` rounds or more; `answer.rounds` is 0 then.
    void run(Index at_least, Index most, Wide work, Answer &answer) {
        answer.bound = static_cast<Index>(flow_.least_rounds(at_least));
        std::copy(flow_.proof().begin(), flow_.proof().end(), answer.proof);
        answer.rounds = 0;
        if (answer.bound >= most) return;
        start_in_order_of_urgency();
        vertices_.emplace(moves_, limits_, flow_.choice(), answer.bound);
        assignment_.emplace(moves_, limits_, *vertices_);
        paths_.emplace(*assignment_, clock_);
        insertion_.emplace(*assignment_, *paths_);
        if (!fits_into(answer.bound, work) && !fits_beyond(answer.bound, most, work / 8)) return;
        for (Index m = 0; m < moves_.count; m++) {
            answer.round[m] = best_round_[m];
            answer.choice[m] = best_choice_[m];
            answer.rounds = std::max(answer.rounds, best_round_[m] + 1);
        }
    }

private:
    static constexpr std::uint64_t SEED = 88172645463325252ULL;
    static constexpr Index FAILURE = 5;
    static constexpr Index FIRST = 1 << 30;

    Index rank(Index move) const { return moves_.in_flight[move] ? FIRST : blame_[move]; }

    void start_in_order_of_urgency() {
        std::iota(order_.begin(), order_.end(), 0);
        std::stable_sort(order_.begin(), order_.end(), [&](Index a, Index b) {
            return 2 * moves_.in_flight[a] + moves_.is_urgent[a] > 2 * moves_.in_flight[b] + moves_.is_urgent[b];
        });
    }

    bool fits_into(Index rounds, Wide work) {
        rounds_ = rounds;
        best_failed_ = FIRST;
        for (Wide spent = 0; !attempt(spent);) {
            if (spent > work) return false;
            for (Index i = moves_.count - 1; i > 0; i--)
                std::swap(order_[i], order_[random_.below(i + 1)]);
            std::stable_sort(order_.begin(), order_.end(),
                             [&](Index a, Index b) { return rank(a) > rank(b); });
            flow_.choose_again(rounds, order_, random_);
        }
        return true;
    }

    // The least number of rounds found between `failed`, which is too small, and `most`: steps
    // that grow, then halving.
    bool fits_beyond(Index failed, Index most, Wide work) {
        Index step = 1 + static_cast<Index>(Wide{best_failed_} * failed / (2 * moves_.count));
        Index fitting = NONE;
        for (; fitting == NONE && failed + step < most; step *= 2) {
            if (add_rounds(step) || fits_into(failed + step, work)) fitting = failed + step;
            else failed += step;
        }
        while (fitting - failed > 1) {
            const std::vector<Index> kept_round(best_round_);
            const std::vector<Wide> kept_choice(best_choice_);
            const Index middle = failed + (fitting - failed) / 2;
            if (fits_into(middle, work)) {
                fitting = middle;
                continue;
            }
            failed = middle;
            best_round_ = kept_round;
            best_choice_ = kept_choice;
        }
        return fitting != NONE;
    }

    // Insert all moves; true if each got a round. Keeps the attempt if it is the best so far.
    bool attempt(Wide &spent) {
        assignment_->reset(rounds_, flow_.choice());
        const Wide steps_before = paths_->steps();
        const Wide steps_most = 60 * Wide{moves_.count} + 200000;
        const Wide ejected_most = std::min(1000, 50 + 10 * moves_.count) + moves_.count / 20;
        Wide ejected = 0;
        std::vector<Index> todo(order_), failed;
        for (std::size_t i = 0; i < todo.size(); i++) {
            clock_.work(1);
            const bool gives_up = ejected > ejected_most ||
                                  paths_->steps() - steps_before > steps_most;
            if (gives_up || !insertion_->insert(todo[i])) failed.push_back(todo[i]);
            for (const Index move : insertion_->ejected) {
                todo.push_back(move);
                blame_[move]++;
                ejected++;
            }
            insertion_->ejected.clear();
        }
        for (const Index move : failed) blame_[move] += FAILURE;
        if (static_cast<Index>(failed.size()) < best_failed_) {
            best_failed_ = static_cast<Index>(failed.size());
            best_round_ = assignment_->round;
            best_choice_ = assignment_->choice;
        }
        spent += static_cast<Wide>(todo.size()) + (paths_->steps() - steps_before) / 4;
        return failed.empty();
    }

    // Give the moves left over by the best attempt rounds beyond the others, if these are enough.
    bool add_rounds(Index more) {
        rounds_ += more;
        forget_unfilled_sources();
        assignment_->reset(rounds_, best_choice_);
        for (Index m = 0; m < moves_.count; m++)
            if (best_round_[m] != NONE) assignment_->place(m, best_round_[m]);
        for (Index m = 0; m < moves_.count; m++)
            if (assignment_->round[m] == NONE && !insertion_->insert_gently(m)) return false;
        best_round_ = assignment_->round;
        best_choice_ = assignment_->choice;
        return true;
    }

    // A move left over may have to wait for a copy that waits for it: take the first candidate of
    // all moves of its partition, which is live, and find rounds for them anew.
    void forget_unfilled_sources() {
        const Groups &siblings = assignment_->siblings;
        std::vector<Index> failed;
        for (Index m = 0; m < moves_.count; m++)
            if (best_round_[m] == NONE) failed.push_back(moves_.partition[m]);
        for (const Index partition : failed)
            for (const Index *s = siblings.begin(partition); s != siblings.end(partition); s++) {
                if (moves_.filled_by[best_choice_[*s]] == NONE || moves_.in_flight[*s]) continue;
                best_round_[*s] = NONE;
                best_choice_[*s] = moves_.begin(*s);
            }
    }

    const Moves &moves_;
    const Limits &limits_;
    Clock &clock_;
    SourceFlow flow_;
    std::vector<Index> order_;
    std::vector<Index> blame_;  // how often a move was in the way or left over
    Index rounds_ = 0;
    std::optional<Vertices> vertices_;
    std::optional<Assignment> assignment_;
    std::optional<Paths> paths_;
    std::optional<Insertion> insertion_;
    std::vector<Index> best_round_;
    std::vector<Wide> best_choice_;
    Index best_failed_ = FIRST;
    Random random_{SEED};
};

}  // namespace mapcore::schedule
