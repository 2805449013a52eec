// The log file and the few lines for a user, both by single write(2)s. spdlog carries
// the line; the sink below adds time and pid and holds no lock, no thread, no stdio.
#include "shim/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "shim/base/sys.h"

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
  std::unique_ptr<spdlog::logger> logger;
};
State& state() {
  alignas(State) static std::byte storage[sizeof(State)];
  static State* instance = new (storage) State;
  return *instance;
}
std::atomic<Level> level_now{Level::kOff};

int open_file(const std::string& path) {
  return sys::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0666);
}

// A line stays a line whatever the text holds.
void append_flat(fmt::memory_buffer& out, std::string_view text) {
  for (const char c : text) out.push_back(c == '\n' || c == '\r' ? ' ' : c);
  out.push_back('\n');
}

// UTC by arithmetic: gmtime_r and localtime_r take a lock of libc, which a fork in
// another thread may leave held for ever.
void append_time(fmt::memory_buffer& out, std::chrono::system_clock::time_point time) {
  using std::chrono::days, std::chrono::floor, std::chrono::hh_mm_ss, std::chrono::microseconds;
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date(day);
  const hh_mm_ss<microseconds> clock(floor<microseconds>(time - day));
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

class AppendSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    fmt::memory_buffer line;
    append_time(line, message.time);
    const auto level = spdlog::level::to_string_view(message.level);
    fmt::format_to(std::back_inserter(line), " {} {} ", sys::getpid(),
                   std::string_view(level.data(), level.size()));
    append_flat(line, {message.payload.data(), message.payload.size()});
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
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      break;
  }
  return spdlog::level::off;
}

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
  if (s.logger == nullptr) {
    s.logger = std::make_unique<spdlog::logger>("recshim", std::make_shared<AppendSink>());
    s.logger->set_level(spdlog::level::trace);
    // spdlog's own handler takes a lock and prints on the program's stderr.
    s.logger->set_error_handler([](const std::string&) {});
  }
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
  state().logger->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
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
  if (user_stderr() >= 0) {
    try {
      fmt::memory_buffer line;
      fmt::format_to(std::back_inserter(line), "recshim: ");
      append_flat(line, text);
      sys::write(STDERR_FILENO, line.data(), line.size());
    } catch (const std::exception&) {
      // No memory for the line: nothing better can be done with it.
    }
  }
  write(Level::kError, text);
  errno = saved_errno;
}

}  // namespace recshim::log
