// The environment variables of the contract: their names, and the one table that the
// documentation and `recshim --help` show. Knows nothing of their values' syntax.
#pragma once

#include <span>

namespace recshim::control {

inline constexpr const char* kModeVariable = "RECSHIM_MODE";
inline constexpr const char* kDirVariable = "RECSHIM_DIR";
inline constexpr const char* kHostsVariable = "RECSHIM_HOSTS";
inline constexpr const char* kConfigVariable = "RECSHIM_CONFIG";
inline constexpr const char* kConnectToVariable = "RECSHIM_CONNECT_TO";
inline constexpr const char* kTestIdVariable = "RECSHIM_TEST_ID";
inline constexpr const char* kSessionVariable = "RECSHIM_SESSION";
inline constexpr const char* kOnMissVariable = "RECSHIM_ON_MISS";
inline constexpr const char* kPaceVariable = "RECSHIM_PACE";
inline constexpr const char* kLogVariable = "RECSHIM_LOG";
inline constexpr const char* kLogLevelVariable = "RECSHIM_LOG_LEVEL";
inline constexpr const char* kJournalVariable = "RECSHIM_JOURNAL";
// Set for the processes of a session: who made it, "SESSION:PID".
inline constexpr const char* kSessionOwnerVariable = "RECSHIM_SESSION_OWNER";
// Likewise: where the session's memory is, "SESSION:PID:FD": its descriptor in this process, and
// in the process PID, for those that have lost it.
inline constexpr const char* kSessionMemoryVariable = "RECSHIM_SESSION_MEMORY";
// Read by the tools alone: where librecshim.so lies when it is not beside them.
inline constexpr const char* kLibraryVariable = "RECSHIM_LIBRARY";
// Set by `recshim run`: the unix socket on which its supervisor takes programs that the
// library can't reach.
inline constexpr const char* kSupervisorVariable = "RECSHIM_SUPERVISOR";
// Likewise: a descriptor of the session's folder, for programs to which its path leads elsewhere.
inline constexpr const char* kSessionFolderVariable = "RECSHIM_SESSION_FOLDER";
// Read by the library alone: where the recshim program lies when it is not beside it.
inline constexpr const char* kGatewayVariable = "RECSHIM_GATEWAY";

// The file that is searched upwards from the working directory.
inline constexpr const char* kConfigFileName = "recshim.json";
// As RECSHIM_CONFIG: there is no file, and none is searched for.
inline constexpr const char* kNoConfigFile = "/dev/null";

struct Variable {
  const char* name;
  const char* meaning;
  const char* default_text;
};

// In the order a reader should meet them. Lives for ever.
std::span<const Variable> variables();

}  // namespace recshim::control
