// Which test an exchange belongs to: a copy of RECSHIM_TEST_ID and PYTEST_CURRENT_TEST
// kept by the hooked setenv family, so that no thread reads environ while the program
// changes it.
#pragma once

#include <optional>
#include <string>

#include "shim/flow/connection.h"

namespace recshim::runtime {

// Takes the first copy. Call once, before threads.
void load_test_id();
// What the hooks saw: value null when unset. Ignores other variables.
// Threads: any. Signal-safe no.
void note_variable(const char* name, const char* value);
void note_environment_cleared();

// Test id and phase by the environment, and the wall clock, for a request that begins now.
flow::RecordConnection::Stamp current_stamp();

}  // namespace recshim::runtime
