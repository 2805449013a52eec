// What `recshim doctor` found, and the two ways of saying it.
#pragma once

#include <string>
#include <vector>

#include "tools/recshim/doctor/command_chain.h"
#include "tools/recshim/doctor/program_facts.h"
#include "tools/recshim/doctor/system_probe.h"
#include "tools/recshim/doctor/verdict.h"

namespace recshim::tools {

struct ProgramReport {
  std::string why;  // how it comes into play
  ProgramFacts facts;
  Verdict verdict;
  int times = 0;                  // --run: how often it was executed
  int times_without_library = 0;  // --run
};

struct Report {
  std::vector<std::string> command;
  std::vector<ChainStep> scripts;       // on the way to the programs
  std::vector<ProgramReport> programs;  // those worth telling
  std::vector<Check> system;
  std::string problem;  // why the command could not be followed
  bool was_run = false;
  int exit_code = 0;            // --run: the command's
  bool may_start_more = false;  // seen only with --run

  // Every program is served, and nothing is missing that one of them needs.
  [[nodiscard]] bool ok() const;
  // Missing, and needed by a door that a program of the command (or, without one, any) uses.
  [[nodiscard]] bool matters(const Check& check) const;
};

std::string report_text(const Report& report);
// One object, indented; ends with a newline. Members are only ever added within a `version`.
std::string report_json(const Report& report);

}  // namespace recshim::tools
