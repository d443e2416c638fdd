// A node that has no peers yet joins a community of nodes that are peers of each other.
//
// Where its peers have all peers that they may have, they must part from others first. A community
// that stands close together does so among itself: two full members end their own pair, give what
// they shared to the newcomer, and have room for it both. From there the peers of the newcomer grow
// by trying: of some copies that it might take over, the one that brings most of what it still
// needs.
#pragma once

#include "../../random.hpp"
#include "parting.hpp"

namespace mapcore::peers {

// How newcomers are weighed; several ways are tried, and the best result is kept.
struct Taste {
    int communities;      // tried for a newcomer among nodes without room
    int trials;           // copies tried each time that the peers of a newcomer grow
    double strain_price;  // of a community: moves that a unit of strain is worth
    double side_price;    // of moves besides those to the newcomer
    double ahead;         // what a copy that comes within reach is worth
    bool rows_first;      // whether partitions that lack copies are moved as a whole
};

class Newcomers {
public:
    Newcomers(Board &board, Parting &parting, Random &random)
        : board_(board),
          parting_(parting),
          random_(random),
          claimed_(board.state.node_count(), 0) {}

    void insert(Node newcomer, const Taste &taste) {
        if (board_.state.degree(newcomer) == 0 && peers_are_scarce()) join_best(newcomer, taste);
        for (std::int32_t turn = 0; turn < 4 * board_.law.limits().max_peers; ++turn) {
            take_what_is_free(newcomer);
            if (lack(newcomer) <= 0) return;
            if (board_.state.degree(newcomer) >= board_.law.limits().max_peers) return;
            if (!grow(newcomer, taste)) return;
        }
    }

private:
    std::int64_t lack(Node node) const { return board_.law.below(node); }

    // Whether a quarter of the nodes, or more, have as many peers as they may.
    bool peers_are_scarce() const {
        std::size_t full = 0, used = 0;
        for (std::size_t n = 0; n < board_.state.node_count(); ++n) {
            const auto node = static_cast<Node>(n);
            used += board_.state.degree(node) > 0;
            full += board_.state.degree(node) >= board_.law.limits().max_peers;
        }
        return used > 0 && 4 * full >= used;
    }

    void join_best(Node newcomer, const Taste &taste) {
        double best = 0;
        Slot chosen = -1;
        for (int i = 0; i < taste.communities; ++i) {
            const Slot anchor = any_row();
            const Board::Mark mark = board_.mark();
            if (join(newcomer, anchor)) {
                const double cost = static_cast<double>(board_.changes_since(mark)) +
                                    taste.strain_price * static_cast<double>(board_.grade().strain -
                                                                             mark.grade.strain);
                if (chosen < 0 || cost < best) best = cost, chosen = anchor;
            }
            board_.undo(mark);
        }
        if (chosen >= 0) join(newcomer, chosen);
    }

    // Join the community around a partition; False if some have too many peers then.
    bool join(Node newcomer, Slot anchor) {
        const std::vector<Node> members = community(newcomer, anchor);
        if (members.empty()) return false;
        for (const Node node : members)
            board_.law.allow(node, 1);
        part_pairs(newcomer, members);
        for (const Node node : members)
            board_.law.allow(node, 0);
        bool fits = true;
        for (const Node node : members)
            fits &= parting_.bring_down(node, newcomer, {}, -1);
        return fits && board_.state.load(newcomer) > 0;
    }

    // As many nodes as may be peers, close together: each next one shares most with those so far.
    std::vector<Node> community(Node newcomer, Slot anchor) {
        std::vector<Node> members;
        std::vector<std::pair<Node, std::int64_t>> near;
        const State &state = board_.state;
        const auto most = static_cast<std::size_t>(board_.law.limits().max_peers);
        const auto add = [&](Node node) {
            members.push_back(node);
            for (std::int32_t i = 0; i < state.degree(node); ++i) {
                const Node peer = state.pairs().peers(node)[i];
                if (peer == newcomer || !board_.law.may_be_peers(newcomer, peer)) continue;
                const std::int64_t shared = state.pairs().counts(node)[i];
                const auto known = std::find_if(
                    near.begin(), near.end(), [&](const auto &each) { return each.first == peer; });
                if (known == near.end())
                    near.push_back({peer, shared});
                else
                    known->second += shared;
            }
        };
        for (Slot slot = anchor; slot < anchor + state.width() && members.size() < most; ++slot) {
            const Node node = state.node(slot);
            if (node >= 0 && board_.law.may_be_peers(newcomer, node)) add(node);
        }
        while (!members.empty() && members.size() < most) {
            Node best = -1;
            std::int64_t shared = 0;
            for (const auto &[node, count] : near)
                if (count > shared && !contains(members, node)) best = node, shared = count;
            if (best < 0) break;
            add(best);
        }
        return members;
    }

    // Full members part in pairs, those first whose partitions stay within the community.
    void part_pairs(Node newcomer, const std::vector<Node> &members) {
        struct Pair {
            std::int64_t cost;
            Node a, b;
            bool operator<(const Pair &other) const {
                return std::tie(cost, a, b) < std::tie(other.cost, other.a, other.b);
            }
        };
        const State &state = board_.state;
        std::vector<Node> full;
        for (const Node node : members)
            if (state.degree(node) >= board_.law.limits().max_peers) full.push_back(node);
        std::vector<Pair> pairs;
        for (const Node a : full)
            for (const Node b : full)
                if (a < b && state.pairs().shared(a, b) > 0)
                    pairs.push_back({cost_of_parting(a, b, members), a, b});
        std::sort(pairs.begin(), pairs.end());
        std::vector<Node> done;
        for (const Pair &pair : pairs) {
            if (board_.law.above(newcomer) >= 0) return;
            if (contains(done, pair.a) || contains(done, pair.b)) continue;
            if (!parting_.part(pair.a, pair.b, newcomer)) continue;
            done.push_back(pair.a);
            done.push_back(pair.b);
        }
    }

    std::int64_t cost_of_parting(Node a, Node b, const std::vector<Node> &members) const {
        const State &state = board_.state;
        std::int64_t cost = 0;
        for (std::int32_t i = 0; i < state.load(a); ++i) {
            const Slot slot = state.slots(a)[i], row = state.row_of(slot);
            if (state.slot_in_row(slot, b) < 0) continue;
            ++cost;
            for (Slot other = row; other < row + state.width(); ++other) {
                const Node node = state.node(other);
                if (node >= 0 && node != a && node != b && !contains(members, node)) cost += 4;
            }
        }
        return cost;
    }

    // Take over copies that make no new peers, from nodes that have some to spare.
    void take_what_is_free(Node newcomer) {
        const auto may_take = [&](Node holder, std::int32_t more) {
            return more == 0 && lack(holder) < 0;
        };
        for (bool again = true; again && lack(newcomer) > 0;) {
            offers_.clear();
            board_.for_each_offer(newcomer, [&](Slot slot, Node holder, std::int32_t more) {
                const int price =
                    board_.moves_more(slot, newcomer) - 2 * (board_.law.above(holder) > 0);
                if (may_take(holder, more))
                    offers_.push_back({price, board_.cells.cost_more(slot, newcomer), slot});
                return true;
            });
            std::sort(offers_.begin(), offers_.end());
            again = false;
            for (std::size_t i = 0; i < offers_.size() && lack(newcomer) > 0; ++i) {
                const Slot slot = std::get<2>(offers_[i]);
                if (!may_take(board_.state.node(slot), board_.admit(slot, newcomer))) continue;
                board_.set(slot, newcomer);
                again = true;
            }
        }
    }

    // Try copies that bring new peers and take over the best one.
    bool grow(Node newcomer, const Taste &taste) {
        const std::int64_t need = lack(newcomer);
        double most = 0;
        Slot best = -1;
        for (const Slot slot : trials(newcomer, taste)) {
            const Board::Mark mark = board_.mark();
            const std::int32_t degree = board_.state.degree(newcomer);
            if (parting_.take_over(slot, newcomer)) {
                const double worth = worth_of(newcomer, taste, mark, need, degree);
                if (best < 0 || worth > most) best = slot, most = worth;
                board_.undo(mark);
            }
        }
        return best >= 0 && parting_.take_over(best, newcomer);
    }

    double worth_of(Node newcomer, const Taste &taste, const Board::Mark &mark, std::int64_t need,
                    std::int32_t degree) {
        const std::int64_t gained = need - lack(newcomer), moves = board_.changes_since(mark);
        const std::int64_t harm =
            std::max<std::int64_t>(0, board_.grade().strain - mark.grade.strain + gained);
        const auto reached =
            static_cast<double>(gained < need ? within_reach(newcomer, need - gained) : 0);
        const std::int32_t peers = std::max(1, board_.state.degree(newcomer) - degree);
        const double units = static_cast<double>(gained) + taste.ahead * reached;
        const double wanted = static_cast<double>(need) / (board_.law.limits().max_peers - degree);
        return std::min(units, static_cast<double>(need)) / peers / wanted -
               taste.side_price * static_cast<double>(moves - gained) / static_cast<double>(need) -
               static_cast<double>(harm) / static_cast<double>(need);
    }

    std::vector<Slot> trials(Node newcomer, const Taste &taste) {
        const State &state = board_.state;
        std::vector<Slot> found;
        const std::int32_t degree = state.degree(newcomer);
        for (int i = 0; degree > 0 && i < taste.trials; ++i) {
            const Node peer = state.pairs().peers(newcomer)[random_.below(degree)];
            const Slot slot = state.slots(peer)[random_.below(state.load(peer))];
            const Slot other = state.row_of(slot) + random_.below(state.width());
            if (other != slot) add_trial(other, newcomer, found);
        }
        for (int i = 0; i < (degree > 0 ? taste.trials / 3 : taste.trials); ++i)
            add_trial(any_row() + random_.below(state.width()), newcomer, found);
        return found;
    }

    void add_trial(Slot slot, Node newcomer, std::vector<Slot> &found) const {
        const State &state = board_.state;
        if (state.node(slot) >= 0 && state.slot_in_row(slot, newcomer) < 0) found.push_back(slot);
    }

    // How many copies, up to `enough`, it could take over without new peers from nodes to spare.
    std::int64_t within_reach(Node newcomer, std::int64_t enough) {
        std::int64_t found = 0;
        touched_.clear();
        board_.for_each_offer(newcomer, [&](Slot, Node holder, std::int32_t more) {
            std::int32_t &claimed = claimed_[static_cast<std::size_t>(holder)];
            if (more > 0 || lack(holder) + claimed >= 0) return true;
            ++claimed;
            touched_.push_back(holder);
            return ++found < enough;
        });
        for (const Node node : touched_)
            claimed_[static_cast<std::size_t>(node)] = 0;
        return found;
    }

    Slot any_row() {
        const auto rows =
            static_cast<std::int32_t>(board_.state.slot_count()) / board_.state.width();
        return random_.below(rows) * board_.state.width();
    }

    static bool contains(const std::vector<Node> &nodes, Node node) {
        return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    }

    Board &board_;
    Parting &parting_;
    Random &random_;
    std::vector<std::int32_t> claimed_;
    std::vector<Node> touched_;
    std::vector<std::tuple<int, std::int64_t, Slot>> offers_;
};

}  // namespace mapcore::peers
