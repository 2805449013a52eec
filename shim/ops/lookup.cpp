// Name lookups: a configured host needs no DNS in replay, and one that CONNECT_TO sends
// elsewhere needs none ever, nor does the way back from its synthetic address. Other lookups are
// the real ones; in record their answers are remembered, so that connect(2) knows which host an
// address is.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "shim/base/log.h"
#include "shim/http/message.h"
#include "shim/ops/libc.h"
#include "shim/ops/lookup.h"
#include "shim/runtime/names.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/start.h"

namespace recshim::ops {

using runtime::OwnWork;

namespace {

// The port that a service names, 0 if none or unknown.
uint16_t port_of(const char* service) {
  if (service == nullptr || *service == '\0') return 0;
  char* end = nullptr;
  const unsigned long number = std::strtoul(service, &end, 10);
  if (*end == '\0') return static_cast<uint16_t>(number);
  if (std::strcmp(service, "https") == 0) return 443;
  if (std::strcmp(service, "http") == 0) return 80;
  return 0;
}

// CONNECT_TO targets of host, any port.
const control::ConnectTo* any_redirect(const runtime::Runtime& self, const std::string& host,
                                       uint16_t port) {
  if (port != 0) return self.hosts->connect_to(host, port);
  for (const auto& entry : self.config.connect_to) {
    if (entry.host == host) return &entry;
  }
  return nullptr;
}

// In lower case and without the root's dot.
std::string plain_name(const char* node) {
  std::string name = http::to_lower(node);
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

struct Answer {
  std::string host;       // lower case, without a trailing dot; empty: the real lookup
  std::string synthetic;  // dotted IPv4
  bool only_v6 = false;   // the real end is IPv6: an IPv4 socket could not go there
  // localhost (RFC 6761 §6.3): programs bind(2) to what a lookup of it gives, so that the real
  // addresses come first. They are known without a nameserver, and connect(2) knows whose they are.
  bool local = false;

  [[nodiscard]] bool needs_synthetic() const { return !host.empty() && !only_v6 && !local; }
};

Answer answer_for(const char* node, uint16_t port) {
  Answer answer;
  runtime::start();
  auto* self = runtime::runtime();
  if (self == nullptr || node == nullptr || *node == '\0') return answer;
  const OwnWork work;
  const std::string host = plain_name(node);
  if (host.empty() || runtime::is_numeric_host(host)) return answer;
  const auto* redirect = any_redirect(*self, host, port);
  const bool replayed =
      self->replaying() && (self->hosts->configured(host, port) || self->is_proxy(host, port));
  if (redirect == nullptr && !replayed) return answer;
  answer.host = host;
  answer.synthetic = runtime::synthetic_address(host);
  log::trace("lookup of {} answered by {}", host, answer.synthetic);
  answer.local = host == "localhost" || host.ends_with(".localhost");
  answer.only_v6 = redirect != nullptr && !self->replaying() &&
                   redirect->target_address.find(':') != std::string::npos;
  return answer;
}

void remember(const char* node, const addrinfo* list) {
  auto* self = runtime::runtime();
  if (self == nullptr || node == nullptr || self->config.mode == control::Mode::kLive) return;
  const OwnWork work;
  const std::string host = plain_name(node);
  if (runtime::is_numeric_host(host)) return;
  for (; list != nullptr; list = list->ai_next) {
    if (auto endpoint = runtime::endpoint_of(list->ai_addr, list->ai_addrlen)) {
      runtime::remember_lookup(host, *endpoint);
    }
  }
}

void remember(const char* node, const hostent* entry) {
  auto* self = runtime::runtime();
  if (self == nullptr || node == nullptr || entry == nullptr) return;
  if (self->config.mode == control::Mode::kLive) return;
  const OwnWork work;
  const std::string host = plain_name(node);
  if (runtime::is_numeric_host(host)) return;
  for (char** address = entry->h_addr_list; *address != nullptr; ++address) {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(entry->h_addrtype, *address, text, sizeof text);
    if (auto endpoint = runtime::endpoint_from_text(text, 0)) {
      runtime::remember_lookup(host, *endpoint);
    }
  }
}

// The host of a synthetic address of ours, or nullopt.
std::optional<std::string> host_of_synthetic(const std::optional<runtime::Endpoint>& endpoint) {
  if (!endpoint || !endpoint->is_synthetic() || runtime::runtime() == nullptr) return std::nullopt;
  const OwnWork work;
  return runtime::host_of(*endpoint);
}

std::optional<runtime::Endpoint> endpoint_of_address(const void* address, socklen_t size,
                                                     int family) {
  const bool fits = (family == AF_INET && size == sizeof(in_addr)) ||
                    (family == AF_INET6 && size == sizeof(in6_addr));
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr || !fits || inet_ntop(family, address, text, sizeof text) == nullptr) {
    return std::nullopt;
  }
  return runtime::endpoint_from_text(text, 0);
}

// The answer of lookup(buffer, size), a libc function that puts an entry into a buffer, under
// host's name, for which room is kept at the buffer's end.
template <typename Lookup>
int with_name(const std::string& host, char* buffer, size_t size, hostent* entry, hostent** result,
              int* error, Lookup lookup) {
  const size_t room = host.size() + 1;
  if (size <= room) {
    *result = nullptr;
    *error = NETDB_INTERNAL;
    return ERANGE;
  }
  const int status = lookup(buffer, size - room);
  if (status != 0 || *result == nullptr) return status;
  entry->h_name = buffer + size - room;
  std::memcpy(entry->h_name, host.c_str(), room);
  return 0;
}

// gethostbyname's answer for a numeric name says that name; the program asked for another.
thread_local char asked_name[256];

hostent* with_asked_name(hostent* entry, const std::string& host) {
  if (entry == nullptr) return nullptr;
  std::strncpy(asked_name, host.c_str(), sizeof asked_name - 1);
  entry->h_name = asked_name;
  return entry;
}

}  // namespace

std::optional<uint32_t> synthetic_answer(const std::string& host) {
  const Answer answer = answer_for(host.c_str(), 0);
  if (answer.host.empty() || answer.only_v6) return std::nullopt;
  const OwnWork work;
  const auto endpoint = runtime::endpoint_from_text(answer.synthetic, 0);
  return endpoint ? std::optional<uint32_t>(endpoint->v4()) : std::nullopt;
}

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (runtime::in_own_work()) return real::getaddrinfo(node, service, hints, result);
  const Answer answer = answer_for(node, port_of(service));
  if (answer.host.empty() || answer.local) {
    const int error = real::getaddrinfo(node, service, hints, result);
    if (error == 0) remember(node, *result);
    if (error == 0 || answer.host.empty()) return error;
  }
  // libc fills in types, protocols and ports as for any numeric address. ADDRCONFIG would
  // ask for an interface, and a program in replay needs none.
  addrinfo numeric{};
  if (hints != nullptr) numeric = *hints;
  const bool wants_name = (numeric.ai_flags & AI_CANONNAME) != 0;
  numeric.ai_flags &= ~(AI_ADDRCONFIG | AI_CANONNAME | AI_ALL);
  numeric.ai_flags |= AI_NUMERICHOST;
  const bool as_v6 = numeric.ai_family == AF_INET6 || answer.only_v6;
  if (answer.only_v6 && numeric.ai_family == AF_INET) return EAI_ADDRFAMILY;
  const std::string address = (as_v6 ? "::ffff:" : "") + answer.synthetic;
  const int error = real::getaddrinfo(address.c_str(), service, &numeric, result);
  if (error == 0 && wants_name && *result != nullptr) {
    (*result)->ai_canonname = strdup(answer.host.c_str());  // freeaddrinfo(3) frees it
  }
  return error;
}

hostent* gethostbyname(const char* name) {
  if (runtime::in_own_work()) return real::gethostbyname(name);
  const Answer answer = answer_for(name, 0);
  if (answer.needs_synthetic()) {
    return with_asked_name(real::gethostbyname(answer.synthetic.c_str()), answer.host);
  }
  hostent* entry = real::gethostbyname(name);
  remember(name, entry);
  return entry;
}

hostent* gethostbyname2(const char* name, int family) {
  if (runtime::in_own_work()) return real::gethostbyname2(name, family);
  const Answer answer = family == AF_INET ? answer_for(name, 0) : Answer{};
  if (answer.needs_synthetic()) {
    return with_asked_name(real::gethostbyname2(answer.synthetic.c_str(), family), answer.host);
  }
  hostent* entry = real::gethostbyname2(name, family);
  remember(name, entry);
  return entry;
}

int gethostbyname_r(const char* name, hostent* entry, char* buffer, size_t size, hostent** result,
                    int* error) {
  const Answer answer = runtime::in_own_work() ? Answer{} : answer_for(name, 0);
  if (answer.needs_synthetic()) {
    return with_name(answer.host, buffer, size, entry, result, error, [&](char* room, size_t n) {
      return real::gethostbyname_r(answer.synthetic.c_str(), entry, room, n, result, error);
    });
  }
  const int status = real::gethostbyname_r(name, entry, buffer, size, result, error);
  if (status == 0 && !runtime::in_own_work()) remember(name, *result);
  return status;
}

int gethostbyname2_r(const char* name, int family, hostent* entry, char* buffer, size_t size,
                     hostent** result, int* error) {
  const bool is_own = runtime::in_own_work();
  const Answer answer = !is_own && family == AF_INET ? answer_for(name, 0) : Answer{};
  if (answer.needs_synthetic()) {
    return with_name(answer.host, buffer, size, entry, result, error, [&](char* room, size_t n) {
      return real::gethostbyname2_r(answer.synthetic.c_str(), family, entry, room, n, result,
                                    error);
    });
  }
  const int status = real::gethostbyname2_r(name, family, entry, buffer, size, result, error);
  if (status == 0 && !is_own) remember(name, *result);
  return status;
}

// A numeric name's entry has all of the answer but the name.
hostent* gethostbyaddr(const void* address, socklen_t size, int family) {
  const auto endpoint = endpoint_of_address(address, size, family);
  const auto host = host_of_synthetic(endpoint);
  if (!host) return real::gethostbyaddr(address, size, family);
  return with_asked_name(real::gethostbyname2(endpoint->text().c_str(), family), *host);
}

int gethostbyaddr_r(const void* address, socklen_t size, int family, hostent* entry, char* buffer,
                    size_t buffer_size, hostent** result, int* error) {
  const auto endpoint = endpoint_of_address(address, size, family);
  const auto host = host_of_synthetic(endpoint);
  if (!host) {
    return real::gethostbyaddr_r(address, size, family, entry, buffer, buffer_size, result, error);
  }
  const std::string numeric = (family == AF_INET6 ? "::ffff:" : "") + endpoint->text();
  return with_name(*host, buffer, buffer_size, entry, result, error, [&](char* room, size_t n) {
    return real::gethostbyname2_r(numeric.c_str(), family, entry, room, n, result, error);
  });
}

int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size,
                char* service, socklen_t service_size, int flags) {
  const bool wants_name = host != nullptr && host_size > 0 && (flags & NI_NUMERICHOST) == 0;
  const auto name = wants_name && address != nullptr
                        ? host_of_synthetic(runtime::endpoint_of(address, size))
                        : std::nullopt;
  if (!name) {
    return real::getnameinfo(address, size, host, host_size, service, service_size, flags);
  }
  if (name->size() >= host_size) return EAI_OVERFLOW;
  std::memcpy(host, name->c_str(), name->size() + 1);
  if (service == nullptr || service_size == 0) return 0;
  return real::getnameinfo(address, size, nullptr, 0, service, service_size, flags & ~NI_NAMEREQD);
}

}  // namespace recshim::ops
