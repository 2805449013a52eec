// Follows a command step by step. What it knows of each wrapper stands in the tables below.
#include "tools/recshim/doctor/command_chain.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "tools/recshim/doctor/interpreters.h"
#include "tools/recshim/elf.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr int kMaxDepth = 8;
constexpr size_t kMaxScriptBytes = 256 << 10;
constexpr size_t kMaxSteps = 60;

// A program that executes the command in its arguments.
struct Prefix {
  const char* name;
  const char* options_with_value;  // letters
  int own_words;                   // words of its own before the command
  const char* long_with_value = "";
};
constexpr std::array kPrefixes = {
    Prefix{"env", "uCS", 0, "unset chdir"},
    Prefix{"nice", "n", 0, "adjustment"},
    Prefix{"nohup", "", 0},
    Prefix{"timeout", "ks", 1, "kill-after signal"},
    Prefix{"stdbuf", "ioe", 0, "input output error"},
    Prefix{"setpriv", "", 0,
           "ambient-caps inh-caps bounding-set ruid euid rgid egid reuid regid groups securebits "
           "pdeathsig selinux-label apparmor-profile"},
    Prefix{"setsid", "", 0},
    Prefix{"time", "fo", 0},
    Prefix{"ionice", "cn", 0},
    Prefix{"taskset", "", 1},
    Prefix{"sudo", "ugpCD", 0, "user group prompt chdir"},
    Prefix{"doas", "uC", 0},
    Prefix{"unshare", "SGRw", 0},
    Prefix{"chrt", "TPD", 1},
    Prefix{"prlimit", "", 0},
    Prefix{"strace", "eopsEuaSPIOX", 0},
    Prefix{"xargs", "InLPEads", 0}};

bool is_shell(const std::string& name) {
  static constexpr std::array kShells = {"sh", "bash", "dash", "zsh", "ksh", "ash", "mksh"};
  return std::find(kShells.begin(), kShells.end(), name) != kShells.end();
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// What is no regular file, such as a pipe, is left to who is to read it.
std::string read_start(const std::string& path, size_t max_bytes) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return "";
  std::ifstream file(path, std::ios::binary);
  std::string text(max_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(max_bytes));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

Words split_words(const std::string& text) {
  std::istringstream stream(text);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The value of an option that may stand in the next word: --name value, --name=value, -nvalue. It
// is at words[at], which is moved on to the value. Nothing where words[at] is another option.
std::optional<std::string> option_value(const Words& words, size_t& at, const std::string& name,
                                        char letter) {
  const std::string& word = words[at];
  if (word.starts_with("--" + name + "=")) return word.substr(name.size() + 3);
  const bool is_short = letter != 0 && word.size() >= 2 && word[0] == '-' && word[1] == letter;
  if (is_short && word.size() > 2) return word.substr(2);
  if (!is_short && word != "--" + name) return std::nullopt;
  return ++at < words.size() ? words[at] : "";
}

void add_loss_by_env(const Words& words, size_t end, Loss& loss) {
  for (size_t at = 1; at < end; ++at) {
    const std::string& word = words[at];
    const bool is_cluster = word.size() > 1 && word[0] == '-' && word[1] != '-';
    if (word == "-" || word == "--ignore-environment" ||
        (is_cluster && word.substr(0, word.find_first_of("uCS")).find('i') != std::string::npos)) {
      loss.library = loss.variables = true;
    } else if (const auto name = option_value(words, at, "unset", 'u')) {
      loss.library = loss.library || *name == "LD_PRELOAD";
    } else if (option_value(words, at, "chdir", 'C')) {
      continue;
    } else if (word.starts_with("LD_PRELOAD=")) {
      loss.library = word.find("librecshim.so") == std::string::npos;
    }
  }
}

// text: a user's number or name.
bool is_other_user(const std::string& text) {
  if (text.empty()) return false;
  if (const passwd* user = getpwnam(text.c_str())) return user->pw_uid != geteuid();
  return text != std::to_string(geteuid());
}

void add_loss_by_setpriv(const Words& words, size_t end, Loss& loss) {
  for (size_t at = 1; at < end; ++at) {
    if (words[at] == "--reset-env") loss.library = loss.variables = true;
    for (const char* name : {"reuid", "ruid", "euid"}) {
      const auto user = at < end ? option_value(words, at, name, 0) : std::nullopt;
      loss.user = loss.user || (user && is_other_user(*user));
      if (user) break;
    }
  }
}

class Follower {
 public:
  explicit Follower(const Variables& environment) : environment_(environment) {}

  Status follow(Words words, std::string why, bool is_guess, int depth, Loss loss = {}) {
    std::set<std::string> scripts;
    while (depth++ < kMaxDepth && !words.empty()) {
      const Result<std::string> path = find_program(words[0], value("PATH"));
      if (!path) return path.error();
      if (!is_executable_file(*path)) {
        return Error{ErrorCode::kIo, fmt::format("{}: {}", *path, std::strerror(EACCES))};
      }
      const std::string start = read_start(*path, kMaxScriptBytes);
      const bool is_script = start.starts_with("#!");
      if (is_script && !scripts.insert(*path).second) {
        return Error{ErrorCode::kIo, fmt::format("{}: its interpreter is, in the end, itself: {}",
                                                 *path, std::strerror(ELOOP))};
      }
      if (!add({*path, why, is_script, is_guess, loss})) return {};
      const std::string name = base_name(*path);
      if (is_script) {
        words = after_script(words, *path, start, why);
        chain_.may_start_more = chain_.may_start_more || starts_more(name, words);
        continue;
      }
      for (const std::string& helper : helpers_of(*path, real(*path))) {
        add({helper, fmt::format("started by {} for https", name), false, false, loss});
      }
      if (is_shell(name)) {
        follow_shell(words, depth, loss);
        return {};
      }
      chain_.may_start_more = chain_.may_start_more || starts_more(name, words);
      const auto* const prefix = std::find_if(kPrefixes.begin(), kPrefixes.end(),
                                              [&](const Prefix& p) { return name == p.name; });
      if (prefix == kPrefixes.end()) return {};
      Words next = after_prefix(words, *prefix);
      const size_t own_words = words.size() - std::min(words.size(), next.size());
      if (name == "env") add_loss_by_env(words, own_words, loss);
      if (name == "setpriv") add_loss_by_setpriv(words, own_words, loss);
      words = std::move(next);
      why = fmt::format("started by {}", name);
    }
    return {};
  }

  CommandChain take() { return std::move(chain_); }

 private:
  [[nodiscard]] std::string value(const char* name) const {
    return environment_(name).value_or("");
  }
  static std::string real(const std::string& path) {
    std::error_code ignored;
    const std::string real = fs::canonical(path, ignored).string();
    return real.empty() ? path : real;
  }

  // False when it is there already, so that loops end.
  bool add(ChainStep step) {
    const auto same = std::find_if(chain_.steps.begin(), chain_.steps.end(),
                                   [&](const ChainStep& s) { return s.path == step.path; });
    if (same != chain_.steps.end()) {
      same->is_guess = same->is_guess && step.is_guess;
      // A shell may well be met again on the way to another script.
      return is_shell(base_name(step.path));
    }
    if (chain_.steps.size() >= kMaxSteps) return false;
    chain_.steps.push_back(std::move(step));
    return true;
  }

  // The words that the kernel executes for the script at path.
  // why: set to what makes them run.
  Words after_script(const Words& words, const std::string& path, const std::string& text,
                     std::string& why) const {
    if (std::optional<std::string> target = behind_shim(path, text)) {
      why = fmt::format("chosen by the shim {}", path);
      Words next = words;
      next[0] = *target;
      return next;
    }
    why = fmt::format("the interpreter of {}", base_name(path));
    Words next = split_words(text.substr(2, text.find('\n') - 2));
    next.push_back(path);
    next.insert(next.end(), words.begin() + 1, words.end());
    return next;
  }

  // pyenv and its like: a script in ~/.pyenv/shims that executes the program of that name
  // of the version chosen by PYENV_VERSION, .python-version or the file `version`.
  std::optional<std::string> behind_shim(const std::string& path, const std::string& text) const {
    const fs::path shims = fs::absolute(path).parent_path();
    if (shims.filename() != "shims" || text.find(" exec ") == std::string::npos)
      return std::nullopt;
    for (const auto& [tool, language] :
         {std::pair{"PYENV", "python"}, std::pair{"RBENV", "ruby"}, std::pair{"NODENV", "node"}}) {
      std::string lower(tool);
      std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
      if (text.find(lower) == std::string::npos) continue;
      const fs::path root = shims.parent_path();
      Words versions = split_words(value((std::string(tool) + "_VERSION").c_str()));
      std::error_code ignored;
      for (fs::path folder = fs::current_path(ignored); versions.empty();
           folder = folder.parent_path()) {
        versions = split_words(read_start(folder / fmt::format(".{}-version", language), 256));
        if (folder == folder.root_path()) break;
      }
      if (versions.empty()) versions = split_words(read_start(root / "version", 256));
      for (const std::string& version : versions) {
        const fs::path target = root / "versions" / version / "bin" / base_name(path);
        if (fs::exists(target, ignored)) return target.string();
      }
    }
    return std::nullopt;
  }

  static bool names_word(const char* list, const std::string& word) {
    const Words words = split_words(list);
    return std::find(words.begin(), words.end(), word) != words.end();
  }

  static Words after_prefix(const Words& words, const Prefix& prefix) {
    size_t at = 1;
    int own_words = prefix.own_words;
    for (; at < words.size(); ++at) {
      const std::string& word = words[at];
      if (word == "--") {
        ++at;
        break;
      }
      if (word.starts_with("-S") && std::string_view(prefix.name) == "env") {
        // `#!/usr/bin/env -S cmd arg` is one word.
        Words next = split_words(word.substr(2));
        next.insert(next.end(), words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
        next.insert(next.begin(), "env");
        return after_prefix(next, prefix);
      }
      if (word.size() > 1 && word[0] == '-') {
        const bool takes_next =
            word.starts_with("--")
                ? names_word(prefix.long_with_value, word.substr(2))
                : word.size() == 2 && std::string_view(prefix.options_with_value).find(word[1]) !=
                                          std::string_view::npos;
        if (takes_next) ++at;
        continue;
      }
      const bool is_env = std::string_view(prefix.name) == "env";
      const bool assigns = word.find('=') != std::string::npos;
      if ((is_env && word == "-") ||
          (assigns && (is_env || std::string_view(prefix.name) == "sudo"))) {
        continue;
      }
      if (own_words-- > 0) continue;
      break;
    }
    at = std::min(at, words.size());
    return {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()};
  }

  // sh -c TEXT, sh FILE
  void follow_shell(const Words& words, int depth, const Loss& loss) {
    for (size_t at = 1; at < words.size(); ++at) {
      const std::string& word = words[at];
      if (word.size() > 1 && word[0] == '-' && word[1] != '-' &&
          word.find('c') != std::string::npos) {
        if (at + 1 < words.size()) scan(words[at + 1], "the command line", depth, loss);
        return;
      }
      if (word.starts_with('-')) continue;
      (void)add({word, "read by the shell", true, false, loss});
      if (scanned_.insert(word).second) scan(read_start(word, kMaxScriptBytes), word, depth, loss);
      return;
    }
  }

  void scan(const std::string& text, const std::string& script, int depth, const Loss& loss) {
    chain_.may_start_more = true;
    const std::string why = fmt::format("named in {}", base_name(script));
    Words commands = commands_in_script(text, environment_);
    // mvn, gradle, ant and their like look for Java by themselves.
    if (text.find("JAVACMD") != std::string::npos || text.find("/bin/java") != std::string::npos) {
      const std::string home = value("JAVA_HOME");
      commands.push_back(home.empty() ? "java" : home + "/bin/java");
    }
    for (const std::string& command : commands) {
      if (command.find('/') != std::string::npos && fs::path(command).is_relative() &&
          !command.starts_with('.')) {
        continue;
      }
      // What is not there is a function, a builtin or not on this system.
      if (command.find('/') != std::string::npos && !is_executable_file(command)) continue;
      (void)follow({command}, why, true, depth + 1, loss);
    }
  }

  static bool starts_more(const std::string& name, const Words& words) {
    static constexpr std::array kTools = {"npm",    "npx",   "yarn",   "pnpm",   "make",
                                          "ninja",  "cmake", "ctest",  "cargo",  "go",
                                          "dotnet", "bazel", "uv",     "poetry", "tox",
                                          "nox",    "mvn",   "gradle", "docker", "podman"};
    return std::find(kTools.begin(), kTools.end(), name) != kTools.end() ||
           (!words.empty() && is_shell(base_name(words[0])));
  }

  const Variables& environment_;
  CommandChain chain_;
  std::set<std::string> scanned_;
};

}  // namespace

Result<CommandChain> follow_command(const std::vector<std::string>& words,
                                    const Variables& environment) {
  Follower follower(environment);
  if (const Status followed = follower.follow(words, "the command", false, 0); !followed) {
    return followed.error();
  }
  return follower.take();
}

}  // namespace recshim::tools
