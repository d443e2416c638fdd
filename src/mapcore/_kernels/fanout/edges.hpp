// The edges of a directed graph in which as many begin as end at every node, and few stay within
// a zone.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace mapcore::fanout {

using Node = std::int32_t;

// How many edges a quick search looks at before a thorough one is worth its time.
constexpr std::int64_t QUICK = 4096;

class Edges {
public:
    // `zones` by node, read as long as the edges live; `degree` is how many edges shall begin, and
    // end, at each node.
    Edges(Node nodes, int degree, const Node *zones);

    bool has(Node source, Node target) const;
    bool may_add(Node source, Node target) const {
        return source != target && !has(source, target);
    }
    bool is_full(Node source, Node target) const {
        return out_count_[source] == degree_ || in_count_[target] == degree_;
    }
    void add(Node source, Node target);
    void remove(Node source, Node target);

    // Join the ends that removed nodes and edges have left, among the first `known` nodes by
    // number in `members`. False: some could not be joined.
    bool join_loose_ends(const Node *members, Node known);

    // Put a node without edges into the middle of as many edges as it shall have.
    bool insert(Node node);

    // Exchange edges within zones for others until there are `fewest`, which can be reached.
    void leave_zones(std::int64_t fewest);

    // Exchange ends of edges until every node is reached from every other one, as far as can be.
    void connect();

    // Where the edges of each node lead, in order; nodes by degree.
    void write(Node *targets) const;

    std::int64_t within() const;

private:
    bool is_within(Node source, Node target) const { return zones_[source] == zones_[target]; }
    const Node *out(Node node) const { return &out_[std::int64_t(node) * degree_]; }
    const Node *in(Node node) const { return &in_[std::int64_t(node) * degree_]; }
    void detour(Node before, Node after, Node middle, Node end);
    bool join(Node before, Node after);
    bool join_by_way(Node before, Node after, std::vector<std::pair<Node, Node>> &joined);
    void choose(Node node, bool may_stay, std::vector<Node> &source_of, std::vector<Node> &chosen);
    bool choose_by_way(Node node, std::vector<Node> &source_of, std::vector<Node> &chosen);
    bool exchange(Node source, Node target);
    void list_elsewhere(Node zone, std::vector<std::pair<Node, Node>> &found) const;
    bool exchange_with(Node source, Node target, std::vector<std::pair<Node, Node>> &listed);
    bool leave_by_path();
    bool settle(Node last, Node sink, const std::vector<Node> &entered_by,
                const std::vector<Node> &left_by);
    bool leave_by_circle();
    bool exchange_along_circle(const std::vector<Node> &out_from,
                               const std::vector<Node> &in_from);
    void replace(const std::vector<std::pair<Node, Node>> &less,
                 const std::vector<std::pair<Node, Node>> &more);
    bool unite(const std::vector<Node> &part_of, Node first, Node second);
    Node begin(std::int64_t mixed) const { return Node(mixed * 7919 % nodes_); }
    Node far_from(Node first, Node turns) const {
        return Node((first + std::int64_t(turns) * stride_) % nodes_);
    }

    Node nodes_;
    int degree_;
    Node stride_;
    const Node *zones_;
    std::vector<Node> out_, in_;  // nodes by degree
    std::vector<int> out_count_, in_count_;
};

// Number the parts of a graph whose nodes are entered as often as they are left: in such a graph a
// walk that can leave a part can come back, so that connected is strongly connected. The number of
// a part is its first node; returns how many parts there are.
Node number_parts(Node nodes, int degree, const Node *targets, std::vector<Node> &part_of);

}  // namespace mapcore::fanout
