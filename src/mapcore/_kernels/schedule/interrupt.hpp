// Stopping a long search: every so much work the caller is asked whether to go on.
#pragma once

#include <cstdint>

namespace mapcore::schedule {

struct Interrupted {};

class Clock {
public:
    using Ask = bool (*)(void *);

    Clock(Ask may_go_on, void *context) : may_go_on_(may_go_on), context_(context) {}

    void work(std::int64_t steps) {
        left_ -= steps;
        if (left_ >= 0) return;
        left_ = STEPS;
        if (!may_go_on_(context_)) throw Interrupted();
    }

private:
    static constexpr std::int64_t STEPS = 1 << 18;  // some milliseconds

    Ask may_go_on_;
    void *context_;
    std::int64_t left_ = STEPS;
};

}  // namespace mapcore::schedule
