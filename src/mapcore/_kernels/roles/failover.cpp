#include "failover.hpp"

#include <algorithm>

namespace mapcore::roles {
namespace {

constexpr std::int32_t NONE = -1;

// The rows of each node's masters.
class MasterIndex {
public:
    explicit MasterIndex(const Copies &copies)
        : begin_(static_cast<std::size_t>(copies.node_count) + 2, 0) {
        each_master(copies, [&](std::size_t, std::int32_t n) { begin_[n + 2]++; });
        for (std::size_t n = 2; n < begin_.size(); n++) begin_[n] += begin_[n - 1];
        rows_.resize(begin_.back());
        each_master(copies, [&](std::size_t p, std::int32_t n) { rows_[begin_[n + 1]++] = p; });
    }

    const std::size_t *begin(std::int32_t n) const { return rows_.data() + begin_[n]; }
    const std::size_t *end(std::int32_t n) const { return rows_.data() + begin_[n + 1]; }

private:
    template <class Visit>
    static void each_master(const Copies &copies, Visit visit) {
        for (std::size_t p = 0; p < copies.row_count; p++)
            for (std::size_t i = p * copies.width; i < (p + 1) * copies.width; i++)
                if (copies.is_master[i] && copies.placed[i] >= 0) visit(p, copies.placed[i]);
    }

    std::vector<std::size_t> begin_;
    std::vector<std::size_t> rows_;
};

// One node fails: its masters are tasks, the nodes that could take one over are heirs. The smallest
// most that an heir takes: share out greedily, then shift tasks along paths from heirs with more
// than the goal to heirs with less. Where there is no path, the heirs that were reached share all
// their tasks among themselves alone, so that their mean is a goal which nothing can beat.
class Failure {
public:
    Failure(const Copies &copies, Clock &clock)
        : copies_(copies),
          clock_(clock),
          heir_of_(static_cast<std::size_t>(copies.node_count), NONE) {}

    void run(const MasterIndex &masters, std::int32_t node) {
        for (const std::int32_t heir : nodes_) heir_of_[heir] = NONE;
        nodes_.clear(), choices_.clear(), first_.assign(1, 0);
        lost_ = 0;
        for (const std::size_t *p = masters.begin(node); p != masters.end(node); p++)
            add_task(*p, node);
        share_out();
        most_ = 0;
        if (!nodes_.empty()) {
            most_ = mean(task_count(), heir_count());
            for (std::int32_t heir = 0; heir < heir_count(); heir++)
                while (load_[heir] > most_) shift_from(heir);
        }
    }

    std::int32_t width() const { return heir_count(); }
    std::int32_t increase() const { return most_; }
    std::int32_t lost() const { return lost_; }

private:
    std::int32_t heir_count() const { return static_cast<std::int32_t>(nodes_.size()); }
    std::int32_t task_count() const { return static_cast<std::int32_t>(first_.size()) - 1; }

    static std::int32_t mean(std::int64_t tasks, std::int64_t heirs) {
        return static_cast<std::int32_t>((tasks + heirs - 1) / heirs);
    }

    void add_task(std::size_t p, std::int32_t failed) {
        clock_.work(1);
        const std::size_t before = choices_.size();
        for (std::size_t i = p * copies_.width; i < (p + 1) * copies_.width; i++) {
            const std::int32_t n = copies_.placed[i];
            if (n < 0 || n == failed || copies_.is_master[i] || !copies_.may_lead[n]) continue;
            if (heir_of_[n] == NONE) {
                heir_of_[n] = heir_count();
                nodes_.push_back(n);
            }
            choices_.push_back(heir_of_[n]);
        }
        if (choices_.size() == before)
            lost_++;
        else
            first_.push_back(choices_.size());
    }

    void share_out() {
        load_.assign(nodes_.size(), 0);
        newest_.assign(nodes_.size(), NONE);
        older_.assign(static_cast<std::size_t>(task_count()), NONE);
        for (std::int32_t task = 0; task < task_count(); task++) {
            std::int32_t heir = choices_[first_[task]];
            for (std::size_t c = first_[task]; c < first_[task + 1]; c++)
                if (load_[choices_[c]] < load_[heir]) heir = choices_[c];
            give(task, heir);
        }
    }

    void give(std::int32_t task, std::int32_t heir) {
        older_[task] = newest_[heir];
        newest_[heir] = task;
        load_[heir]++;
    }

    void take(std::int32_t task, std::int32_t heir) {
        std::int32_t *link = &newest_[heir];
        while (*link != task) link = &older_[*link];
        *link = older_[task];
        load_[heir]--;
    }

    void shift_from(std::int32_t origin) {
        came_from_.assign(nodes_.size(), NONE);
        came_by_.resize(nodes_.size());
        came_from_[origin] = origin;
        reached_.assign(1, origin);
        std::int64_t tasks = 0;
        for (std::size_t head = 0; head < reached_.size(); head++) {
            const std::int32_t from = reached_[head];
            clock_.work(load_[from]);
            tasks += load_[from];
            for (std::int32_t task = newest_[from]; task != NONE; task = older_[task])
                for (std::size_t c = first_[task]; c < first_[task + 1]; c++) {
                    const std::int32_t to = choices_[c];
                    if (came_from_[to] != NONE) continue;
                    came_from_[to] = from;
                    came_by_[to] = task;
                    if (load_[to] < most_) return shift(origin, to);
                    reached_.push_back(to);
                }
        }
        most_ = mean(tasks, static_cast<std::int64_t>(reached_.size()));
    }

    void shift(std::int32_t origin, std::int32_t end) {
        for (std::int32_t to = end; to != origin; to = came_from_[to]) {
            take(came_by_[to], came_from_[to]);
            give(came_by_[to], to);
        }
    }

    const Copies &copies_;
    Clock &clock_;
    std::vector<std::int32_t> heir_of_;  // by node
    std::vector<std::int32_t> nodes_;    // of the heirs
    std::vector<std::size_t> first_;     // of a task's choices
    std::vector<std::int32_t> choices_;  // heirs
    std::vector<std::int32_t> load_;     // by heir
    std::vector<std::int32_t> newest_;   // an heir's task, and from there the older ones
    std::vector<std::int32_t> older_;
    std::vector<std::int32_t> came_from_;
    std::vector<std::int32_t> came_by_;
    std::vector<std::int32_t> reached_;
    std::int32_t most_ = 0;
    std::int32_t lost_ = 0;
};

}  // namespace

bool measure_falls(const Copies &copies, Falls &falls, Ask may_go_on, void *context) {
    Clock clock(may_go_on, context);
    try {
        clock.ask();
        const MasterIndex masters(copies);
        Failure failure(copies, clock);
        for (std::int32_t n = 0; n < copies.node_count; n++) {
            failure.run(masters, n);
            falls.widths[n] = failure.width();
            falls.increases[n] = failure.increase();
            falls.lost[n] = failure.lost();
        }
    } catch (const Interrupted &) {
        return false;
    }
    return true;
}

}  // namespace mapcore::roles
