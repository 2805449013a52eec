// The command line of `recshim`: a table of commands.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

#include "tools/recshim/command.h"
#include "tools/recshim/help.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

constexpr std::array kCommands = {
    Command{
        "run", "Run a command with its HTTP exchanges replayed or recorded",
        "Examples:\n"
        "  recshim run -- pytest                          replay ./recordings\n"
        "  recshim run --mode record -- ./legacy_test     record into ./recordings\n"
        "  recshim run --strict -q -- npm test            status 86 when anything missed\n"
        "\nExit status: CMD's own, 128+n after signal n, 86 with --strict when a request was "
        "missed,\n"
        "refused or not recorded, 126 or 127 when CMD cannot be run, 2 for unusable options or\n"
        "configuration.\n",
        declare_run, "-- CMD [ARGUMENT...]"},
    Command{
        "doctor", "Tell how a command would be served, and what is missing here",
        "Examples:\n"
        "  recshim doctor                     this system alone\n"
        "  recshim doctor npm test            the programs that can be told without running it\n"
        "  recshim doctor --run -- npm test   runs it and looks at every program it executes\n"
        "\nExit status: 0 served, 1 something is missing or a program can't be served.\n",
        declare_doctor, "[-- CMD [ARGUMENT...]]"},
    Command{"list", "List recordings",
            "Examples:\n"
            "  recshim list --dir tests/recordings --method POST\n"
            "  recshim list --test test_weather --json\n",
            declare_list},
    Command{"show", "Show one recording",
            "Examples:\n"
            "  recshim show 42fc9156                 by the start of its name\n"
            "  recshim show --raw recordings/a.json  the bytes a client receives\n",
            declare_show},
    Command{"diff", "Show how two recordings differ",
            "Example:\n  recshim diff 42fc9156 f2d3e4a2\n\n"
            "Exit status: 0 the same, 1 different.\n",
            declare_diff},
    Command{"verify", "Check that recordings can be read and replayed",
            "Example:\n  recshim verify tests/recordings\n\n"
            "Exit status: 0 all well, 1 problems found.\n",
            declare_verify},
    Command{"index", "Build the index by which recordings are found that are named otherwise",
            "Example:\n  recshim index recordings\n\n"
            "Programs build it themselves when a request has no file of its name. It lies in the\n"
            "user's cache folder, and only what has changed is read anew.\n",
            declare_index},
    Command{"prune", "Remove recordings that a run did not use",
            "Examples:\n"
            "  recshim run --journal j.jsonl -- pytest\n"
            "  recshim prune --journal j.jsonl             show what would go\n"
            "  recshim prune --journal j.jsonl --force     remove it\n",
            declare_prune},
    Command{"rekey", "Rename recordings after the rules of recshim.json changed",
            "Examples:\n"
            "  recshim rekey            show what would be renamed\n"
            "  recshim rekey --force    rename\n",
            declare_rekey},
    Command{"gateway", "Serve connections that programs hand over (started on demand)",
            "The library and `recshim run` start it when they need it: for TLS that can't be\n"
            "reached inside a program, and to fetch what record-if-missing has no recording for.\n"
            "It ends with its session. It reads the variables below, and of the environment\n"
            "CURL_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY and NO_PROXY for the real servers.\n",
            declare_gateway},
    Command{"supervised", "Become a program under the session's supervisor (used by run)", "",
            declare_supervised, "PROGRAM [ARG...]"},
};

constexpr const char* kStart =
    "Start with:\n"
    "  recshim run --mode record -- CMD    while the real servers answer: fills ./recordings\n"
    "  recshim run -- CMD                  from then on: answers from ./recordings\n"
    "  recshim doctor CMD                  when something is not seen, or to know beforehand\n"
    "  recshim COMMAND --help              options and examples of a command\n\n";

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  return names;
}

// Takes the words from the first that is no option of app's, or after `--`, off arguments.
// The parser must not see them: a program may be called like one of our commands.
std::vector<std::string> take_command(std::vector<std::string>& arguments, const CLI::App& app) {
  size_t at = 0;
  size_t separator = 0;
  for (; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (word == "--") separator = 1;
    if (separator != 0 || !word.starts_with('-')) break;
    const CLI::Option* const option = app.get_option_no_throw(word);
    if (option != nullptr && option->get_items_expected_min() > 0) ++at;
  }
  at = std::min(at, arguments.size());
  std::vector<std::string> words(arguments.begin() + at + separator, arguments.end());
  arguments.resize(at);
  return words;
}

int run_main(int argc, char** argv) {
  CLI::App app("Records the HTTP exchanges of unmodified programs and replays them.", "recshim");
  app.set_version_flag("-V,--version", "recshim " RECSHIM_VERSION);
  app.footer(kStart + variables_help());
  app.failure_message(parse_failure);
  app.require_subcommand(1);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  // `recshim help [COMMAND]` is what many try first.
  if (!arguments.empty() && arguments[0] == "help") {
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  const std::vector<std::string> names = command_names();
  if (!arguments.empty() && !arguments[0].starts_with('-') &&
      std::find(names.begin(), names.end(), arguments[0]) == names.end()) {
    complain(unknown_command(arguments[0], names));
    return kUsage;
  }
  std::vector<std::string> words;
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Command& command : kCommands) {
    CLI::App* const subcommand = app.add_subcommand(command.name, command.summary);
    subcommand->footer(command.examples);
    subcommand->formatter(std::make_shared<HelpFormatter>(command.words));
    actions.emplace_back(subcommand, command.declare(*subcommand));
    if (command.words[0] != '\0' && !arguments.empty() && arguments[0] == command.name) {
      std::vector<std::string> own(arguments.begin() + 1, arguments.end());
      words = take_command(own, *subcommand);
      own.insert(own.begin(), command.name);
      arguments = std::move(own);
    }
  }
  try {
    // CLI11 takes them last first.
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  for (const auto& [subcommand, action] : actions) {
    if (subcommand->parsed()) return action(words);
  }
  return kUsage;
}

}  // namespace
}  // namespace recshim::tools

int main(int argc, char** argv) {
  try {
    return recshim::tools::run_main(argc, argv);
  } catch (const std::exception& error) {
    recshim::tools::complain(error.what());
    return recshim::tools::kUsage;
  }
}
