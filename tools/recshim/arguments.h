// What a command takes on its command line, as data: command_line.cpp parses by it and prints
// help from it. Apart from the parser's own headers, which are slow to compile.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace recshim::tools {

struct Argument {
  // Where the value goes; a bool makes the argument a flag. Borrowed: it outlives parsing. None
  // for a flag that only says aloud what is the default.
  using Target = std::variant<std::monostate, bool*, int*, std::string*, std::vector<std::string>*>;

  std::string names;  // "--dir", "--quiet,-q", "a" for the operand a, "dir,--dir" for both
  Target target;
  std::string help;
  bool is_required = false;
  int values = 0;         // how many words follow it; 0: one, or none for a flag
  std::string type_name;  // stands for the value in help; empty: by the target's type
  std::vector<std::string> choices;
  std::vector<std::string> excluded;  // names that can't stand beside it

  Argument& required() {
    is_required = true;
    return *this;
  }
  Argument& takes(int count, std::string shown) {
    values = count;
    type_name = std::move(shown);
    return *this;
  }
  Argument& one_of(std::vector<std::string> words) {
    choices = std::move(words);
    return *this;
  }
  Argument& not_with(std::string name) {
    excluded.push_back(std::move(name));
    return *this;
  }
};

class Arguments {
 public:
  // References stay valid while this lives. Those an argument excludes are added before it.
  Argument& add(std::string names, Argument::Target target, std::string help) {
    list_.push_back({.names = std::move(names), .target = target, .help = std::move(help)});
    return list_.back();
  }
  // A flag that does what happens without it, too.
  Argument& add_default(std::string names, std::string help) {
    return add(std::move(names), std::monostate(), std::move(help));
  }
  // The command is for recshim's own use, and in no list of commands.
  void hide() { is_hidden_ = true; }

  [[nodiscard]] const std::deque<Argument>& list() const { return list_; }
  [[nodiscard]] bool is_hidden() const { return is_hidden_; }

 private:
  std::deque<Argument> list_;
  bool is_hidden_ = false;
};

}  // namespace recshim::tools
