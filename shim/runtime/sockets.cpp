// See sockets.h.
#include "shim/runtime/sockets.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <vector>

#include "shim/base/lasting.h"
#include "shim/base/sys.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"

namespace recshim::runtime {
namespace {

constexpr int kTableSize = 1 << 20;  // zero pages until used
std::array<std::atomic<Socket*>, kTableSize> table;
std::atomic<int> used_descriptors{0};

// Descriptors of our own: few, so a small fixed array that needs no lock to read.
constexpr int kMaxOwnFds = 4096;
std::array<std::atomic<int>, kMaxOwnFds> own_fds;  // fd + 1, 0 when free
std::atomic<int> own_fds_high{0};

struct Pool {
  ForkMutex mutex{LockRank::kSocketPool};
  std::deque<Socket> slots;  // type-stable
  std::vector<Socket*> free;
};

Pool& pool() {
  return lasting<[] { return new Pool; }>();
}

bool in_table(int fd) {
  return fd >= 0 && fd < kTableSize;
}

// REQUIRES: socket.mutex held.
void clear(Socket& socket) {
  socket.role = Role::kFree;
  socket.refs = 0;
  socket.origin = {};
  socket.proxy = socket.tunnelled = socket.tls = socket.client_spoke = socket.inherited = false;
  socket.watch.reset();
  socket.watched_ahead = 0;
  socket.record.reset();
  socket.replay.reset();
  socket.tap.reset();
  socket.peer_fd = -1;
  if (socket.parked_fd >= 0) {
    forget_own_fd(socket.parked_fd);
    sys::close(socket.parked_fd);
    socket.parked_fd = -1;
  }
  socket.unix_pair = false;
  socket.in_kernel = 0;
  socket.out.clear();
  socket.next.reset();
  socket.read_by_hook = socket.past_hooks = socket.ended = false;
  socket.write_shut = socket.ragged = socket.announced = false;
  socket.options.clear();
  socket.failure_errno = 0;
}

Socket* take_slot() {
  const std::lock_guard lock(pool().mutex);
  if (pool().free.empty()) return &pool().slots.emplace_back();
  Socket* slot = pool().free.back();
  pool().free.pop_back();
  return slot;
}

void give_back(Socket* slot) {
  const std::lock_guard lock(pool().mutex);
  pool().free.push_back(slot);
}

// 0 when fd is closed.
uint64_t inode_of(int fd) {
  struct stat info {};
  return sys::call(SYS_fstat, fd, sys::arg(&info)) == 0 ? info.st_ino : 0;
}

// The program's end went away unseen: nothing is left to finish but our own end.
void drop_peer(Socket& socket, int) {
  if (socket.peer_fd < 0) return;
  forget_own_fd(socket.peer_fd);
  sys::close(socket.peer_fd);
}

int high_base() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t soft = std::min<rlim_t>(limit.rlim_cur, 1 << 16);
  return static_cast<int>(soft > 512 ? soft / 2 + soft / 8 : soft / 2);
}

}  // namespace

Socket* find_socket(int fd) {
  if (used_descriptors.load(std::memory_order_relaxed) == 0 || !in_table(fd)) return nullptr;
  Socket* slot = table[fd].load(std::memory_order_acquire);
  if (slot == nullptr || inode_of(fd) == slot->inode.load(std::memory_order_relaxed)) return slot;
  const OwnWork work;
  if (!in_vfork_child()) remove_socket(fd, drop_peer);
  return nullptr;
}

LockedSocket::LockedSocket(Socket* socket, int fd) : socket_(socket) {
  socket_->mutex.lock();
  if (table[fd].load(std::memory_order_acquire) != socket_) {
    socket_->mutex.unlock();
    socket_ = nullptr;
  }
}

LockedSocket::~LockedSocket() {
  if (socket_ != nullptr) socket_->mutex.unlock();
}

Socket* add_socket(int fd, const std::function<void(Socket&)>& fill) {
  if (!in_table(fd)) return nullptr;
  remove_socket(fd, drop_peer);
  Socket* slot = take_slot();
  const std::lock_guard lock(slot->mutex);
  clear(*slot);
  slot->refs = 1;
  slot->first_fd = fd;
  static std::atomic<uint64_t> filled{0};
  slot->number = ++filled;
  slot->inode.store(inode_of(fd));
  fill(*slot);
  table[fd].store(slot, std::memory_order_release);
  used_descriptors.fetch_add(1);
  return slot;
}

void duplicate_socket(int from, int to) {
  Socket* source = find_socket(from);
  if (!in_table(to) || from == to) return;
  if (source == nullptr) return;
  const LockedSocket locked(source, from);
  if (!locked) return;
  ++source->refs;
  table[to].store(source, std::memory_order_release);
  used_descriptors.fetch_add(1);
}

void remove_socket(int fd, const std::function<void(Socket&, int)>& end) {
  if (!in_table(fd)) return;
  Socket* slot = table[fd].load(std::memory_order_acquire);
  if (slot == nullptr) return;
  bool last = false;
  {
    const LockedSocket locked(slot, fd);
    if (!locked) return;
    table[fd].store(nullptr, std::memory_order_release);
    used_descriptors.fetch_sub(1);
    last = --slot->refs == 0;
    if (last) {
      end(*slot, fd);
      clear(*slot);
    }
  }
  if (last) give_back(slot);
}

void for_each_socket(const std::function<void(Socket&)>& visit) {
  std::vector<Socket*> slots;
  {
    const std::lock_guard lock(pool().mutex);
    for (auto& slot : pool().slots) slots.push_back(&slot);
  }
  for (Socket* slot : slots) {
    const std::lock_guard lock(slot->mutex);
    if (slot->role != Role::kFree) visit(*slot);
  }
}

int fd_of(const Socket& socket) {
  if (in_table(socket.first_fd) &&
      table[socket.first_fd].load(std::memory_order_relaxed) == &socket) {
    return socket.first_fd;
  }
  for (int fd = 0; fd < kTableSize; ++fd) {
    if (table[fd].load(std::memory_order_relaxed) == &socket) return fd;
  }
  return -1;
}

std::vector<int> socket_descriptors() {
  std::vector<int> found;
  const int used = used_descriptors.load();
  for (int fd = 0; fd < kTableSize && static_cast<int>(found.size()) < used; ++fd) {
    if (table[fd].load(std::memory_order_relaxed) != nullptr) found.push_back(fd);
  }
  return found;
}

bool any_socket() {
  return used_descriptors.load(std::memory_order_relaxed) != 0;
}

int raise_fd(int fd) {
  long high = sys::call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high_base());
  if (high < 0) high = sys::call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 64);
  sys::close(fd);
  if (high < 0) {
    errno = static_cast<int>(-high);
    return -1;
  }
  note_own_fd(static_cast<int>(high));
  return static_cast<int>(high);
}

void note_own_fd(int fd) {
  for (int i = 0; i < kMaxOwnFds; ++i) {
    int expected = 0;
    if (own_fds[i].compare_exchange_strong(expected, fd + 1)) {
      int seen = own_fds_high.load();
      while (seen < i + 1 && !own_fds_high.compare_exchange_weak(seen, i + 1)) {
      }
      return;
    }
  }
}

bool is_own_fd(int fd) {
  const int count = own_fds_high.load(std::memory_order_relaxed);
  for (int i = 0; i < count; ++i) {
    if (own_fds[i].load(std::memory_order_relaxed) == fd + 1) return true;
  }
  return false;
}

std::vector<int> own_descriptors() {
  std::vector<int> found;
  const int count = own_fds_high.load();
  for (int i = 0; i < count; ++i) {
    const int fd = own_fds[i].load() - 1;
    if (fd >= 0) found.push_back(fd);
  }
  return found;
}

void forget_own_fd(int fd) {
  const int count = own_fds_high.load();
  for (int i = 0; i < count; ++i) {
    int expected = fd + 1;
    if (own_fds[i].compare_exchange_strong(expected, 0)) return;
  }
}

void mark_sockets_inherited() {
  for (auto& slot : pool().slots) slot.inherited = true;
}

}  // namespace recshim::runtime
