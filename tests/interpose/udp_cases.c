/* Datagrams: refused towards a configured host in replay, untouched elsewhere. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
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
