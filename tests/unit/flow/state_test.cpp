// The state tables: no state is a dead end but the last ones, none is left unreachable.
#include "shim/flow/state.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace recshim::flow {
namespace {

template <typename State, typename Step>
std::set<State> reachable(State from, const std::vector<Step>& steps) {
  std::set<State> seen = {from};
  std::vector<State> todo = {from};
  while (!todo.empty()) {
    const State state = todo.back();
    todo.pop_back();
    for (const Step step : steps) {
      if (const auto to = next(state, step); to && seen.insert(*to).second) todo.push_back(*to);
    }
  }
  return seen;
}

TEST(State, EveryStateIsReachable) {
  EXPECT_EQ(reachable(Phase::kSniffing, std::vector{PhaseStep::kHttpSeen, PhaseStep::kSwitchAsked,
                                                    PhaseStep::kSwitchDeclined,
                                                    PhaseStep::kTunnelOpened, PhaseStep::kLeft})
                .size(),
            4u);
  EXPECT_EQ(reachable(Turn::kSending, std::vector{TurnStep::kRequestEnd, TurnStep::kResponseHead,
                                                  TurnStep::kResponseEnd})
                .size(),
            6u);
  EXPECT_EQ(reachable(Serving::kIdle, std::vector{ServingStep::kHead, ServingStep::kHeadWithBody,
                                                  ServingStep::kContinued, ServingStep::kRequestEnd,
                                                  ServingStep::kAnswered})
                .size(),
            5u);
}

TEST(State, GoneIsForEver) {
  for (const auto step : {PhaseStep::kHttpSeen, PhaseStep::kSwitchAsked, PhaseStep::kSwitchDeclined,
                          PhaseStep::kTunnelOpened, PhaseStep::kLeft}) {
    EXPECT_FALSE(next(Phase::kGone, step));
  }
}

TEST(State, AnAnswerNeedsAQuestion) {
  for (const auto state : {Serving::kIdle, Serving::kReceiving, Serving::kSwallowing}) {
    EXPECT_FALSE(next(state, ServingStep::kAnswered));
  }
  EXPECT_FALSE(next(Serving::kAsked, ServingStep::kContinued));
}

}  // namespace
}  // namespace recshim::flow
