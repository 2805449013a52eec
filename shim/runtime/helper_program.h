// The recshim executable as this process's helper: for what needs OpenSSL, which the library
// must not load into a program. The program does not notice: the child raises no SIGCHLD,
// answers no wait(2) of the program's, and has none of its descriptors.
#pragma once

#include <string>
#include <vector>

#include "shim/base/result.h"

namespace recshim::runtime {

// Keeps the environment the process was started with, for the helper: the program may change
// its own at any time. Call once, in start().
void remember_environment();

// Where the executable lies: RECSHIM_GATEWAY, else beside the library or in the bin folder
// of its installation. kNotFound names the places. REQUIRES: OwnWork.
Result<std::string> helper_path();

// Runs `recshim ARGUMENTS…` to its end. Errors: what it wrote to stderr, or that it could not
// be run or took longer than timeout_ms (it is then killed). REQUIRES: OwnWork.
Status run_helper(const std::vector<std::string>& arguments, int timeout_ms);

// A helper that runs by itself, in a session of its own.
class DetachedHelper {
 public:
  DetachedHelper() = default;
  ~DetachedHelper();
  DetachedHelper(const DetachedHelper&) = delete;
  DetachedHelper& operator=(const DetachedHelper&) = delete;
  // REQUIRES: OwnWork.
  Status start(const std::vector<std::string>& arguments);
  // What it has written to stderr so far, on one line.
  [[nodiscard]] std::string complaint() const;

 private:
  int stderr_fd_ = -1;  // a memory file
};

}  // namespace recshim::runtime
