// See runtime.h. Starts the process's recshim, hands its variables on, and keeps it whole
// over fork(2).
#include "shim/runtime/runtime.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdlib>

#include "shim/base/fork_mutex.h"
#include "shim/base/interruption.h"
#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/names.h"
#include "shim/control/proxies.h"
#include "shim/control/session.h"
#include "shim/control/settings_file.h"
#include "shim/control/tally.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/exec_handover.h"
#include "shim/runtime/helper_program.h"
#include "shim/runtime/helper_thread.h"
#include "shim/runtime/inherited.h"
#include "shim/runtime/names.h"
#include "shim/runtime/pending_signals.h"
#include "shim/runtime/real.h"
#include "shim/runtime/sockets.h"
#include "shim/runtime/start.h"
#include "shim/runtime/test_id.h"
#include "shim/runtime/tls_gate.h"
#include "shim/runtime/tls_taps.h"
#include "shim/runtime/trust.h"

namespace recshim::runtime {
namespace {

std::atomic<Runtime*> instance{nullptr};
std::atomic<pid_t> process_id{0};
std::atomic<int> start_state{0};  // 0 not yet, 1 under way, 2 done
std::atomic<bool> config_errors_told{false};
std::atomic<bool> not_obeyed_looked_for{false};
std::atomic<bool> session_used{false};

// Empty where it has been removed.
std::string current_directory() {
  char buffer[PATH_MAX];
  return getcwd(buffer, sizeof buffer) != nullptr ? buffer : "";
}

std::string link_target(const char* path) {
  char buffer[PATH_MAX];
  const ssize_t n = readlink(path, buffer, sizeof buffer);
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
}

// A recshim.json that is not obeyed, noted for the session by its first process: told by whichever
// has the first exchange.
SessionMemory::Name not_obeyed_name() {
  return {"not-obeyed", ""};
}

void tell_not_obeyed(SessionMemory& memory) {
  if (not_obeyed_looked_for.exchange(true)) return;
  const auto text = memory.newest(not_obeyed_name());
  if (!text || !*text) return;
  const auto first = memory.exchange(not_obeyed_name(), 0, 1);
  if (first && *first) log::tell_user(**text);
}

// REQUIRES: OwnWork.
void account(control::JournalLine line) {
  note_session_use();
  auto* self = runtime();
  tell_not_obeyed(*self->memory);
  line.pid = getpid();
  line.program = self->program;
  control::account(posix_env(), *self->memory, self->config.journal_path, self->config.session_dir,
                   line);
  control::note_owner_again(self->config);
}

// --- fork(2) -------------------------------------------------------------------------------

std::atomic<void (*)()> repair_of_ops{nullptr};

void after_fork_in_parent() {
  note_session_use();
  unlock_all_in_parent();
  watch_shared_sockets();
}

void after_fork_in_child() {
  process_id.store(getpid());
  unlock_all_in_child();
  // This is the only thread.
  forget_helper_thread();
  mark_sockets_inherited();
  mark_taps_inherited();
  if (auto* repair = repair_of_ops.load()) repair();
}

// Names and values that children need so that this session stays one.
void hand_on(const control::Config& config) {
  const auto variables = control::inherited_variables(config);
  remember_inherited(variables);
  for (const auto& [name, value] : variables) {
    real::setenv(name.c_str(), value.c_str(), 1);
  }
}

// The session's folder, open for programs that are executed: is not to be closed for them.
void note_session_folder(const std::string& text) {
  const int fd = text.empty() ? -1 : std::atoi(text.c_str());
  const long flags = fd < 0 ? -1 : sys::call(SYS_fcntl, fd, F_GETFL);
  if (flags >= 0 && (flags & O_PATH) != 0 && (flags & O_DIRECTORY) != 0) note_own_fd(fd);
}

void start_now() {
  process_id.store(getpid());
  auto made = std::make_unique<Runtime>();
  auto get_env = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  };
  made->config = control::load_config(posix_env(), get_env, current_directory());
  if (made->config.mode != control::Mode::kLive) remember_environment();
  made->memory = control::open_session_memory(made->config, get_env);
  if (made->memory->fd() >= 0) note_own_fd(made->memory->fd());
  const std::string not_obeyed = control::settings_not_obeyed(get_env, current_directory());
  if (!not_obeyed.empty()) {
    const Status noted = made->memory->append(not_obeyed_name(), not_obeyed);
    if (!noted) log::error("{}", noted.error().message);
  }
  note_session_folder(get_env(control::kSessionFolderVariable).value_or(""));
  hand_on(made->config);
  log::remember_stderr();
  if (!made->config.log_path.empty() && !log::open(made->config.log_path, made->config.log_level)) {
    made->config.errors.push_back(std::string(control::kLogVariable) + ": cannot open " +
                                  made->config.log_path + " for writing");
  }
  const std::string executable = link_target("/proc/self/exe");
  made->program = executable.substr(executable.rfind('/') + 1);
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&start), &info) != 0 && info.dli_fname != nullptr) {
    made->library_path = info.dli_fname;
    if (made->library_path.front() != '/') {
      made->library_path.insert(0, current_directory() + "/");
    }
  }
  made->hosts = std::make_unique<control::HostMatcher>(made->config, is_local_host);
  made->proxies = control::proxies_of_environment(get_env);
  made->addresses = std::make_unique<control::SyntheticAddresses>(*made->memory);
  set_interruption_check(signal_waits);
  made->store = std::make_unique<store::Store>(posix_env(), made->config.store);
  made->exchanges = std::make_unique<control::Exchanges>(
      posix_env(), *made->store, control::Exchanges::Outlets{account, log::tell_user});
  auto& settings = made->flow_settings;
  settings.env = &posix_env();
  settings.spill_dir = made->config.session_dir;
  settings.record_dir = made->config.dir;
  settings.pace = made->config.pace;
  settings.respond_on_miss = made->config.respond_on_miss;
  settings.is_configured = [hosts = made->hosts.get()](const http::Origin& origin,
                                                       const std::string& address) {
    return hosts->configured(origin.host, origin.port, address);
  };
  settings.on_http2 = [memory = made->config.store.memory] { control::account_http2(*memory); };
  load_test_id();
  // Where this process has become another program, the one before it may have used it.
  if (!made->config.session_is_fresh) note_session_use();
  pthread_atfork(lock_all_for_fork, after_fork_in_parent, after_fork_in_child);
  log::info("recshim {} in {} ({}), mode {}, recordings in {}", RECSHIM_VERSION, made->program,
            getpid(), control::mode_name(made->config.mode), made->config.dir);
  instance.store(made.release(), std::memory_order_release);
  prepare_trust();
  adopt_sockets();
}

}  // namespace

bool Runtime::is_proxy(const std::string& host, uint16_t port) const {
  for (const auto& proxy : proxies) {
    if (proxy.host == host && (proxy.port == port || port == 0)) return true;
  }
  return false;
}

void start() {
  int expected = 0;
  if (!start_state.compare_exchange_strong(expected, 1)) return;
  if (!real::bound) real::bind();
  const OwnWork work;
  start_now();
  start_state.store(2);
}

void in_forked_children(void (*repair)()) {
  repair_of_ops.store(repair);
}

Runtime* runtime() {
  return instance.load(std::memory_order_acquire);
}

pid_t own_pid() {
  return process_id.load(std::memory_order_relaxed);
}

bool in_vfork_child() {
  return getpid() != own_pid();
}

uint64_t monotonic_us() {
  return posix_env().monotonic_time_us();
}

Status prepare_session_dir() {
  note_session_use();
  return control::make_session_dir(runtime()->config);
}

void note_session_use() {
  session_used.store(true, std::memory_order_relaxed);
}

void refuse_for_config_errors(const std::string& where) {
  const auto& errors = runtime()->config.errors;
  if (!config_errors_told.exchange(true)) {
    for (const auto& error : errors) log::tell_user(error);
  }
  control::JournalLine line;
  line.outcome = control::Outcome::kRefused;
  line.wall_us = posix_env().wall_time_us();
  line.url = where;
  line.detail = errors.front();
  account(std::move(line));
}

void finish() {
  auto* self = runtime();
  if (self == nullptr || in_vfork_child()) return;
  const OwnWork work;
  finish_taps();
  for_each_socket([](Socket& socket) {
    if (socket.role == Role::kRecord) record_client_end(socket, fd_of(socket));
  });
  log::tell_kept();
  if (session_used.load() && self->config.session_owner == getpid()) {
    auto removed = posix_env().remove_tree(control::session_tree(self->config.session_dir));
    if (!removed.ok()) log::debug("session folder: {}", removed.error().message);
  }
}

}  // namespace recshim::runtime
