// Runs build/recshim in a folder of its own, as a shell would, and keeps what it said.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace recshim::tools {

inline std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Cli {
 public:
  struct Output {
    int exit_code = 0;
    std::string out, err;
  };

  Cli() {
    std::string shape = (std::filesystem::temp_directory_path() / "recshim-cli-XXXXXX").string();
    if (mkdtemp(shape.data()) != nullptr) folder_ = shape;
    std::filesystem::create_directory(path("runtime"));
    std::filesystem::permissions(path("runtime"), std::filesystem::perms::owner_all);
  }
  ~Cli() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

  // arguments: shell text after "recshim". variables: "NAME=value " text before it.
  [[nodiscard]] Output run(const std::string& arguments, const std::string& variables = "") const {
    const std::string command =
        "cd '" + folder_ + "' && env -u LD_PRELOAD -u RECSHIM_MODE -u RECSHIM_DIR" +
        " -u RECSHIM_SESSION XDG_RUNTIME_DIR='" + path("runtime") + "' HOME='" + folder_ +
        "' RECSHIM_CONFIG=/dev/null RECSHIM_LIBRARY='" EMPTY_LIBRARY "' " + variables +
        " timeout 60 '" RECSHIM_CLI "' " + arguments + " >out.txt 2>err.txt </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(path("out.txt")),
            read_text(path("err.txt"))};
  }

 private:
  std::string folder_;
};

}  // namespace recshim::tools
