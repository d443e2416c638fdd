// What each partition could do next on its way from one map to another.
//
// One row at a time: the copies that the partition has are merged with those that it shall have,
// counted, and turned into proposals. A proposal is one change that is safe by itself, given what
// is under way; how many are started is decided elsewhere. A change that must wait is proposed
// with the reason why.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mapcore {

enum Placement : uint8_t { kNull, kDead, kSlave, kMaster, kPendingSlave, kPendingMaster };
enum RunningState : uint8_t { kStopped, kWarming, kRunning, kCooling };
constexpr uint8_t kPlacementBits = 0x07, kRunningBits = 0x18, kRunningShift = 3;
constexpr uint8_t kPersistencePaused = 0x20, kReplicationPaused = 0x40;

// The order of these is that of the enumerations in mapcore.actualizing.proposals.
enum Action : uint8_t {
  kCreate, kFill, kFound, kPromote, kDemote, kTakeover, kFailover, kDrop, kCollect, kRun,
  kPersistence, kReplication, kDevolve
};
enum Priority : uint8_t { kMasterless, kRedundancy, kUrgent, kBalance, kRoles, kCleanUp };
enum Hold : uint8_t {
  kFree, kUnreachable, kGone, kNoSource, kUnfilled, kNeeded, kInFlight, kGrace, kLost, kLastMaster
};
enum NodeFlag : uint8_t { kNodeGone = 1, kNodeUnreachable = 2, kNodeReleased = 4 };
enum RowFlag : uint8_t {
  kAdditiveInFlight = 1, kExclusiveInFlight = 2, kStaged = 4, kHasSource = 8, kLossAccepted = 16
};
enum CopyFlag : uint8_t { kBusy = 1, kTooEarly = 2 };

struct Proposal {
  int64_t partition;
  int32_t node, other, because;
  uint8_t action, before, after, priority, hold, in_sync;
};
static_assert(sizeof(Proposal) == 32, "the layout of proposals.PROPOSAL");

struct Index {
  const int64_t *offsets;
  const int32_t *nodes;
  const uint8_t *codes;
  const uint8_t *flags;  // CopyFlag of each copy
};

struct Rules {
  const uint8_t *node_flags;
  const uint8_t *row_flags;
  const int32_t *preferred;    // who is promoted where nobody leads, -1 for the best by the maps
  const uint8_t *running_hops; // 4 by 4
  bool single_master;
  bool cools;                  // a copy cools and stops before it is collected
  uint8_t created;             // the state code of a copy that has just been created
};

struct Cell {
  int32_t node;
  uint8_t code, wanted;  // state codes now and in the target
  uint8_t place, goal;   // their placements, the goal without pending states
  bool gone, unreachable, busy, early;

  bool live() const { return place >= kSlave && !gone; }
  bool in_sync() const { return live() && !unreachable; }
  bool wanted_live() const { return goal >= kSlave; }
  bool leads() const { return place == kMaster || place == kPendingMaster; }
  bool pending() const { return place >= kPendingSlave; }
  bool reachable() const { return !gone && !unreachable; }
  RunningState running() const { return RunningState((code & kRunningBits) >> kRunningShift); }
  RunningState running_goal() const {
    return RunningState((wanted & kRunningBits) >> kRunningShift);
  }
  bool may_stream() const { return in_sync() && !pending() && running() != kStopped; }
  // A copy that does not run, or follow its master, does so first, unless the target wants that.
  bool may_lead() const {
    return place == kSlave && goal == kMaster && in_sync() &&
           (running() != kStopped || running_goal() == kStopped) &&
           !(code & ~wanted & kReplicationPaused);
  }
  uint8_t as(uint8_t placement) const { return uint8_t((code & ~kPlacementBits) | placement); }
};

// Proposes for the rows of two maps, into an array of the caller.
class Proposer {
 public:
  Proposer(const Index &current, const Index &target, const Rules &rules, int64_t node_count)
      : current_(current), target_(target), rules_(rules), at_(size_t(node_count), -1) {}

  // From `row` on until `out` could be too short; returns the next row, sets `written`.
  int64_t run(int64_t row, int64_t row_count, Proposal *out, int64_t room, int64_t *written) {
    out_ = out;
    for (; row < row_count; row++) {
      const int64_t most = 3 * (span(current_, row) + span(target_, row)) + 4;
      if (room - (out_ - out) < most) break;
      propose(row);
    }
    *written = out_ - out;
    return row;
  }

 private:
  static int64_t span(const Index &index, int64_t row) {
    return index.offsets[row + 1] - index.offsets[row];
  }

  void propose(int64_t row) {
    row_ = row;
    flags_ = rules_.row_flags[row];
    if (flags_ & kExclusiveInFlight || is_settled()) return;
    merge();
    count();
    if (propose_devolution()) return;
    if (live_ == 0 && !(flags_ & kHasSource)) {
      propose_from_nothing();
    } else {
      const bool changes_roles = propose_roles();
      propose_copies();
      propose_drops(changes_roles);
    }
    propose_upkeep();
  }

  // Whether the row has what it shall have; a row with copies on lost nodes is looked at anyway.
  bool is_settled() const {
    const int64_t begin = current_.offsets[row_], other = target_.offsets[row_];
    const int64_t length = span(current_, row_);
    if (length != span(target_, row_)) return false;
    for (int64_t i = 0; i < length; i++) {
      const int32_t node = current_.nodes[begin + i];
      const uint8_t code = current_.codes[begin + i];
      if (node != target_.nodes[other + i] || code != target_.codes[other + i]) return false;
      if ((code & kPlacementBits) >= kPendingSlave || rules_.node_flags[node] & kNodeGone)
        return false;
    }
    return true;
  }

  void merge() {
    cells_.clear();
    for (int64_t i = current_.offsets[row_]; i < current_.offsets[row_ + 1]; i++)
      add(current_.nodes[i], current_.codes[i], current_.flags[i]);
    for (int64_t i = target_.offsets[row_]; i < target_.offsets[row_ + 1]; i++) {
      const int32_t node = target_.nodes[i];
      if (at_[size_t(node)] < 0) add(node, 0, target_.flags[i]);
      Cell &cell = cells_[size_t(at_[size_t(node)])];
      cell.wanted = target_.codes[i];
      cell.goal = cell.wanted & kPlacementBits;
      if (cell.goal >= kPendingSlave) cell.goal = uint8_t(cell.goal - 2);
      if (cell.goal == kMaster && flags_ & kStaged) cell.goal = kSlave;
    }
    for (const Cell &cell : cells_) at_[size_t(cell.node)] = -1;
  }

  void add(int32_t node, uint8_t code, uint8_t flags) {
    const uint8_t lost = rules_.node_flags[node];
    at_[size_t(node)] = int32_t(cells_.size());
    cells_.push_back({node, code, 0, uint8_t(code & kPlacementBits), kNull,
                      (lost & kNodeGone) != 0,
                      (lost & kNodeUnreachable) != 0 && !(lost & kNodeGone),
                      (flags & kBusy) != 0, (flags & kTooEarly) != 0});
  }

  void count() {
    asked_ = live_ = in_sync_ = masters_ = wanted_masters_ = unfilled_ = streamers_ = lost_ = 0;
    because_ = -1;
    for (const Cell &cell : cells_) {
      asked_ += cell.wanted_live();
      live_ += cell.live();
      in_sync_ += cell.in_sync();
      masters_ += cell.leads() && !cell.gone;
      wanted_masters_ += cell.goal == kMaster;
      unfilled_ += cell.wanted_live() && cell.place < kSlave && cell.reachable();
      streamers_ += cell.may_stream();
      lost_ += cell.place >= kSlave && cell.gone;
      if (cell.place != kNull && !cell.wanted_live() && because_ < 0) because_ = cell.node;
    }
  }

  void emit(Action action, const Cell &cell, uint8_t after, Priority priority, Hold hold = kFree,
            int32_t other = -1) {
    *out_++ = {row_, cell.node, other, because_, action, cell.code, after, priority, hold,
               uint8_t(std::min(in_sync_, 255))};
  }

  // What a copy has to wait for that is to do something itself.
  static Hold hold_of(const Cell &cell) {
    return cell.unreachable ? kUnreachable : cell.gone ? kGone : cell.busy ? kInFlight : kFree;
  }

  bool propose_devolution() {
    bool any = false;
    for (const Cell &cell : cells_)
      if (cell.pending() && !cell.busy) {
        any = true;
        emit(kDevolve, cell, cell.as(uint8_t(cell.place - 2)), kMasterless,
             cell.unreachable ? kUnreachable : kFree);
      }
    return any;
  }

  // No copy is left, or there never was one: found the partition on its master to be.
  void propose_from_nothing() {
    if (lost_ && asked_ && !(flags_ & kLossAccepted)) {
      for (const Cell &cell : cells_)
        if (cell.place >= kSlave) emit(kDrop, cell, cell.as(kDead), kMasterless, kLost);
      return;
    }
    for (const Cell &cell : cells_)
      if (cell.place >= kSlave && !cell.busy) {
        emit(kDrop, cell, cell.as(kDead), kMasterless);
        return;
      }
    const Cell *founder = nullptr;
    for (const Cell &cell : cells_)
      if (cell.wanted_live() && cell.reachable() && (!founder || cell.goal > founder->goal))
        founder = &cell;
    if (founder) {
      if (founder->busy) return;
      if (founder->place == kNull) emit(kCreate, *founder, rules_.created, kRedundancy);
      else if (founder->running() != kRunning) emit_run(*founder, kRunning, kRedundancy);
      else emit(kFound, *founder, founder->as(kSlave), kRedundancy);
    }
    for (const Cell &cell : cells_)
      if (cell.wanted_live() && &cell != founder)
        emit(cell.place == kNull ? kCreate : kFill, cell,
             cell.place == kNull ? rules_.created : cell.as(kSlave), kRedundancy,
             cell.reachable() ? kNoSource : hold_of(cell));
  }

  // At most one change of role; returns whether one is on its way or waits for another step.
  bool propose_roles() {
    if (asked_ == 0) return propose_retirement();
    if (flags_ & kStaged) return false;
    if (masters_ == 0) return wanted_masters_ > 0 && propose_master();
    const Cell *leader = nullptr, *heir = nullptr, *surplus = nullptr, *lost = nullptr;
    for (const Cell &cell : cells_) {
      if (cell.busy) continue;
      if (cell.place == kMaster && cell.gone && cell.goal != kMaster) lost = &cell;
      if (cell.place == kMaster && !cell.gone && cell.goal != kMaster && !leader) leader = &cell;
      if (cell.place == kMaster && cell.reachable()) surplus = &cell;
      if (cell.may_lead() && !heir) heir = &cell;
    }
    const Hold wait = flags_ & kAdditiveInFlight ? kInFlight : kFree;
    if (rules_.single_master && masters_ > 1) {
      if (leader) surplus = leader;
      if (surplus)
        emit(kDemote, *surplus, surplus->as(kSlave), kUrgent,
             surplus->unreachable ? kUnreachable : wait);
      return true;
    }
    if (lost && heir) {
      emit(kFailover, *heir, heir->as(kMaster), kUrgent, wait, lost->node);
      return true;
    }
    if (lost) {
      emit(kDrop, *lost, lost->as(kDead), kCleanUp, wait);
      return true;
    }
    if (heir && masters_ < wanted_masters_) {
      emit(kPromote, *heir, heir->as(kMaster), kRoles, wait);
      return true;
    }
    if (!leader) return false;
    const bool released = (rules_.node_flags[leader->node] & kNodeReleased) != 0;
    const Priority priority = released ? kUrgent : kRoles;
    const Hold hold = leader->unreachable ? kUnreachable : wait;
    if (heir) {
      emit(kTakeover, *heir, heir->as(kMaster), priority, hold, leader->node);
      return true;
    }
    if (masters_ > std::max(wanted_masters_, 1)) {
      emit(kDemote, *leader, leader->as(kSlave), priority, hold);
      return true;
    }
    if (wanted_masters_ == 0) emit(kDemote, *leader, leader->as(kSlave), kRoles, kLastMaster);
    return false;
  }

  // Nobody leads: the preferred copy, else the master to be, else any that is in sync.
  bool propose_master() {
    const Cell *best = nullptr, *lost = nullptr;
    int best_rank = -1;
    for (const Cell &cell : cells_) {
      if (cell.gone && cell.place == kMaster && !lost) lost = &cell;
      if (!cell.in_sync() || cell.place != kSlave || cell.busy) continue;
      const int rank = (cell.node == rules_.preferred[row_]) * 16 +
                       !(cell.code & kReplicationPaused) * 8 + (cell.running() != kStopped) * 4 +
                       (cell.goal == kMaster) * 2 + cell.wanted_live();
      if (rank > best_rank) best = &cell, best_rank = rank;
    }
    if (best && lost) emit(kFailover, *best, best->as(kMaster), kMasterless, kFree, lost->node);
    else if (best) emit(kPromote, *best, best->as(kMaster), kMasterless);
    else if (in_sync_ == 0)
      for (const Cell &cell : cells_)
        if (cell.place >= kSlave && cell.unreachable) {
          emit(kPromote, cell, cell.as(kMaster), kMasterless, kUnreachable);
          break;
        }
    return true;
  }

  // The partition is to go: its slaves first, then its masters by way of slave.
  bool propose_retirement() {
    if (live_ != masters_) return false;
    for (const Cell &cell : cells_)
      if (cell.place == kMaster && !cell.busy && !cell.gone) {
        emit(kDemote, cell, cell.as(kSlave), kCleanUp,
             cell.unreachable ? kUnreachable : flags_ & kAdditiveInFlight ? kInFlight : kFree);
        return true;
      }
    return false;
  }

  // New copies: created, made to run, filled.
  void propose_copies() {
    const bool has_source = in_sync_ > 0 || flags_ & kHasSource;
    const Priority priority = in_sync_ < asked_ && !(flags_ & kStaged) ? kRedundancy : kBalance;
    for (const Cell &cell : cells_) {
      if (!cell.wanted_live() || cell.place >= kSlave || cell.busy) continue;
      const Hold hold = hold_of(cell);
      if (cell.place == kNull)
        emit(kCreate, cell, rules_.created, priority, hold ? hold : has_source ? kFree : kNoSource);
      else if (hold)
        emit(kFill, cell, cell.as(kSlave), priority, hold);
      else if (cell.running() != kRunning)
        emit_run(cell, kRunning, priority);
      else if (cell.code & kReplicationPaused)
        emit(kReplication, cell, cell.code & uint8_t(~kReplicationPaused), priority);
      else
        emit(kFill, cell, cell.as(kSlave), priority,
             streamers_ > 0 || flags_ & kHasSource ? kFree : kNoSource);
    }
  }

  // Copies in sync that are not wanted: one at a time, and only what is more than asked for.
  void propose_drops(bool changes_roles) {
    bool dropped = changes_roles || flags_ & kAdditiveInFlight;
    for (const Cell &cell : cells_) {
      if (cell.place != kSlave || cell.wanted_live() || cell.busy) continue;
      Hold hold = kFree;
      if (dropped) hold = kInFlight;
      else if (!cell.gone) {
        if (cell.unreachable) hold = kUnreachable;
        else if (unfilled_) hold = kUnfilled;
        else if (in_sync_ - 1 < asked_) hold = kNeeded;
      }
      emit(kDrop, cell, cell.as(kDead), kCleanUp, hold);
      dropped = dropped || hold == kFree;
    }
  }

  // Running states and pauses as the target has them, and dead copies collected.
  void propose_upkeep() {
    const bool wake = unfilled_ > 0 && streamers_ == 0;
    for (const Cell &cell : cells_) {
      if (cell.busy || cell.pending() || cell.place == kNull) continue;
      if (cell.place == kDead && cell.goal == kNull) {
        propose_collection(cell);
      } else if (cell.live() && wake) {
        if (cell.reachable() && cell.running() != kRunning)
          emit_run(cell, kRunning, kRedundancy);
      } else if (cell.live() ? cell.wanted_live() : cell.place == cell.goal && !cell.gone) {
        propose_conditions(cell);
      }
    }
    for (const Cell &cell : cells_)
      if (cell.place == kNull && cell.goal == kDead && !cell.busy)
        emit(kCreate, cell, rules_.created, kCleanUp, hold_of(cell));
  }

  void propose_collection(const Cell &cell) {
    if (cell.unreachable) emit(kCollect, cell, 0, kCleanUp, kUnreachable);
    else if (cell.early) emit(kCollect, cell, 0, kCleanUp, kGrace);
    else if (rules_.cools && !cell.gone && cell.running() != kStopped)
      emit_run(cell, kStopped, kCleanUp);
    else emit(kCollect, cell, 0, kCleanUp);
  }

  void propose_conditions(const Cell &cell) {
    const Hold hold = hold_of(cell);
    const uint8_t differs = cell.code ^ cell.wanted;
    if (differs & kRunningBits) emit_run(cell, cell.running_goal(), kRoles, hold);
    if (differs & kPersistencePaused)
      emit(kPersistence, cell, cell.code ^ kPersistencePaused, kRoles, hold);
    if (differs & kReplicationPaused)
      emit(kReplication, cell, cell.code ^ kReplicationPaused, kRoles, hold);
  }

  void emit_run(const Cell &cell, RunningState wanted, Priority priority, Hold hold = kFree) {
    const uint8_t hop = rules_.running_hops[4 * cell.running() + wanted];
    emit(kRun, cell, uint8_t((cell.code & ~kRunningBits) | hop << kRunningShift), priority, hold);
  }

  const Index current_, target_;
  const Rules rules_;
  std::vector<int32_t> at_;  // cell of each node in the row at hand
  std::vector<Cell> cells_;
  Proposal *out_ = nullptr;
  int64_t row_ = 0;
  uint8_t flags_ = 0;
  int32_t because_ = -1;
  int asked_ = 0, live_ = 0, in_sync_ = 0, masters_ = 0, wanted_masters_ = 0, unfilled_ = 0;
  int streamers_ = 0, lost_ = 0;
};

}  // namespace mapcore
