// Nodes that can take more copies, ready to be picked: below each vertex, how many copies its
// nodes are short of their least load and how many more they have room for, and the children of
// each vertex ordered by that.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tree.hpp"

namespace mapcore::placement {

// xorshift64 with a fixed seed: the same input gives the same placement everywhere.
class Shuffler {
 public:
  void operator()(std::vector<Node>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  // A number below `end`.
  size_t below(size_t end) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<size_t>(((state_ >> 32) * end) >> 32);
  }

 private:
  uint64_t state_ = 0x9E3779B97F4A7C15ull;
};

class Pools {
 public:
  Pools(const Tree& tree, std::vector<int64_t>& load, const std::vector<int64_t>& least,
        const std::vector<int64_t>& most)
      : tree_(tree), load_(load), least_(least), most_(most) {
    const Vertex count = tree.vertices();
    shelf_.resize(count);
    need_.assign(count, 0);
    room_.assign(count, 0);
    order_.resize(count);
    place_.resize(count);
    keys_.resize(count);
    for (Vertex v = count - 1; v >= 0; --v) {
      for (int32_t i = tree.first_node(v); tree.level[v] == tree.depth && i < tree.last_node(v);
           ++i) {
        const Node n = tree.by_home[i];
        if (load_[n] < least_[n]) {
          shelf_[v].shorted.push_back(n);
          need_[v] += least_[n] - load_[n];
        } else if (load_[n] < most_[n]) {
          shelf_[v].roomy.push_back(n);
        }
        room_[v] += std::max<int64_t>(0, most_[n] - std::max(load_[n], least_[n]));
      }
      if (v > 0) {
        need_[tree.parent[v]] += need_[v];
        room_[tree.parent[v]] += room_[v];
      }
      order_[v] = v;
    }
    for (Vertex v = 0; v < count; ++v) {
      std::stable_sort(order_.begin() + tree.child_begin[v],
                       order_.begin() + tree.child_begin[v + 1],
                       [&](Vertex a, Vertex b) { return key(a) > key(b); });
    }
    for (Vertex i = 0; i < count; ++i) {
      place_[order_[i]] = i;
      keys_[i] = key(order_[i]);
    }
  }

  // Break ties at random and reshuffle a shelf at each lap from now on: a map that is filled in
  // step, zone by zone, makes long chains of nodes that share partitions, and masters are slow to
  // balance over those.
  void mix(bool on) {
    mixing_ = on;
    for (size_t v = 0; on && v < shelf_.size(); ++v) {
      shuffle_(shelf_[v].shorted);
      shuffle_(shelf_[v].roomy);
    }
  }

  // Find the node below v for one more copy, and count that: go to the child that is shortest of
  // copies, or else has the most room, among those that `enters` allows; there, to the next node
  // that `takes` allows. -1 if there is none; with needed_only, none that is not short.
  template <class Enters, class Takes>
  Node take(Vertex v, bool needed_only, Enters&& enters, Takes&& takes) {
    const Node n = take_below(v, needed_only, enters, takes);
    if (n < 0) return -1;
    ++load_[n];
    lower_above(v, was_short_);
    return n;
  }

  bool used_room = false;  // some copy went to a node that was not short

  // Count a copy more on a node that was found elsewhere. True if it stood at its most already.
  bool gain(Node n) {
    const bool is_short = load_[n] < least_[n], full = load_[n] >= most_[n];
    ++load_[n];
    used_room = used_room || !is_short;
    if (!full) lower_above(tree_.home[n], is_short);
    return full;
  }

 private:
  struct Shelf {
    std::vector<Node> shorted, roomy;  // below their least; between least and most
    size_t next_shorted = 0, next_roomy = 0;
  };

  int64_t key(Vertex v) const { return need_[v] > 0 ? (int64_t{1} << 40) + need_[v] : room_[v]; }

  template <class Enters, class Takes>
  Node take_below(Vertex v, bool needed_only, Enters& enters, Takes& takes) {
    if (tree_.level[v] == tree_.depth) return pick(v, needed_only, takes);
    const Vertex begin = tree_.child_begin[v], end = tree_.child_begin[v + 1];
    for (Vertex i = begin; i < end; ++i) {
      const Vertex u = order_[i];
      if ((needed_only ? need_[u] : keys_[i]) == 0) return -1;
      if (!enters(u)) continue;
      const Node n = take_below(u, needed_only, enters, takes);
      if (n < 0) continue;
      --(was_short_ ? need_[u] : room_[u]);
      sink(i, begin, end);
      return n;
    }
    return -1;
  }

  // A copy more stands below v, and so below all that is above it.
  void lower_above(Vertex v, bool is_short) {
    for (;; v = tree_.parent[v]) {
      --(is_short ? need_[v] : room_[v]);
      if (v == 0) return;
      const Vertex above = tree_.parent[v];
      sink(place_[v], tree_.child_begin[above], tree_.child_begin[above + 1]);
    }
  }

  // The key of the vertex at place i, of children from begin to end, has fallen: put it behind
  // those that are now before it.
  void sink(Vertex i, Vertex begin, Vertex end) {
    const int64_t mine = key(order_[i]);
    if (keys_[i] == mine + 1) {  // the common case: one swap with the last of its equals
      const Vertex last = first_below(keys_[i], begin, end) - 1;
      keys_[last] = mine;
      if (last == i) return;
      swap_places(i, last);
      if (mixing_) swap_places(i, i + static_cast<Vertex>(shuffle_.below(last - i)));
      return;
    }
    for (; i + 1 < end && keys_[i + 1] > mine; ++i) {
      keys_[i] = keys_[i + 1];
      swap_places(i, i + 1);
    }
    keys_[i] = mine;
  }

  // Where among the places from begin to end, which are by falling key, keys are less than `key`.
  Vertex first_below(int64_t key, Vertex begin, Vertex end) const {
    const int64_t* from = keys_.data() + begin;
    for (Vertex count = end - begin; count > 0;) {
      const Vertex half = (count + 1) / 2;
      from += from[half - 1] >= key ? half : 0;
      count -= half;
    }
    return static_cast<Vertex>(from - keys_.data());
  }
  void swap_places(Vertex i, Vertex j) {
    std::swap(order_[i], order_[j]);
    place_[order_[i]] = i;
    place_[order_[j]] = j;
  }

  template <class Takes>
  Node pick(Vertex home, bool needed_only, Takes& takes) {
    Shelf& shelf = shelf_[home];
    for (size_t tried = 0; !shelf.shorted.empty() && tried <= shelf.shorted.size();) {
      if (shelf.next_shorted >= shelf.shorted.size()) lap(shelf.shorted, shelf.next_shorted);
      const Node n = shelf.shorted[shelf.next_shorted];
      if (load_[n] >= least_[n]) {
        drop(shelf.shorted, shelf.next_shorted);
        if (load_[n] < most_[n]) shelf.roomy.push_back(n);
        continue;
      }
      ++shelf.next_shorted;
      if (takes(n)) {
        was_short_ = true;
        return n;
      }
      ++tried;
    }
    if (needed_only) return -1;
    for (size_t tried = 0; !shelf.roomy.empty() && tried <= shelf.roomy.size();) {
      if (shelf.next_roomy >= shelf.roomy.size()) lap(shelf.roomy, shelf.next_roomy);
      const Node n = shelf.roomy[shelf.next_roomy];
      if (load_[n] >= most_[n]) {
        drop(shelf.roomy, shelf.next_roomy);
        continue;
      }
      ++shelf.next_roomy;
      if (takes(n)) {
        was_short_ = false;
        used_room = true;
        return n;
      }
      ++tried;
    }
    return -1;
  }
  void lap(std::vector<Node>& items, size_t& next) {
    next = 0;
    if (mixing_) shuffle_(items);
  }
  static void drop(std::vector<Node>& items, size_t at) {
    items[at] = items.back();
    items.pop_back();
  }

  const Tree& tree_;
  std::vector<int64_t>& load_;
  const std::vector<int64_t>&least_, &most_;
  std::vector<Shelf> shelf_;           // by vertex; empty but for homes
  std::vector<int64_t> need_, room_;   // by vertex
  std::vector<Vertex> order_, place_;  // children of each vertex by falling key, and where each is
  std::vector<int64_t> keys_;          // by place
  Shuffler shuffle_;
  bool mixing_ = false;
  bool was_short_ = false;  // whether the node picked last was
};

}  // namespace mapcore::placement
