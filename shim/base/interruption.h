// Whether long work of ours is to be given up: it may hold up a signal that the program waits for.
#pragma once

namespace recshim {

// check: asked now and then by such work, on its thread. Null: it is never given up.
void set_interruption_check(bool (*check)());
bool interrupted();

}  // namespace recshim
