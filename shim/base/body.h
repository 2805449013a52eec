// Body: the bytes of one message body. In memory while small, in an anonymous
// file once it grows, so that a body of any size costs bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shim/base/env.h"
#include "shim/base/result.h"

namespace recshim {

class Body {
 public:
  static constexpr size_t kSpillThresholdBytes = size_t{8} << 20;

  Body() = default;
  // Small bodies made from bytes at hand (tests, rendered recordings).
  explicit Body(std::string bytes);
  // A body that lies in a file already (a `.body` beside its recording).
  // size_bytes: how much of the file is the body.
  static Body from_file(std::unique_ptr<SpillFile> file, uint64_t size_bytes);

  Body(Body&&) noexcept = default;
  Body& operator=(Body&&) noexcept = default;

  // Where to spill to when the body outgrows kSpillThresholdBytes. Without it a
  // body stays in memory. env: borrowed, must outlive the body.
  void set_spill(Env* env, std::string dir);

  // After a failure the body is `broken()` and ignores further bytes.
  Status append(std::string_view bytes);
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] uint64_t size() const { return size_bytes_; }
  [[nodiscard]] bool in_memory() const { return file_ == nullptr; }
  // REQUIRES: in_memory(). Borrowed until the next append.
  [[nodiscard]] std::string_view view() const { return memory_; }
  // Reads up to n bytes at offset, from memory or file.
  Result<std::string> read(uint64_t offset, size_t n) const;
  // Calls sink with consecutive blocks (at most 256 KiB each); sink returning
  // false stops.
  Status for_each_block(const std::function<bool(std::string_view)>& sink) const;
  // Lower-case hex SHA-256 of the whole body.
  Result<std::string> sha256_hex() const;
  // The anonymous file, to be published under a name; null while in memory.
  [[nodiscard]] SpillFile* file() const { return file_.get(); }

 private:
  Status append_bytes(std::string_view bytes);

  std::string memory_;
  std::unique_ptr<SpillFile> file_;
  uint64_t size_bytes_ = 0;
  Env* env_ = nullptr;
  std::string spill_dir_;
  bool broken_ = false;
};

}  // namespace recshim
