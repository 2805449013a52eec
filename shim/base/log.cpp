// The log file and the few lines for a user, both by single write(2)s: no lock, no thread, no
// stdio. Of spdlog the messages and the sink are used. Its logger is not: the handler of its errors
// has a mutex and asks for the local time, which may hang a child of fork(2).
#include "shim/base/log.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/sinks/sink.h>
#include <sys/stat.h>

#include <atomic>
#include <exception>

#include "shim/base/env.h"
#include "shim/base/lasting.h"
#include "shim/base/sys.h"
#include "shim/base/utc.h"

namespace recshim::log {
namespace {

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};

bool identify(int fd, FileId* out) {
  struct stat info {};
  if (sys::call(SYS_fstat, fd, sys::arg(&info)) < 0) return false;
  *out = {info.st_dev, info.st_ino};
  return true;
}

// Everything here is set by open() or remember_stderr() before others log, and only
// read afterwards. It is never destroyed: threads and exit handlers may log to the end.
struct State {
  std::string path;
  int fd = -1;
  FileId fd_id;
  FileId stderr_id;
  bool stderr_known = false;
};
State& state() {
  return lasting<[] { return new State; }>();
}
std::atomic<Level> level_now{Level::kOff};

// What could not be told, the newest first.
struct Kept {
  Kept* before = nullptr;
  pid_t pid = 0;
  std::string line;
};
std::atomic<Kept*> kept{nullptr};
std::atomic<int> kept_count{0};
std::atomic<uint64_t> not_kept{0};
constexpr int kMaxKept = 64;
constexpr size_t kMaxKeptLine_bytes = 1000;

void keep(std::string_view line) {
  if (kept_count.fetch_add(1) >= kMaxKept) {
    --kept_count;
    ++not_kept;
    return;
  }
  auto* const made = new Kept{kept.load(), sys::getpid(), std::string(line)};
  if (made->line.size() > kMaxKeptLine_bytes) {
    made->line.replace(kMaxKeptLine_bytes, std::string::npos, "...\n");
  }
  while (!kept.compare_exchange_weak(made->before, made)) {
  }
}

int open_file(const std::string& path) {
  return sys::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0666);
}

// A line stays a line whatever the text holds.
void append_flat(fmt::memory_buffer& out, std::string_view text) {
  for (const char c : text) out.push_back(c == '\n' || c == '\r' ? ' ' : c);
  out.push_back('\n');
}

spdlog::level::level_enum to_spdlog(Level level) {
  static_assert(static_cast<int>(Level::kTrace) == spdlog::level::trace &&
                static_cast<int>(Level::kError) == spdlog::level::err);
  return static_cast<spdlog::level::level_enum>(level);
}

class AppendSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    fmt::memory_buffer line;
    const auto level = spdlog::level::to_string_view(message.level);
    fmt::format_to(std::back_inserter(line), "{} {} {} ", utc_text(posix_env().wall_time_us()),
                   sys::getpid(), std::string_view(level.data(), level.size()));
    append_flat(line, {message.payload.data(), message.payload.size()});
    append({line.data(), line.size()});
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  static void append(std::string_view line) {
    const State& s = state();
    FileId now;
    if (identify(s.fd, &now) && now == s.fd_id) {
      sys::write(s.fd, line.data(), line.size());
      return;
    }
    // The program closed our descriptor, and may have given its number to a file of its
    // own: leave that alone.
    const int fd = open_file(s.path);
    if (fd < 0) return;
    sys::write(fd, line.data(), line.size());
    sys::close(fd);
  }
};

}  // namespace

bool open(const std::string& path, Level level) {
  State& s = state();
  level_now = Level::kOff;
  if (s.fd >= 0) sys::close(s.fd);
  s.fd = -1;
  if (path.empty() || level == Level::kOff) return true;
  int fd = open_file(path);
  if (fd < 0) return false;
  fd = sys::move_high(fd);
  if (!identify(fd, &s.fd_id)) {
    sys::close(fd);
    return false;
  }
  s.fd = fd;
  s.path = path;
  level_now = level;
  return true;
}

Level level_from_name(std::string_view name, bool* ok) {
  constexpr std::pair<std::string_view, Level> kNames[] = {
      {"trace", Level::kTrace}, {"debug", Level::kDebug}, {"info", Level::kInfo},
      {"warn", Level::kWarn},   {"error", Level::kError}, {"off", Level::kOff}};
  for (const auto& [known, level] : kNames) {
    if (name == known) {
      *ok = true;
      return level;
    }
  }
  *ok = false;
  return Level::kOff;
}

bool enabled(Level level) {
  return level != Level::kOff && level >= level_now.load();
}

void write(Level level, std::string_view text) noexcept {
  if (!enabled(level)) return;
  const int saved_errno = errno;
  try {
    AppendSink().log({{}, "recshim", to_spdlog(level), {text.data(), text.size()}});
  } catch (const std::exception&) {
    // No memory for the line: nothing better can be done with it.
  }
  errno = saved_errno;
}

void remember_stderr() {
  State& s = state();
  s.stderr_known = identify(STDERR_FILENO, &s.stderr_id);
}

int user_stderr() {
  const State& s = state();
  FileId now;
  const bool same = s.stderr_known && identify(STDERR_FILENO, &now) && now == s.stderr_id;
  return same ? STDERR_FILENO : -1;
}

void tell_user(std::string_view text) noexcept {
  const int saved_errno = errno;
  try {
    fmt::memory_buffer line;
    fmt::format_to(std::back_inserter(line), "recshim: ");
    append_flat(line, text);
    if (user_stderr() >= 0) {
      tell_kept();
      sys::write(STDERR_FILENO, line.data(), line.size());
    } else if (state().stderr_known) {
      keep({line.data(), line.size()});
    }
  } catch (const std::exception&) {
    // No memory for the line: nothing better can be done with it.
  }
  write(Level::kError, text);
  errno = saved_errno;
}

bool has_kept() noexcept {
  return kept.load(std::memory_order_relaxed) != nullptr;
}

void tell_kept() noexcept {
  if (!has_kept()) return;
  const int saved_errno = errno;
  Kept* newest = user_stderr() >= 0 ? kept.exchange(nullptr) : nullptr;
  Kept* oldest = nullptr;
  int taken = 0;
  for (; newest != nullptr; ++taken) {
    Kept* const before = newest->before;
    newest->before = oldest;
    oldest = newest;
    newest = before;
  }
  kept_count -= taken;
  bool own = false;
  while (oldest != nullptr) {
    Kept* const next = oldest->before;
    if (oldest->pid == sys::getpid()) {
      sys::write(STDERR_FILENO, oldest->line.data(), oldest->line.size());
      own = true;
    }
    delete oldest;
    oldest = next;
  }
  if (const uint64_t more = taken > 0 ? not_kept.exchange(0) : 0; own && more > 0) {
    try {
      const std::string line = fmt::format("recshim: and {} more lines\n", more);
      sys::write(STDERR_FILENO, line.data(), line.size());
    } catch (const std::exception&) {
      // As above.
    }
  }
  errno = saved_errno;
}

}  // namespace recshim::log
