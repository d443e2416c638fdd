// Who may stand where: classes of partitions, spread, rules, pins, and how many peers.
#pragma once

#include "state.hpp"

namespace mapcore::peers {

// Pointers to what does not change while copies are placed.
struct Limits {
    std::int32_t max_peers;
    std::size_t node_count;
    std::size_t level_count;
    const std::int32_t *levels;        // levels by nodes: values to spread over, outermost first
    const std::int32_t *row_class;     // by partition
    const std::uint8_t *class_allows;  // classes by nodes
    const std::int32_t *class_shares;  // classes by levels: the even share of a value
    std::size_t pinned_width;
    const Node *pinned;                // partitions by pinned_width: nodes that stay, -1 for none
    std::size_t depth_count;
    const std::int32_t *ancestors;     // nodes by depths: values that rules name, outermost first
    const std::int32_t *closeness;     // by slot column: least and end of closeness to the master
    const std::uint8_t *may_lead;      // by node
    const std::int64_t *least;         // by node: copies that it shall hold
    const std::int64_t *most;
    const std::int64_t *masters_least;  // by node: copies in column 0
    const std::int64_t *masters_most;
};

class Law {
public:
    Law(const Limits &limits, const State &state)
        : limits_(limits), state_(state), allowed_(limits.node_count, 0) {}

    const Limits &limits() const { return limits_; }

    // How many peers a node may have: for a while more than the limit, where `allow` says so.
    std::int32_t peers_most(Node node) const {
        return limits_.max_peers + allowed_[static_cast<std::size_t>(node)];
    }
    void allow(Node node, std::int32_t more) { allowed_[static_cast<std::size_t>(node)] = more; }

    std::int64_t above(Node node) const { return state_.load(node) - limits_.most[node]; }
    std::int64_t below(Node node) const { return limits_.least[node] - state_.load(node); }

    // How much farther from its share a node is with `more` copies; negative: nearer.
    std::int64_t strain(Node node, std::int64_t more) const {
        return outside(node, state_.load(node) + more) - outside(node, state_.load(node));
    }

    // The same of masters, in column 0.
    std::int64_t masters_strain(Node node, std::int64_t more) const {
        const std::int64_t now = state_.masters(node), then = now + more;
        const auto outside = [&](std::int64_t count) {
            return std::max(count - limits_.masters_most[node], std::int64_t{0}) +
                   std::max(limits_.masters_least[node] - count, std::int64_t{0});
        };
        return outside(then) - outside(now);
    }

    bool is_pinned(Slot slot, Node node) const {
        const std::size_t width = limits_.pinned_width;
        const Node *row = limits_.pinned + static_cast<std::size_t>(state_.partition(slot)) * width;
        return std::find(row, row + width, node) != row + width;
    }

    // Whether a node may hold the copy in a slot at all; it may be there, or anywhere in the row.
    bool is_able(Slot slot, Node node) const {
        return class_row(slot)[node] && (slot % state_.width() != 0 || limits_.may_lead[node]);
    }

    // Whether a node may hold the copy in a slot, peers aside, and breaks spread and rules no more
    // than the node that is there now. Where none is there, within even shares and the rules.
    bool may_stand(Slot slot, Node node) const {
        const Node before = state_.node(slot);
        if (node == before || state_.slot_in_row(slot, node) >= 0) return false;
        if (!is_able(slot, node)) return false;
        if (before >= 0 && limits_.pinned_width > 0 && is_pinned(slot, before)) return false;
        return spreads(slot, node) && (limits_.depth_count == 0 || keeps_rules(slot, node));
    }

    // Whether a copy stands in a place with more than its even share, or against the rules.
    bool is_crowded(Slot slot) const {
        const Node node = state_.node(slot);
        const Slot row = state_.row_of(slot);
        for (std::size_t level = 0; level < limits_.level_count; ++level)
            if (copies_at(slot, level, node) >= share_of(slot, level)) return true;
        if (limits_.depth_count == 0 || slot == row || state_.node(row) < 0) return false;
        return !is_close(slot - row, state_.node(row), node);
    }

    // Whether a node in the place of the present one would break less: at the outermost level at
    // which it makes a difference, or else of the rules.
    bool relieves(Slot slot, Node node) const {
        const Node before = state_.node(slot);
        for (std::size_t level = 0; level < limits_.level_count; ++level) {
            const bool now = copies_at(slot, level, before) >= share_of(slot, level);
            const bool then = copies_at(slot, level, node) >= share_of(slot, level);
            if (now != then) return now;
        }
        const Slot row = state_.row_of(slot);
        if (limits_.depth_count == 0 || slot == row || state_.node(row) < 0) return false;
        return !is_close(slot - row, state_.node(row), before) &&
               is_close(slot - row, state_.node(row), node);
    }

    // Whether a row may have the nodes that another one has.
    bool may_clone(Slot row, Slot model) const {
        if (limits_.row_class[state_.partition(row)] != limits_.row_class[state_.partition(model)])
            return false;
        if (limits_.pinned_width == 0) return true;
        for (Slot slot = row; slot < row + state_.width(); ++slot)
            if (state_.node(slot) >= 0 && is_pinned(slot, state_.node(slot))) return false;
        return true;
    }

    // Whether two nodes may hold one partition: not where each value of the outermost level has
    // one copy at the most, and they are of one. What holds for the first class is taken for all.
    bool may_be_peers(Node a, Node b) const {
        return limits_.level_count == 0 || limits_.class_shares[0] > 1 ||
               limits_.levels[a] != limits_.levels[b];
    }

    // Whether there are more values of the outermost level than a row has copies; or no level.
    bool has_places_to_spare() const {
        if (limits_.level_count == 0) return true;
        std::vector<std::int32_t> values;
        for (std::size_t node = 0; node < limits_.node_count; ++node)
            if (limits_.most[node] > 0) values.push_back(limits_.levels[node]);
        std::sort(values.begin(), values.end());
        const auto end = std::unique(values.begin(), values.end());
        return end - values.begin() == 1 || end - values.begin() > state_.width();
    }

    // How many new peers the node gets there; -1: it, or one of those, would have too many.
    // Nodes that have too many already may not get more.
    std::int32_t new_peers(Slot slot, Node node) const {
        const Node before = state_.node(slot);
        const Slot row = state_.row_of(slot);
        std::int32_t found = 0;
        for (Slot other = row; other < row + state_.width(); ++other) {
            const Node peer = state_.node(other);
            if (peer < 0 || !state_.makes_peers(slot, other)) continue;
            if (state_.pairs().shared(node, peer) > 0) continue;
            ++found;
            const bool is_freed = before >= 0 && state_.pairs().shared(peer, before) == 1;
            const std::int32_t degree = state_.degree(peer);
            if (degree + 1 - is_freed > std::max(peers_most(peer), degree)) return -1;
        }
        if (found > 0 && state_.degree(node) + found > peers_most(node)) return -1;
        return found;
    }

private:
    std::int64_t outside(Node node, std::int64_t load) const {
        return std::max(load - limits_.most[node], std::int64_t{0}) +
               std::max(limits_.least[node] - load, std::int64_t{0});
    }

    const std::uint8_t *class_row(Slot slot) const {
        return limits_.class_allows + class_of(slot) * limits_.node_count;
    }

    std::size_t class_of(Slot slot) const {
        return static_cast<std::size_t>(limits_.row_class[state_.partition(slot)]);
    }

    std::int32_t share_of(Slot slot, std::size_t level) const {
        return limits_.class_shares[class_of(slot) * limits_.level_count + level];
    }

    // How many copies of the row, the slot itself aside, stand where a node does.
    std::int32_t copies_at(Slot slot, std::size_t level, Node node) const {
        const std::int32_t *value = limits_.levels + level * limits_.node_count;
        const Slot row = state_.row_of(slot);
        std::int32_t found = 0;
        for (Slot other = row; other < row + state_.width(); ++other)
            found += other != slot && state_.node(other) >= 0 &&
                     value[state_.node(other)] == value[node];
        return found;
    }

    bool spreads(Slot slot, Node node) const {
        const Node before = state_.node(slot);
        for (std::size_t level = 0; level < limits_.level_count; ++level) {
            const std::int32_t *value = limits_.levels + level * limits_.node_count;
            const std::int32_t left = before < 0 ? -1 : value[before];
            if (value[node] == left) continue;
            const bool is_crowded = copies_at(slot, level, node) >= share_of(slot, level);
            const bool is_relieved =
                before >= 0 && copies_at(slot, level, before) >= share_of(slot, level);
            if (is_crowded != is_relieved) return is_relieved;  // outer levels go first
        }
        return true;
    }

    bool is_close(Slot column, Node master, Node slave) const {
        const std::int32_t *a = limits_.ancestors + static_cast<std::size_t>(master) * limits_.depth_count;
        const std::int32_t *b = limits_.ancestors + static_cast<std::size_t>(slave) * limits_.depth_count;
        std::int32_t same = 0;
        while (static_cast<std::size_t>(same) < limits_.depth_count && a[same] == b[same]) ++same;
        return same >= limits_.closeness[2 * column] && same < limits_.closeness[2 * column + 1];
    }

    bool keeps_rules(Slot slot, Node node) const {
        const Slot row = state_.row_of(slot);
        const Node before = state_.node(slot), master = state_.node(row);
        if (slot != row) {
            if (master < 0 || is_close(slot - row, master, node)) return true;
            return before >= 0 && !is_close(slot - row, master, before);
        }
        std::int32_t more = 0;
        for (Slot other = row + 1; other < row + state_.width(); ++other) {
            const Node slave = state_.node(other);
            if (slave < 0) continue;
            more += !is_close(other - row, node, slave);
            if (before >= 0) more -= !is_close(other - row, before, slave);
        }
        return more <= 0;
    }

    const Limits &limits_;
    const State &state_;
    std::vector<std::int32_t> allowed_;
};

}  // namespace mapcore::peers
