// Where the loader would find the libraries a program needs: DT_RUNPATH, LD_LIBRARY_PATH,
// the folders of /etc/ld.so.conf and the usual ones. Reads only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/recshim/elf_image.h"

namespace recshim::tools {

class LibrarySearch {
 public:
  // library_path: the value of LD_LIBRARY_PATH. Reads /etc/ld.so.conf once.
  explicit LibrarySearch(const std::string& library_path);

  // The path of a needed library, or "" when it is in none of the folders.
  // by: the file that needs it, for its DT_RUNPATH and $ORIGIN.
  [[nodiscard]] std::string find(const std::string& name, const std::string& by,
                                 const std::string& search_path) const;

 private:
  std::vector<std::string> first_folders_;
  std::vector<std::string> folders_;
};

struct NeededLibrary {
  std::string name;  // as needed
  std::string path;  // "" when not found
  std::string by;    // file name of the library that needs it, "" for the program itself
};

// Every library that path needs, also through others, each once, breadth first. What only
// libraries of the C library need is left out.
std::vector<NeededLibrary> needed_libraries(const std::string& path, const ElfImage& image,
                                            const LibrarySearch& search);

}  // namespace recshim::tools
