#include "scatter.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "pairs.hpp"
#include "partners.hpp"

namespace mapcore::exchange {
namespace {

// What the failure of a node asks of others is as even as can be if none of its pairs occurs more
// than slaves of a row · ceil(masters / nodes in reach) times: any rows of it then have that many
// slaves on enough nodes to share them (Hall). Only pairs above that are crowded.
//
// Two new slaves, of rows with other masters, change places if that makes the squares of the counts
// of their pairs less in sum, and no count higher than the highest of them was.
class Scatter {
public:
    Scatter(const Given &given, const Masters &masters, Clock &clock)
        : copies_(given),
          masters_(masters),
          led_(given, masters.is_master),
          clock_(clock),
          scorer_(masters.policy),
          attempts_left_(masters.most_attempts) {}

    std::int64_t run() {
        const Given &given = copies_.given();
        if (given.row_count * given.width > MOST_POSITIONS || is_surely_even()) return 0;
        Concerned concerned;
        std::vector<std::int32_t> doubtful = find_doubtful(concerned);
        if (doubtful.empty()) return 0;
        pairs_.emplace(led_, given.row_count, concerned);
        keep_crowded(doubtful);
        if (doubtful.empty()) return 0;
        std::vector<std::size_t> numbers = slaves_of(doubtful);
        std::int64_t exchanges = 0;
        for (std::size_t sweep = 0; sweep < SWEEPS; sweep++) {
            std::vector<std::size_t> crowded = most_crowded_first(numbers);
            const std::int64_t before = exchanges;
            numbers = crowded;
            for (const std::size_t number : crowded) exchanges += move_one(number, sweep, numbers);
            if (exchanges == before) break;
        }
        return exchanges;
    }

private:
    // Whether no node leads more rows than a pair may occur: the common case of many nodes.
    bool is_surely_even() const {
        const Led led = led_;
        const std::size_t row_count = copies_.given().row_count;
        const auto node_count = static_cast<std::size_t>(copies_.given().node_count);
        // With more rows than this, some node leads more of them than a row has slaves.
        if (row_count > node_count * copies_.given().width) return false;
        std::vector<std::int32_t> counts(node_count, 0);
        std::int32_t *leads = counts.data();
        std::size_t fewest = copies_.given().width;
        for (std::size_t p = 0; p < row_count; p++) {
            const std::size_t slaves = led.slaves(p);
            fewest = std::min(fewest, slaves > 0 ? slaves : fewest);
            led.each_master(p, [&](std::int32_t m) { leads[m]++; });
        }
        return *std::max_element(counts.begin(), counts.end()) <= static_cast<std::int64_t>(fewest);
    }

    // Lists the new slaves, and finds which nodes are concerned, the limit of pairs of each node, and
    // the masters that may exceed theirs.
    std::vector<std::int32_t> find_doubtful(Concerned &concerned) {
        const Copies copies = copies_;
        const Led led = led_;
        const std::uint8_t *is_master = masters_.is_master;
        const std::size_t row_count = copies.given().row_count, width = copies.given().width;
        const std::int32_t *placed = copies.given().placed;
        const auto node_count = static_cast<std::size_t>(copies.given().node_count);
        std::vector<Seen> facts(node_count, Seen{0, 0, static_cast<std::int32_t>(width), false});
        concerned.is_slave.assign(node_count, 0);
        slaves_.reset(new std::uint32_t[row_count * width]);
        Seen *seen = facts.data();
        std::uint8_t *is_slave = concerned.is_slave.data();
        std::uint32_t *last = slaves_.get();
        for (std::size_t p = 0; p < row_count; p++) {
            const std::uint32_t *first = last;
            copies.each_new(p, [&](std::size_t i) {
                *last = static_cast<std::uint32_t>(i);
                last += !is_master[i];
                is_slave[placed[i]] |= !is_master[i];
            });
            const auto slaves = static_cast<std::int32_t>(led.slaves(p));
            const std::int32_t few = slaves > 0 ? slaves : static_cast<std::int32_t>(width);
            led.each_master(p, [&](std::int32_t m) {
                seen[m].leads++;
                seen[m].pairs += slaves;
                seen[m].fewest = std::min(seen[m].fewest, few);
                seen[m].has_new |= first != last;
            });
        }
        slave_count_ = static_cast<std::size_t>(last - slaves_.get());
        std::vector<std::int32_t> doubtful;
        concerned.pairs.assign(node_count, 0);
        limits_.resize(node_count);
        for (std::size_t m = 0; m < node_count; m++) {
            const std::int64_t reach = std::max<std::int64_t>(1, masters_.reach[m]);
            limits_[m] = facts[m].fewest * ((facts[m].leads + reach - 1) / reach);
            if (!facts[m].has_new) continue;
            concerned.pairs[m] = facts[m].pairs;
            if (facts[m].leads > limits_[m]) doubtful.push_back(static_cast<std::int32_t>(m));
        }
        return doubtful;
    }

    // Keep the nodes with a pair that occurs more often than it should.
    void keep_crowded(std::vector<std::int32_t> &nodes) {
        // Counts go on from the pairs of all masters before, so none has to be set back to zero.
        std::vector<std::int64_t> counts(limits_.size(), 0);
        std::int64_t before = 0;
        const auto is_even = [&](std::int32_t m) {
            clock_.work(pairs_->end(m) - pairs_->begin(m));
            std::int64_t highest = before;
            for (const std::int32_t *s = pairs_->begin(m); s != pairs_->end(m); s++) {
                counts[*s] = std::max(counts[*s], before) + 1;
                highest = std::max(highest, counts[*s]);
            }
            const bool is_within = highest - before <= limits_[m];
            before += pairs_->end(m) - pairs_->begin(m);
            return is_within;
        };
        nodes.erase(std::remove_if(nodes.begin(), nodes.end(), is_even), nodes.end());
    }

    // The numbers of the new slaves of these masters.
    std::vector<std::size_t> slaves_of(const std::vector<std::int32_t> &masters) const {
        std::vector<std::uint8_t> is_among(limits_.size(), 0);
        for (const std::int32_t m : masters) is_among[m] = 1;
        const Led led = led_;
        const std::size_t row_count = copies_.given().row_count;
        std::vector<std::size_t> numbers;
        for (std::size_t p = 0; p < row_count; p++) {
            std::uint8_t is_one = 0;
            led.each_master(p, [&](std::int32_t m) { is_one |= is_among[m]; });
            if (is_one) add_numbers(p, numbers);
        }
        return numbers;
    }

    // Adds those of a row: new slaves are listed row by row.
    void add_numbers(std::size_t p, std::vector<std::size_t> &numbers) const {
        const std::size_t width = copies_.given().width;
        const std::uint32_t *begin = slaves_.get(), *end = begin + slave_count_;
        for (const std::uint32_t *at = std::lower_bound(begin, end, p * width);
             at != end && *at < (p + 1) * width; at++)
            numbers.push_back(static_cast<std::size_t>(at - begin));
    }

    std::vector<std::size_t> most_crowded_first(const std::vector<std::size_t> &numbers) const {
        std::vector<std::pair<std::int64_t, std::size_t>> found;
        for (const std::size_t number : numbers)
            if (const std::int64_t excess = excess_of(slaves_[number]); excess > 0)
                found.emplace_back(-excess, number);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        std::vector<std::size_t> ordered;
        for (const auto &[excess, number] : found) ordered.push_back(number);
        return ordered;
    }

    // Exchange the slave with the first partner that helps, which joins `numbers`.
    bool move_one(std::size_t number, std::size_t sweep, std::vector<std::size_t> &numbers) {
        const Partners partners(slave_count_);
        const std::size_t one = slaves_[number];
        if (excess_of(one) == 0) return false;
        for (std::size_t attempt = 0; attempt < partners.tries(); attempt++) {
            if (attempts_left_-- <= 0) return false;
            clock_.work(16);
            const std::size_t partner = partners.pick(number, attempt, sweep);
            const std::size_t other = slaves_[partner];
            if (!may_exchange(one, other) || !is_better(one, other) || is_worse(one, other))
                continue;
            exchange(one, other);
            numbers.push_back(partner);
            return true;
        }
        return false;
    }

    // How far a pair of the slave is above its limit.
    std::int64_t excess_of(std::size_t position) const {
        std::int64_t excess = 0;
        led_.each_master(copies_.row(position), [&](std::int32_t m) {
            excess = std::max(excess, pairs_->count(m, copies_.node(position)) - limits_[m]);
        });
        return excess;
    }

    bool may_exchange(std::size_t one, std::size_t other) const {
        const std::int32_t a = copies_.node(one), b = copies_.node(other);
        return a != b && is_as_able(copies_.row(one), b) && is_as_able(copies_.row(other), a) &&
               has_same_price(a, b) && copies_.may_stand(one, b) && copies_.may_stand(other, a);
    }

    // A node that is master now would be a better choice than the master that was chosen.
    bool is_as_able(std::size_t p, std::int32_t node) const {
        const std::int32_t *current = masters_.current + p * masters_.current_width;
        return std::find(current, current + masters_.current_width, node) ==
               current + masters_.current_width;
    }

    // As a candidate for master one stands for the other: the proof of the masters goes on to hold.
    bool has_same_price(std::int32_t a, std::int32_t b) const {
        const std::size_t width = masters_.price_width;
        return std::equal(
            masters_.prices + a * width, masters_.prices + (a + 1) * width,
            masters_.prices + b * width);
    }

    bool is_better(std::size_t one, std::size_t other) const {
        const std::int32_t a = copies_.node(one), b = copies_.node(other);
        std::int64_t change = 0;
        std::int64_t highest_before = 0, highest_after = 0;
        bool is_shared = false;
        const auto weigh = [&](std::int32_t m, std::int32_t from, std::int32_t to) {
            const std::int64_t was = pairs_->count(m, from), gets = pairs_->count(m, to) + 1;
            change += gets - was;
            highest_before = std::max(highest_before, was);
            highest_after = std::max(highest_after, gets);
        };
        led_.each_master(copies_.row(one), [&](std::int32_t m) {
            led_.each_master(copies_.row(other), [&](std::int32_t n) { is_shared |= m == n; });
        });
        if (is_shared) return false;
        led_.each_master(copies_.row(one), [&](std::int32_t m) { weigh(m, a, b); });
        if (change >= 0 && highest_after > highest_before) return false;
        led_.each_master(copies_.row(other), [&](std::int32_t m) { weigh(m, b, a); });
        return change < 0 && highest_after <= highest_before;
    }

    bool is_worse(std::size_t one, std::size_t other) const {
        if (!scorer_.is_given()) return false;
        const auto sum = [&](std::int32_t first, std::int32_t second) {
            return scorer_.of(copies_.row(one), first) + scorer_.of(copies_.row(other), second);
        };
        const std::int32_t a = copies_.node(one), b = copies_.node(other);
        return is_above(sum(a, b), sum(b, a));
    }

    void exchange(std::size_t one, std::size_t other) {
        const std::int32_t a = copies_.node(one), b = copies_.node(other);
        led_.each_master(
            copies_.row(one), [&](std::int32_t m) { pairs_->replace(m, a, b); });
        led_.each_master(
            copies_.row(other), [&](std::int32_t m) { pairs_->replace(m, b, a); });
        copies_.exchange(one, other);
    }

    // What the rows that a node leads have in common.
    struct Seen {
        std::int64_t pairs;
        std::int32_t leads;
        std::int32_t fewest;  // slaves of a row
        bool has_new;
    };

    static constexpr std::size_t MOST_POSITIONS = std::numeric_limits<std::uint32_t>::max();

    Copies copies_;
    const Masters &masters_;
    Led led_;
    Clock &clock_;
    Scorer scorer_;
    std::int64_t attempts_left_;
    std::optional<Pairs> pairs_;
    std::vector<std::int64_t> limits_;   // by node: how often each of its pairs may occur
    std::unique_ptr<std::uint32_t[]> slaves_;  // positions of new slaves, row by row
    std::size_t slave_count_ = 0;
};

}  // namespace

bool even_out(
    const Given &given, const Masters &masters, Outcome &outcome, Ask may_go_on, void *context) {
    Clock clock(may_go_on, context);
    outcome = Outcome{0, Unfit{-1, -1}};
    try {
        clock.ask();
        outcome.exchanges = Scatter(given, masters, clock).run();
    } catch (const Interrupted &) {
        return false;
    } catch (const Unfit &unfit) {
        outcome.unfit = unfit;
    }
    return true;
}

}  // namespace mapcore::exchange
