// Nodes by who may use them: two nodes of one home are of one kind if the same groups of partitions
// may use both. As one level more of the tree, kinds let a row pass over all nodes that it may not
// use at once.
#pragma once

#include <cstdint>
#include <vector>

#include "tree.hpp"

namespace mapcore::placement {

// The tree with the kinds below the homes. masks: by group, which nodes it may use; null for all.
// Linear in groups x nodes.
inline Tree with_kinds(const Tree& tree, const std::vector<const uint8_t*>& masks) {
  std::vector<int32_t> kind = tree.home, finer;
  int32_t count = tree.vertices();
  for (const uint8_t* mask : masks) {
    if (mask == nullptr) continue;
    finer.assign(2 * static_cast<size_t>(count), -1);
    count = 0;
    for (Node n : tree.by_home) {
      int32_t& number = finer[2 * static_cast<size_t>(kind[n]) + (mask[n] != 0)];
      if (number < 0) number = count++;
      kind[n] = number;
    }
  }
  Tree refined = tree;
  refined.refine(kind.data());
  return refined;
}

}  // namespace mapcore::placement
