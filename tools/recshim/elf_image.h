// The headers of one ELF file: segments, sections and what its dynamic section asks for.
// Every offset is checked; the file may be anything. Reads with pread(2), maps nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace recshim::tools {

// A stretch of the file that is loaded, or a section with bytes in the file.
struct ElfPart {
  std::string name;  // sections only
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
  bool is_code = false;
};

struct ElfImage {
  bool is_elf = false;
  bool is_foreign = false;  // for another machine or word size: nothing below is known
  std::string machine;      // "x86-64", "AArch64" …, "machine 243" for one without a name here
  bool is_position_independent = false;
  bool is_loadable = false;          // no segment of it lies behind the file's end
  bool is_whole = false;             // nothing that the headers tell of lies behind the file's end
  bool has_dynamic_section = false;  // and it is one
  std::string loader;                // PT_INTERP, empty for a static program
  std::vector<std::string> needed;
  std::string search_path;  // DT_RUNPATH, else DT_RPATH
  std::vector<ElfPart> segments;
  std::vector<ElfPart> sections;
};

// fd: a readable file, borrowed. Threads: any.
ElfImage read_elf_image(int fd);
// Not an ELF file where path can't be read.
ElfImage read_elf_image(const std::string& path);

}  // namespace recshim::tools
