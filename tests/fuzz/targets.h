// What is fuzzed: every reader of bytes that somebody else wrote. A target must end, and its
// properties must hold, whatever the bytes. Two drivers run the one table: mutate.cpp, for CI,
// and libfuzzer.cpp, for scripts/fuzz.sh.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace recshim::fuzz {

struct Target {
  const char* name;
  void (*run)(std::string_view bytes);
  std::vector<std::string> (*seeds)();
};
const std::vector<Target>& targets();

// A property that does not hold ends the process, as a sanitizer's finding does.
inline void require(bool holds, const char* property) {
  if (holds) return;
  fprintf(stderr, "does not hold: %s\n", property);
  abort();
}

// That two accounts are the same, with the place where they part.
inline void require_same(std::string_view one, std::string_view other, const char* property) {
  if (one == other) return;
  size_t at = 0;
  while (at < one.size() && at < other.size() && one[at] == other[at]) ++at;
  at = at < 200 ? 0 : at - 200;
  fprintf(stderr, "one:\n%.*s\nother:\n%.*s\n", static_cast<int>(one.substr(at, 400).size()),
          one.data() + at, static_cast<int>(other.substr(at, 400).size()), other.data() + at);
  require(false, property);
}

// Takes decisions from the front of the input.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto first = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return first;
  }
  [[nodiscard]] std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

// Cuts bytes into pieces: byte by byte for 0, else of changing sizes.
std::vector<std::string_view> cut(std::string_view bytes, uint8_t how);

#define RECSHIM_FUZZ_TARGET(name)           \
  void fuzz_##name(std::string_view bytes); \
  std::vector<std::string> seeds_##name();
#include "tests/fuzz/targets.def"
#undef RECSHIM_FUZZ_TARGET

}  // namespace recshim::fuzz
