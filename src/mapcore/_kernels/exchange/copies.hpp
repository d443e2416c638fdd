// New copies, and which of them may stand on which nodes without a plan getting worse.
//
// A copy that no node holds now must be filled wherever it goes. So two new copies may change
// places: no node holds more or less, and as many copies move. Spread excess is a function of how
// often the values of a level stand in a row; it stays if each row gets a node of the same value,
// or of one that the rest of the row has as often.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "high_word.hpp"

namespace mapcore::exchange {

struct Given {
    std::int32_t *placed;            // rows by width, changed in place; -1 at the end of a row
    const std::int32_t *held;        // rows by any width: nodes that hold a copy now; -1 for none
    const std::int32_t *pinned;      // likewise: nodes that must hold a copy
    const std::int32_t *levels;      // levels by nodes: the value of each node
    const std::int32_t *row_class;   // by row; null where all are of one class
    const std::uint8_t *class_allows;  // classes by nodes
    std::size_t held_width;
    std::size_t pinned_width;
    std::size_t level_count;
    std::size_t row_count;
    std::size_t width;
    std::int32_t node_count;
};

class Copies {
public:
    explicit Copies(const Given &given) : g_(given), row_of_(given.width) {}

    const Given &given() const { return g_; }
    std::size_t row(std::size_t position) const { return row_of_(position); }
    std::int32_t node(std::size_t position) const { return g_.placed[position]; }

    // Visit the positions in `placed` of copies that are new and not pinned. Kept copies come first.
    template <class Visit>
    void each_new(Visit visit) const {
        for (std::size_t p = 0; p < g_.row_count; p++) each_new(p, visit);
    }

    template <class Visit>
    void each_new(std::size_t p, Visit visit) const {
        const std::size_t first = p * g_.width;
        for (std::size_t i = first + g_.width; i-- > first;) {
            if (g_.placed[i] < 0) continue;
            if (holds(p, g_.placed[i])) break;
            if (!contains(g_.pinned, g_.pinned_width, p, g_.placed[i])) visit(i);
        }
    }

    // Whether the copy at `position` may stand on `node` instead.
    bool may_stand(std::size_t position, std::int32_t node) const {
        const std::size_t p = row(position);
        if (contains(g_.placed, g_.width, p, node) || holds(p, node)) return false;
        if (g_.row_class && !g_.class_allows[std::size_t(g_.row_class[p]) * g_.node_count + node])
            return false;
        for (std::size_t k = 0; k < g_.level_count; k++)
            if (!is_as_spread(position, node, g_.levels + k * g_.node_count)) return false;
        return true;
    }

    void put(std::size_t position, std::int32_t node) { g_.placed[position] = node; }

    void exchange(std::size_t one, std::size_t other) {
        const std::int32_t node = g_.placed[one];
        g_.placed[one] = g_.placed[other];
        g_.placed[other] = node;
    }

private:
    static bool contains(
        const std::int32_t *rows, std::size_t width, std::size_t p, std::int32_t node) {
        for (std::size_t i = p * width; i < (p + 1) * width; i++)
            if (rows[i] == node) return true;
        return false;
    }

    bool holds(std::size_t p, std::int32_t node) const {
        return contains(g_.held, g_.held_width, p, node);
    }

    bool is_as_spread(
        std::size_t position, std::int32_t node, const std::int32_t *level) const {
        const std::int32_t old_value = level[g_.placed[position]], new_value = level[node];
        if (old_value == new_value) return true;
        std::size_t first = row(position) * g_.width;
        int difference = 0;
        for (std::size_t i = first; i < first + g_.width; i++) {
            if (i == position || g_.placed[i] < 0) continue;
            difference += level[g_.placed[i]] == new_value;
            difference -= level[g_.placed[i]] == old_value;
        }
        return difference == 0;
    }

    Given g_;
    Divider row_of_;
};

}  // namespace mapcore::exchange
