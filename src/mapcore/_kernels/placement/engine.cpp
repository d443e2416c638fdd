#include "engine.hpp"

#include <algorithm>
#include <vector>

#include "priced.hpp"
#include "uniform.hpp"

namespace mapcore::placement {

int64_t order_rows(int64_t rows, int32_t width, int32_t current_width, const Node* current,
                   Node* chosen, int64_t* loads) {
  int64_t fresh = 0;
  std::vector<Node> row(width);
  for (int64_t p = 0; p < rows; ++p, chosen += width, current += current_width) {
    bool same = width <= current_width;
    for (int32_t i = 0; i < width; ++i) {
      if (chosen[i] >= 0) ++loads[chosen[i]];
      same = same && chosen[i] == current[i] && chosen[i] >= 0;
    }
    if (same) continue;
    std::copy(chosen, chosen + width, row.begin());
    int32_t filled = 0;
    for (int32_t j = 0; j < current_width; ++j) {
      for (int32_t i = 0; i < width; ++i) {
        if (row[i] < 0 || row[i] != current[j]) continue;
        chosen[filled++] = row[i];
        row[i] = -1;
      }
    }
    for (int32_t i = 0; i < width; ++i) {
      if (row[i] < 0) continue;
      chosen[filled++] = row[i];
      ++fresh;
    }
    while (filled < width) chosen[filled++] = -1;
  }
  return fresh;
}

Outcome place_uniform(const UniformProblem& problem, Ask ask, void* argument) {
  Tree tree;
  if (!tree.build(problem.levels, problem.nodes, problem.values, problem.eligible)) {
    return Outcome::NOT_NESTED;
  }
  Targets targets;
  SpreadBounds(tree, problem.copies, targets);
  WaterLevels levels(tree, problem.rows, targets);
  if (!levels.find(problem.lower, problem.upper, problem.limit)) return Outcome::NO_ROOM;
  for (Node n : tree.by_home) problem.balance_prices[n] = targets.water[tree.home[n]];
  if (problem.sum_lower != nullptr) {
    levels.find_for_sum(problem.sum_lower, problem.sum_upper);
    for (Node n : tree.by_home) problem.sum_prices[n] = targets.sum_water[tree.home[n]];
  }
  Poll poll(ask, argument);
  try {
    bool done = false;
    switch (problem.copies) {
      case 2:
        done = UniformEngine<2>(problem, tree, targets, poll).run();
        break;
      case 3:
        done = UniformEngine<3>(problem, tree, targets, poll).run();
        break;
      default:
        done = UniformEngine<0>(problem, tree, targets, poll).run();
    }
    return done ? Outcome::DONE : Outcome::FAILED;
  } catch (const Interrupted&) {
    return Outcome::INTERRUPTED;
  }
}

Outcome find_loads(const UniformProblem& problem, int64_t* least, int64_t* most, int32_t* group) {
  Tree tree;
  if (!tree.build(problem.levels, problem.nodes, problem.values, problem.eligible)) {
    return Outcome::NOT_NESTED;
  }
  Targets targets;
  SpreadBounds(tree, problem.copies, targets);
  if (!WaterLevels(tree, problem.rows, targets)
           .find(problem.lower, problem.upper, problem.limit)) {
    return Outcome::NO_ROOM;
  }
  for (Node n : tree.by_home) {
    Vertex v = tree.home[n];
    while (v > 0 && targets.floor[v] < targets.cap[v]) v = tree.parent[v];
    least[n] = targets.least[n];
    most[n] = targets.most[n];
    group[n] = v;
  }
  return Outcome::DONE;
}

// Copies at a value of each level from which on they count as excess, by class.
static std::vector<int32_t> even_shares(const PricedProblem& problem, const Tree& tree) {
  const size_t width = static_cast<size_t>(tree.depth) + 1;
  std::vector<int32_t> shares(static_cast<size_t>(problem.classes) * width, 0);
  std::vector<uint8_t> seen;
  for (int32_t c = 0; c < problem.classes; ++c) {
    const uint8_t* usable =
        problem.group_nodes + static_cast<int64_t>(problem.class_group[c]) * problem.nodes;
    std::vector<int32_t> values(width, 0);
    seen.assign(tree.parent.size(), 0);
    for (Node n : tree.by_home) {
      for (Vertex v = tree.home[n]; n < problem.nowhere && usable[n] && v > 0 && !seen[v];
           v = tree.parent[v]) {
        seen[v] = 1;
        ++values[tree.level[v]];
      }
    }
    for (size_t k = 1; k < width; ++k) {
      const int32_t among = std::max(1, values[k]);
      shares[static_cast<size_t>(c) * width + k] = (problem.class_copies[c] + among - 1) / among;
    }
  }
  return shares;
}

Outcome place_priced(const PricedProblem& problem, Ask ask, void* argument) {
  Tree tree;
  if (!tree.build(problem.levels, problem.nodes, problem.values, problem.eligible)) {
    return Outcome::NOT_NESTED;
  }
  RowClasses classes;
  classes.of_row.assign(problem.row_class, problem.row_class + problem.rows);
  classes.copies.assign(problem.class_copies, problem.class_copies + problem.classes);
  classes.group.assign(problem.class_group, problem.class_group + problem.classes);
  for (int32_t g = 0; g < problem.groups; ++g) {
    classes.mask.push_back(problem.group_nodes + static_cast<int64_t>(g) * problem.nodes);
  }
  Poll poll(ask, argument);
  try {
    PricedEngine(problem, tree, std::move(classes), even_shares(problem, tree), poll).run();
    return Outcome::DONE;
  } catch (const Interrupted&) {
    return Outcome::INTERRUPTED;
  }
}

}  // namespace mapcore::placement
