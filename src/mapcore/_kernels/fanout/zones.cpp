// Edges that stay within a zone, exchanged for others.
#include <algorithm>

#include "edges.hpp"

namespace mapcore::fanout {

namespace {

// Up to how many nodes all pairs are looked at.
constexpr Node MOST_PAIRED = 2048;

}  // namespace

std::int64_t Edges::within() const {
    std::int64_t count = 0;
    for (Node source = 0; source < nodes_; ++source)
        for (int i = 0; i < out_count_[source]; ++i) count += is_within(source, out(source)[i]);
    return count;
}

void Edges::leave_zones(std::int64_t fewest) {
    std::vector<std::pair<Node, Node>> staying;
    for (Node source = 0; source < nodes_; ++source)
        for (int i = 0; i < out_count_[source]; ++i)
            if (is_within(source, out(source)[i])) staying.emplace_back(source, out(source)[i]);
    if (std::int64_t(staying.size()) <= fewest) return;
    std::stable_sort(staying.begin(), staying.end(), [this](const auto &one, const auto &other) {
        return zones_[one.first] < zones_[other.first];
    });
    std::int64_t left = std::int64_t(staying.size());
    std::vector<std::pair<Node, Node>> elsewhere;
    Node listed = -1;  // the zone that `elsewhere` is of
    for (const auto &[source, target] : staying) {
        if (left <= fewest) return;
        if (!has(source, target)) continue;
        const Node zone = zones_[source];
        if (listed != zone && exchange(source, target)) {
            --left;
            continue;
        }
        if (listed != zone) {
            list_elsewhere(zone, elsewhere);
            listed = zone;
        }
        left -= exchange_with(source, target, elsewhere);
    }
    while (within() > fewest) {
        if (leave_by_path()) continue;
        if (nodes_ > MOST_PAIRED || !leave_by_circle()) return;
    }
}

// Exchange one edge within a zone with one that neither begins nor ends there.
bool Edges::exchange(Node source, Node target) {
    const Node zone = zones_[source];
    const Node first = begin(std::int64_t(source) + 3 * std::int64_t(target) + 1);
    std::int64_t looked_at = 0;
    for (Node shift = 0; shift < nodes_ && looked_at <= QUICK; ++shift, ++looked_at) {
        const Node middle = far_from(first, shift);
        if (zones_[middle] == zone || has(middle, target)) continue;
        for (int i = 0; i < out_count_[middle]; ++i, ++looked_at) {
            const Node end = out(middle)[i];
            if (zones_[end] == zone || has(source, end)) continue;
            remove(source, target);
            detour(source, target, middle, end);
            return true;
        }
    }
    return false;
}

// The edges that neither begin nor end in a zone.
void Edges::list_elsewhere(Node zone, std::vector<std::pair<Node, Node>> &found) const {
    found.clear();
    for (Node source = 0; source < nodes_; ++source) {
        if (zones_[source] == zone) continue;
        for (int i = 0; i < out_count_[source]; ++i)
            if (zones_[out(source)[i]] != zone) found.emplace_back(source, out(source)[i]);
    }
}

// Exchange one edge within a zone with one of those listed; what is no edge any more leaves the
// list.
bool Edges::exchange_with(Node source, Node target, std::vector<std::pair<Node, Node>> &listed) {
    const std::size_t count = std::min<std::size_t>(listed.size(), QUICK);
    for (std::size_t i = 0; i < std::min(count, listed.size());) {
        const auto [middle, end] = listed[i];
        if (!has(middle, end)) {
            listed[i] = listed.back();
            listed.pop_back();
            continue;
        }
        if (has(source, end) || has(middle, target)) {
            ++i;
            continue;
        }
        remove(source, target);
        detour(source, target, middle, end);
        return true;
    }
    return false;
}

// Augment the flow along edges that leave their zone: from a node that has an edge within its zone
// to begin, by turns of one edge more and one less, to a node where such an edge ends.
bool Edges::leave_by_path() {
    std::vector<Node> entered_by(nodes_, -1), left_by(nodes_, -1), waiting;
    std::vector<std::vector<Node>> unseen(1 + *std::max_element(zones_, zones_ + nodes_));
    for (Node node = 0; node < nodes_; ++node) {
        unseen[zones_[node]].push_back(node);
        for (int i = 0; i < out_count_[node]; ++i)
            if (is_within(node, out(node)[i])) {
                left_by[node] = node;
                waiting.push_back(node);
                break;
            }
    }
    std::vector<Node> open;  // zones with nodes that are not seen yet
    for (std::size_t zone = 0; zone < unseen.size(); ++zone) open.push_back(Node(zone));
    for (std::size_t head = 0; head < waiting.size(); ++head) {
        const Node source = waiting[head];
        for (std::size_t place = 0; place < open.size();) {
            std::vector<Node> &nodes = unseen[open[place]];
            if (nodes.empty()) {
                open[place] = open.back();
                open.pop_back();
                continue;
            }
            if (open[place++] == zones_[source]) continue;
            std::size_t kept = 0;
            for (std::size_t i = 0; i < nodes.size(); ++i) {
                const Node target = nodes[i];
                if (has(source, target)) {
                    nodes[kept++] = target;
                    continue;
                }
                entered_by[target] = source;
                bool ends_here = false;
                for (int j = 0; j < in_count_[target]; ++j) {
                    const Node other = in(target)[j];
                    ends_here |= is_within(other, target);
                    if (left_by[other] >= 0 || is_within(other, target)) continue;
                    left_by[other] = target;
                    waiting.push_back(other);
                }
                if (ends_here && settle(source, target, entered_by, left_by)) return true;
            }
            nodes.resize(kept);
        }
    }
    return false;
}

// Walk a path back and exchange along it; the two edges within zones that it frees become one.
bool Edges::settle(Node last, Node sink, const std::vector<Node> &entered_by,
                   const std::vector<Node> &left_by) {
    std::vector<std::pair<Node, Node>> more, less;
    more.emplace_back(last, sink);
    while (left_by[more.back().first] != more.back().first) {
        const auto [source, target] = std::pair(more.back().first, left_by[more.back().first]);
        less.emplace_back(source, target);
        more.emplace_back(entered_by[target], target);
    }
    const Node start = more.back().first;
    for (int i = 0; i < out_count_[start]; ++i) {
        const Node end = out(start)[i];
        if (!is_within(start, end)) continue;
        for (int j = 0; j < in_count_[sink]; ++j) {
            const Node other = in(sink)[j];
            if (!is_within(other, sink)) continue;
            const bool is_same = other == start && end == sink;
            const std::pair<Node, Node> joined(other, end);
            if (!is_same && (!may_add(other, end) ||
                             std::find(more.begin(), more.end(), joined) != more.end()))
                continue;
            less.emplace_back(start, end);
            if (!is_same) {
                less.emplace_back(other, sink);
                more.push_back(joined);
            }
            replace(less, more);
            return true;
        }
    }
    return false;
}

// Taken out before they are put in, so that no node ever has too many.
void Edges::replace(const std::vector<std::pair<Node, Node>> &less,
                    const std::vector<std::pair<Node, Node>> &more) {
    for (const auto &[from, to] : less) remove(from, to);
    for (const auto &[from, to] : more) add(from, to);
}

// Find a circle of edges to be put in and taken out by turns that leaves fewer within zones, by
// Bellman's and Ford's algorithm on all pairs of nodes. None: there are as few as can be.
bool Edges::leave_by_circle() {
    std::vector<int> out_cost(nodes_, 0), in_cost(nodes_, 0);
    std::vector<Node> out_from(nodes_, -1), in_from(nodes_, -1);
    for (;;) {
        bool is_lower = false;
        for (Node source = 0; source < nodes_; ++source)
            for (Node target = 0; target < nodes_; ++target) {
                const int cost = out_cost[source] + is_within(source, target);
                if (cost >= in_cost[target] || !may_add(source, target)) continue;
                in_cost[target] = cost;
                in_from[target] = source;
                is_lower = true;
            }
        for (Node source = 0; source < nodes_; ++source)
            for (int i = 0; i < out_count_[source]; ++i) {
                const Node target = out(source)[i];
                const int cost = in_cost[target] - is_within(source, target);
                if (cost >= out_cost[source]) continue;
                out_cost[source] = cost;
                out_from[source] = target;
                is_lower = true;
            }
        if (!is_lower) return false;
        if (exchange_along_circle(out_from, in_from)) return true;
    }
}

// Exchange along a circle of the nodes that others were reached from, if there is one.
bool Edges::exchange_along_circle(const std::vector<Node> &out_from,
                                  const std::vector<Node> &in_from) {
    std::vector<Node> seen_from(nodes_, -1);
    for (Node first = 0; first < nodes_; ++first) {
        Node source = first;
        while (source >= 0 && seen_from[source] < 0) {
            seen_from[source] = first;
            source = out_from[source] < 0 ? -1 : in_from[out_from[source]];
        }
        if (source < 0 || seen_from[source] != first) continue;
        std::vector<std::pair<Node, Node>> less, more;
        const Node begin = source;
        do {
            const Node target = out_from[source];
            less.emplace_back(source, target);
            source = in_from[target];
            more.emplace_back(source, target);
        } while (source != begin);
        replace(less, more);
        return true;
    }
    return false;
}

}  // namespace mapcore::fanout
