// The tables of state.h. Owns no state itself.
#include "shim/flow/state.h"

namespace recshim::flow {
namespace {

template <typename State, typename Step>
struct Edge {
  State from;
  Step step;
  State to;
};

constexpr Edge<Phase, PhaseStep> kPhases[] = {
    {Phase::kSniffing, PhaseStep::kHttpSeen, Phase::kHttp},
    {Phase::kSniffing, PhaseStep::kLeft, Phase::kGone},
    {Phase::kHttp, PhaseStep::kSwitchAsked, Phase::kHeld},
    {Phase::kHttp, PhaseStep::kLeft, Phase::kGone},
    {Phase::kHeld, PhaseStep::kSwitchDeclined, Phase::kHttp},
    {Phase::kHeld, PhaseStep::kTunnelOpened, Phase::kSniffing},
    {Phase::kHeld, PhaseStep::kLeft, Phase::kGone},
};

constexpr Edge<Turn, TurnStep> kTurns[] = {
    {Turn::kSending, TurnStep::kRequestEnd, Turn::kSent},
    {Turn::kSending, TurnStep::kResponseHead, Turn::kEarly},
    {Turn::kSent, TurnStep::kResponseHead, Turn::kAnswering},
    {Turn::kAnswering, TurnStep::kResponseEnd, Turn::kDone},
    {Turn::kEarly, TurnStep::kRequestEnd, Turn::kAnswering},
    {Turn::kEarly, TurnStep::kResponseEnd, Turn::kAnsweredEarly},
    {Turn::kAnsweredEarly, TurnStep::kRequestEnd, Turn::kDone},
};

constexpr Edge<Serving, ServingStep> kServings[] = {
    {Serving::kIdle, ServingStep::kHead, Serving::kReceiving},
    {Serving::kIdle, ServingStep::kHeadWithBody, Serving::kAskedEarly},
    {Serving::kAskedEarly, ServingStep::kContinued, Serving::kReceiving},
    {Serving::kAskedEarly, ServingStep::kAnswered, Serving::kSwallowing},
    {Serving::kReceiving, ServingStep::kRequestEnd, Serving::kAsked},
    {Serving::kAsked, ServingStep::kAnswered, Serving::kIdle},
    {Serving::kSwallowing, ServingStep::kRequestEnd, Serving::kIdle},
};

template <typename State, typename Step, size_t n>
std::optional<State> look_up(const Edge<State, Step> (&table)[n], State from, Step step) {
  for (const auto& edge : table) {
    if (edge.from == from && edge.step == step) return edge.to;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Phase> next(Phase from, PhaseStep step) {
  return look_up(kPhases, from, step);
}
std::optional<Turn> next(Turn from, TurnStep step) {
  return look_up(kTurns, from, step);
}
std::optional<Serving> next(Serving from, ServingStep step) {
  return look_up(kServings, from, step);
}

}  // namespace recshim::flow
