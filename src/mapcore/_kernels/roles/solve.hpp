// Choosing masters exactly: start at prices zero, push what is too much, pull what is too little.
#pragma once

#include <cstdint>
#include <vector>

#include "interrupt.hpp"
#include "search.hpp"
#include "start.hpp"

namespace mapcore::roles {

struct Scale {
    Price change;        // one master that is new in its role
    Price unpreferred;   // one master outside of `preferred`
    int imbalance_bits;  // log2 of one unit of imbalance
};

struct Shares {
    const std::int64_t *lower;
    const std::int64_t *upper;
    std::size_t count;
};

struct Answer {
    std::uint8_t *is_master;  // as `placed`
    std::int64_t *loads;      // by node
    std::int64_t *prices;     // by node
    std::int64_t missing;
    std::int64_t role_changes;
};

template <Direction D>
void balance(Rows &rows, Nodes &nodes, RowIndex &index, Clock &clock) {
    for (std::int32_t n = 0; n < static_cast<std::int32_t>(nodes.size()); n++) {
        if (!Search<D>::is_origin(nodes, n)) continue;
        if (!index.is_built()) index.build(rows, nodes.size());
        Search<D>(rows, nodes, index, clock).run();
        return;
    }
}

inline std::int64_t choose_masters(const Given &given, const Shares &shares, Rows &rows,
                                   Nodes &nodes, Clock &clock) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() / 2;
    for (std::size_t n = 0; n < shares.count; n++)
        nodes.table[n] = {0, static_cast<std::int32_t>(std::min(shares.lower[n], most)),
                          static_cast<std::int32_t>(std::min(shares.upper[n], most)), 0};
    const std::int64_t missing = Start(given, rows, nodes).run();
    clock.ask();
    RowIndex index;
    balance<Direction::PUSH>(rows, nodes, index, clock);
    balance<Direction::PULL>(rows, nodes, index, clock);
    return missing;
}

// Returns whether an answer was found: not if may_go_on said no.
inline bool solve(const Given &given, const Shares &shares, std::size_t row_count,
                  std::size_t width, const Scale &scale, Answer &answer, Clock::Ask may_go_on,
                  void *context) {
    Clock clock(may_go_on, context);
    Nodes nodes(shares.count, scale.imbalance_bits);
    Rows rows(row_count, width, scale.change, scale.unpreferred);
    try {
        answer.missing = choose_masters(given, shares, rows, nodes, clock);
    } catch (const Interrupted &) {
        return false;
    }
    answer.role_changes = 0;
    for (std::size_t i = 0; i < rows.slots.size(); i++) {
        answer.is_master[i] = rows.slots[i] & MASTER;
        answer.role_changes += (rows.slots[i] & (MASTER | CURRENT)) == MASTER;
    }
    for (std::size_t n = 0; n < nodes.size(); n++) answer.loads[n] = nodes.table[n].load;
    std::copy(nodes.price.begin(), nodes.price.end(), answer.prices);
    return true;
}

}  // namespace mapcore::roles
