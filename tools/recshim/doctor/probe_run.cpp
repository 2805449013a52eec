// Runs a short-lived program and keeps what it says.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string_view>

#include "tools/recshim/doctor/system_probe.h"

namespace recshim::tools {
namespace {

constexpr size_t kMaxOutputBytes = 64 << 10;

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : variables) {
      replaced = replaced || text.starts_with(name + "=");
    }
    if (!replaced) entries.emplace_back(text);
  }
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

ProbeRun run_probe(const std::vector<std::string>& words,
                   const std::vector<std::pair<std::string, std::string>>& variables,
                   int timeout_ms) {
  ProbeRun run;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return run;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  std::vector<std::string> arguments = words;
  std::vector<std::string> environment = environment_with(variables);
  pid_t child = -1;
  const int problem = posix_spawnp(&child, words[0].c_str(), &actions, nullptr,
                                   pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (problem != 0) {
    close(ends[0]);
    return run;
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{ends[0], POLLIN, 0};
    if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
      kill(child, SIGKILL);
      break;
    }
    std::array<char, 4096> bytes{};
    const ssize_t got = read(ends[0], bytes.data(), bytes.size());
    if (got <= 0) break;
    if (run.output.size() < kMaxOutputBytes) {
      run.output.append(bytes.data(), static_cast<size_t>(got));
    }
  }
  close(ends[0]);
  int status = 0;
  // Its output has ended or it was killed; one that closed its output and stays is not waited
  // for much longer.
  for (int round = 0; waitpid(child, &status, WNOHANG) == 0; ++round) {
    if (round == 2000) kill(child, SIGKILL);
    usleep(1000);
  }
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return run;
}

}  // namespace recshim::tools
