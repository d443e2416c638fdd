// How often a node is slave where another is master.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "copies.hpp"

namespace mapcore::exchange {

// Who leads a row, and who follows. In almost all rows one copy is master, at any place: there,
// nothing depends on a guess where that is. Loops over rows read a copy of this: it fits registers.
class Led {
public:
    Led(const Given &given, const std::uint8_t *is_master)
        : placed_(given.placed), is_master_(is_master), width_(given.width) {}

    // Calls visit(master) for each of the row.
    template <class Visit>
    void each_master(std::size_t p, Visit visit) const {
        const std::int32_t *row = placed_ + p * width_;
        const std::uint8_t *is_master = is_master_ + p * width_;
        const Masters found = masters(p);
        if (found.count == 1) {
            if (row[found.last] >= 0) visit(row[found.last]);
            return;
        }
        for (std::size_t i = 0; i < width_; i++)
            if (is_master[i] && row[i] >= 0) visit(row[i]);
    }

    // Calls visit(master, slave) for each of the masters that `is_wanted` with each slave of the row.
    template <class Wanted, class Visit>
    void each_pair(std::size_t p, Wanted is_wanted, Visit visit) const {
        const std::int32_t *row = placed_ + p * width_;
        const std::uint8_t *is_master = is_master_ + p * width_;
        const Masters found = masters(p);
        if (found.count == 1) {
            const std::int32_t m = row[found.last];
            if (m < 0 || !is_wanted(m)) return;
            for (std::size_t i = 0; i + 1 < width_; i++)
                if (const std::int32_t slave = row[i + (i >= found.last)]; slave >= 0)
                    visit(m, slave);
            return;
        }
        each_master(p, [&](std::int32_t m) {
            if (!is_wanted(m)) return;
            for (std::size_t i = 0; i < width_; i++)
                if (!is_master[i] && row[i] >= 0) visit(m, row[i]);
        });
    }

    std::size_t slaves(std::size_t p) const {
        std::size_t count = 0;
        for (std::size_t i = p * width_; i < (p + 1) * width_; i++)
            count += placed_[i] >= 0 && !is_master_[i];
        return count;
    }

private:
    // How many masters the row has, and the place of the last of them.
    struct Masters {
        std::size_t count;
        std::size_t last;
    };
    Masters masters(std::size_t p) const {
        const std::uint8_t *is_master = is_master_ + p * width_;
        Masters found{0, 0};
        for (std::size_t i = 0; i < width_; i++) {
            found.count += is_master[i];
            found.last = is_master[i] ? i : found.last;
        }
        return found;
    }

    const std::int32_t *placed_;
    const std::uint8_t *is_master_;
    std::size_t width_;
};

// Of which nodes pairs are told apart: masters and slaves of rows that have new slaves. No others
// come to stand beside one another.
struct Concerned {
    std::vector<std::int64_t> pairs;     // by master: pairs in all its rows; 0 where not concerned
    std::vector<std::uint8_t> is_slave;  // by node: a new slave stands there
};

// The slaves of each node's masters, in one list by master; where the table of all pairs is not much
// larger, counts are kept in it, else they are counted off the list.
class Pairs {
public:
    Pairs(const Led &rows, std::size_t row_count, const Concerned &concerned)
        : node_count_(concerned.pairs.size()), begin_(node_count_ + 1, 0), end_(node_count_) {
        for (std::size_t m = 0; m < node_count_; m++) {
            end_[m] = begin_[m];
            begin_[m + 1] = begin_[m] + static_cast<std::size_t>(concerned.pairs[m]);
        }
        slaves_.reset(new std::int32_t[begin_.back()]);
        const Led led = rows;
        const std::int64_t *pairs = concerned.pairs.data();
        const std::uint8_t *is_slave = concerned.is_slave.data();
        std::int32_t *slaves = slaves_.get();
        std::size_t *end = end_.data();
        for (std::size_t p = 0; p < row_count; p++)
            led.each_pair(
                p, [&](std::int32_t m) { return pairs[m] > 0; },
                [&](std::int32_t m, std::int32_t s) {
                    slaves[end[m]] = s;
                    end[m] += is_slave[s];
                });
        if (node_count_ * node_count_ > 4 * begin_.back()) return;
        table_.assign(node_count_ * node_count_, 0);
        for (std::size_t m = 0; m < node_count_; m++)
            for (std::size_t i = begin_[m]; i < end_[m]; i++)
                table_[m * node_count_ + static_cast<std::size_t>(slaves[i])]++;
    }

    const std::int32_t *begin(std::int32_t master) const { return slaves_.get() + begin_[master]; }
    const std::int32_t *end(std::int32_t master) const { return slaves_.get() + end_[master]; }

    std::int64_t count(std::int32_t master, std::int32_t slave) const {
        if (!table_.empty()) return table_[cell(master, slave)];
        return std::count(begin(master), end(master), slave);
    }

    void replace(std::int32_t master, std::int32_t slave, std::int32_t by) {
        std::int32_t *first = slaves_.get() + begin_[master];
        *std::find(first, slaves_.get() + end_[master], slave) = by;
        if (table_.empty()) return;
        table_[cell(master, slave)]--;
        table_[cell(master, by)]++;
    }

private:
    std::size_t cell(std::int32_t master, std::int32_t slave) const {
        return static_cast<std::size_t>(master) * node_count_ + static_cast<std::size_t>(slave);
    }

    std::size_t node_count_;
    std::vector<std::size_t> begin_, end_;  // by master: of its pairs
    std::unique_ptr<std::int32_t[]> slaves_;
    std::vector<std::int32_t> table_;
};

}  // namespace mapcore::exchange
