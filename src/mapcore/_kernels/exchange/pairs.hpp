// How often a node is slave where another is master.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "copies.hpp"

namespace mapcore::exchange {

// The slaves of each node's masters, in one list by master; where the table of all pairs is not much
// larger, counts are kept in it, else they are counted off the list.
class Pairs {
public:
    Pairs(const Given &given, const std::uint8_t *is_master)
        : g_(given),
          is_master_(is_master),
          node_count_(static_cast<std::size_t>(given.node_count)),
          begin_(node_count_ + 2, 0) {
        each_pair([&](std::int32_t m, std::int32_t) { begin_[m + 2]++; });
        for (std::size_t m = 2; m < begin_.size(); m++) begin_[m] += begin_[m - 1];
        slaves_.resize(begin_.back());
        each_pair([&](std::int32_t m, std::int32_t s) { slaves_[begin_[m + 1]++] = s; });
        if (node_count_ * node_count_ > 4 * slaves_.size()) return;
        table_.assign(node_count_ * node_count_, 0);
        each_pair([&](std::int32_t m, std::int32_t s) { table_[cell(m, s)]++; });
    }

    const std::int32_t *begin(std::int32_t master) const { return slaves_.data() + begin_[master]; }
    const std::int32_t *end(std::int32_t master) const {
        return slaves_.data() + begin_[master + 1];
    }

    template <class Visit>
    void each_master(std::size_t p, Visit visit) const {
        for (std::size_t i = p * g_.width; i < (p + 1) * g_.width; i++)
            if (is_master_[i] && g_.placed[i] >= 0) visit(g_.placed[i]);
    }

    std::int64_t count(std::int32_t master, std::int32_t slave) const {
        if (!table_.empty()) return table_[cell(master, slave)];
        return std::count(begin(master), end(master), slave);
    }

    void replace(std::int32_t master, std::int32_t slave, std::int32_t by) {
        const auto first = slaves_.begin() + static_cast<std::ptrdiff_t>(begin_[master]);
        *std::find(first, slaves_.end(), slave) = by;
        if (table_.empty()) return;
        table_[cell(master, slave)]--;
        table_[cell(master, by)]++;
    }

private:
    template <class Visit>
    void each_pair(Visit visit) const {
        for (std::size_t p = 0; p < g_.row_count; p++)
            each_master(p, [&](std::int32_t m) {
                for (std::size_t i = p * g_.width; i < (p + 1) * g_.width; i++)
                    if (!is_master_[i] && g_.placed[i] >= 0) visit(m, g_.placed[i]);
            });
    }

    std::size_t cell(std::int32_t master, std::int32_t slave) const {
        return static_cast<std::size_t>(master) * node_count_ + static_cast<std::size_t>(slave);
    }

    const Given &g_;
    const std::uint8_t *is_master_;
    std::size_t node_count_;
    std::vector<std::size_t> begin_;
    std::vector<std::int32_t> slaves_;
    std::vector<std::int32_t> table_;
};

}  // namespace mapcore::exchange
