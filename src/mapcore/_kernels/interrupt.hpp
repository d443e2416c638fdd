// Stopping a long search: every so much work the caller is asked whether to go on.
#pragma once

#include <cstdint>

namespace mapcore {

struct Interrupted {};

using Ask = bool (*)(void *);  // false: stop

class Clock {
public:
    static constexpr std::int64_t STEPS = 1 << 20;  // 2 to 20 milliseconds, unless told otherwise

    Clock(Ask may_go_on, void *context, std::int64_t steps = STEPS)
        : may_go_on_(may_go_on), context_(context), steps_(steps), left_(steps) {}

    void work(std::int64_t steps) {
        left_ -= steps;
        if (left_ < 0) ask();
    }

    void ask() {
        left_ = steps_;
        if (!may_go_on_(context_)) throw Interrupted();
    }

private:
    Ask may_go_on_;
    void *context_;
    std::int64_t steps_;
    std::int64_t left_;
};

}  // namespace mapcore
