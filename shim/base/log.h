// Logging: to the file of RECSHIM_LOG only, one write(2) a line on O_APPEND, so it
// needs no lock, no thread and survives fork. Also the few lines a user must see on
// stderr (misses, lost recordings, configuration errors).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace recshim::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Opens the log. path empty: no log. Errors are reported once on stderr by the caller.
// Threads: call before others log. Source: RECSHIM_LOG, RECSHIM_LOG_LEVEL.
bool open(const std::string& path, Level level);
// The level named trace|debug|info|warn|error|off, or kOff and *ok = false.
Level level_from_name(std::string_view name, bool* ok);

[[nodiscard]] bool enabled(Level level);
// Writes one line (time, pid, level, text). Keeps errno. Never throws.
void write(Level level, std::string_view text) noexcept;

// What moves on each connection: at this level a line for each call of the program's.
template <typename... Args>
void trace(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kTrace)) {
    write(Level::kTrace, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) {
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarn)) write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kError)) {
    write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
  }
}

// Remembers what fd 2 is now (device and inode). Call once, at start.
void remember_stderr();
// Descriptor 2 while it is the file remembered, else -1.
[[nodiscard]] int user_stderr();
// One line "recshim: <text>" on fd 2, only while fd 2 is still the file remembered; otherwise it
// is kept, up to some number of lines, for tell_kept(). Also logged at kError. Keeps errno.
void tell_user(std::string_view text) noexcept;
// Writes what tell_user() has kept, if fd 2 is the file remembered again: test runners put another
// in its place for a while. A child of fork(2) leaves its parent's to it. Keeps errno.
// Threads: any.
void tell_kept() noexcept;
// One atomic load.
[[nodiscard]] bool has_kept() noexcept;

}  // namespace recshim::log
