// `recshim index`: builds or refreshes the content index, which programs otherwise build at
// their first request that no file is named after.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "shim/store/index.h"
#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string dir;
  bool json = false;
  bool progress = false;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

// One line on stderr that is written over itself, ten times a second at most.
class Progress {
 public:
  Progress(bool wanted, Clock::time_point start) : wanted_(wanted), start_(start) {}
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  void show(const store::Index::Progress& so_far) {
    const auto now = Clock::now();
    if (!wanted_ || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\rindexing: {} files, {} read, {:.1f} MB, {:.0f} MB/s\033[K", so_far.files,
               so_far.files_read, megabytes(so_far.bytes_read),
               megabytes(so_far.bytes_read) / seconds_since(start_));
    std::fflush(stderr);
  }

 private:
  const bool wanted_;
  const Clock::time_point start_;
  Clock::time_point last_;
  bool shown_ = false;
};

int index(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  const auto folder = posix_env().stat(config.dir);
  if (!folder || !folder->is_directory) {
    complain(fmt::format("{} is no folder", config.dir));
    return kProblem;
  }
  const auto start = Clock::now();
  store::Index::Progress last;
  {
    Progress line(options.progress || isatty(STDERR_FILENO) != 0, start);
    store::Index::Options settings{config.store.dir, config.store.cache_dir, config.store.match,
                                   [&](const store::Index::Progress& so_far) {
                                     last = so_far;
                                     line.show(so_far);
                                   }};
    store::Index::refresh(posix_env(), settings, nullptr, true);
  }
  const double seconds = seconds_since(start);
  if (options.json) {
    const match::Json json = {{"files", last.files},
                              {"files_read", last.files_read},
                              {"bytes_read", last.bytes_read},
                              {"seconds", seconds}};
    fmt::print("{}\n", line_of(json));
  } else {
    fmt::print("{} files, {} of them read anew: {:.1f} MB in {:.2f} s\n", last.files,
               last.files_read, megabytes(last.bytes_read), seconds);
  }
  return kOk;
}

}  // namespace

Action declare_index(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("dir,--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--json", &options->json, "what was done as a line of JSON");
  arguments.add("--progress", &options->progress, "show progress even if stderr is no terminal");
  return [options](const auto&) { return index(*options); };
}

}  // namespace recshim::tools
