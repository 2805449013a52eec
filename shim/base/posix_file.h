// Open files of PosixEnv. Internal to shim/base.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "shim/base/env.h"

namespace recshim::posix {

// kNotFound for a missing file or folder, else kIo with path and reason.
// error_number: positive errno.
Error io_error(std::string_view what, const std::string& path, int error_number);

// "<dir>/.<stem>.<pid>-<n>.tmp": hidden, and not used twice by any thread or process.
// stem is cut where the name would get longer than a file name may be.
std::string temporary_path(const std::string& dir, std::string_view stem);
// kIo when the process's root folder is another one than at the first call, so that path would
// lead elsewhere.
Status same_root(const std::string& path);

// The folder of path ("." without one).
std::string parent_of(const std::string& path);

// Creates a new file under a temporary name in dir (made where missing).
// *path: its name. Errors as io_error().
Result<int> create_temporary(Env& env, const std::string& dir, std::string_view stem,
                             std::string* path);

// Writes all of bytes at the descriptor's position. Returns 0 or -errno.
int write_all(int fd, std::string_view bytes);

Result<std::unique_ptr<SpillFile>> open_readonly(const std::string& path);
// allow_unnamed: try O_TMPFILE first; without it, or where the file system has none, a
// hidden file that its owner removes.
Result<std::unique_ptr<SpillFile>> create_spill(Env& env, const std::string& dir,
                                                bool allow_unnamed = true);

}  // namespace recshim::posix
