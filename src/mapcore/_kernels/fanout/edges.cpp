#include "edges.hpp"

#include <algorithm>
#include <numeric>

namespace mapcore::fanout {

namespace {

void drop(Node *list, int &count, Node value) {
    Node *place = std::find(list, list + count, value);
    *place = list[--count];
}

}  // namespace

Edges::Edges(Node nodes, int degree, const Node *zones)
    : nodes_(nodes),
      degree_(degree),
      zones_(zones),
      out_(std::size_t(nodes) * degree, -1),
      in_(std::size_t(nodes) * degree, -1),
      out_count_(nodes, 0),
      in_count_(nodes, 0) {
    // About the golden section of the circle: places in this order are far apart from one another.
    stride_ = std::max<Node>(1, Node(std::int64_t(nodes) * 618 / 1000));
    while (std::gcd(stride_, nodes_) != 1) ++stride_;
}

bool Edges::has(Node source, Node target) const {
    const Node *row = out(source);
    for (int i = 0; i < out_count_[source]; ++i)
        if (row[i] == target) return true;
    return false;
}

void Edges::add(Node source, Node target) {
    out_[std::int64_t(source) * degree_ + out_count_[source]++] = target;
    in_[std::int64_t(target) * degree_ + in_count_[target]++] = source;
}

void Edges::remove(Node source, Node target) {
    drop(&out_[std::int64_t(source) * degree_], out_count_[source], target);
    drop(&in_[std::int64_t(target) * degree_], in_count_[target], source);
}

// middle -> end becomes before -> end and middle -> after.
void Edges::detour(Node before, Node after, Node middle, Node end) {
    remove(middle, end);
    add(before, end);
    add(middle, after);
}

bool Edges::join_loose_ends(const Node *members, Node known) {
    std::vector<Node> starts, ends;
    for (Node i = 0; i < known; ++i) {
        starts.insert(starts.end(), degree_ - out_count_[members[i]], members[i]);
        ends.insert(ends.end(), degree_ - in_count_[members[i]], members[i]);
    }
    // Opposite ends are paired, so that neighbours on the circle do not meet themselves.
    const std::size_t half = ends.size() / 2;
    std::rotate(ends.begin(), ends.begin() + half, ends.end());
    std::vector<Node> left;
    std::vector<std::pair<Node, Node>> joined;
    for (Node before : starts) {
        std::size_t place = 0;
        const std::size_t last = std::min<std::size_t>(ends.size(), 4 * degree_ + 4);
        while (place < last &&
               !(may_add(before, ends[place]) && !is_within(before, ends[place])))
            ++place;
        if (place == last) {
            left.push_back(before);
            continue;
        }
        add(before, ends[place]);
        joined.emplace_back(before, ends[place]);
        ends.erase(ends.begin() + place);
    }
    for (std::size_t i = 0; i < left.size(); ++i)
        if (!join_by_way(left[i], ends[i], joined) && !join(left[i], ends[i])) return false;
    return true;
}

// Join by way of an edge that is new itself, so that no other changes.
bool Edges::join_by_way(Node before, Node after, std::vector<std::pair<Node, Node>> &joined) {
    if (may_add(before, after) && !is_within(before, after)) {
        add(before, after);
        joined.emplace_back(before, after);
        return true;
    }
    const std::size_t count = std::min<std::size_t>(joined.size(), QUICK);
    for (std::size_t i = 0; i < count; ++i) {
        const auto [middle, end] = joined[i];
        if (!may_add(before, end) || !may_add(middle, after) || is_within(before, end) ||
            is_within(middle, after) || !has(middle, end))
            continue;
        detour(before, after, middle, end);
        joined[i] = {before, end};
        joined.emplace_back(middle, after);
        return true;
    }
    return false;
}

// Lead an edge more out of `before` and one more into `after`: straight, or by way of another
// edge; within zones only where a quick search finds nothing else.
bool Edges::join(Node before, Node after) {
    const bool straight = may_add(before, after);
    if (straight && !is_within(before, after)) {
        add(before, after);
        return true;
    }
    Node fallback_middle = -1, fallback_end = -1;
    std::int64_t looked_at = 0;
    const Node first = begin(std::int64_t(before) + 3 * std::int64_t(after) + 1);
    for (Node shift = 0; shift < nodes_; ++shift) {
        const Node middle = far_from(first, shift);
        if (!may_add(middle, after)) continue;
        for (int i = 0; i < out_count_[middle]; ++i, ++looked_at) {
            const Node end = out(middle)[i];
            if (!may_add(before, end)) continue;
            if (!is_within(before, end) && !is_within(middle, after)) {
                detour(before, after, middle, end);
                return true;
            }
            if (fallback_middle < 0) fallback_middle = middle, fallback_end = end;
        }
        if (looked_at > QUICK && (straight || fallback_middle >= 0)) break;
    }
    if (straight)
        add(before, after);
    else if (fallback_middle >= 0)
        detour(before, after, fallback_middle, fallback_end);
    else
        return false;
    return true;
}

// Choose edges of sources far apart; source_of[target] is the source of a chosen edge, or -1.
void Edges::choose(Node node, bool may_stay, std::vector<Node> &source_of,
                   std::vector<Node> &chosen) {
    const Node stride = std::max(1, nodes_ / std::max(1, degree_));
    const Node turn = begin(std::int64_t(node) + 1);
    for (Node first = 0; first < stride; ++first) {
        for (Node place = first; place < nodes_; place += stride) {
            if (int(chosen.size()) == degree_) return;
            const Node source = Node((std::int64_t(place) + turn) % nodes_);
            if (source == node || (!may_stay && is_within(source, node))) continue;
            if (std::find(chosen.begin(), chosen.end(), source) != chosen.end()) continue;
            for (int i = 0; i < out_count_[source]; ++i) {
                const Node target = out(source)[i];
                if (source_of[target] >= 0 || (!may_stay && is_within(node, target))) continue;
                source_of[target] = source;
                chosen.push_back(source);
                break;
            }
        }
    }
}

// Choose one edge more by exchanging chosen ones along an alternating path (Kuhn's algorithm).
bool Edges::choose_by_way(Node node, std::vector<Node> &source_of, std::vector<Node> &chosen) {
    std::vector<Node> came_from(nodes_, -1), waiting;
    for (Node source = 0; source < nodes_; ++source)
        if (source != node && std::find(chosen.begin(), chosen.end(), source) == chosen.end())
            waiting.push_back(source);
    for (std::size_t head = 0; head < waiting.size(); ++head) {
        const Node source = waiting[head];
        for (int i = 0; i < out_count_[source]; ++i) {
            Node target = out(source)[i];
            if (came_from[target] >= 0) continue;
            came_from[target] = source;
            if (source_of[target] >= 0) {
                waiting.push_back(source_of[target]);
                continue;
            }
            for (;;) {
                const Node taker = came_from[target];
                Node previous = -1;  // what the taker was chosen with until now
                for (int j = 0; j < out_count_[taker]; ++j)
                    if (source_of[out(taker)[j]] == taker) previous = out(taker)[j];
                source_of[target] = taker;
                if (previous < 0) {
                    chosen.push_back(taker);
                    return true;
                }
                target = previous;
            }
        }
    }
    return false;
}

bool Edges::insert(Node node) {
    std::vector<Node> source_of(nodes_, -1), chosen;
    choose(node, false, source_of, chosen);
    choose(node, true, source_of, chosen);
    while (int(chosen.size()) < degree_)
        if (!choose_by_way(node, source_of, chosen)) return false;
    for (Node target = 0; target < nodes_; ++target) {
        if (source_of[target] < 0) continue;
        remove(source_of[target], target);
        add(source_of[target], node);
        add(node, target);
    }
    return true;
}

void Edges::connect() {
    if (degree_ == 0) return;
    std::vector<Node> part_of;
    std::vector<Node> targets(out_.size());
    for (;;) {
        write(targets.data());
        if (number_parts(nodes_, degree_, targets.data(), part_of) <= 1) return;
        Node second = 0;
        while (part_of[second] == part_of[0]) ++second;
        if (!unite(part_of, part_of[0], part_of[second])) return;
    }
}

// Exchange the ends of two edges, one in each part; at best no more of them stay within zones.
bool Edges::unite(const std::vector<Node> &part_of, Node first, Node second) {
    Node best[4] = {-1, -1, -1, -1};
    int best_more = 3;
    std::int64_t looked_at = 0;
    for (Node source = 0; source < nodes_ && looked_at < (QUICK << 8); ++source) {
        if (part_of[source] != first) continue;
        for (Node middle = 0; middle < nodes_; ++middle) {
            if (part_of[middle] != second) continue;
            for (int i = 0; i < out_count_[source]; ++i) {
                for (int j = 0; j < out_count_[middle]; ++j, ++looked_at) {
                    const Node target = out(source)[i], end = out(middle)[j];
                    const int more = is_within(source, end) + is_within(middle, target) -
                                     is_within(source, target) - is_within(middle, end);
                    if (more >= best_more) continue;
                    best_more = more;
                    best[0] = source, best[1] = target, best[2] = middle, best[3] = end;
                }
            }
            if (best_more <= 0) break;
        }
        if (best_more <= 0) break;
    }
    if (best[0] < 0) return false;
    remove(best[0], best[1]);
    detour(best[0], best[1], best[2], best[3]);
    return true;
}

void Edges::write(Node *targets) const {
    std::copy(out_.begin(), out_.end(), targets);
    for (Node node = 0; node < nodes_; ++node) {
        Node *row = targets + std::int64_t(node) * degree_;
        std::sort(row, row + degree_);
    }
}

Node number_parts(Node nodes, int degree, const Node *targets, std::vector<Node> &part_of) {
    part_of.resize(nodes);
    for (Node node = 0; node < nodes; ++node) part_of[node] = node;
    auto first_of = [&](Node node) {
        while (part_of[node] != node) node = part_of[node] = part_of[part_of[node]];
        return node;
    };
    Node parts = nodes;
    for (Node node = 0; node < nodes; ++node) {
        for (int i = 0; i < degree; ++i) {
            Node a = first_of(node), b = first_of(targets[std::int64_t(node) * degree + i]);
            if (a == b) continue;
            if (a > b) std::swap(a, b);
            part_of[b] = a;
            --parts;
        }
    }
    for (Node node = 0; node < nodes; ++node) part_of[node] = first_of(node);
    return parts;
}

}  // namespace mapcore::fanout
