// Recordings that a session has displaced, kept in its folder until it ends. Knows no series.
#pragma once

#include <string>

#include "shim/base/env.h"
#include "shim/base/result.h"

namespace recshim::store {

// Threads: any.
class Stash {
 public:
  // session_dir: absolute, made with the first file; empty: nothing can be set aside.
  Stash(Env& env, std::string session_dir) : env_(env), dir_(std::move(session_dir)) {}

  // Takes a file out of the recordings, keeping content and time of change. Whatever
  // fails, the content is in one of the two places.
  Status put(const std::string& path);
  // Where put(path) has put it.
  [[nodiscard]] std::string path_of(const std::string& path) const;
  // Puts what put(path) took, back to where it is to be, as it was.
  Status take_back(const std::string& path, const std::string& to);

 private:
  Status move(const std::string& from, const std::string& to);

  Env& env_;
  const std::string dir_;
};

}  // namespace recshim::store
