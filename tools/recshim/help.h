// How `recshim` explains itself: usage lines, the list of variables, and what it says of
// arguments it can't use.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace recshim::tools {

// Usage lines that show the command to run, for commands that take one.
class HelpFormatter : public CLI::Formatter {
 public:
  // words: what stands after the options, such as "-- CMD...".
  explicit HelpFormatter(std::string words) : words_(std::move(words)) {}
  std::string make_usage(const CLI::App* app, std::string name) const override;

 private:
  std::string words_;
};

// Every variable of the contract with its meaning and default, wrapped.
std::string variables_help();

// For a word that is none of commands: what it is, and what may have been meant.
std::string unknown_command(const std::string& word, const std::vector<std::string>& commands);

// "recshim: …" and where to find help, as CLI11 wants it for failure_message.
std::string parse_failure(const CLI::App* app, const CLI::Error& error);

}  // namespace recshim::tools
