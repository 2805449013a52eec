// Stands in for shim/runtime/tls_gate.cpp: the test says what is decided and sees what the
// operations tell.
#pragma once

#include <string>
#include <vector>

#include "shim/runtime/tls_gate.h"

namespace recshim::testing {

// Writes down what it hears.
class FakeTap final : public runtime::TlsTap {
 public:
  void on_written(const void* bytes, size_t n) override;
  void on_read(const void* bytes, size_t n) override;
  void on_read_end(flow::End end) override;
  void on_close() override;
  bool wants_drain() override { return draining; }

  std::string written, read;
  std::vector<flow::End> ends;
  int closed = 0;
  bool draining = false;
};

struct FakeGate {
  bool active = true;
  runtime::TlsVerdict verdict;  // given to every session
  int probed_fd = -1;
  bool inside_tls = false;
  bool connection_ended = false;
  bool close_notify = false;  // and all before it has been taken from the socket
  // What was asked.
  int decisions = 0;
  int fd = -2;
  std::string sni;
  runtime::AlpnOffer alpn = runtime::AlpnOffer::kNone;
  int tls_io_depth = 0;
  std::vector<std::string> hellos;
};

FakeGate& gate();
// Sets the gate back, with this action decided for every session.
void reset_gate(runtime::TlsAction action, const std::string& host = "api.example.com");

// A return address as of a program's call: in a library that is neither ours nor TLS's.
const void* foreign_caller();

}  // namespace recshim::testing
