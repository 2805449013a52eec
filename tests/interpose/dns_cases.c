/* Looking names up: the configured name "localhost" and others. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interpose.h"

static void exchange_at(const char* how, const struct sockaddr* address, socklen_t size) {
  const int fd = socket(address->sa_family, SOCK_STREAM, 0);
  say_result(how, connect(fd, address, size));
  struct sockaddr_storage peer;
  socklen_t peer_size = sizeof peer;
  say_result("getpeername", getpeername(fd, (struct sockaddr*)&peer, &peer_size));
  say("peer is the address asked for: %d", peer_size == size && memcmp(&peer, address, size) == 0);
  char request[256];
  const int length = snprintf(request, sizeof request,
                              "GET /hello?%s HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", how, g_port);
  put_all(fd, write, request, (size_t)length);
  hear(fd, read);
  close(fd);
}

static void exchange_with_host(const char* how, const struct hostent* host) {
  if (host == NULL) {
    say("%s: h_errno %d", how, h_errno);
    return;
  }
  say("%s: type %d, length %d, has an address: %d", how, host->h_addrtype, host->h_length,
      host->h_addr_list[0] != NULL);
  struct sockaddr_in address = server_address();
  memcpy(&address.sin_addr, host->h_addr_list[0], sizeof address.sin_addr);
  exchange_at(how, (const struct sockaddr*)&address, sizeof address);
}

void case_getaddrinfo_name(void) {
  char port[16];
  snprintf(port, sizeof port, "%d", g_port);
  const struct addrinfo hints[] = {
      {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM},
      {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME | AI_ADDRCONFIG},
      {.ai_family = AF_INET, .ai_protocol = IPPROTO_TCP, .ai_flags = AI_NUMERICSERV},
  };
  for (size_t i = 0; i < sizeof hints / sizeof *hints; ++i) {
    struct addrinfo* found = NULL;
    const int result = getaddrinfo("localhost", port, &hints[i], &found);
    say("getaddrinfo: %s", result == 0 ? "found" : gai_strerror(result));
    if (result != 0) continue;
    say("family %d, type %d, protocol %d, canonical name %s", found->ai_family, found->ai_socktype,
        found->ai_protocol, found->ai_canonname != NULL ? found->ai_canonname : "none");
    char numeric[64];
    char service[16];
    say("getnameinfo: %d", getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric,
                                       service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV));
    say("service is the port: %d", strcmp(service, port) == 0);
    char how[32];
    snprintf(how, sizeof how, "hints-%zu", i);
    exchange_at(how, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
  }
  struct addrinfo* found = NULL;
  say("without a service: %d", getaddrinfo("localhost", NULL, &hints[0], &found));
  const struct sockaddr_in* address = (const struct sockaddr_in*)found->ai_addr;
  say("port %d", ntohs(address->sin_port));
  freeaddrinfo(found);
  say("service that is none: %s",
      gai_strerror(getaddrinfo("localhost", "no such", &hints[0], &found)));
}

static void say_lookup(const char* name, const char* service, const struct addrinfo* hints) {
  struct addrinfo* found = NULL;
  const int result = getaddrinfo(name, service, hints, &found);
  say("%s %s: %s", name != NULL ? name : "null", service != NULL ? service : "null",
      result == 0 ? "found" : gai_strerror(result));
  if (result != 0) return;
  int entries = 0;
  for (const struct addrinfo* entry = found; entry != NULL; entry = entry->ai_next) ++entries;
  char numeric[64];
  char port[16];
  getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, port, sizeof port,
              NI_NUMERICHOST | NI_NUMERICSERV);
  say("%d entries, first %s port %s family %d", entries, numeric, port, found->ai_family);
  freeaddrinfo(found);
}

void case_getaddrinfo_foreign(void) {
  const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
  const struct addrinfo passive = {.ai_flags = AI_PASSIVE, .ai_family = AF_INET};
  const struct addrinfo bad = {.ai_flags = 0x40000000};
  say_lookup("192.0.2.7", "80", NULL);
  say_lookup("192.0.2.7", NULL, &numeric);
  say_lookup("::1", "443", &numeric);
  say_lookup("no-address.invalid", "80", &numeric);
  say_lookup(NULL, "8080", &passive);
  say_lookup(NULL, NULL, NULL);
  say_lookup("192.0.2.7", "80", &bad);
}

void case_gethostbyname_family(void) {
  exchange_with_host("gethostbyname", gethostbyname("localhost"));
  exchange_with_host("gethostbyname2", gethostbyname2("localhost", AF_INET));
  struct hostent host;
  struct hostent* found = NULL;
  char room[1024];
  int error = 0;
  say("gethostbyname_r: %d",
      gethostbyname_r("localhost", &host, room, sizeof room, &found, &error));
  exchange_with_host("gethostbyname_r", found);
  say("gethostbyname2_r: %d",
      gethostbyname2_r("localhost", AF_INET, &host, room, sizeof room, &found, &error));
  exchange_with_host("gethostbyname2_r", found);
  say("room too small: %d", gethostbyname_r("localhost", &host, room, 8, &found, &error) == ERANGE);
  say("no result: %d", found == NULL);
}

void case_gethostbyname_foreign(void) {
  const struct hostent* host = gethostbyname("192.0.2.9");
  say("numeric: %s", host != NULL ? inet_ntoa(*(struct in_addr*)host->h_addr_list[0]) : "none");
  struct in_addr address;
  inet_pton(AF_INET, "192.0.2.9", &address);
  host = gethostbyname2("192.0.2.10", AF_INET);
  say("numeric: %s", host != NULL ? host->h_name : "none");
  struct hostent room_for;
  struct hostent* found = NULL;
  char room[512];
  int error = 0;
  say("numeric: %d", gethostbyname_r("192.0.2.11", &room_for, room, sizeof room, &found, &error));
  say("name %s", found != NULL ? found->h_name : "none");
}

/* Back from the address to the name; for a synthetic one nobody else would know it. */
void case_name_of_address(void) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  if (getaddrinfo("localhost", "80", &hints, &found) != 0) return say("no localhost");
  char name[64] = "";
  char service[32] = "";
  int result = getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, service,
                           sizeof service, NI_NAMEREQD);
  say("getnameinfo: %d, %s, %s", result, name, service);
  result = getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, NULL, 0, 0);
  say("without a service: %d, %s", result, name);
  result = getnameinfo(found->ai_addr, found->ai_addrlen, name, 4, NULL, 0, 0);
  say("room too small: %s", gai_strerror(result));

  const struct in_addr* address = &((const struct sockaddr_in*)found->ai_addr)->sin_addr;
  struct hostent* host = gethostbyaddr(address, sizeof *address, AF_INET);
  say("gethostbyaddr: %s", host != NULL ? host->h_name : "none");
  if (host != NULL) {
    say("the same address: %d", memcmp(host->h_addr_list[0], address, sizeof *address) == 0);
  }
  struct hostent entry;
  char room[1024];
  int error = 0;
  result =
      gethostbyaddr_r(address, sizeof *address, AF_INET, &entry, room, sizeof room, &host, &error);
  say("gethostbyaddr_r: %d, %s", result, host != NULL ? host->h_name : "none");
  result = gethostbyname_r("localhost", &entry, room, sizeof room, &host, &error);
  say("gethostbyname_r: %d, %s", result, host != NULL ? host->h_name : "none");
  result = gethostbyname2_r("localhost", AF_INET, &entry, room, sizeof room, &host, &error);
  say("gethostbyname2_r: %d, %s", result, host != NULL ? host->h_name : "none");
  say("no such address: %d", gethostbyaddr(address, 3, AF_INET) == NULL);
  freeaddrinfo(found);
}

static void ask_host(int fd, const char* host, const char* path) {
  char request[256];
  const int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n",
                              path, host, g_port);
  put_all(fd, write, request, (size_t)length);
  hear(fd, read);
}

/* A connection to localhost by the address that lookups of it give, if there is one. */
static int dial_localhost(void) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  char port[16];
  snprintf(port, sizeof port, "%d", g_port);
  struct addrinfo* found = NULL;
  if (getaddrinfo("localhost", port, &hints, &found) != 0) give_up("getaddrinfo");
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("connect", connect(fd, found->ai_addr, found->ai_addrlen));
  freeaddrinfo(found);
  return fd;
}

/* Two configured hosts that share an address, over connections to either and to the address. */
void case_name_and_address(void) {
  int fd = dial_localhost();
  ask_host(fd, "localhost", "/hello?name");
  close(fd);
  fd = dial();
  ask_host(fd, "127.0.0.1", "/hello?address");
  ask_host(fd, "localhost", "/hello?name-later");
  ask_host(fd, "127.0.0.1", "/hello?address-again");
  close(fd);
  fd = dial_localhost();
  ask_host(fd, "other.test", "/hello?on-purpose");
  close(fd);
}

/* The address is configured, and the name of it that is used is not. */
void case_excluded_name(void) {
  int fd = dial_localhost();
  ask_host(fd, "localhost", "/hello?1");
  ask_host(fd, "localhost", "/hello?2");
  close(fd);
}
