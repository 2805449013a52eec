// What can be told of one program by looking at its file and those it loads: how it is
// linked and which TLS it uses. Runs nothing. Knows nothing of doors.
#pragma once

#include <string>
#include <vector>

#include "tools/recshim/doctor/library_search.h"
#include "tools/recshim/doctor/tls_signs.h"
#include "tools/recshim/elf.h"

namespace recshim::tools {

enum class Linkage {
  kDynamicGlibc,
  kDynamicMusl,
  kDynamicOther,  // another C library
  kStatic,
  kStaticPie,
  kGoStatic,
  kGoCgo,  // dynamic, but its network code makes system calls of its own
  kForeign,
  kNotElf,      // neither ELF nor a script
  kUnreadable,  // executable, and this user may not read it
};
// The word for it in JSON.
const char* linkage_name(Linkage linkage);

struct TlsUse {
  TlsSign sign;
  std::string file;     // the library or program that holds it
  std::string through;  // what brings it: "libcurl.so.4", "import ssl"; "" for the program itself
};

struct ProgramFacts {
  std::string path;       // as it was found
  std::string real_path;  // links followed
  Linkage linkage = Linkage::kNotElf;
  bool is_privileged = false;  // set-uid, set-gid or with capabilities
  bool is_cut_off = false;     // what is to be loaded of it lies behind the file's end
  std::string machine;
  std::string loader;
  std::vector<TlsUse> tls;             // each file once
  std::vector<std::string> not_found;  // needed libraries that are in no folder
};

// A file that a program loads while it runs, and when.
struct LaterModule {
  std::string path;
  std::string when;  // "import ssl"
};

ProgramFacts look_at_program(const std::string& path, const LibrarySearch& search);

// The TLS of modules that facts' program loads while it runs, added to facts.tls.
void add_modules(const std::vector<LaterModule>& modules, const LibrarySearch& search,
                 ProgramFacts& facts);

}  // namespace recshim::tools
