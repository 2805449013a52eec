// See exchanges.h.
#include "shim/control/exchanges.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "shim/base/log.h"
#include "shim/control/tally.h"
#include "shim/http/upgrade.h"
#include "shim/match/redact.h"

namespace recshim::control {

void apply_header_test_id(http::Exchange& exchange) {
  for (const char* name : {"X-LlamaStack-Provider-Data", "X-OGX-Provider-Data"}) {
    const auto value = http::find_header(exchange.request.headers, name);
    if (!value) continue;
    const auto data = nlohmann::json::parse(*value, nullptr, /*allow_exceptions=*/false);
    if (!data.is_object()) continue;
    const auto found = data.find("__test_id");
    if (found != data.end() && found->is_string()) {
      exchange.test_id = found->get<std::string>();
      return;
    }
  }
}

Exchanges::Exchanges(Env& env, store::Store& store, Outlets outlets)
    : env_(env), store_(store), outlets_(std::move(outlets)) {}

JournalLine Exchanges::line_of(const http::Exchange& exchange, Outcome outcome) const {
  JournalLine line;
  line.outcome = outcome;
  line.wall_us = exchange.started_wall_us;
  line.test_id = exchange.test_id;
  line.method = exchange.request.method;
  line.url = match::redact_url(http::request_url(exchange.origin, exchange.request),
                               store_.options().match);
  return line;
}

std::string Exchanges::name_of(const http::Exchange& exchange) const {
  const auto line = line_of(exchange, Outcome::kRefused);
  return line.method + " " + line.url;
}

void Exchanges::sent(http::Exchange& exchange) const {
  apply_header_test_id(exchange);
  const Status placed = store_.take_place(exchange);
  // The recording takes the next place then, if it can be made at all.
  if (!placed) log::warn("the order of requests is not kept: {}", placed.error().message);
  exchange.under_way = std::make_shared<UnderWay>(store_.options().memory);
}

void Exchanges::save(http::Exchange& exchange) const {
  apply_header_test_id(exchange);
  auto line = line_of(exchange, Outcome::kRecorded);
  line.duration_us = exchange.end_offset_us;
  auto saved = store_.save(exchange);
  if (!saved) {
    line.outcome = Outcome::kLost;
    line.detail = saved.error().message;
    outlets_.tell_user(
        fmt::format("recording of {} {} lost: {}", line.method, line.url, saved.error().message));
    outlets_.journal(std::move(line));
    exchange.under_way.reset();
    return;
  }
  line.key = saved->hash;
  line.file = saved->path;
  switch (saved->kind) {
    case store::Saved::Kind::kWritten:
      break;
    case store::Saved::Kind::kUnchanged:
      line.outcome = Outcome::kUnchanged;
      break;
    case store::Saved::Kind::kSkipped:
      line.outcome = Outcome::kPassed;
      line.detail = "not kept: record_errors is off";
      break;
  }
  log::info("recorded {} {} as {}", line.method, line.url, line.file);
  outlets_.journal(std::move(line));
  exchange.under_way.reset();
}

void Exchanges::unrecorded(http::Exchange& exchange, const std::string& reason) const {
  apply_header_test_id(exchange);
  auto line = line_of(exchange, Outcome::kUnrecorded);
  line.detail = reason;
  log::warn("not recorded: {}{}{}: {}", line.method, line.method.empty() ? "" : " ", line.url,
            reason);
  outlets_.journal(std::move(line));
  exchange.under_way.reset();
}

void Exchanges::unrecorded(const http::Origin& origin, flow::RecordConnection::Stamp stamp,
                           const std::string& reason) const {
  http::Exchange nothing;
  nothing.origin = origin;
  nothing.test_id = std::move(stamp.test_id);
  nothing.started_wall_us = stamp.wall_us;
  unrecorded(nothing, reason);
}

std::optional<store::Missing> Exchanges::answer(flow::Asker& asker, http::Exchange& request,
                                                flow::Commands& more) const {
  const uint64_t started_us = env_.monotonic_time_us();
  apply_header_test_id(request);
  auto line = line_of(request, Outcome::kHit);
  auto lookup = store_.find(request);
  if (lookup.ok() && std::holds_alternative<store::Missing>(*lookup)) {
    return std::move(std::get<store::Missing>(*lookup));
  }
  if (!lookup.ok()) {
    // A recording that can't be read is no licence to go on as if it were absent.
    line.outcome = Outcome::kRefused;
    line.detail = lookup.error().message;
    outlets_.tell_user(fmt::format("{} {}: {}", line.method, line.url, lookup.error().message));
    asker.deliver_miss("", lookup.error().message, env_.monotonic_time_us(), more);
  } else {
    auto& found = std::get<store::Found>(*lookup);
    line.key = found.hash;
    line.file = found.path;
    line.borrowed = found.borrowed;
    log::info("replay {} {} from {}", line.method, line.url, found.path);
    asker.deliver(std::move(found.exchange), env_.monotonic_time_us(), more);
  }
  line.duration_us = env_.monotonic_time_us() - started_us;
  outlets_.journal(std::move(line));
  return std::nullopt;
}

void Exchanges::miss(flow::Asker& asker, const http::Exchange& request,
                     const store::Missing& missing, flow::Commands& more) const {
  const std::string protocol = http::asked_switch(request.request);
  if (!protocol.empty()) {
    const auto name = name_of(request);
    auto line = line_of(request, Outcome::kRefused);
    line.detail =
        fmt::format("an upgrade to {} can be replayed only where the server declined it", protocol);
    outlets_.tell_user(fmt::format("{} refused: {}", name, line.detail));
    asker.deliver_miss("", line.detail, env_.monotonic_time_us(), more);
    outlets_.journal(std::move(line));
    return;
  }
  auto line = line_of(request, Outcome::kMiss);
  line.key = missing.hash;
  line.detail = missing.nearest_path;
  outlets_.tell_user(missing.summary);
  log::info("{}", missing.diagnosis);
  asker.deliver_miss(missing.hash, missing.diagnosis, env_.monotonic_time_us(), more);
  outlets_.journal(std::move(line));
}

void Exchanges::answer_early(flow::Asker& asker, http::Exchange& request,
                             flow::Commands& more) const {
  apply_header_test_id(request);
  auto found = store_.find_early(request);
  if (!found || !found->has_value()) {
    // What is wrong with a file is reported by the lookup proper, which follows.
    asker.continue_body(env_.monotonic_time_us(), more);
    return;
  }
  auto line = line_of(request, Outcome::kHit);
  line.key = (*found)->hash;
  line.file = (*found)->path;
  outlets_.journal(std::move(line));
  asker.deliver(std::move((*found)->exchange), env_.monotonic_time_us(), more);
}

void Exchanges::refused(const std::string& url, const std::string& who,
                        const std::string& reason) const {
  outlets_.tell_user(fmt::format("{} refused: {}", who, reason));
  JournalLine line;
  line.outcome = Outcome::kRefused;
  line.wall_us = env_.wall_time_us();
  line.url = url;
  line.detail = reason;
  outlets_.journal(std::move(line));
}

}  // namespace recshim::control
