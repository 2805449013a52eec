// Signals that recshim's own work holds up.
#pragma once

namespace recshim::runtime {

// Whether the program waits for a signal that is to end or to interrupt what it does, and that own
// work on this thread (guard.h) holds up. Lets one through that ends the program by itself.
bool signal_waits();

}  // namespace recshim::runtime
