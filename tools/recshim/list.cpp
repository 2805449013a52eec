// `recshim list`: the recordings of a folder, a line each.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/recordings.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string dir, method, url, test;
  int status = 0;
  bool json = false;
};

bool wanted(const Described& recording, const Options& options) {
  return (options.method.empty() || http::equals_ignoring_case(recording.method, options.method)) &&
         (options.url.empty() || recording.url.find(options.url) != std::string::npos) &&
         (options.test.empty() || recording.test_id.find(options.test) != std::string::npos) &&
         (options.status == 0 || recording.status == options.status);
}

uint64_t size_bytes(const std::string& path, const Described& recording) {
  std::error_code ignored;
  uint64_t size = fs::file_size(path, ignored);
  if (!recording.body_file.empty()) {
    const uint64_t body =
        fs::file_size(fs::path(path).parent_path() / recording.body_file, ignored);
    if (!ignored) size += body;
  }
  return size;
}

void print(const std::string& path, const std::string& dir, const Described& recording,
           const Options& options) {
  const std::string file = shown_path(path, dir);
  const uint64_t size = size_bytes(path, recording);
  if (options.json) {
    const match::Json json = {
        {"file", file},
        {"method", recording.method},
        {"url", recording.url},
        {"status", recording.status},
        {"streaming", recording.streaming},
        {"test_id",
         recording.test_id.empty() ? match::Json(nullptr) : match::Json(recording.test_id)},
        {"size_bytes", size}};
    fmt::print("{}\n", line_of(json));
    return;
  }
  const std::string status = recording.status == 0 ? "-" : std::to_string(recording.status);
  fmt::print("{:<6} {:>3} {:>9}  {}  {}\n    {}\n",
             recording.method.empty() ? "-" : recording.method, status, size,
             recording.url.empty() ? "(not an HTTP exchange)" : recording.url,
             recording.test_id.empty() ? "" : "[" + recording.test_id + "]", file);
}

int list(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  const auto files = recording_files(config.dir);
  if (!files) {
    complain(files.error().message);
    return kProblem;
  }
  if (files->empty()) complain(fmt::format("no recordings under {}", config.dir));
  int exit_code = kOk;
  for (const std::string& path : *files) {
    const auto recording = load_recording(path);
    if (!recording) {
      complain(fmt::format("{}: {}", path, recording.error().message));
      exit_code = kProblem;
      continue;
    }
    const Described described = describe(*recording);
    if (wanted(described, options)) print(path, config.dir, described, options);
  }
  return exit_code;
}

}  // namespace

Action declare_list(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--method", &options->method, "only this method");
  arguments.add("--url", &options->url, "only urls that hold this text");
  arguments.add("--test", &options->test, "only test ids that hold this text");
  arguments.add("--status", &options->status, "only this status");
  arguments.add("--json", &options->json, "a line of JSON each");
  return [options](const auto&) { return list(*options); };
}

}  // namespace recshim::tools
