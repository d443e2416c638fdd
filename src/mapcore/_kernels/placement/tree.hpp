// The spread levels as a tree: the root, the values of each level, and the nodes below the last.
//
// Vertices are numbered level by level, each level in the order of its parents, so that the
// children of a vertex, and the homes below it, are ranges. The home of a node is its vertex at
// the last level; without levels it is the root.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mapcore::placement {

using Node = int32_t;
using Vertex = int32_t;

struct Tree {
  int32_t depth = 0;  // levels below the root
  int32_t nodes = 0;
  std::vector<Vertex> parent;       // by vertex; -1 for the root, which is vertex 0
  std::vector<int32_t> level;       // by vertex; 0 for the root
  std::vector<Vertex> child_begin;  // children of v: child_begin[v] to child_begin[v + 1]
  std::vector<Vertex> home_begin;   // homes below v: home_begin[v] to home_end[v]
  std::vector<Vertex> home_end;
  std::vector<Vertex> home;         // by node; -1 where it may hold nothing
  std::vector<int32_t> node_begin;  // nodes of home v: by_home[node_begin[v]] and on
  std::vector<Node> by_home;

  Vertex vertices() const { return static_cast<Vertex>(parent.size()); }
  bool usable(Node n) const { return n >= 0 && n < nodes && home[n] >= 0; }

  // The node numbers below v, as a range of by_home.
  int32_t first_node(Vertex v) const { return node_begin[home_begin[v]]; }
  int32_t last_node(Vertex v) const { return node_begin[home_end[v]]; }

  // values: levels x nodes. False where a value of one level lies in two of the level above.
  bool build(int32_t levels, int32_t node_count, const int32_t* values, const uint8_t* eligible);

  // Add a level below the last. A value of it lies in one home; vertices keep their numbers.
  void refine(const int32_t* value) {
    ++depth;
    add_level(value, home);
    find_ranges();
  }

 private:
  bool add_level(const int32_t* value, std::vector<Vertex>& at);
  void find_ranges();
};

inline bool Tree::build(int32_t levels, int32_t node_count, const int32_t* values,
                        const uint8_t* eligible) {
  depth = levels;
  nodes = node_count;
  parent.assign(1, -1);
  level.assign(1, 0);
  home.assign(nodes, -1);
  for (Node n = 0; n < nodes; ++n) {
    if (eligible[n]) home[n] = 0;
  }
  for (int32_t k = 0; k < levels; ++k) {
    if (!add_level(values + static_cast<int64_t>(k) * nodes, home)) return false;
  }
  find_ranges();
  return true;
}

// Replace each node's vertex in `at` by its child for the node's value at the next level.
inline bool Tree::add_level(const int32_t* value, std::vector<Vertex>& at) {
  int32_t highest = -1;
  for (Node n = 0; n < nodes; ++n) {
    if (at[n] >= 0) highest = std::max(highest, value[n]);
  }
  std::vector<Vertex> parent_of(static_cast<size_t>(highest) + 1, -1);
  std::vector<int32_t> found;
  for (Node n = 0; n < nodes; ++n) {
    if (at[n] < 0) continue;
    Vertex& above = parent_of[value[n]];
    if (above < 0) {
      above = at[n];
      found.push_back(value[n]);
    } else if (above != at[n]) {
      return false;
    }
  }
  std::sort(found.begin(), found.end(), [&](int32_t a, int32_t b) {
    return parent_of[a] != parent_of[b] ? parent_of[a] < parent_of[b] : a < b;
  });
  std::vector<Vertex> vertex_of(parent_of.size(), -1);
  const int32_t here = level.back() + 1;
  for (int32_t v : found) {
    vertex_of[v] = vertices();
    parent.push_back(parent_of[v]);
    level.push_back(here);
  }
  for (Node n = 0; n < nodes; ++n) {
    if (at[n] >= 0) at[n] = vertex_of[value[n]];
  }
  return true;
}

inline void Tree::find_ranges() {
  const Vertex count = vertices();
  child_begin.assign(count + 1, count);
  for (Vertex v = count - 1; v > 0; --v) child_begin[parent[v]] = v;
  for (Vertex v = count - 1; v >= 0; --v)
    child_begin[v] = std::min(child_begin[v], child_begin[v + 1]);
  home_begin.assign(count, 0);
  home_end.assign(count, 0);
  for (Vertex v = count - 1; v >= 0; --v) {
    if (level[v] == depth) {
      home_begin[v] = v;
      home_end[v] = v + 1;
    } else if (child_begin[v] < child_begin[v + 1]) {
      home_begin[v] = home_begin[child_begin[v]];
      home_end[v] = home_end[child_begin[v + 1] - 1];
    }
  }
  node_begin.assign(count + 1, 0);
  for (Node n = 0; n < nodes; ++n) {
    if (home[n] >= 0) ++node_begin[home[n] + 1];
  }
  for (Vertex v = 0; v < count; ++v) node_begin[v + 1] += node_begin[v];
  by_home.resize(node_begin[count]);
  std::vector<int32_t> next(node_begin.begin(), node_begin.end() - 1);
  for (Node n = 0; n < nodes; ++n) {
    if (home[n] >= 0) by_home[next[home[n]]++] = n;
  }
}

// How many copies of one row stand below each vertex (the root apart). Cleared after each row.
struct RowCount {
  const Tree& tree;
  std::vector<int32_t> at;  // by vertex
  std::vector<Vertex>
      occupied;  // vertices counted since the last clear, a level after its children

  explicit RowCount(const Tree& t) : tree(t), at(t.parent.size(), 0) {}

  void add(Node n) {
    for (Vertex v = tree.home[n]; v > 0; v = tree.parent[v]) {
      if (at[v]++ == 0) occupied.push_back(v);
    }
  }
  void remove(Node n) {
    for (Vertex v = tree.home[n]; v > 0; v = tree.parent[v]) --at[v];
  }
  void clear() {
    for (Vertex v : occupied) at[v] = 0;
    occupied.clear();
  }
};

}  // namespace mapcore::placement
