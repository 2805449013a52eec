// `recshim`: a table of commands.
#include <array>
#include <exception>

#include "tools/recshim/command.h"
#include "tools/recshim/command_line.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

constexpr std::array kCommands = {
    Command{
        "run", "Run a command with its HTTP exchanges replayed or recorded",
        "Examples:\n"
        "  recshim run -- pytest                          replay ./recordings\n"
        "  recshim run --mode record -- ./legacy_test     record into ./recordings\n"
        "  recshim run --strict -q -- npm test            status 86 when anything missed\n"
        "\nExit status: CMD's own, 128+n after signal n, 86 with --strict when a request was "
        "missed,\n"
        "refused or not recorded, 126 or 127 when CMD cannot be run, 2 for unusable options or\n"
        "configuration.\n",
        declare_run, "-- CMD [ARGUMENT...]"},
    Command{
        "doctor", "Tell how a command would be served, and what is missing here",
        "Examples:\n"
        "  recshim doctor                     this system alone\n"
        "  recshim doctor npm test            the programs that can be told without running it\n"
        "  recshim doctor --run -- npm test   runs it and looks at every program it executes\n"
        "\nExit status: 0 served, 1 something is missing or a program can't be served.\n",
        declare_doctor, "[-- CMD [ARGUMENT...]]"},
    Command{"library", "Print the path of librecshim.so, for LD_PRELOAD",
            "Example:\n  LD_PRELOAD=$(recshim library) pytest\n", declare_library},
    Command{"list", "List recordings",
            "Examples:\n"
            "  recshim list --dir tests/recordings --method POST\n"
            "  recshim list --test test_weather --json\n",
            declare_list},
    Command{"show", "Show one recording",
            "Examples:\n"
            "  recshim show 42fc9156                 by the start of its name\n"
            "  recshim show --raw recordings/a.json  the bytes a client receives\n",
            declare_show},
    Command{"diff", "Show how two recordings differ",
            "Example:\n  recshim diff 42fc9156 f2d3e4a2\n\n"
            "Exit status: 0 the same, 1 different.\n",
            declare_diff},
    Command{"verify", "Check that recordings can be read and replayed",
            "Example:\n  recshim verify tests/recordings\n\n"
            "Exit status: 0 all well, 1 problems found.\n",
            declare_verify},
    Command{"index", "Build the index by which recordings are found that are named otherwise",
            "Example:\n  recshim index recordings\n\n"
            "Programs build it themselves when a request has no file of its name. It lies in the\n"
            "user's cache folder, and only what has changed is read anew.\n",
            declare_index},
    Command{"prune", "Remove recordings that a run did not use",
            "Examples:\n"
            "  recshim run --journal j.jsonl -- pytest\n"
            "  recshim prune --journal j.jsonl             show what would go\n"
            "  recshim prune --journal j.jsonl --force     remove it\n",
            declare_prune},
    Command{"rekey", "Rename recordings after recshim.json's rules or a test's name changed",
            "Examples:\n"
            "  recshim rekey            show what would be renamed\n"
            "  recshim rekey --force    rename\n"
            "  recshim rekey --test 'tests/test_a.py::*=tests/test_b.py::*' --force\n",
            declare_rekey},
    Command{"gateway", "Serve connections that programs hand over (started on demand)",
            "The library and `recshim run` start it when they need it: for TLS that can't be\n"
            "reached inside a program, and to fetch what record-if-missing has no recording for.\n"
            "It ends with its session. It reads the variables below, and of the environment\n"
            "CURL_CA_BUNDLE, SSL_CERT_FILE, HTTPS_PROXY and NO_PROXY for the real servers.\n",
            declare_gateway},
    Command{"supervised", "Become a program under the session's supervisor (used by run)", "",
            declare_supervised, "PROGRAM [ARG...]"},
};

constexpr const char* kStart =
    "Start with:\n"
    "  recshim run --mode record -- CMD    while the real servers answer: fills ./recordings\n"
    "  recshim run -- CMD                  from then on: answers from ./recordings\n"
    "  recshim doctor CMD                  when something is not seen, or to know beforehand\n"
    "  recshim COMMAND --help              options and examples of a command\n";

}  // namespace
}  // namespace recshim::tools

int main(int argc, char** argv) {
  try {
    using namespace recshim::tools;
    return run_command_line(kCommands, kStart, argc, argv);
  } catch (const std::exception& error) {
    recshim::tools::complain(error.what());
    return recshim::tools::kUsage;
  }
}
