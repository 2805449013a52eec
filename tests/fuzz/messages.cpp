// Messages from other processes: handed-over connections and DNS queries.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "shim/control/dns_message.h"
#include "shim/control/handover.h"
#include "tests/fuzz/targets.h"

namespace recshim::fuzz {
namespace {

// Sends bytes with one descriptor, without which no connection is handed over.
void send_with_descriptor(int socket, std::string bytes, int descriptor) {
  iovec part = {bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  require(sendmsg(socket, &message, MSG_NOSIGNAL) >= 0, "a message can be sent");
}

}  // namespace

// The first byte: whether the length before the message is right, or the input's own.
void fuzz_handover(std::string_view bytes) {
  constexpr size_t kMostBytes = size_t{32} << 10;
  Choices choices(bytes.substr(0, kMostBytes));
  std::string message;
  const bool framed = choices.byte() % 4 != 0;
  const auto size = static_cast<uint32_t>(choices.rest().size());
  if (framed) {
    for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(size >> shift);
  }
  message.append(choices.rest());
  if (message.empty()) return;
  int ends[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "there are sockets");
  send_with_descriptor(ends[0], message, ends[0]);
  shutdown(ends[0], SHUT_WR);
  const auto received = control::receive_handover(ends[1]);
  if (received.ok()) {
    const auto& given = received->descriptors;
    for (const int fd : {given.connection, given.upstream, given.standard_error}) {
      if (fd >= 0) close(fd);
    }
  }
  close(ends[0]);
  close(ends[1]);
}
std::vector<std::string> seeds_handover() {
  return {
      R"(x{"v":1,"host":"h","port":443,"plaintext":false,"proxy":true,"test_id":"t","phase":"call","pid":7,"program":"p","to_client":"aGVsbG8="})",
      R"(x{"v":1,"pid":7,"presence":true})"};
}

void fuzz_dns_message(std::string_view bytes) {
  const auto question = control::parse_dns_query(bytes);
  if (!question) return;
  require(question->name.size() < 256, "a name has its limit (RFC 1035 2.3.4)");
  const std::string answers[] = {control::dns_answer(bytes, 0x01020304),
                                 control::dns_answer(bytes, std::nullopt),
                                 control::dns_failure(bytes)};
  for (const auto& answer : answers) {
    require(answer.size() >= 12 && answer.substr(0, 2) == bytes.substr(0, 2),
            "an answer has its query's id");
    require(!control::parse_dns_query(answer), "an answer is no query");
  }
}
std::vector<std::string> seeds_dns_message() {
  using namespace std::string_literals;
  return {"\x12\x34\1\0\0\1\0\0\0\0\0\0\3API\6openai\3com\0\0\1\0\1"s,
          "\x12\x34\1\0\0\1\0\0\0\0\0\1\1a\0\0\x1c\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"s};
}

}  // namespace recshim::fuzz
