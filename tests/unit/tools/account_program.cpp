// Accounts for the lines of a journal in the session that it was started in, as the library would,
// and ends with a status: account_program FILE STATUS.
#include <cstdlib>
#include <fstream>
#include <string>

#include "shim/control/session.h"
#include "shim/control/tally.h"

int main(int, char** argv) {
  using namespace recshim;
  const control::GetEnv get_env = [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  control::Config config = control::load_config(posix_env(), get_env, "/");
  const auto memory = control::open_session_memory(config, get_env);
  std::ifstream lines(argv[1]);
  for (std::string text; std::getline(lines, text);) {
    const auto line = control::parse_journal_line(text);
    if (!line) return 99;
    control::account(posix_env(), *memory, "", config.session_dir, *line);
  }
  return std::atoi(argv[2]);
}
