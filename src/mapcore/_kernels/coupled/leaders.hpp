// Which copies of a row may lead, so that its slaves break the rules as little as can be.
#pragma once

#include "row_cost.hpp"

namespace mapcore::coupled {

// The slaves that match no rule with these masters: relative to that master with which it is fewest.
inline std::int32_t broken_under(const Rules &rules, const std::int32_t *row, std::int32_t width,
                                 const std::uint8_t *is_master) {
    if (rules.count == 0) return 0;
    std::int32_t slaves = 0;
    for (std::int32_t i = 0; i < width; i++) slaves += !is_master[i];
    std::int32_t least = slaves;
    bool is_led = false;
    for (std::int32_t leader = 0; leader < width; leader++) {
        if (!is_master[leader]) continue;
        std::int32_t by_closeness[MOST_DEPTHS + 1];
        std::fill_n(by_closeness, rules.depths + 1, 0);
        for (std::int32_t i = 0; i < width; i++)
            if (!is_master[i]) by_closeness[closeness(rules, row[leader], row[i])]++;
        least = std::min(least, slaves - matched(rules, by_closeness));
        is_led = true;
    }
    return is_led ? least : 0;
}

// Several masters: marks exactly as many copies as there shall be, as a choice of one of them limits
// that of the others. `prefers` says which copies to take among equals. Only where every slave
// matches whoever leads may all lead.
inline void choose_leaders(const Rules &rules, const std::int32_t *row, std::int32_t width,
                           const std::uint8_t *prefers, std::uint8_t *may_be_master) {
    std::int32_t best = -1, least = 0;
    bool is_free = true;
    for (std::int32_t i = 0; i < width; i++) {
        if (!rules.may_lead[row[i]]) continue;
        std::int32_t by_closeness[MOST_DEPTHS + 1];
        std::fill_n(by_closeness, rules.depths + 1, 0);
        for (std::int32_t j = 0; j < width; j++)
            if (j != i) by_closeness[closeness(rules, row[i], row[j])]++;
        for (std::int32_t r = 0; r < rules.count; r++)
            for (std::int32_t c = 0; c <= rules.depths; c++)
                is_free &= !by_closeness[c] || (rules.rules[r].from <= c && c < rules.rules[r].until);
        const std::int32_t cost = 2 * broken(rules, row, width, i) + !prefers[i];
        if (best < 0 || cost < least) {
            best = i;
            least = cost;
        }
    }
    for (std::int32_t i = 0; i < width; i++) may_be_master[i] = is_free;
    if (is_free || best < 0) return;

    std::int32_t by_closeness[MOST_DEPTHS + 1];
    std::fill_n(by_closeness, rules.depths + 1, 0);
    for (std::int32_t j = 0; j < width; j++)
        if (j != best) by_closeness[closeness(rules, row[best], row[j])]++;
    matched(rules, by_closeness);  // leaves those that match none
    may_be_master[best] = 1;
    std::int32_t left = rules.masters - 1;
    for (const bool is_last : {false, true})
        for (const bool is_preferred : {true, false})
            for (std::int32_t i = 0; i < width && left > 0; i++) {
                if (may_be_master[i] || !rules.may_lead[row[i]] || prefers[i] != is_preferred)
                    continue;
                std::int32_t &unmatched = by_closeness[closeness(rules, row[best], row[i])];
                if (!is_last && unmatched == 0) continue;
                unmatched -= !is_last;
                may_be_master[i] = 1;
                left--;
            }
}

// Marks the copies that may be master.
inline void mark_leaders(const Rules &rules, const std::int32_t *row, std::int32_t width,
                         const std::uint8_t *prefers, std::uint8_t *may_be_master) {
    if (rules.masters > 1) {
        choose_leaders(rules, row, width, prefers, may_be_master);
        return;
    }
    const std::int32_t least = least_broken(rules, row, width);
    for (std::int32_t i = 0; i < width; i++)
        may_be_master[i] = rules.may_lead[row[i]] && broken(rules, row, width, i) == least;
}

}  // namespace mapcore::coupled
