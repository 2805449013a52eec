// The table of variables.
#include "shim/control/names.h"

#include <array>

namespace recshim::control {
namespace {

constexpr std::array kVariables = {
    Variable{kModeVariable, "live, record, replay or record-if-missing", "replay"},
    Variable{kDirVariable, "the folder of recordings", "recordings"},
    Variable{kHostsVariable,
             "comma list of host, host:port, *.suffix, * or CIDR, each may be !-excluded; without "
             "a port every port. A list of exclusions alone is taken from the default",
             "ports 80 and 443 of every host that is not this machine"},
    Variable{kConnectToVariable,
             "comma list of host:port=addr:port: where connections for a host really go in record "
             "and live; IPv6 as [addr]:port",
             "none"},
    Variable{kConfigVariable, "JSON file with the settings below; /dev/null for no file",
             "recshim.json, searched upwards"},
    Variable{kTestIdVariable, "the test that exchanges belong to",
             "PYTEST_CURRENT_TEST without its phase"},
    Variable{kSessionVariable,
             "name of the session: processes that share repeat counters and a summary",
             "fresh, handed on to children"},
    Variable{kOnMissVariable,
             "respond (status 424 with the diagnosis) or refuse (ECONNRESET) where no recording "
             "answers",
             "respond"},
    Variable{kPaceVariable, "timing of replayed streams: off, recorded or xN (N times as fast)",
             "off"},
    Variable{kLogVariable, "log file", "none"},
    Variable{kLogLevelVariable, "trace, debug, info, warn, error or off", "info"},
    Variable{kJournalVariable, "file that gets one line of JSON for each exchange", "none"},
};

}  // namespace

std::span<const Variable> variables() {
  return kVariables;
}

}  // namespace recshim::control
