// See fake_gate.h.
#include "tests/unit/ops/fake_gate.h"

#include "shim/runtime/tls_io.h"

#include <cstdlib>

namespace recshim::testing {

void FakeTap::on_written(const void* bytes, size_t n) {
  written.append(static_cast<const char*>(bytes), n);
}
void FakeTap::on_read(const void* bytes, size_t n) {
  read.append(static_cast<const char*>(bytes), n);
}
void FakeTap::on_read_end(flow::End end) {
  ends.push_back(end);
}
void FakeTap::on_close() {
  ++closed;
}

FakeGate& gate() {
  static FakeGate instance;
  return instance;
}

void reset_gate(runtime::TlsAction action, const std::string& host) {
  gate() = FakeGate{};
  gate().verdict.action = action;
  gate().verdict.host = host;
}

const void* foreign_caller() {
  return reinterpret_cast<const void*>(&std::atoi);
}

}  // namespace recshim::testing

namespace recshim::runtime {

using testing::gate;

bool tls_active() {
  return gate().active;
}

TlsVerdict decide_tls(int fd, const std::string& sni, AlpnOffer alpn) {
  ++gate().decisions;
  gate().fd = fd;
  gate().sni = sni;
  gate().alpn = alpn;
  return gate().verdict;
}

VirtualEnd virtual_end(const VirtualConnection*) {
  return gate().connection_ended ? VirtualEnd::kAnnounced : VirtualEnd::kOpen;
}
void adopt_virtual(Socket&, std::string_view) {}
void begin_virtual(const std::shared_ptr<VirtualConnection>&, std::string_view) {}
bool close_notify_has_come(const VirtualConnection*) {
  return gate().close_notify;
}
void begin_fd_probe() {}
bool may_be_inside_tls() {
  return gate().inside_tls;
}
int end_fd_probe() {
  return gate().probed_fd;
}
void enter_tls_io() {
  ++gate().tls_io_depth;
}
void leave_tls_io() {
  --gate().tls_io_depth;
}
void note_client_hello(const unsigned char random[32], const TlsTap*) {
  gate().hellos.emplace_back(reinterpret_cast<const char*>(random), 32);
}

}  // namespace recshim::runtime
