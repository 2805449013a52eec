// See party.h.
#include "tools/gateway/party.h"

#include <fmt/format.h>
#include <unistd.h>

#include "shim/base/log.h"
#include "shim/control/local_hosts.h"
#include "shim/control/session.h"
#include "shim/control/tally.h"
#include "shim/control/test_stamp.h"

namespace recshim::gateway {

uint64_t monotonic_us() {
  return posix_env().monotonic_time_us();
}

Result<std::unique_ptr<Shared>> Shared::load(const control::GetEnv& get_env, const std::string& cwd,
                                             const std::string& session_dir) {
  auto shared = std::make_unique<Shared>();
  control::Config& config = shared->config;
  config = control::load_config(posix_env(), get_env, cwd);
  if (!session_dir.empty()) config.session_dir = config.store.session_dir = session_dir;
  if (!config.errors.empty()) return Error{ErrorCode::kInvalid, config.errors.front()};
  shared->memory = control::open_session_memory(config, get_env);
  if (const Status made = control::make_session_dir(config); !made) {
    return made.error();
  }
  auto authority = Authority::open(config.session_dir);
  if (!authority) return authority.error();
  shared->authority = std::move(*authority);
  shared->hosts = std::make_unique<control::HostMatcher>(config, control::is_local_host);
  shared->store = std::make_unique<store::Store>(posix_env(), config.store);
  shared->upstreams = UpstreamSettings::from(config, *shared->hosts, get_env);
  auto& flow = shared->flow;
  flow.env = &posix_env();
  flow.spill_dir = config.session_dir;
  flow.record_dir = config.dir;
  flow.pace = config.pace;
  flow.respond_on_miss = config.respond_on_miss;
  flow.is_configured = [hosts = shared->hosts.get()](const http::Origin& origin,
                                                     const std::string& address) {
    return hosts->configured(origin.host, origin.port, address);
  };
  flow.on_http2 = [memory = config.store.memory] { control::account_http2(*memory); };
  return shared;
}

Party::Party(const Shared& shared, control::Handover handover, int stderr_fd)
    : handover_(std::move(handover)),
      stderr_fd_(stderr_fd),
      memory_(*shared.memory),
      exchanges_(posix_env(), *shared.store,
                 {[this, &config = shared.config](control::JournalLine line) {
                    line.pid = handover_.pid;
                    line.program = handover_.program;
                    control::account(posix_env(), memory_, config.journal_path, config.session_dir,
                                     line);
                  },
                  [this](const std::string& text) { tell(text); }}) {}

Party::~Party() {
  if (stderr_fd_ >= 0) close(stderr_fd_);
}

flow::RecordConnection::Stamp Party::stamp() const {
  flow::RecordConnection::Stamp stamp{handover_.test_id, handover_.phase,
                                      posix_env().wall_time_us()};
  // A connection may serve many tests of its process.
  if (auto now = control::read_stamp(memory_, handover_.pid)) {
    stamp.test_id = std::move(now->test_id);
    stamp.phase = std::move(now->phase);
  }
  return stamp;
}

void Party::tell(const std::string& text) const {
  log::error("{} ({}): {}", handover_.program, handover_.pid, text);
  // A watched connection may outlive the session, and keeps no stderr open that others wait for.
  const int to = handover_.watched ? STDERR_FILENO : stderr_fd_;
  if (to < 0) return;
  const std::string line = "recshim: " + text + "\n";
  // A program that has closed its stderr misses the line; the log has it.
  if (write(to, line.data(), line.size()) < 0) {
    log::debug("the line did not reach the program");
  }
}

void Party::refused(const http::Origin& origin, const std::string& reason) const {
  exchanges_.refused(http::origin_url(origin), fmt::format("{}:{}", origin.host, origin.port),
                     reason);
}

}  // namespace recshim::gateway
