#include "policy.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "partners.hpp"

namespace mapcore::exchange {
namespace {

constexpr std::int32_t NOWHERE = -1;
constexpr double WORTHWHILE = 1.0 / 64;  // of all gain, what a sweep must bring for another one

// Each new copy in turn takes the best of what it is offered: to change places with another new
// copy, or to go where there is room while its node has more than the least.
class Choosing {
public:
    Choosing(const Given &given, const Policy &policy, const Room &room, Clock &clock)
        : copies_(given), scorer_(policy), room_(room), clock_(clock) {}

    void run(Choice &choice) {
        copies_.each_new([&](std::size_t i) { new_.push_back(i); });
        for (const std::size_t i : new_)
            scores_.push_back(scorer_.of(copies_.row(i), copies_.node(i)));
        choice.before = std::accumulate(scores_.begin(), scores_.end(), 0.0);
        count_loads();
        double total_gain = 0;
        for (std::size_t sweep = 0; sweep < SWEEPS && !new_.empty(); sweep++) {
            gain_ = 0;
            find_roomy();
            for (std::size_t number = 0; number < new_.size(); number++) {
                choice.shifts += shift_one(number, sweep);
                choice.exchanges += exchange_one(number, sweep);
            }
            total_gain += gain_;
            if (gain_ <= WORTHWHILE * total_gain) break;
        }
        choice.after = std::accumulate(scores_.begin(), scores_.end(), 0.0);
    }

private:
    void count_loads() {
        const Given &given = copies_.given();
        loads_.assign(static_cast<std::size_t>(given.node_count), 0);
        for (std::size_t i = 0; i < given.row_count * given.width; i++)
            if (given.placed[i] >= 0) loads_[given.placed[i]]++;
    }

    bool has_room(std::int32_t node) const {
        return room_.least[node] <= loads_[node] && loads_[node] < room_.most[node];
    }

    bool may_leave(std::int32_t node) const {
        return room_.least[node] < loads_[node] && loads_[node] <= room_.most[node];
    }

    // Nodes with room; those that the first new copy would rather have come first.
    void find_roomy() {
        std::vector<std::pair<double, std::int32_t>> found;
        for (std::int32_t n = 0; n < copies_.given().node_count; n++)
            if (room_.may_take[n] && has_room(n))
                found.emplace_back(-scorer_.of(copies_.row(new_.front()), n), n);
        std::sort(found.begin(), found.end());
        roomy_.clear();
        for (const auto &[score, node] : found) roomy_.push_back(node);
        first_roomy_ = 0;
    }

    // The first half of the attempts goes through the best nodes, the other half is drawn.
    std::int32_t offer(std::size_t number, std::size_t attempt, std::size_t sweep) const {
        const Partners partners(roomy_.size());
        if (attempt >= partners.tries() / 2)
            return roomy_[partners.pick(number, attempt, sweep)];
        const std::size_t next = first_roomy_ + attempt;
        return next < roomy_.size() ? roomy_[next] : NOWHERE;
    }

    bool shift_one(std::size_t number, std::size_t sweep) {
        const std::size_t position = new_[number];
        const std::int32_t old_node = copies_.node(position);
        while (first_roomy_ < roomy_.size() && !has_room(roomy_[first_roomy_])) first_roomy_++;
        if (first_roomy_ == roomy_.size() || !may_leave(old_node)) return false;
        std::int32_t best = NOWHERE;
        double most = scores_[number];
        const std::size_t tries = Partners(roomy_.size()).tries();
        clock_.work(static_cast<std::int64_t>(16 * tries));
        for (std::size_t attempt = 0; attempt < tries; attempt++) {
            const std::int32_t node = offer(number, attempt, sweep);
            if (node == NOWHERE || !has_room(node) || !copies_.may_stand(position, node)) continue;
            const double score = scorer_.of(copies_.row(position), node);
            if (is_above(score, most)) best = node, most = score;
        }
        if (best == NOWHERE) return false;
        gain_ += most - scores_[number];
        loads_[old_node]--, loads_[best]++;
        copies_.put(position, best);
        scores_[number] = most;
        return true;
    }

    bool exchange_one(std::size_t number, std::size_t sweep) {
        const Partners partners(new_.size());
        const std::size_t one = new_[number];
        std::size_t best = number;
        double most_gain = 0, mine = 0, theirs = 0;
        clock_.work(static_cast<std::int64_t>(16 * partners.tries()));
        for (std::size_t attempt = 0; attempt < partners.tries(); attempt++) {
            const std::size_t partner = partners.pick(number, attempt, sweep);
            const std::size_t other = new_[partner];
            const std::int32_t a = copies_.node(one), b = copies_.node(other);
            if (a == b || !copies_.may_stand(one, b) || !copies_.may_stand(other, a)) continue;
            const double my_score = scorer_.of(copies_.row(one), b);
            const double their_score = scorer_.of(copies_.row(other), a);
            const double has = scores_[number] + scores_[partner];
            const double gain = my_score + their_score - has;
            if (gain <= most_gain || !is_above(my_score + their_score, has)) continue;
            best = partner, most_gain = gain, mine = my_score, theirs = their_score;
        }
        if (best == number) return false;
        gain_ += most_gain;
        copies_.exchange(one, new_[best]);
        scores_[number] = mine;
        scores_[best] = theirs;
        return true;
    }

    Copies copies_;
    Scorer scorer_;
    const Room &room_;
    Clock &clock_;
    std::vector<std::size_t> new_;     // positions
    std::vector<double> scores_;       // of new copies where they stand
    std::vector<std::int64_t> loads_;  // by node
    std::vector<std::int32_t> roomy_;  // nodes
    double gain_ = 0;                  // of the sweep
    std::size_t first_roomy_ = 0;      // those before are full
};

}  // namespace

bool choose(
    const Given &given, const Policy &policy, const Room &room, Choice &choice, Ask may_go_on,
    void *context) {
    Clock clock(may_go_on, context);
    choice = Choice{0, 0, 0, 0, Unfit{-1, -1}};
    try {
        clock.ask();
        Choosing(given, policy, room, clock).run(choice);
    } catch (const Interrupted &) {
        return false;
    } catch (const Unfit &unfit) {
        choice.unfit = unfit;
    }
    return true;
}

}  // namespace mapcore::exchange
