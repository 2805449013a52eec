#include "tools/recshim/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tools/recshim/help.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

// Usage lines that show the command to run, for commands that take one.
class HelpFormatter : public CLI::Formatter {
 public:
  // words: what stands after the options, such as "-- CMD...".
  explicit HelpFormatter(std::string words) : words_(std::move(words)) {}

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, std::move(name));
    if (words_.empty()) return usage;
    const size_t end = usage.find_last_not_of('\n') + 1;
    return usage.substr(0, end) + " " + words_ + usage.substr(end);
  }

 private:
  std::string words_;
};

// "recshim: …" and where to find help, as CLI11 wants it for failure_message.
std::string parse_failure(const CLI::App* app, const CLI::Error& error) {
  const auto chosen = app->get_subcommands();
  const std::string command = chosen.empty() ? "" : " " + chosen[0]->get_name();
  std::string what = error.what();
  if (error.get_name() == "RequiredError" && command.empty()) what = "a command is needed";
  return fmt::format("recshim{}: {}\nrecshim{} --help tells more.\n", command, what, command);
}

CLI::Option* add_option(CLI::App& app, const Argument& argument) {
  const auto add = [&](auto target) -> CLI::Option* {
    using Target = decltype(target);
    if constexpr (std::is_same_v<Target, std::monostate>) {
      return app.add_flag_callback(
          argument.names, [] {}, argument.help);
    } else if constexpr (std::is_same_v<Target, bool*>) {
      return app.add_flag(argument.names, *target, argument.help);
    } else {
      return app.add_option(argument.names, *target, argument.help);
    }
  };
  return std::visit(add, argument.target);
}

void declare(CLI::App& app, const Arguments& arguments) {
  if (arguments.is_hidden()) app.group("");
  for (const Argument& argument : arguments.list()) {
    CLI::Option* const option = add_option(app, argument);
    option->required(argument.is_required);
    if (argument.values > 1) option->expected(argument.values);
    if (!argument.type_name.empty()) option->type_name(argument.type_name);
    if (!argument.choices.empty()) option->check(CLI::IsMember(argument.choices));
    for (const std::string& name : argument.excluded) option->excludes(app.get_option(name));
  }
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

}  // namespace

int run_command_line(std::span<const Command> commands, const char* start, int argc, char** argv) {
  CLI::App app("Records the HTTP exchanges of unmodified programs and replays them.", "recshim");
  app.set_version_flag("-V,--version", "recshim " RECSHIM_VERSION);
  app.footer(std::string(start) + "\n" + variables_help());
  app.failure_message(parse_failure);
  app.require_subcommand(1);
  std::vector<std::string> words_given(argv + 1, argv + argc);
  // `recshim help [COMMAND]` is what many try first.
  if (!words_given.empty() && words_given[0] == "help") {
    words_given.erase(words_given.begin());
    words_given.emplace_back("--help");
  }
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  if (!words_given.empty() && !words_given[0].starts_with('-') &&
      std::find(names.begin(), names.end(), words_given[0]) == names.end()) {
    complain(unknown_command(words_given[0], names));
    return kUsage;
  }
  std::vector<std::string> words;
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Command& command : commands) {
    CLI::App* const subcommand = app.add_subcommand(command.name, command.summary);
    subcommand->footer(command.examples);
    subcommand->formatter(std::make_shared<HelpFormatter>(command.words));
    Arguments arguments;
    actions.emplace_back(subcommand, command.declare(arguments));
    declare(*subcommand, arguments);
    if (command.words[0] != '\0' && !words_given.empty() && words_given[0] == command.name) {
      std::vector<std::string> own(words_given.begin() + 1, words_given.end());
      words = take_command(own, *subcommand);
      own.insert(own.begin(), command.name);
      words_given = std::move(own);
    }
  }
  try {
    // CLI11 takes them last first.
    std::reverse(words_given.begin(), words_given.end());
    app.parse(words_given);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  for (const auto& [subcommand, action] : actions) {
    if (subcommand->parsed()) return action(words);
  }
  return kUsage;
}

}  // namespace recshim::tools
