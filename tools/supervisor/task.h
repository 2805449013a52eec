// A supervised thread and its process, as the kernel shows them: memory, descriptors, the
// program it runs. Reads only, but for the copies of descriptors it takes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/proxies.h"

namespace recshim::supervisor {

// Exactly n bytes at address. Errors: kNotFound when the thread has gone or has nothing
// there; kUnsupported when the system forbids looking (ptrace), with what to do about it.
Result<std::string> read_memory(pid_t thread, uint64_t address, size_t n);

// The process of a thread; 0 when it has gone.
pid_t process_of(pid_t thread);

// A copy of the process's descriptor, close-on-exec. Errors as read_memory.
Result<int> take_descriptor(pid_t process, int fd);

struct DescriptorFlags {
  bool nonblocking = false;
  bool close_on_exec = false;
};
DescriptorFlags descriptor_flags(pid_t thread, int fd);

// How a program is reached.
enum class Reach {
  kLibrary,  // librecshim.so is in it, and it calls libc
  kGo,       // it may hold the library, but makes system calls of its own
  kStatic,   // no loader, or one that can't load the library
  kLost,     // the library could be in it, and is not
  kUnknown   // the system forbids looking
};

struct Process {
  pid_t pid = 0;
  std::string program;  // file name of its executable
  std::string path;
  Reach reach = Reach::kUnknown;
  std::vector<control::Proxy> proxies;  // that its environment names
};

// The variable's value in the environment the process was started with.
std::optional<std::string> start_variable(pid_t process, const std::string& name);

// What processes run, remembered until they execute something else.
// Threads: any.
class Processes {
 public:
  // library_name: the file name of librecshim.so.
  explicit Processes(std::string library_name) : library_name_(std::move(library_name)) {}
  Process look_at(pid_t process);

 private:
  struct Seen {
    uint64_t start_time = 0;
    std::string executable;  // device and inode
    Process process;
  };
  [[nodiscard]] Reach reach_of(pid_t process) const;

  const std::string library_name_;
  std::mutex mutex_;
  std::map<pid_t, Seen> seen_;
};

}  // namespace recshim::supervisor
