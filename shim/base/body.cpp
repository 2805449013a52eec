// Body: grows in memory up to kSpillThresholdBytes, then moves to a SpillFile of its
// Env. Knows nothing of HTTP.
#include "shim/base/body.h"

#include <algorithm>
#include <exception>

#include "shim/base/sha256.h"

namespace recshim {
namespace {
constexpr size_t kBlockBytes = size_t{256} << 10;
}

Body::Body(std::string bytes) : memory_(std::move(bytes)), size_bytes_(memory_.size()) {}

Body Body::from_file(std::unique_ptr<SpillFile> file, uint64_t size_bytes) {
  Body body;
  body.file_ = std::move(file);
  body.size_bytes_ = size_bytes;
  return body;
}

void Body::set_spill(Env* env, std::string dir) {
  env_ = env;
  spill_dir_ = std::move(dir);
}

Status Body::append(std::string_view bytes) {
  if (broken_) return Error{ErrorCode::kIo, "body lost earlier"};
  Status status = append_bytes(bytes);
  if (status.ok()) {
    size_bytes_ += bytes.size();
  } else {
    broken_ = true;
  }
  return status;
}

Status Body::append_bytes(std::string_view bytes) {
  if (file_ != nullptr) return file_->append(bytes);
  if (env_ != nullptr && memory_.size() + bytes.size() > kSpillThresholdBytes) {
    auto created = env_->create_spill(spill_dir_);
    if (!created.ok()) return created.error();
    std::unique_ptr<SpillFile> file = std::move(created).value();
    if (Status status = file->append(memory_); !status.ok()) return status;
    if (Status status = file->append(bytes); !status.ok()) return status;
    file_ = std::move(file);
    std::string().swap(memory_);
    return {};
  }
  try {
    memory_.append(bytes);
  } catch (const std::exception&) {
    return Error{ErrorCode::kTooLarge, "no memory for the body"};
  }
  return {};
}

Result<std::string> Body::read(uint64_t offset, size_t n) const {
  if (offset >= size_bytes_) return std::string();
  n = static_cast<size_t>(std::min<uint64_t>(n, size_bytes_ - offset));
  try {
    if (file_ == nullptr) return memory_.substr(static_cast<size_t>(offset), n);
    std::string out(n, '\0');
    size_t filled = 0;
    while (filled < n) {
      auto got = file_->read_at(offset + filled, out.data() + filled, n - filled);
      if (!got.ok()) return got.error();
      if (*got == 0) break;  // the file is shorter than it was said to be
      filled += *got;
    }
    out.resize(filled);
    return out;
  } catch (const std::exception&) {
    return Error{ErrorCode::kTooLarge, "no memory to read the body"};
  }
}

Status Body::for_each_block(const std::function<bool(std::string_view)>& sink) const {
  for (uint64_t offset = 0; offset < size_bytes_;) {
    if (file_ == nullptr) {
      const auto block = std::string_view(memory_).substr(static_cast<size_t>(offset), kBlockBytes);
      if (!sink(block)) return {};
      offset += block.size();
      continue;
    }
    auto block = read(offset, kBlockBytes);
    if (!block.ok()) return block.error();
    if (block->empty()) return Error{ErrorCode::kIo, "body file is shorter than the body"};
    if (!sink(*block)) return {};
    offset += block->size();
  }
  return {};
}

Result<std::string> Body::sha256_hex() const {
  Sha256 sha;
  Status status = for_each_block([&](std::string_view block) {
    sha.update(block);
    return true;
  });
  if (!status.ok()) return status.error();
  return sha.finish_hex();
}

}  // namespace recshim
