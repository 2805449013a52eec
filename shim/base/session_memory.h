// What the processes of a session share: cells of 64 bits, lists of values and counters, each
// under a name, in one piece of shared memory. There is no lock in it: whatever is written is
// published by one compare-and-swap, so a process that is killed at any instruction leaves
// behind what it had published and, at worst, some space that nobody uses. Nothing is ever
// taken out or moved. Knows nothing of what it holds.
//
// The layout, version 1. Numbers have the machine's byte order; offsets count from the start.
//
//   0    8 bytes   "RECSHIM" and a zero byte
//   8    u32       version, 1
//   12   u32       number of buckets, a power of two
//   16   u64       size of the whole
//   24   u64       offset of the free space, a multiple of 8 (atomic)
//   32   16 bytes  the first of SHA-256 of the session's name
//   48   u64       how often something found no space (atomic)
//   56   u64       0
//   64   32 × u64  counters (atomic)
//   320  u32 each  buckets: offset of the bucket's first entry, or 0 (atomic)
//   …              entries and values, each at a multiple of 8
//
//   entry: u32 offset of the bucket's next entry, or 0; u32 offset of the newest value, or 0
//          (atomic); u64 cell (atomic); 16 bytes, the name: the first of its SHA-256. Its first
//          four bytes, as a u32 and modulo the number of buckets, give the bucket.
//   value: u32 offset of the value before, or 0; u32 size; its bytes
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"

namespace recshim {

// Threads and processes: every method may be called by any at once. After fork(2) parent and
// child have the same memory. Errors: kTooLarge when it is full, kInvalid when its content can't
// be, and of an unreachable one its own.
class SessionMemory {
 public:
  static constexpr size_t kCounters = 32;
  static constexpr uint64_t kBytes = uint64_t{32} << 20;

  // What a cell and values are found by. Two different texts never give the same name.
  class Name {
   public:
    // kind: what it is a name of. Neither may hold a zero byte.
    Name(std::string_view kind, std::string_view text);

   private:
    friend class SessionMemory;
    std::array<unsigned char, 16> bytes_{};
  };

  // For this process and its children by fork(2) alone.
  static Result<std::unique_ptr<SessionMemory>> make_private(uint64_t bytes = kBytes);
  // In a memfd, whose descriptor stays open and goes over execve(2). Of at most the size that
  // the limit of files' sizes allows.
  static Result<std::unique_ptr<SessionMemory>> make(const std::string& session);
  // The one that fd leads to. The descriptor is taken over, unless this fails.
  // Errors: kInvalid when there is none of this session's.
  static Result<std::unique_ptr<SessionMemory>> attach(int fd, const std::string& session);
  // The one that fd leads to in another process, of whom this user may ask that (proc(5)).
  static Result<std::unique_ptr<SessionMemory>> attach_to(pid_t pid, int fd,
                                                          const std::string& session);
  // In a file, which is made unless it is there; all of its space is taken at once, for a full
  // disk would end the program at a later write.
  static Result<std::unique_ptr<SessionMemory>> open_file(const std::string& path,
                                                          const std::string& session);
  // One whose every method fails with error.
  static std::unique_ptr<SessionMemory> unreachable(Error error);

  ~SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  // Error if it was made by unreachable().
  [[nodiscard]] Status reachable() const;
  // -1 without one. High, and not close-on-exec.
  [[nodiscard]] int fd() const { return fd_; }

  // --- Cells: 0 before the first change.
  [[nodiscard]] Result<uint64_t> cell(const Name& name) const;
  // From expected to desired; false when it holds something else.
  Result<bool> exchange(const Name& name, uint64_t expected, uint64_t desired);
  // Adds to it and returns what it has become.
  Result<uint64_t> add(const Name& name, uint64_t number);

  // --- Values
  Status append(const Name& name, std::string_view value);
  // Appends if there is none yet. Returns the first, whoever gave it.
  Result<std::string> append_first(const Name& name, std::string_view value);
  // nullopt when there is none.
  [[nodiscard]] Result<std::optional<std::string>> newest(const Name& name) const;
  // In the order in which they were appended.
  [[nodiscard]] Result<std::vector<std::string>> values(const Name& name) const;

  // --- Counters. index < kCounters. Nothing is counted in an unreachable one.
  void count(size_t index, int64_t number = 1);
  [[nodiscard]] uint64_t counter(size_t index) const;
  // How often something found no space.
  [[nodiscard]] uint64_t times_full() const;

 private:
  struct Header;
  struct Entry;
  struct Value;

  SessionMemory(char* base, uint64_t bytes, int fd) : base_(base), bytes_(bytes), fd_(fd) {}
  explicit SessionMemory(Error error) : problem_(std::move(error)) {}

  static Result<std::unique_ptr<SessionMemory>> map(int fd, uint64_t bytes);
  void initialise(const std::string& session);
  [[nodiscard]] Status check(const std::string& session) const;

  [[nodiscard]] Header& header() const;
  // Null where there can be no T.
  template <typename T>
  [[nodiscard]] T* at(uint32_t offset) const;
  [[nodiscard]] uint32_t& bucket(const Name& name) const;
  [[nodiscard]] uint64_t heap_start() const;

  Result<uint32_t> allocate(uint64_t bytes);
  // The entry between the two offsets, `until` excluded; null when there is none.
  [[nodiscard]] Result<Entry*> search(const Name& name, uint32_t from, uint32_t until) const;
  [[nodiscard]] Result<Entry*> find(const Name& name) const;
  Result<Entry*> find_or_add(const Name& name);
  Result<uint32_t> make_value(std::string_view value);
  [[nodiscard]] Result<std::vector<std::string>> newest_values(const Name& name,
                                                               size_t limit) const;

  char* const base_ = nullptr;
  const uint64_t bytes_ = 0;
  int fd_ = -1;
  const std::optional<Error> problem_;
};

}  // namespace recshim
