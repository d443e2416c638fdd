#include "engine.hpp"

#include <vector>

#include "../placement/targets.hpp"
#include "fill.hpp"
#include "search.hpp"

namespace mapcore::coupled {

// Returns whether there was anything to do.
static bool improve_once(const Problem& problem, Order order, Clock& clock) {
  State state(problem);
  Fill fill(state, clock);
  Search search(state, clock);
  state.read(order != Order::KEPT);
  bool any = fill.evict();
  any |= fill.place_missing(order);
  for (bool again = true; again;) {
    again = false;
    for (bool better = true; better; any |= better) {
      better = search.uncrowd();
      better |= search.even_out();
      better |= search.bring_home();
    }
    if (search.even_fresh()) {
      again = search.uncrowd();
      again |= search.even_out();
    }
    again |= fill.place_missing(order);
    any |= again;
  }
  return any;
}

static bool is_short(const Problem& problem) {
  for (int64_t p = 0; p < problem.rows; ++p) {
    const Node* row = problem.chosen + p * problem.slots;
    const int32_t wanted = problem.class_copies[problem.row_class[p]];
    if (wanted > 0 && row[wanted - 1] < 0) return true;
  }
  return false;
}

bool improve(const Problem& problem, Order order, Ask may_go_on, void* context) {
  Clock clock(may_go_on, context);
  try {
    bool again = improve_once(problem, order, clock);
    // Where rows are placed anew, what data is where decides among equals: until planning again
    // from what was found finds nothing to do.
    while (again && (problem.rules.count || is_short(problem))) {
      const std::vector<Node> found(problem.chosen, problem.chosen + problem.rows * problem.slots);
      Problem settled = problem;
      settled.current = found.data();
      settled.current_width = problem.slots;
      again = improve_once(settled, Order::LARGEST_FIRST, clock);
    }
    return true;
  } catch (const Interrupted&) {
    return false;
  }
}

bool fair_loads(const Shares& shares, Load* fair) {
  placement::Tree tree;
  if (!tree.build(shares.levels, shares.nodes, shares.values, shares.eligible)) return false;
  placement::Targets targets;
  placement::SpreadBounds(tree, shares.copies, targets);
  if (!placement::WaterLevels(tree, shares.total, targets)
           .find(shares.share, shares.share, shares.limit)) {
    return false;
  }
  std::copy(targets.least.begin(), targets.least.end(), fair);
  return true;
}

}  // namespace mapcore::coupled
