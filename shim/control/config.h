// What the variables of the contract and recshim.json say, parsed and checked; shared by
// the library and the tools. No process state: the environment comes as an argument.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/store/store.h"

namespace recshim::control {

enum class Mode { kLive, kRecord, kReplay, kRecordIfMissing };
const char* mode_name(Mode mode);

// One entry of RECSHIM_HOSTS: host, host:port, *.suffix, CIDR, each may be !-excluded.
struct HostRule {
  bool exclude = false;
  std::string pattern;  // as written, for messages
  std::string host;     // exact name, or suffix with its dot for *.suffix; empty for CIDR
  bool is_suffix = false;
  bool any = false;  // "*"
  std::optional<uint16_t> port;
  bool is_cidr = false;
  std::array<uint8_t, 16> network{};  // IPv4 as v4-mapped
  int prefix_bits = 0;                // of 128
};

// One entry of RECSHIM_CONNECT_TO.
struct ConnectTo {
  std::string host;
  uint16_t port = 0;
  std::string target_address;  // numeric, or a name to look up
  uint16_t target_port = 0;
};

// How the gateway reaches the real servers. Paths are absolute; what is empty is left to
// libcurl and the environment.
struct Upstream {
  std::string ca_file;      // PEM, instead of the system's authorities
  std::string client_cert;  // PEM
  std::string client_key;   // PEM; empty: in client_cert
  std::string proxy;        // as curl(1) takes it
};

struct Config {
  Mode mode = Mode::kReplay;
  std::string dir;              // absolute
  std::string config_path;      // absolute, empty if none
  std::vector<HostRule> hosts;  // empty: the default rule
  std::vector<ConnectTo> connect_to;
  std::string session;            // id; never empty after load
  bool session_is_fresh = false;  // this process made it
  pid_t session_owner = 0;        // the process whose end is the session's; 0: none is known
  std::string session_dir;        // absolute
  std::string memory_at;  // kSessionMemoryVariable for children; open_session_memory() sets it
  bool respond_on_miss = true;
  double pace = 0;  // 0 off, 1 recorded, N
  std::string log_path;
  log::Level log_level = log::Level::kInfo;
  std::string journal_path;
  std::optional<bool> record_errors;  // as recshim.json has it; the default is the mode's
  Upstream upstream;
  // dir, session_dir, layout, match… filled in; memory is open_session_memory()'s
  store::StoreOptions store;

  // What was wrong, one message for each (naming the variable or the JSON path). In
  // record and replay the program's requests then fail closed.
  std::vector<std::string> errors;
};

using GetEnv = std::function<std::optional<std::string>(const char* name)>;

// Reads the variables and recshim.json (searched upwards from cwd). Never fails: what is
// wrong is in Config::errors. env: for looking at files only. cwd: empty where the working
// directory has been removed; relative paths are errors then.
Config load_config(Env& env, const GetEnv& get_env, const std::string& cwd);

// Variables to hand on to child processes so that relative paths and a fresh session keep
// their meaning: name, value.
std::vector<std::pair<std::string, std::string>> inherited_variables(const Config& config);

// Decides whether host:port is configured. Threads: const after construction.
class HostMatcher {
 public:
  // is_local: true for loopback, this machine's own addresses and /etc/hosts names of
  // them (only asked under the default rule).
  HostMatcher(const Config& config, std::function<bool(const std::string& host)> is_local);
  // host: name or numeric address, lower case. port 0: would any port be configured?
  // address: where host is, if that is known. A rule may mean either, and one that excludes
  // either wins.
  [[nodiscard]] bool configured(const std::string& host, uint16_t port,
                                const std::string& address = "") const;
  // A rule excludes host:port.
  [[nodiscard]] bool excluded(const std::string& host, uint16_t port) const;
  // The CONNECT_TO entry of host:port, or null.
  [[nodiscard]] const ConnectTo* connect_to(const std::string& host, uint16_t port) const;

 private:
  enum class Verdict { kNone, kIncluded, kExcluded };
  [[nodiscard]] Verdict judge(const std::string& host, uint16_t port) const;

  const Config& config_;
  const bool has_include_;
  std::function<bool(const std::string&)> is_local_;
};

}  // namespace recshim::control
