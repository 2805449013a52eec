// Runs a target on its seeds and on mutations of them, the same ones each time. Needs no
// compiler with a fuzzer in it; knows nothing of coverage.
//     fuzz_targets TARGET RUNS        fuzz_targets TARGET FILE…        fuzz_targets (lists them)
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/targets.h"

namespace recshim::fuzz {
namespace {

constexpr size_t kMostBytes = size_t{16} << 10;
const char* const kUnfinished = "fuzz-input";

// One small change. Words of the seeds are what grammars are made of, so they are copied about.
void mutate(std::string& text, const std::vector<std::string>& seeds, std::mt19937& random) {
  const auto below = [&random](size_t n) { return n == 0 ? 0 : random() % n; };
  const size_t at = below(text.size() + 1);
  switch (below(8)) {
    case 0:  // a bit
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      break;
    case 1:  // a byte
      if (at < text.size()) text[at] = static_cast<char>(random());
      break;
    case 2:
      text.insert(at, 1 + below(4), static_cast<char>(random()));
      break;
    case 3:
      text.erase(at, 1 + below(8));
      break;
    case 4: {  // a piece of itself
      const std::string piece = text.substr(below(text.size() + 1), 1 + below(32));
      text.insert(at, piece);
      break;
    }
    case 5: {  // a piece of another
      const std::string& other = seeds[below(seeds.size())];
      text.insert(at, other.substr(below(other.size() + 1), 1 + below(64)));
      break;
    }
    case 6:  // a number
      for (size_t i = at; i < text.size(); ++i) {
        if (text[i] < '0' || text[i] > '9') continue;
        constexpr const char* kNumbers[] = {
            "0", "-1", "65536", "2147483648", "18446744073709551616", "1e999"};
        text.replace(i, 1, kNumbers[below(std::size(kNumbers))]);
        break;
      }
      break;
    default:
      text.resize(at);
  }
  if (text.size() > kMostBytes) text.resize(kMostBytes);
}

std::string current;  // the input at work

// Leaves the input that was at work when the process ends by abort() or a signal.
void keep_input(int signal) {
  FILE* file = fopen(kUnfinished, "wb");
  if (file) {
    fwrite(current.data(), 1, current.size(), file);
    fclose(file);
    fprintf(stderr, "the input is in the file %s\n", kUnfinished);
  }
  ::signal(signal, SIG_DFL);
  raise(signal);
}

int run(const Target& target, unsigned long runs) {
  const auto seeds = target.seeds();
  require(!seeds.empty(), "a target has seeds");
  for (const auto& seed : seeds) target.run(current = seed);
  target.run(current = "");
  std::mt19937 random(1);
  for (unsigned long i = 0; i < runs; ++i) {
    std::string text = seeds[i % seeds.size()];
    for (unsigned n = 0; n <= random() % 8; ++n) mutate(text, seeds, random);
    target.run(current = std::move(text));
  }
  printf("%s: %lu inputs\n", target.name, runs + seeds.size() + 1);
  return 0;
}

int main(int count, char** words) {
  if (count == 1) {
    for (const auto& target : targets()) puts(target.name);
    return 0;
  }
  for (const auto& target : targets()) {
    if (strcmp(target.name, words[1]) != 0) continue;
    if (count == 3 && strspn(words[2], "0123456789") == strlen(words[2])) {
      signal(SIGABRT, keep_input);
      return run(target, strtoul(words[2], nullptr, 10));
    }
    for (int i = 2; i < count; ++i) {
      std::ifstream file(words[i], std::ios::binary);
      target.run(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    return 0;
  }
  fprintf(stderr, "no target %s\n", words[1]);
  return 2;
}

}  // namespace
}  // namespace recshim::fuzz

int main(int count, char** words) {
  return recshim::fuzz::main(count, words);
}
