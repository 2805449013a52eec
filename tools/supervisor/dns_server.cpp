// See dns_server.h.
#include "tools/supervisor/dns_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/control/dns_message.h"

#ifndef IPV6_FREEBIND  // linux/in6.h, which can't stand beside netinet/in.h
#define IPV6_FREEBIND 78
#endif

namespace recshim::supervisor {
namespace {

using control::Endpoint;

constexpr size_t kMaxMessage = 65535;
constexpr uint64_t kForward_us = 3'000'000;
constexpr size_t kMaxPending = 256;
constexpr uint16_t kDnsPort = 53;

// Where a query came from and which of our addresses it was sent to.
struct Path {
  int fd = -1;
  sockaddr_storage from{};
  socklen_t from_length = 0;
  std::optional<Endpoint> to;
};

struct alignas(cmsghdr) ControlBuffer {
  char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo))] = {};
};

std::optional<Endpoint> destination_of(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      return control::endpoint_from_text(control::v4_text(ntohl(info.ipi_addr.s_addr)), kDnsPort);
    }
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      Endpoint endpoint;
      std::memcpy(endpoint.address.data(), &info.ipi6_addr, endpoint.address.size());
      endpoint.port = kDnsPort;
      return endpoint;
    }
  }
  return std::nullopt;
}

template <typename Info>
void put_control(msghdr& message, ControlBuffer& buffer, int level, int type, const Info& info) {
  message.msg_control = buffer.bytes;
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

// Answers come from the address that was asked: resolvers drop others.
void reply(const Path& path, std::string_view bytes) {
  iovec data = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_storage*>(&path.from);
  message.msg_namelen = path.from_length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  ControlBuffer buffer;
  if (path.to && path.from.ss_family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(path.to->v4());
    put_control(message, buffer, IPPROTO_IP, IP_PKTINFO, info);
  } else if (path.to) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, path.to->address.data(), path.to->address.size());
    put_control(message, buffer, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  if (sendmsg(path.fd, &message, MSG_DONTWAIT) < 0) {
    log::debug("a DNS answer could not be sent: {}", std::strerror(errno));
  }
}

// Gives fd the option that tells which address a query was sent to, and binds it.
bool open_responder(int fd, const Endpoint& address, int family) {
  const int on = 1;
  if (family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    // IPv6 takes only addresses of interfaces for its own otherwise, not routes.
    setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
  } else {
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  }
  sockaddr_storage bound{};
  const socklen_t length = control::to_sockaddr(address, family, &bound);
  return bind(fd, reinterpret_cast<sockaddr*>(&bound), length) == 0;
}

std::optional<Endpoint> bound_to(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
}

}  // namespace

struct DnsServer::Pending {
  Path path;
  std::string query;
  std::vector<Endpoint> servers;  // still to be asked
  int fd = -1;
  uint64_t deadline_us = 0;
  ~Pending() {
    if (fd >= 0) close(fd);
  }
};

std::vector<std::string> nameservers_of(const std::string& resolv_conf) {
  std::vector<std::string> servers;
  std::istringstream lines(resolv_conf);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string address;
    if (words >> keyword >> address && keyword == "nameserver") servers.push_back(address);
  }
  if (servers.empty()) servers.emplace_back("127.0.0.1");
  return servers;
}

DnsServer::DnsServer(PrivateNet* net, Resolve resolve)
    : resolve_(std::move(resolve)), stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  for (const int family : {AF_INET, AF_INET6}) {
    const char* const any = family == AF_INET ? "0.0.0.0" : "::";
    const auto made = net == nullptr ? Result<int>(Error{}) : net->socket(family, SOCK_DGRAM);
    if (made && open_responder(*made, *control::endpoint_from_text(any, kDnsPort), family)) {
      sockets_.push_back(*made);
      serves_private_net_ = true;
    } else if (made) {
      close(*made);
    }
    const char* const loopback = family == AF_INET ? "127.0.0.1" : "::1";
    const int fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && open_responder(fd, *control::endpoint_from_text(loopback, 0), family)) {
      (family == AF_INET ? loopback_v4_ : loopback_v6_) = bound_to(fd);
      sockets_.push_back(fd);
    } else if (fd >= 0) {
      close(fd);
    }
  }
}

DnsServer::~DnsServer() {
  if (thread_.joinable()) {
    eventfd_write(stop_fd_, 1);
    thread_.join();
  }
  for (const int fd : sockets_) close(fd);
  close(stop_fd_);
}

void DnsServer::start() {
  thread_ = std::thread([this] { serve(); });
}

std::optional<Endpoint> DnsServer::loopback(int family) const {
  return family == AF_INET ? loopback_v4_ : loopback_v6_;
}

void DnsServer::serve() {
  for (;;) {
    std::vector<pollfd> waited = {{stop_fd_, POLLIN, 0}};
    for (const int fd : sockets_) waited.push_back({fd, POLLIN, 0});
    for (const auto& pending : pending_) waited.push_back({pending->fd, POLLIN, 0});
    const bool idle = pending_.empty();
    if (poll(waited.data(), waited.size(), idle ? -1 : 200) < 0 && errno != EINTR) return;
    if (waited[0].revents != 0) return;
    const size_t asked = pending_.size();
    for (size_t i = 0; i < asked; ++i) {
      if (waited[1 + sockets_.size() + i].revents != 0) take_answer(*pending_[i]);
    }
    const uint64_t now = posix_env().monotonic_time_us();
    std::erase_if(pending_, [&](const auto& pending) {
      if (pending->fd >= 0 && now > pending->deadline_us && !forward(*pending)) {
        reply(pending->path, control::dns_failure(pending->query));
      }
      return pending->fd < 0;
    });
    for (size_t i = 0; i < sockets_.size(); ++i) {
      if (waited[1 + i].revents != 0) take_query(sockets_[i]);
    }
  }
}

void DnsServer::take_query(int fd) {
  std::string bytes(kMaxMessage, '\0');
  Path path;
  path.fd = fd;
  iovec data = {bytes.data(), bytes.size()};
  ControlBuffer buffer;
  msghdr message{};
  message.msg_name = &path.from;
  message.msg_namelen = sizeof path.from;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = buffer.bytes;
  message.msg_controllen = sizeof buffer.bytes;
  const ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
  if (n <= 0) return;
  bytes.resize(static_cast<size_t>(n));
  path.from_length = message.msg_namelen;
  path.to = destination_of(message);

  const auto question = control::parse_dns_query(bytes);
  if (!question) return;
  if (question->internet) {
    if (const auto address = resolve_(question->name)) {
      log::debug("lookup of {} (type {}) answered", question->name, question->type);
      const bool wanted = question->type == control::kDnsA;
      reply(path, control::dns_answer(bytes, wanted ? address : std::nullopt));
      return;
    }
  }
  auto pending = std::make_unique<Pending>();
  pending->path = path;
  pending->query = bytes;
  // On the loopback interface the query no longer tells which nameserver was meant.
  const bool on_loopback = bound_to(fd).value_or(Endpoint{}).is_loopback();
  if (path.to && !on_loopback) {
    pending->servers.push_back(*path.to);
  } else {
    const auto text = posix_env().read_file("/etc/resolv.conf");
    for (const std::string& server : nameservers_of(text ? *text : "")) {
      const auto endpoint = control::endpoint_from_text(server, kDnsPort);
      if (endpoint) pending->servers.push_back(*endpoint);
    }
  }
  if (pending_.size() < kMaxPending && forward(*pending)) {
    pending_.push_back(std::move(pending));
  } else {
    reply(path, control::dns_failure(bytes));
  }
}

// Asks the next of the servers; false when there is none.
bool DnsServer::forward(Pending& pending) {
  while (!pending.servers.empty()) {
    const Endpoint server = pending.servers.front();
    pending.servers.erase(pending.servers.begin());
    if (pending.fd >= 0) close(pending.fd);
    const int family = server.is_v4() ? AF_INET : AF_INET6;
    pending.fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_storage address{};
    const socklen_t length = control::to_sockaddr(server, family, &address);
    if (pending.fd >= 0 &&
        connect(pending.fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
        send(pending.fd, pending.query.data(), pending.query.size(), MSG_DONTWAIT) ==
            static_cast<ssize_t>(pending.query.size())) {
      pending.deadline_us = posix_env().monotonic_time_us() + kForward_us;
      return true;
    }
  }
  if (pending.fd >= 0) close(pending.fd);
  pending.fd = -1;
  return false;
}

void DnsServer::take_answer(Pending& pending) {
  std::string bytes(kMaxMessage, '\0');
  const ssize_t n = recv(pending.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    // Nobody listens there.
    if (!forward(pending)) reply(pending.path, control::dns_failure(pending.query));
    return;
  }
  reply(pending.path, {bytes.data(), static_cast<size_t>(n)});
  close(pending.fd);
  pending.fd = -1;
}

}  // namespace recshim::supervisor
