// See tls_taps.h.
#include "shim/runtime/tls_taps.h"

#include <map>
#include <mutex>
#include <vector>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/base/log.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/runtime.h"

namespace recshim::runtime {
namespace {

class Tap;

struct Registry {
  ForkMutex mutex{LockRank::kTaps};
  std::map<Tap*, std::weak_ptr<Tap>> taps;
};

Registry& registry() {
  return lasting<[] { return new Registry; }>();
}

class Tap final : public TlsTap {
 public:
  explicit Tap(std::unique_ptr<flow::RecordConnection> record) : record_(std::move(record)) {}

  ~Tap() override {
    const OwnWork work;
    const std::lock_guard lock(registry().mutex);
    registry().taps.erase(this);
  }

  void on_written(const void* bytes, size_t n) override {
    feed([&](flow::Commands& out) {
      log::trace("{}: {} bytes to the server over TLS", http::origin_url(record_->origin()), n);
      record_->on_client_bytes({static_cast<const char*>(bytes), n}, monotonic_us(), out);
    });
  }

  void on_read(const void* bytes, size_t n) override {
    feed([&](flow::Commands& out) {
      log::trace("{}: {} bytes from the server over TLS", http::origin_url(record_->origin()), n);
      record_->on_server_bytes({static_cast<const char*>(bytes), n}, monotonic_us(), out);
    });
  }

  void on_read_end(flow::End end) override {
    feed([&](flow::Commands& out) { record_->on_server_end(end, monotonic_us(), out); });
  }

  void on_close() override {
    const OwnWork work;
    const std::lock_guard lock(mutex);
    if (!record_) return;
    if (!inherited) {
      flow::Commands commands;
      record_->on_client_end(monotonic_us(), commands);
      execute(commands);
    }
    record_.reset();
  }

  bool wants_drain() override {
    const OwnWork work;
    const std::lock_guard lock(mutex);
    return record_ && !inherited && record_->busy();
  }

  ForkMutex mutex{LockRank::kTap};
  bool inherited = false;  // made before fork(2) by the parent, untouched since

 private:
  template <typename Feed>
  void feed(const Feed& step) {
    const OwnWork work;
    const std::lock_guard lock(mutex);
    if (!record_) return;
    inherited = false;
    flow::Commands commands;
    step(commands);
    if (execute(commands).stop) record_.reset();
  }

  std::unique_ptr<flow::RecordConnection> record_;
};

}  // namespace

std::shared_ptr<TlsTap> make_tap(std::unique_ptr<flow::RecordConnection> record) {
  auto tap = std::make_shared<Tap>(std::move(record));
  const std::lock_guard lock(registry().mutex);
  registry().taps[tap.get()] = tap;
  return tap;
}

void finish_taps() {
  // Other threads of the program may still run while it exits.
  std::vector<std::shared_ptr<Tap>> taps;
  {
    const std::lock_guard lock(registry().mutex);
    for (auto& [raw, weak] : registry().taps) {
      if (auto tap = weak.lock()) taps.push_back(std::move(tap));
    }
  }
  for (auto& tap : taps) tap->on_close();
}

void mark_taps_inherited() {
  for (auto& [tap, weak] : registry().taps) tap->inherited = true;
}

}  // namespace recshim::runtime
