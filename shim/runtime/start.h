// The beginning and the end of recshim in a process.
#pragma once

namespace recshim::runtime {

// Reads the configuration and makes the runtime; once, whoever asks first: the library's
// constructor, or a hook that runs in a constructor before it. Never fails: what is wrong
// with the configuration is kept and reported when a connection needs it.
void start();

// Finishes what is open, as the program's end does with its sockets, and removes the
// session's folder when this process made the session. Called by the library's destructor
// and the _exit hooks; idempotent.
void finish();

// There may be a folder of this session from now on: finish() removes it. A process that has made
// none and has had no child makes no system call for that: one that has confined itself
// (seccomp(2)) would die of it. Threads: any; signal-safe; in children of vfork(2) too.
void note_session_use();

// What a later layer has to put right in a forked child: it is called there before another
// thread can be. Once, from the constructor.
void in_forked_children(void (*repair)());

}  // namespace recshim::runtime
