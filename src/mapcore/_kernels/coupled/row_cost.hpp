// What one partition's copies break: rules, which hold between slaves and their master, and spread.
//
// Levels are nested, so "in the same X as the master but in another Y" bounds how close a slave is
// to the master: how many levels of their locations, from the outermost, are the same. A rule is an
// interval of closeness, and matching slaves to rules is matching points to intervals, which is done
// greedily without loss: the interval that ends first takes the smallest points that it may (Glover
// 1967, on convex bipartite graphs).
#pragma once

#include <algorithm>
#include <cstdint>

namespace mapcore::coupled {

constexpr std::int32_t MOST_DEPTHS = 64;

// Slaves that stand at least `from` and less than `until` levels close to the master.
struct Rule {
    std::int32_t from;
    std::int32_t until;
    std::int32_t slaves;  // how many slaves it is for
};

struct Rules {
    const std::int32_t *ancestors;  // nodes by depths: the value of each level, outermost first
    std::int32_t depths;            // at most MOST_DEPTHS
    const Rule *rules;              // by `until`, ascending
    std::int32_t count;
    std::int32_t masters;          // asked for; the others of a row are slaves
    const std::uint8_t *may_lead;  // by node
};

struct Spread {
    const std::int32_t *levels;  // levels by nodes: the value of each level, outermost first
    std::int32_t count;
    std::int64_t nodes;
};

inline std::int32_t closeness(const Rules &rules, std::int32_t a, std::int32_t b) {
    const std::int32_t *of_a = rules.ancestors + std::int64_t{a} * rules.depths;
    const std::int32_t *of_b = rules.ancestors + std::int64_t{b} * rules.depths;
    std::int32_t depth = 0;
    while (depth < rules.depths && of_a[depth] == of_b[depth]) depth++;
    return depth;
}

// How many of the copies, as many as `by_closeness` says, can be matched to rules.
inline std::int32_t matched(const Rules &rules, std::int32_t *by_closeness) {
    std::int32_t found = 0;
    for (std::int32_t r = 0; r < rules.count; r++) {
        std::int32_t left = rules.rules[r].slaves;
        for (std::int32_t c = rules.rules[r].from; c < rules.rules[r].until && left > 0; c++) {
            const std::int32_t taken = std::min(left, by_closeness[c]);
            by_closeness[c] -= taken;
            left -= taken;
            found += taken;
        }
    }
    return found;
}

// The slaves that match no rule if the copy at position `leader` leads; of several masters, the
// others are those copies that would match none.
inline std::int32_t broken(const Rules &rules, const std::int32_t *row, std::int32_t width,
                           std::int32_t leader) {
    const std::int32_t slaves = width - rules.masters;
    if (rules.count == 0 || slaves <= 0) return 0;
    std::int32_t by_closeness[MOST_DEPTHS + 1];
    std::fill_n(by_closeness, rules.depths + 1, 0);
    for (std::int32_t i = 0; i < width; i++)
        if (i != leader) by_closeness[closeness(rules, row[leader], row[i])]++;
    return std::max(0, slaves - matched(rules, by_closeness));
}

// The least that is broken over the copies that may lead; nothing where none may.
inline std::int32_t least_broken(const Rules &rules, const std::int32_t *row, std::int32_t width) {
    if (rules.count == 0 || rules.masters == 0) return 0;
    std::int32_t least = width;
    bool is_led = false;
    for (std::int32_t i = 0; i < width && least > 0; i++) {
        if (!rules.may_lead[row[i]]) continue;
        is_led = true;
        least = std::min(least, broken(rules, row, width, i));
    }
    return is_led ? least : 0;
}

// Copies above the even share of their value at a level.
inline std::int32_t excess(const std::int32_t *level, std::int64_t share, const std::int32_t *row,
                           std::int32_t width) {
    std::int32_t above = 0;
    for (std::int32_t i = 0; i < width; i++) {
        std::int64_t before = 0;
        for (std::int32_t j = 0; j < i; j++) before += level[row[j]] == level[row[i]];
        above += before >= share;
    }
    return above;
}

// parts: slaves that break the rules, then the excess at each level; what comes first counts first.
// `share` has a number for each level; `row` holds `width` nodes, none of them -1.
inline void row_cost(const Rules &rules, const Spread &spread, const std::int64_t *share,
                     const std::int32_t *row, std::int32_t width, std::int64_t *parts) {
    parts[0] = least_broken(rules, row, width);
    for (std::int32_t k = 0; k < spread.count; k++)
        parts[k + 1] = excess(spread.levels + k * spread.nodes, share[k], row, width);
}

}  // namespace mapcore::coupled
