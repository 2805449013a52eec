// Looks at the program a command names, to tell before it starts whether a preloaded
// library can reach it. Reads file headers only; runs nothing.
#pragma once

#include <string>
#include <vector>

#include "shim/base/result.h"

namespace recshim::tools {

struct Program {
  std::string path;  // the file that is executed: of a script, its interpreter
  bool is_elf = false;
  bool is_dynamic = false;          // has a loader, which honours LD_PRELOAD
  bool is_go = false;               // made by Go's compiler, with cgo or without
  bool is_foreign = false;          // for another machine or word size than this tool's
  bool is_privileged = false;       // set-uid, set-gid or with capabilities: LD_PRELOAD is ignored
  std::string loader;               // PT_INTERP
  std::vector<std::string> needed;  // DT_NEEDED, in order
};

// What command names: with a slash the path itself, else the first executable file of that
// name in path_variable. Errors: kNotFound.
Result<std::string> find_program(const std::string& command, const std::string& path_variable);

bool is_executable_file(const std::string& path);

// The program at path itself, without following `#!`. Not an ELF file where it can't be read.
Program inspect_file(const std::string& path);

// command:         as given to a shell: with a slash a path, else searched in path_variable
//                  (the value of PATH).
// Follows `#!` lines, four deep at most as the kernel does, also through env(1).
// Errors: kNotFound, kIo.
Result<Program> inspect_program(const std::string& command, const std::string& path_variable);

// True where musl's loader loads the program: it honours LD_PRELOAD, can't load librecshim.so,
// and then does not start the program.
bool is_loaded_by_musl(const Program& program);

// Why a preloaded library can't work in program, or "" when it can.
std::string why_unreachable(const Program& program);

// The sanitizer's runtime among the libraries program needs, or "": it must be preloaded
// before any other library.
std::string sanitizer_runtime(const Program& program);
// True for the file name of such a runtime.
bool is_sanitizer_runtime(const std::string& file_name);

}  // namespace recshim::tools
