// See session_memory.h.
#include "shim/base/session_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>

#include "shim/base/posix_file.h"
#include "shim/base/sha256.h"
#include "shim/base/sys.h"

namespace recshim {

struct SessionMemory::Header {
  char magic[8];
  uint32_t version;
  uint32_t buckets;
  uint64_t size;
  uint64_t top;
  unsigned char session[16];
  uint64_t times_full;
  uint64_t zero;
  uint64_t counters[kCounters];
};

struct SessionMemory::Entry {
  uint32_t next;
  uint32_t newest;
  uint64_t cell;
  unsigned char name[16];
};

struct SessionMemory::Value {
  uint32_t previous;
  uint32_t size;
};

namespace {

constexpr char kMagic[8] = "RECSHIM";
constexpr uint32_t kVersion = 1;
constexpr uint64_t kSmallest_bytes = uint64_t{16} << 10;
constexpr uint64_t kFile_bytes = uint64_t{8} << 20;
constexpr const char* kDamaged = "the session's memory is damaged";

template <typename T>
T load(T& place) {
  return std::atomic_ref<T>(place).load(std::memory_order_acquire);
}

template <typename T>
bool swap(T& place, T& expected, T desired) {
  return std::atomic_ref<T>(place).compare_exchange_strong(
      expected, desired, std::memory_order_acq_rel, std::memory_order_acquire);
}

constexpr uint64_t rounded(uint64_t bytes) {
  return (bytes + 7) & ~uint64_t{7};
}

void first_of_sha256(std::string_view text, unsigned char (&out)[16]) {
  const std::string hex = sha256_hex(text);
  const auto digit = [](char c) {
    return static_cast<unsigned char>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  for (size_t i = 0; i < sizeof out; ++i) {
    out[i] = static_cast<unsigned char>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  }
}

// Growing a file over the limit ends the program by a signal.
uint64_t allowed_file_bytes() {
  rlimit limit{};
  if (sys::call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, sys::arg(&limit)) != 0) return UINT64_MAX;
  return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

// Out of the way of the numbers that the program gets, and open in what it executes.
int raise(int fd) {
  for (const int from : {sys::kHighFd, 200, 100, 50}) {
    const int high = static_cast<int>(sys::call(SYS_fcntl, fd, F_DUPFD, from));
    if (high < 0) continue;
    sys::close(fd);
    return high;
  }
  return fd;
}

Error problem_of(const char* what, long result) {
  return Error{ErrorCode::kIo,
               posix::io_error(what, "the session's memory", static_cast<int>(-result)).message};
}

}  // namespace

SessionMemory::Name::Name(std::string_view kind, std::string_view text) {
  std::string whole(kind);
  whole += '\0';
  whole += text;
  unsigned char bytes[16];
  first_of_sha256(whole, bytes);
  std::copy(std::begin(bytes), std::end(bytes), bytes_.begin());
}

SessionMemory::~SessionMemory() {
  if (base_ != nullptr) munmap(base_, bytes_);
  if (fd_ >= 0) sys::close(fd_);
}

Result<std::unique_ptr<SessionMemory>> SessionMemory::map(int fd, uint64_t bytes) {
  const int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (base == MAP_FAILED) return problem_of("map", -errno);
  return std::unique_ptr<SessionMemory>(new SessionMemory(static_cast<char*>(base), bytes, fd));
}

Result<std::unique_ptr<SessionMemory>> SessionMemory::make_private(uint64_t bytes) {
  auto made = map(-1, std::max(bytes, kSmallest_bytes));
  if (made) (*made)->initialise("");
  return made;
}

Result<std::unique_ptr<SessionMemory>> SessionMemory::make(const std::string& session) {
  const uint64_t bytes = std::min(kBytes, allowed_file_bytes() & ~uint64_t{4095});
  if (bytes < kSmallest_bytes) {
    return Error{ErrorCode::kIo,
                 "the limit of files' sizes leaves no room for the session's memory"};
  }
  const long fd = sys::call(SYS_memfd_create, sys::arg("recshim-session"), 0);
  if (fd < 0) return problem_of("make", fd);
  const int high = raise(static_cast<int>(fd));
  if (const long grown = sys::call(SYS_ftruncate, high, static_cast<long>(bytes)); grown < 0) {
    sys::close(high);
    return problem_of("make", grown);
  }
  auto made = map(high, bytes);
  if (made) {
    (*made)->initialise(session);
  } else {
    sys::close(high);
  }
  return made;
}

Result<std::unique_ptr<SessionMemory>> SessionMemory::attach(int fd, const std::string& session) {
  struct stat info {};
  const long looked = sys::call(SYS_fstat, fd, sys::arg(&info));
  if (looked < 0) return problem_of("find", looked);
  const auto size = static_cast<uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || size < kSmallest_bytes || size > UINT32_MAX) {
    return Error{ErrorCode::kInvalid,
                 "what stands in the place of the session's memory is another file"};
  }
  auto mapped = map(fd, size);
  if (!mapped) return mapped;
  if (const Status fits = (*mapped)->check(session); !fits) {
    (*mapped)->fd_ = -1;  // stays the caller's
    return fits.error();
  }
  return mapped;
}

Result<std::unique_ptr<SessionMemory>> SessionMemory::attach_to(pid_t pid, int fd,
                                                                const std::string& session) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
  int opened = sys::open(path.c_str(), O_RDWR);
  if (opened < 0) return problem_of("find", opened);
  opened = raise(opened);
  auto attached = attach(opened, session);
  if (!attached) sys::close(opened);
  return attached;
}

Result<std::unique_ptr<SessionMemory>> SessionMemory::open_file(const std::string& path,
                                                                const std::string& session) {
  int fd = sys::open(path.c_str(), O_RDWR);
  if (fd == -ENOENT) {
    // Whole before it has its name, so that nobody finds it half made.
    const std::string temporary =
        posix::temporary_path(posix::parent_of(path), path.substr(path.rfind('/') + 1));
    fd = sys::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0) return posix::io_error("make", temporary, -fd);
    fd = raise(fd);
    const uint64_t bytes = std::min(kFile_bytes, allowed_file_bytes() & ~uint64_t{4095});
    long taken =
        sys::retry([&] { return sys::call(SYS_fallocate, fd, 0, 0, static_cast<long>(bytes)); });
    if (taken == -EOPNOTSUPP) {
      taken = posix::write_all(fd, std::string(bytes, '\0'));
    }
    auto made = taken < 0 ? Result<std::unique_ptr<SessionMemory>>(
                                posix::io_error("make", path, static_cast<int>(-taken)))
                          : map(fd, bytes);
    if (!made) sys::close(fd);
    if (made) {
      (*made)->initialise(session);
      taken = sys::call(SYS_linkat, AT_FDCWD, sys::arg(temporary.c_str()), AT_FDCWD,
                        sys::arg(path.c_str()), 0);
    }
    sys::call(SYS_unlinkat, AT_FDCWD, sys::arg(temporary.c_str()), 0);
    if (!made || taken == 0) return made;
    if (taken != -EEXIST) return posix::io_error("make", path, static_cast<int>(-taken));
    fd = sys::open(path.c_str(), O_RDWR);  // another process was faster
  }
  if (fd < 0) return posix::io_error("open", path, -fd);
  fd = raise(fd);
  auto attached = attach(fd, session);
  if (!attached) sys::close(fd);
  return attached;
}

std::unique_ptr<SessionMemory> SessionMemory::unreachable(Error error) {
  return std::unique_ptr<SessionMemory>(new SessionMemory(std::move(error)));
}

void SessionMemory::initialise(const std::string& session) {
  static_assert(sizeof(Header) == 320 && offsetof(Header, top) == 24 &&
                offsetof(Header, session) == 32 && offsetof(Header, counters) == 64);
  static_assert(sizeof(Entry) == 32 && sizeof(Value) == 8);
  Header& made = header();
  std::copy(std::begin(kMagic), std::end(kMagic), made.magic);
  made.version = kVersion;
  made.buckets = bytes_ >= kFile_bytes ? 1u << 16 : 1u << 8;
  made.size = bytes_;
  made.top = heap_start();
  first_of_sha256(session, made.session);
}

Status SessionMemory::check(const std::string& session) const {
  const Header& found = header();
  const bool ours = std::equal(std::begin(kMagic), std::end(kMagic), found.magic);
  const uint32_t buckets = found.buckets;
  unsigned char named[16];
  first_of_sha256(session, named);
  const char* problem = nullptr;
  if (!ours || found.size != bytes_) {
    problem = "what stands in the place of the session's memory is another file";
  } else if (found.version != kVersion) {
    problem = "the session was begun by another version of recshim";
  } else if (buckets == 0 || (buckets & (buckets - 1)) != 0 || heap_start() >= bytes_) {
    problem = kDamaged;
  } else if (!std::equal(std::begin(named), std::end(named), found.session)) {
    problem = "what stands in the place of the session's memory is another session's";
  }
  return problem == nullptr ? Status() : Status(Error{ErrorCode::kInvalid, problem});
}

Status SessionMemory::reachable() const {
  return problem_ ? Status(*problem_) : Status();
}

SessionMemory::Header& SessionMemory::header() const {
  return *reinterpret_cast<Header*>(base_);
}

uint64_t SessionMemory::heap_start() const {
  return rounded(sizeof(Header) + uint64_t{header().buckets} * sizeof(uint32_t));
}

template <typename T>
T* SessionMemory::at(uint32_t offset) const {
  if (offset % 8 != 0 || offset < heap_start() || offset + sizeof(T) > bytes_) return nullptr;
  return reinterpret_cast<T*>(base_ + offset);
}

uint32_t& SessionMemory::bucket(const Name& name) const {
  uint32_t number = 0;
  std::memcpy(&number, name.bytes_.data(), sizeof number);
  auto* const buckets = reinterpret_cast<uint32_t*>(base_ + sizeof(Header));
  return buckets[number % header().buckets];
}

Result<uint32_t> SessionMemory::allocate(uint64_t bytes) {
  uint64_t top = load(header().top);
  do {
    if (rounded(bytes) > bytes_ || top > bytes_ - rounded(bytes)) {
      std::atomic_ref(header().times_full).fetch_add(1);
      return Error{ErrorCode::kTooLarge, "the session's memory is full"};
    }
  } while (!swap(header().top, top, top + rounded(bytes)));
  return static_cast<uint32_t>(top);
}

Result<SessionMemory::Entry*> SessionMemory::search(const Name& name, uint32_t from,
                                                    uint32_t until) const {
  uint64_t steps = bytes_ / sizeof(Entry);
  for (uint32_t offset = from; offset != until;) {
    Entry* const entry = at<Entry>(offset);
    if (entry == nullptr || --steps == 0) return Error{ErrorCode::kInvalid, kDamaged};
    if (std::equal(name.bytes_.begin(), name.bytes_.end(), entry->name)) return entry;
    offset = entry->next;
  }
  return nullptr;
}

Result<SessionMemory::Entry*> SessionMemory::find(const Name& name) const {
  if (problem_) return *problem_;
  return search(name, load(bucket(name)), 0);
}

Result<SessionMemory::Entry*> SessionMemory::find_or_add(const Name& name) {
  if (problem_) return *problem_;
  uint32_t& head = bucket(name);
  uint32_t first = load(head);
  auto found = search(name, first, 0);
  if (!found || *found != nullptr) return found;
  const auto offset = allocate(sizeof(Entry));
  if (!offset) return offset.error();
  auto* const entry = at<Entry>(*offset);
  std::copy(name.bytes_.begin(), name.bytes_.end(), entry->name);
  for (;;) {
    const uint32_t seen = first;
    entry->next = first;
    if (swap(head, first, *offset)) return entry;
    found = search(name, first, seen);  // among those that came meanwhile
    if (!found || *found != nullptr) return found;
  }
}

Result<uint64_t> SessionMemory::cell(const Name& name) const {
  const auto entry = find(name);
  if (!entry) return entry.error();
  return *entry == nullptr ? 0 : load((*entry)->cell);
}

Result<bool> SessionMemory::exchange(const Name& name, uint64_t expected, uint64_t desired) {
  const auto entry = find_or_add(name);
  if (!entry) return entry.error();
  return swap((*entry)->cell, expected, desired);
}

Result<uint64_t> SessionMemory::add(const Name& name, uint64_t number) {
  const auto entry = find_or_add(name);
  if (!entry) return entry.error();
  return std::atomic_ref((*entry)->cell).fetch_add(number) + number;
}

Result<uint32_t> SessionMemory::make_value(std::string_view value) {
  const auto offset = allocate(sizeof(Value) + value.size());
  if (!offset) return offset;
  auto* const made = at<Value>(*offset);
  made->size = static_cast<uint32_t>(value.size());
  std::copy(value.begin(), value.end(), reinterpret_cast<char*>(made + 1));
  return offset;
}

Status SessionMemory::append(const Name& name, std::string_view value) {
  const auto entry = find_or_add(name);
  if (!entry) return entry.error();
  const auto offset = make_value(value);
  if (!offset) return offset.error();
  uint32_t newest = load((*entry)->newest);
  do {
    at<Value>(*offset)->previous = newest;
  } while (!swap((*entry)->newest, newest, *offset));
  return {};
}

Result<std::string> SessionMemory::append_first(const Name& name, std::string_view value) {
  const auto entry = find_or_add(name);
  if (!entry) return entry.error();
  if (load((*entry)->newest) == 0) {
    const auto offset = make_value(value);
    if (!offset) return offset.error();
    uint32_t newest = 0;
    if (swap((*entry)->newest, newest, *offset)) return std::string(value);
  }
  auto all = values(name);
  if (!all) return all.error();
  return all->front();
}

// The newest one first.
Result<std::vector<std::string>> SessionMemory::newest_values(const Name& name,
                                                              size_t limit) const {
  const auto entry = find(name);
  if (!entry) return entry.error();
  std::vector<std::string> found;
  uint32_t offset = *entry == nullptr ? 0 : load((*entry)->newest);
  uint64_t steps = bytes_ / sizeof(Value);
  while (offset != 0 && found.size() < limit) {
    const auto* const value = at<Value>(offset);
    if (value == nullptr || value->size > bytes_ - offset - sizeof(Value) || --steps == 0) {
      return Error{ErrorCode::kInvalid, kDamaged};
    }
    found.emplace_back(reinterpret_cast<const char*>(value + 1), value->size);
    offset = value->previous;
  }
  return found;
}

Result<std::optional<std::string>> SessionMemory::newest(const Name& name) const {
  auto found = newest_values(name, 1);
  if (!found) return found.error();
  if (found->empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(found->front()));
}

Result<std::vector<std::string>> SessionMemory::values(const Name& name) const {
  auto found = newest_values(name, SIZE_MAX);
  if (found) std::reverse(found->begin(), found->end());
  return found;
}

void SessionMemory::count(size_t index, int64_t number) {
  if (problem_ || index >= kCounters) return;
  std::atomic_ref(header().counters[index]).fetch_add(static_cast<uint64_t>(number));
}

uint64_t SessionMemory::counter(size_t index) const {
  return problem_ || index >= kCounters ? 0 : load(header().counters[index]);
}

uint64_t SessionMemory::times_full() const {
  return problem_ ? 0 : load(header().times_full);
}

}  // namespace recshim
