// Where no chain of moves evens loads out, a node takes a copy over and its new peers end other
// pairs for it; what follows from that is evened out again.
#pragma once

#include "balance.hpp"
#include "parting.hpp"

namespace mapcore::peers {

class Forcing {
public:
    Forcing(Board &board, Parting &parting, Balance &balance, Random &random)
        : board_(board),
          parting_(parting),
          balance_(balance),
          random_(random) {}

    void run() {
        for (int turn = 0; turn < TURNS_MOST && board_.grade().strain > 0; ++turn) {
            const Node outside = any([&](Node n) { return board_.below(n) + board_.above(n) > 0; });
            const Board::Mark mark = board_.mark();
            const bool is_low = board_.below(outside) > 0;
            if (!(is_low ? take(outside) : give(outside))) continue;
            balance_.even_out();
            if (mark.grade < board_.grade()) board_.undo(mark);
        }
    }

private:
    static constexpr int TURNS_MOST = 400;

    // A copy of a node that has some to spare, or any.
    bool take(Node node) {
        const State &state = board_.state;
        Slot slot = random_.below(static_cast<std::int32_t>(state.slot_count()));
        const Node spare =
            random_.below(2) == 0 ? -1 : any([&](Node n) { return board_.law.below(n) < 0; });
        if (spare >= 0) slot = state.slots(spare)[random_.below(state.load(spare))];
        return state.node(slot) >= 0 && parting_.take_over(slot, node);
    }

    bool give(Node node) {
        const State &state = board_.state;
        const Slot slot = state.slots(node)[random_.below(state.load(node))];
        const Node taker = random_.below(2) == 0
                               ? random_.below(static_cast<Node>(state.node_count()))
                               : any([&](Node n) { return board_.law.above(n) < 0; });
        return taker >= 0 && parting_.take_over(slot, taker);
    }

    // The first node from a random one on of which something holds, -1 for none.
    template <class Holds>
    Node any(Holds holds) {
        const auto count = static_cast<Node>(board_.state.node_count());
        const Node begin = random_.below(count);
        for (Node k = 0; k < count; ++k)
            if (holds((begin + k) % count)) return (begin + k) % count;
        return -1;
    }

    Board &board_;
    Parting &parting_;
    Balance &balance_;
    Random &random_;
};

}  // namespace mapcore::peers
