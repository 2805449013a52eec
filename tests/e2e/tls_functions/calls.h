// Calls each function of a TLS library on a connection of its own, in a child process of its own,
// and prints what became of it. The functions are in calls.inc (prototypes.py writes it).
#pragma once

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <type_traits>

// Any argument: a number, "x", memory of zeros, or nothing where a type is opaque.
struct Any {
  long number;

  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>>>
  operator T() const {
    return static_cast<T>(number);
  }
  template <typename T, std::enable_if_t<std::is_class_v<T>, int> = 0>
  operator T() const {
    return T{};
  }
  template <typename T>
  operator T*() const {
    return pointer<T>(0);
  }
  operator const char*() const { return "x"; }

 private:
  template <typename T, size_t = sizeof(T)>
  static T* pointer(int) {
    static unsigned char zeros[65536];
    std::memset(zeros, 0, sizeof zeros);
    return reinterpret_cast<T*>(zeros);
  }
  template <typename T>
  static T* pointer(long) {
    if constexpr (std::is_void_v<T>) return static_cast<T*>(static_cast<void*>(pointer<char>(0)));
    return nullptr;  // a function, or a type that only the library knows
  }
};

constexpr long kNumbers[] = {0, 1};

[[noreturn]] inline void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline int dial(const char* port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo("api.openai.com", port, &hints, &found) != 0) give_up("getaddrinfo");
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) give_up("connect");
  freeaddrinfo(found);
  return fd;
}

inline void wait_for_bytes(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  poll(&waiting, 1, 300);
}

// Runs `call` in a child and prints "NAME(NUMBER) ok", or the signal that ended it.
template <typename Call>
void run_case(const char* name, long number, Call call) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGPIPE, SIG_IGN);
    // Some functions write to the descriptor that they are given.
    const int nowhere = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; ++fd) dup2(nowhere, fd);
    alarm(20);
    call();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    std::printf("%s(%ld) signal %d\n", name, number, WTERMSIG(status));
  } else {
    std::printf("%s(%ld) %s\n", name, number, WEXITSTATUS(status) == 0 ? "ok" : "no connection");
  }
}
