#include "engine.hpp"

#include "mending.hpp"

namespace mapcore::peers {

void count(Rows rows, std::size_t node_count, bool every_pair, std::int32_t *peers) {
    const State state(rows.nodes, rows.partitions, rows.width, node_count, every_pair, 16);
    for (std::size_t node = 0; node < node_count; ++node)
        peers[node] = state.degree(static_cast<Node>(node));
}

bool deal_out(const Deal &given, std::int32_t *row_of, Ask may_go_on, void *context) {
    Clock clock(may_go_on, context);
    try {
        deal(given, row_of, clock);
    } catch (const Interrupted &) {
        return false;
    }
    return true;
}

bool sweep(const Limits &limits, const Ring &ring, const Swept &swept, Rows rows, Ask may_go_on,
           void *context) {
    Clock clock(may_go_on, context);
    try {
        Sweep work(limits, ring, swept, rows.nodes, rows.width);
        work.run(clock);
    } catch (const Interrupted &) {
        return false;
    }
    return true;
}

bool mend(const Limits &limits, Rows rows, bool every_pair, std::int64_t most_steps,
          std::int64_t most_lacking, Mended &mended, Ask may_go_on, void *context) {
    Clock clock(may_go_on, context);
    try {
        State state(rows.nodes, rows.partitions, rows.width, limits.node_count, every_pair,
                    limits.max_peers + 2);
        Mending mending(state, limits, most_steps, clock);
        if (mending.excess_peers() + mending.strain() <= most_lacking) {
            mending.run();
            std::copy_n(state.rows(), rows.partitions * rows.width, rows.nodes);
        }
        mended = {mending.excess_peers(), mending.strain()};
    } catch (const Interrupted &) {
        return false;
    }
    return true;
}

}  // namespace mapcore::peers
