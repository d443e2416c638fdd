#include "flows.hpp"

#include <algorithm>
#include <vector>

namespace mapcore::fanout {

namespace {

using std::int32_t;
using std::int64_t;

// Dinic's algorithm on the residual graph: vertices 0 .. nodes - 1 send, nodes .. 2 nodes - 1
// receive. An edge can carry more up to its most, and less down to its least.
class Solver {
public:
    Solver(const FlowProblem &problem, int64_t *cells, Clock &clock)
        : p_(problem), cells_(cells), clock_(clock), excess_(2 * std::size_t(problem.nodes)) {
        const int64_t edges = int64_t(p_.nodes) * p_.degree;
        offsets_.assign(p_.nodes + 1, 0);
        for (int64_t edge = 0; edge < edges; ++edge) ++offsets_[p_.targets[edge] + 1];
        for (int32_t node = 0; node < p_.nodes; ++node) offsets_[node + 1] += offsets_[node];
        entering_.resize(edges);
        std::vector<int64_t> place(offsets_.begin(), offsets_.end() - 1);
        for (int64_t edge = 0; edge < edges; ++edge) entering_[place[p_.targets[edge]]++] = edge;
        // What a vertex still has to get rid of: a sender that sends too little, or a receiver
        // that receives too much, has some; the others lack some.
        for (int32_t node = 0; node < p_.nodes; ++node) {
            excess_[node] += p_.sent[node];
            excess_[p_.nodes + node] -= p_.received[node];
        }
        for (int64_t edge = 0; edge < edges; ++edge) {
            excess_[edge / p_.degree] -= cells_[edge];
            excess_[p_.nodes + p_.targets[edge]] += cells_[edge];
        }
    }

    bool run() {
        for (;;) {
            if (!measure()) return is_settled();
            next_.assign(excess_.size(), 0);
            for (int32_t vertex : sources_)
                while (excess_[vertex] > 0 && push(vertex)) {
                }
        }
    }

    bool is_in_cut(int32_t vertex) const { return depth_[vertex] >= 0; }

private:
    bool is_settled() const {
        return std::all_of(excess_.begin(), excess_.end(), [](int64_t left) { return left == 0; });
    }

    // The arcs of a vertex: as many as its edges, by number; where one leads, and how much it takes.
    int64_t arcs(int32_t vertex) const {
        return vertex < p_.nodes ? p_.degree
                                 : offsets_[vertex - p_.nodes + 1] - offsets_[vertex - p_.nodes];
    }
    int64_t edge_of(int32_t vertex, int64_t arc) const {
        return vertex < p_.nodes ? int64_t(vertex) * p_.degree + arc
                                 : entering_[offsets_[vertex - p_.nodes] + arc];
    }
    int32_t end_of(int32_t vertex, int64_t edge) const {
        return vertex < p_.nodes ? p_.nodes + p_.targets[edge] : int32_t(edge / p_.degree);
    }
    int64_t room_of(int32_t vertex, int64_t edge) const {
        return vertex < p_.nodes ? p_.most[edge] - cells_[edge] : cells_[edge] - p_.least[edge];
    }
    void carry(int32_t vertex, int64_t edge, int64_t amount) {
        cells_[edge] += vertex < p_.nodes ? amount : -amount;
    }

    // Measure how far each vertex is from the nearest source of excess; whether a lack is reached.
    bool measure() {
        depth_.assign(excess_.size(), -1);
        sources_.clear();
        for (std::size_t vertex = 0; vertex < excess_.size(); ++vertex)
            if (excess_[vertex] > 0) {
                depth_[vertex] = 0;
                sources_.push_back(int32_t(vertex));
            }
        std::vector<int32_t> waiting = sources_;
        bool is_reached = false;
        for (std::size_t head = 0; head < waiting.size(); ++head) {
            const int32_t vertex = waiting[head];
            const int64_t count = arcs(vertex);
            clock_.work(count);
            for (int64_t arc = 0; arc < count; ++arc) {
                const int64_t edge = edge_of(vertex, arc);
                const int32_t end = end_of(vertex, edge);
                if (depth_[end] >= 0 || room_of(vertex, edge) <= 0) continue;
                depth_[end] = depth_[vertex] + 1;
                is_reached |= excess_[end] < 0;
                waiting.push_back(end);
            }
        }
        return is_reached;
    }

    // Push along one shortest path from a source to a lack; without recursion, as paths can be long.
    bool push(int32_t source) {
        path_.clear();
        int32_t vertex = source;
        for (;;) {
            if (excess_[vertex] < 0) {
                settle(source, vertex);
                return true;
            }
            const int64_t count = arcs(vertex);
            int64_t &arc = next_[vertex];
            clock_.work(1);
            for (; arc < count; ++arc) {
                const int64_t edge = edge_of(vertex, arc);
                if (depth_[end_of(vertex, edge)] == depth_[vertex] + 1 && room_of(vertex, edge) > 0)
                    break;
            }
            if (arc < count) {
                path_.push_back(vertex);
                vertex = end_of(vertex, edge_of(vertex, arc));
                continue;
            }
            if (path_.empty()) return false;
            vertex = path_.back();
            path_.pop_back();
            ++next_[vertex];
        }
    }

    void settle(int32_t source, int32_t sink) {
        int64_t amount = std::min(excess_[source], -excess_[sink]);
        for (int32_t vertex : path_)
            amount = std::min(amount, room_of(vertex, edge_of(vertex, next_[vertex])));
        for (int32_t vertex : path_) carry(vertex, edge_of(vertex, next_[vertex]), amount);
        excess_[source] -= amount;
        excess_[sink] += amount;
    }

    const FlowProblem &p_;
    int64_t *cells_;
    Clock &clock_;
    std::vector<int64_t> offsets_, entering_, excess_, next_;
    std::vector<int32_t> depth_, sources_, path_;
};

}  // namespace

bool solve(const FlowProblem &problem, std::int64_t *cells, std::uint8_t *in_sources,
           std::uint8_t *in_sinks, Ask may_go_on, void *context) {
    Clock clock(may_go_on, context);
    Solver solver(problem, cells, clock);
    try {
        if (solver.run()) return true;
    } catch (const Interrupted &) {
        return false;
    }
    for (int32_t node = 0; node < problem.nodes; ++node) {
        in_sources[node] = solver.is_in_cut(node);
        in_sinks[node] = solver.is_in_cut(problem.nodes + node);
    }
    return false;
}

}  // namespace mapcore::fanout
