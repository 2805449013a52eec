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
// Puts bytes there, also where the program itself may not write. False when that can't be.
bool write_memory(pid_t thread, uint64_t address, const std::string& bytes);

// The process of a thread; 0 when it has gone.
pid_t process_of(pid_t thread);

// A copy of the process's descriptor, close-on-exec. Errors as read_memory.
Result<int> take_descriptor(pid_t process, int fd);

// While this lives the calling thread looks into a task with its owner's rights, where root has
// not the capability to look into everybody's (in a container by default). Changes nothing
// where the capability is there or this is another user than root. May be nested.
class OwnersRights {
 public:
  explicit OwnersRights(pid_t task);
  ~OwnersRights();
  OwnersRights(const OwnersRights&) = delete;
  OwnersRights& operator=(const OwnersRights&) = delete;

 private:
  bool changed_ = false;
  uid_t user_ = 0;
  gid_t group_ = 0;
};

struct DescriptorFlags {
  bool nonblocking = false;
  bool close_on_exec = false;
};
DescriptorFlags descriptor_flags(pid_t thread, int fd);

// How a program is reached.
enum class Reach {
  kLibrary,  // librecshim.so is in it, and it calls libc; what is asked about went past both
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
  // From the environment that it was started with.
  std::vector<control::Proxy> proxies;
  std::string supervisor;  // RECSHIM_SUPERVISOR
  std::string ca_file;     // SSL_CERT_FILE
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
