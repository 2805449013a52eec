/* Datagrams: refused towards a configured host in replay, untouched elsewhere. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpose.h"

/* Live, a datagram leaves; in replay it must not. QUIC clients try connect or sendto, and
 * fall back to TCP on an error. */
void case_udp_to_configured(void) {
  /* QUIC is refused where the reply may come from a recording. */
  const bool replay =
      strncmp(mode_name(), "replay", 6) == 0 || strcmp(mode_name(), "record-if-missing") == 0;
  const struct sockaddr_in address = server_address();
  const struct sockaddr* any = (const struct sockaddr*)&address;
  const int connected = socket(AF_INET, SOCK_DGRAM, 0);
  bool left = connect(connected, any, sizeof address) == 0 && send(connected, "q", 1, 0) == 1;
  say("connected datagram %s", left != replay ? "as it should" : left ? "left" : "refused");
  const int open = socket(AF_INET, SOCK_DGRAM, 0);
  left = sendto(open, "q", 1, 0, any, sizeof address) == 1;
  say("sendto %s", left != replay ? "as it should" : left ? "left" : "refused");
  struct iovec part = {"q", 1};
  struct mmsghdr message = {.msg_hdr = {.msg_name = (void*)&address,
                                        .msg_namelen = sizeof address,
                                        .msg_iov = &part,
                                        .msg_iovlen = 1}};
  left = sendmsg(open, &message.msg_hdr, 0) == 1;
  say("sendmsg %s", left != replay ? "as it should" : left ? "left" : "refused");
  left = sendmmsg(open, &message, 1, 0) == 1;
  say("sendmmsg %s", left != replay ? "as it should" : left ? "left" : "refused");
  fresh_exchange("/hello");
}

void case_udp_to_other(void) {
  const int server = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(server, (struct sockaddr*)&address, size) != 0 ||
      getsockname(server, (struct sockaddr*)&address, &size) != 0) {
    give_up("bind");
  }
  const int client = socket(AF_INET, SOCK_DGRAM, 0);
  say_result("sendto", sendto(client, "one", 3, 0, (struct sockaddr*)&address, size));
  char got[16] = {0};
  struct sockaddr_in from;
  socklen_t from_size = sizeof from;
  say_result("recvfrom", recvfrom(server, got, sizeof got, 0, (struct sockaddr*)&from, &from_size));
  say("got %s, address size %u", got, from_size);
  say_result("reply", sendto(server, "two!", 4, 0, (struct sockaddr*)&from, from_size));
  say_result("peek", recv(client, got, sizeof got, MSG_PEEK | MSG_TRUNC));
  say_result("short read", recv(client, got, 2, MSG_TRUNC));
  say_result("connect", connect(client, (struct sockaddr*)&address, size));
  say_result("send", send(client, "three", 5, 0));
  say_result("empty send", send(client, "", 0, 0));
  say_result("recv", recv(server, got, sizeof got, 0));
  say_result("empty recv", recv(server, got, sizeof got, 0));
  close(server);
  say_result("send to nobody", send(client, "x", 1, 0));
  struct pollfd wait = {.fd = client, .events = POLLIN};
  poll(&wait, 1, 1000);
  say_result("recv from nobody", recv(client, got, sizeof got, MSG_DONTWAIT));
}

static size_t put_question(unsigned char* out, const char* name) {
  static const unsigned char kHead[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  memcpy(out, kHead, sizeof kHead);
  const size_t length = strlen(name); /* one label */
  out[12] = (unsigned char)length;
  memcpy(out + 13, name, length);
  memcpy(out + 13 + length, "\0\0\1\0\1", 5); /* A, IN */
  return 13 + length + 5;
}

static void say_answer(const char* how, const unsigned char* answer, ssize_t size) {
  const int has_address = size > 4 && answer[0] == 0x12 && answer[1] == 0x34 && answer[7] == 1 &&
                          answer[size - 4] == 198 && (answer[size - 3] & 0xfe) == 18;
  say("%s: %s", how, has_address ? "answered" : "no answer");
}

static int domain_of(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain;
}

/* DNS of the program's own, as c-ares does it: answered where libc's lookups are. */
void case_udp_lookup(void) {
  const int replay =
      strncmp(mode_name(), "replay", 6) == 0 || strcmp(mode_name(), "record-if-missing") == 0;
  if (!replay) {
    static const char* const kTold[] = {"connected", "sendto", "sendmsg", "sendmmsg"};
    for (int i = 0; i < 4; ++i) say("%s: answered", kTold[i]);
    return say("its own socket again");
  }
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
  inet_pton(AF_INET, "192.0.2.53", &server.sin_addr);
  struct sockaddr* any = (struct sockaddr*)&server;
  unsigned char question[64];
  unsigned char answer[128];
  const size_t size = put_question(question, "localhost");

  /* Registered before there is anything to read, and level-triggered. */
  const int connected = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (connect(connected, any, sizeof server) != 0) give_up("connect");
  const int poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = connected};
  epoll_ctl(poller, EPOLL_CTL_ADD, connected, &event);
  if (send(connected, question, size, 0) != (ssize_t)size) give_up("send");
  struct epoll_event ready = {0};
  const int woken = epoll_wait(poller, &ready, 1, 5000);
  struct sockaddr_in from = {0};
  socklen_t from_size = sizeof from;
  ssize_t got = recvfrom(connected, answer, sizeof answer, 0, (struct sockaddr*)&from, &from_size);
  const int named = from_size == sizeof from && memcmp(&from, &server, sizeof from) == 0;
  say_answer(woken == 1 && ready.data.fd == connected && named ? "connected" : "unnamed", answer,
             got);

  const int open = socket(AF_INET, SOCK_DGRAM, 0);
  if (sendto(open, question, size, 0, any, sizeof server) != (ssize_t)size) give_up("sendto");
  from_size = sizeof from;
  memset(&from, 0, sizeof from);
  got = recvfrom(open, answer, sizeof answer, 0, (struct sockaddr*)&from, &from_size);
  say_answer(memcmp(&from, &server, sizeof from) == 0 ? "sendto" : "unnamed", answer, got);

  struct iovec parts[2] = {{question, 12}, {question + 12, size - 12}};
  struct mmsghdr message = {
      .msg_hdr = {
          .msg_name = any, .msg_namelen = sizeof server, .msg_iov = parts, .msg_iovlen = 2}};
  if (sendmsg(open, &message.msg_hdr, 0) != (ssize_t)size) give_up("sendmsg");
  struct iovec room = {answer, sizeof answer};
  struct msghdr reply = {
      .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &room, .msg_iovlen = 1};
  memset(&from, 0, sizeof from);
  got = recvmsg(open, &reply, 0);
  say_answer(memcmp(&from, &server, sizeof from) == 0 ? "sendmsg" : "unnamed", answer, got);
  if (sendmmsg(open, &message, 1, 0) != 1) give_up("sendmmsg");
  say_answer("sendmmsg", answer, recv(open, answer, sizeof answer, 0));

  /* Of what is nobody's business its own nameserver is asked. */
  int answers[2];
  answers[0] = domain_of(connected);
  const size_t other = put_question(question, "elsewhere");
  (void)!send(connected, question, other, MSG_DONTWAIT);
  struct stat info = {0};
  struct sockaddr_storage name;
  socklen_t name_size = sizeof name;
  answers[1] = domain_of(connected);
  const int is_inet = syscall(SYS_getsockname, connected, &name, &name_size) == 0 &&
                      name.ss_family == AF_INET && fstat(connected, &info) == 0;
  say(answers[0] == AF_INET && answers[1] == AF_INET && is_inet ? "its own socket again"
                                                                : "still a pair");
}
