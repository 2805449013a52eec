// Which of recshim's three doors serves a program and its TLS, how the program comes to
// trust what answers it, and what to do where none does. Pure: facts in, words out.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/recshim/doctor/command_chain.h"
#include "tools/recshim/doctor/program_facts.h"

namespace recshim::tools {

enum Door {
  kNoDoor = 0,
  kInProcess = 1,   // librecshim.so inside the program
  kGateway = 2,     // TLS ends in `recshim gateway`
  kSupervisor = 3,  // `recshim run` redirects its connections to the gateway
};
const char* door_text(Door door);

struct TlsVerdict {
  Door door = kNoDoor;
  std::string trust;   // how the program comes to trust the answers
  std::string advice;  // what to do when door is kNoDoor, or to know; may be empty

  bool operator==(const TlsVerdict&) const = default;
};

struct Verdict {
  bool served = false;
  Door door = kNoDoor;          // for plain HTTP, and the way to all else
  std::string linkage;          // for people
  std::vector<TlsVerdict> tls;  // one for each of facts.tls
  std::vector<std::string> problems;
  std::vector<std::string> advice;
  std::set<Door> doors;  // all that it needs on this system
};

Verdict judge(const ProgramFacts& facts);

// Adds what it means for a program to be started with a loss.
void judge_loss(const Loss& loss, Verdict& verdict);

}  // namespace recshim::tools
