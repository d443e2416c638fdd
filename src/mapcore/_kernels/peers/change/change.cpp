#include "change.hpp"

#include <array>
#include <tuple>

#include "balance.hpp"
#include "evening.hpp"
#include "forcing.hpp"
#include "holes.hpp"
#include "newcomers.hpp"
#include "refining.hpp"
#include "roles.hpp"
#include "succession.hpp"

namespace mapcore::peers {

namespace {

constexpr std::array<Taste, 8> TASTES{{
    {24, 48, 1.3, 1.5, 0.7, true},
    {24, 80, 0.8, 1.0, 0.9, true},
    {60, 48, 1.6, 1.5, 0.7, false},
    {0, 80, 1.3, 1.0, 0.9, false},
    {60, 80, 1.3, 1.0, 0.7, true},
    {24, 48, 1.0, 1.5, 0.9, false},
    {90, 48, 1.3, 1.2, 0.7, true},
    {0, 48, 1.3, 1.5, 0.7, true},
}};

constexpr std::size_t SMALL = 1 << 14;      // slots
constexpr std::size_t FEW = 8;              // newcomers
constexpr std::int64_t EVENING_SHARE = 25;  // a move for so many others
constexpr std::uint64_t SEED = 0x9E3779B97F4A7C15ULL;

class Change {
public:
    explicit Change(Board &board)
        : board_(board),
          begin_(board.mark()),
          shifts_rows_(board.law.has_places_to_spare()),
          holes_(Holes::find(board)) {
        for (std::size_t n = 0; n < board.state.node_count(); ++n) {
            const auto node = static_cast<Node>(n);
            if (board.law.below(node) > 0 && board.state.load(node) == 0)
                newcomers_.push_back(node);
        }
    }

    void run() {
        const std::size_t variants = variants_that_pay();
        const std::int64_t bound = moves_bound();
        Board::Grade best{};
        for (std::size_t i = 0; i < variants; ++i) {
            attempt(TASTES[i], i);
            const Board::Grade grade = board_.grade();
            if (i == 0 || grade < best) best = grade, keep();
            board_.undo(begin_);
            if (best.strain == 0 && best.moves <= bound) break;
        }
        restore();
        finish(bound);
    }

private:
    // Small changes are tried in several ways, as long as that takes little beside reading the
    // placement; of large ones, one must do.
    std::size_t variants_that_pay() const {
        const std::size_t slots = board_.state.slot_count();
        const std::size_t load = slots / board_.state.node_count();
        const std::size_t change = 64 * holes_.size() + 512 * load * newcomers_.size();
        if (slots + change <= 1 << 17) return TASTES.size();
        const std::size_t budget = (1 << 15) + slots / 6;
        const std::size_t attempt = change + 2 * board_.state.node_count();
        return std::clamp<std::size_t>(budget / attempt, 1, TASTES.size());
    }

    void attempt(const Taste &taste, std::size_t number) {
        Random random(SEED + 7919 * number);
        Paths paths(board_);
        RowMoves rows(board_, random);
        Parting parting(board_);
        Newcomers newcomers(board_, parting, random);
        Holes holes(board_, rows, random);
        Balance balance(board_, paths, rows, shifts_rows_);
        Succession(board_, holes_).run(newcomers_);
        holes.fill(holes_, taste.rows_first && shifts_rows_);
        Taste taken = taste;
        if (newcomers_.size() > FEW) taken.trials /= 4, taken.communities /= 4;
        for (const Node node : newcomers_)
            newcomers.insert(node, taken);
        for (std::size_t n = 0; n < board_.state.node_count(); ++n)
            parting.bring_down(static_cast<Node>(n), -1, {}, -1);
        balance.even_out();
        if (bring_home()) balance.even_out();
    }

    void finish(std::int64_t bound) {
        Random random(SEED);
        Paths paths(board_);
        RowMoves rows(board_, random);
        Parting parting(board_);
        Balance balance(board_, paths, rows, shifts_rows_);
        if (board_.grade().strain > 0) Forcing(board_, parting, balance, random).run();
        if (board_.state.slot_count() <= SMALL && board_.grade().moves > bound)
            Refining(board_, balance, random).run(changed_rows());
        const bool is_least = board_.grade().moves <= bound;
        Evening(board_).run(changed_slots(), is_least ? 0 : board_.grade().moves / EVENING_SHARE);
        if (!board_.state.every_pair()) Roles(board_).even_out();
    }

    // Copies that were given up and may come back for nothing.
    bool bring_home() {
        bool any = false;
        for (const Slot slot : changed_slots()) {
            const Node node = board_.state.node(slot);
            if (node < 0 || board_.is_held(slot, node)) continue;
            const Node *current = board_.current_row(slot);
            for (std::size_t i = 0; i < board_.current_width(); ++i) {
                const Node home = current[i];
                if (home < 0 || board_.admit(slot, home) < 0) continue;
                if (board_.law.strain(node, -1) + board_.law.strain(home, 1) > 0) continue;
                board_.set(slot, home);
                any = true;
                break;
            }
        }
        return any;
    }

    std::vector<Slot> changed_slots() const {
        std::vector<Slot> slots;
        for (const auto &[slot, _] : changed())
            slots.push_back(slot);
        return slots;
    }

    std::vector<Slot> changed_rows() const {
        std::vector<Slot> rows;
        for (const Slot slot : changed_slots())
            rows.push_back(board_.state.row_of(slot));
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
        return rows;
    }

    // The slots that were set, with who stood there at the begin.
    std::vector<State::Change> changed() const {
        const auto &log = board_.state.log();
        std::vector<State::Change> found(log.begin() + static_cast<std::ptrdiff_t>(begin_.log),
                                         log.end());
        std::stable_sort(found.begin(), found.end(),
                         [](const auto &a, const auto &b) { return a.slot < b.slot; });
        const auto end = std::unique(found.begin(), found.end(),
                                     [](const auto &a, const auto &b) { return a.slot == b.slot; });
        found.erase(end, found.end());
        return found;
    }

    // Fewer moves do not bring the loads to where they shall be.
    std::int64_t moves_bound() const {
        std::int64_t low = 0, high = 0;
        for (std::size_t n = 0; n < board_.state.node_count(); ++n) {
            low += board_.below(static_cast<Node>(n));
            high += board_.above(static_cast<Node>(n));
        }
        return std::max(low, high + static_cast<std::int64_t>(holes_.size()));
    }

    void keep() {
        kept_.clear();
        for (const Slot slot : changed_slots())
            kept_.push_back({slot, board_.state.node(slot)});
    }

    void restore() {
        for (const auto &[slot, _] : kept_)
            if (board_.state.node(slot) >= 0) board_.set(slot, -1);
        for (const auto &[slot, node] : kept_)
            if (node >= 0) board_.set(slot, node);
    }

    Board &board_;
    Board::Mark begin_;
    bool shifts_rows_;
    std::vector<Slot> holes_;
    std::vector<Node> newcomers_;
    std::vector<std::pair<Slot, Node>> kept_;
};

}  // namespace

bool change(const Previous &previous, const Limits &limits, Outcome &outcome, Ask may_go_on,
            void *context) {
    Clock clock(may_go_on, context);
    try {
        State state(previous.rows, previous.partitions, previous.width, limits.node_count,
                    previous.every_pair, limits.max_peers);
        Law law(limits, state);
        Board board(state, law, previous.current, previous.current_width, previous.copies, clock);
        Change(board).run();
        outcome = {0, board.grade().strain};
        for (std::size_t n = 0; n < limits.node_count; ++n)
            outcome.excess_peers +=
                std::max(0, state.degree(static_cast<Node>(n)) - limits.max_peers);
        std::copy_n(state.rows(), state.slot_count(), previous.rows);
        return true;
    } catch (const Interrupted &) {
        return false;
    }
}

}  // namespace mapcore::peers
