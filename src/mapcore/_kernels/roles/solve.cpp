#include "solve.hpp"

#include "balance.hpp"

namespace mapcore::roles {
namespace {

Nodes make_nodes(const Shares &shares, Bits bits) {
    constexpr std::int64_t most = MOST_LOAD;
    const bool has_sum = shares.sum_lower != nullptr;
    Nodes nodes(shares.count, bits, has_sum);
    for (std::int32_t n = 0; n < nodes.size(); n++) {
        nodes[n].lower = static_cast<std::int32_t>(std::min(shares.lower[n], most));
        nodes[n].upper = static_cast<std::int32_t>(std::min(shares.upper[n], most));
        if (!has_sum) continue;
        nodes[n].sum_lower = static_cast<std::int32_t>(std::clamp(shares.sum_lower[n], -most, most));
        nodes[n].sum_upper = static_cast<std::int32_t>(std::clamp(shares.sum_upper[n], -most, most));
    }
    return nodes;
}

// How many nodes have too many masters, and how many too few.
struct Unbalanced {
    std::int32_t over = 0;
    std::int32_t under = 0;
};

Unbalanced unbalanced(const Nodes &nodes) {
    Unbalanced found;
    for (std::int32_t n = 0; n < nodes.size(); n++) {
        found.over += nodes[n].load > nodes.most(nodes[n]);
        found.under += nodes[n].load < nodes.least(nodes[n]);
    }
    return found;
}

void write(const Rows &rows, const Nodes &nodes, Answer &answer) {
    const Slot *slots = rows[0];
    const std::size_t count = rows.count * rows.width;
    std::uint8_t *__restrict is_master = answer.is_master;
    std::int64_t changes = 0;
    for (std::size_t i = 0; i < count; i++) is_master[i] = slots[i] & MASTER;
    for (std::size_t i = 0; i < count; i++) changes += (slots[i] & (MASTER | CURRENT)) == MASTER;
    answer.role_changes = changes;
    for (std::int32_t n = 0; n < nodes.size(); n++) {
        answer.loads[n] = nodes[n].load;
        answer.prices[n] = nodes[n].price;
    }
}

}  // namespace

bool solve(const Given &given, const Shares &shares, std::size_t row_count, std::size_t width,
           const Scale &scale, Answer &answer, Ask may_go_on, void *context) {
    Clock clock(may_go_on, context);
    Nodes nodes = make_nodes(shares, scale.bits);
    Rows rows(row_count, width, scale.change, scale.unpreferred);
    TightRows tight(rows, nodes.size());
    RowIndex all(nodes.size());
    try {
        clock.ask();
        answer.missing = Start(given, rows, nodes, tight, clock).run();
        // The fewer first: who comes second finds part of its work done, from fewer rows.
        for (Unbalanced left = unbalanced(nodes); left.over > 0 || left.under > 0;) {
            if (left.over > 0 && (left.under == 0 || left.over <= left.under))
                Balance<Direction::PUSH>(rows, nodes, tight, all, clock).run();
            else
                Balance<Direction::PULL>(rows, nodes, tight, all, clock).run();
            left = unbalanced(nodes);
        }
    } catch (const Interrupted &) {
        return false;
    }
    write(rows, nodes, answer);
    return true;
}

}  // namespace mapcore::roles
