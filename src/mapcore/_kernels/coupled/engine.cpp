#include "engine.hpp"

#include "../placement/targets.hpp"
#include "fill.hpp"
#include "search.hpp"

namespace mapcore::coupled {

bool improve(const Problem& problem, Order order, Ask may_go_on, void* context) {
  Clock clock(may_go_on, context);
  State state(problem);
  Fill fill(state, clock);
  Search search(state, clock);
  try {
    state.read(order != Order::KEPT);
    fill.evict();
    fill.place_missing(order);
    for (bool again = true; again;) {
      again = false;
      for (bool better = true; better;) {
        better = search.uncrowd();
        better |= search.even_out();
        better |= search.bring_home();
      }
      if (search.even_fresh()) {
        again = search.uncrowd();
        again |= search.even_out();
      }
      again |= fill.place_missing(order);
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
