// Bytes of one direction that can't be taken yet, with the times they came at. Knows
// nothing of what they mean.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace recshim::flow {

// Threads: external synchronisation.
class Waiting {
 public:
  struct Block {
    std::string bytes;
    uint64_t now_us = 0;
  };
  void push(std::string_view bytes, uint64_t now_us) {
    if (bytes.empty()) return;
    blocks_.push_back({std::string(bytes), now_us});
    size_ += bytes.size();
  }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  [[nodiscard]] size_t size() const { return size_; }
  // REQUIRES: !empty().
  [[nodiscard]] std::string_view front() const {
    return std::string_view(blocks_.front().bytes).substr(front_taken_);
  }
  [[nodiscard]] uint64_t front_us() const { return blocks_.front().now_us; }
  void take(size_t n) {
    size_ -= n;
    front_taken_ += n;
    if (front_taken_ < blocks_.front().bytes.size()) return;
    blocks_.pop_front();
    front_taken_ = 0;
  }
  // The first bytes, at most n.
  [[nodiscard]] std::string first(size_t n) const {
    std::string all;
    size_t skip = front_taken_;
    for (const auto& block : blocks_) {
      if (all.size() >= n) break;
      all += std::string_view(block.bytes).substr(skip, n - all.size());
      skip = 0;
    }
    return all;
  }
  void clear() { *this = Waiting(); }

 private:
  std::deque<Block> blocks_;
  size_t front_taken_ = 0;
  size_t size_ = 0;
};

}  // namespace recshim::flow
