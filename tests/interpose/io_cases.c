/* Every way to receive and to send, on a handled connection and on foreign channels. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "interpose.h"

/* What the compiler calls with _FORTIFY_SOURCE; called by name so that no optimiser turns
 * them back. */
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags,
                       struct sockaddr* address, socklen_t* address_size);

ssize_t get_read(int fd, void* buffer, size_t size) {
  return read(fd, buffer, size);
}
ssize_t get_recv(int fd, void* buffer, size_t size) {
  return recv(fd, buffer, size, 0);
}

ssize_t get_recvfrom(int fd, void* buffer, size_t size) {
  struct sockaddr_storage address;
  socklen_t address_size = sizeof address;
  return recvfrom(fd, buffer, size, 0, (struct sockaddr*)&address, &address_size);
}

ssize_t get_recvmsg(int fd, void* buffer, size_t size) {
  struct iovec parts[2] = {{buffer, size / 2}, {(char*)buffer + size / 2, size - size / 2}};
  char control[128];
  struct msghdr message = {
      .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
  const ssize_t count = recvmsg(fd, &message, 0);
  if (count > 0 && (message.msg_controllen != 0 || (message.msg_flags & MSG_TRUNC) != 0)) {
    say("recvmsg: control data or truncation nobody sent");
  }
  return count;
}

ssize_t get_readv(int fd, void* buffer, size_t size) {
  /* An empty part in the middle, as libraries make them. */
  const size_t first = size < 3 ? size : 3;
  struct iovec parts[3] = {{buffer, first}, {NULL, 0}, {(char*)buffer + first, size - first}};
  return readv(fd, parts, 3);
}

ssize_t get_recvmmsg(int fd, void* buffer, size_t size) {
  struct iovec part = {buffer, size};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  const int count = recvmmsg(fd, &message, 1, 0, NULL);
  return count == 1 ? (ssize_t)message.msg_len : count;
}

ssize_t get_splice_out(int fd, void* buffer, size_t size) {
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  ssize_t count = splice(fd, NULL, ends[1], NULL, size < 65536 ? size : 65536, SPLICE_F_MOVE);
  const int error = errno;
  if (count > 0) {
    ssize_t taken = 0;
    while (taken < count) {
      const ssize_t part = read(ends[0], (char*)buffer + taken, (size_t)(count - taken));
      if (part <= 0) give_up("read from the pipe");
      taken += part;
    }
  }
  close(ends[0]);
  close(ends[1]);
  errno = error;
  return count;
}

ssize_t get_read_chk(int fd, void* buffer, size_t size) {
  return __read_chk(fd, buffer, size, size);
}
ssize_t get_recv_chk(int fd, void* buffer, size_t size) {
  return __recv_chk(fd, buffer, size, size, 0);
}
ssize_t get_recvfrom_chk(int fd, void* buffer, size_t size) {
  return __recvfrom_chk(fd, buffer, size, size, 0, NULL, NULL);
}

/* A byte at a time while hear() can't know how much is left; then all of it in one call. */
ssize_t get_recv_waitall(int fd, void* buffer, size_t size) {
  return recv(fd, buffer, size > (7u << 20) ? 1 : size, MSG_WAITALL);
}

ssize_t get_recv_dontwait(int fd, void* buffer, size_t size) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  poll(&wait, 1, 10000);
  return recv(fd, buffer, size, MSG_DONTWAIT);
}

ssize_t get_peek_then_read(int fd, void* buffer, size_t size) {
  char peeked[100];
  const size_t wanted = size < sizeof peeked ? size : sizeof peeked;
  const ssize_t first = recv(fd, peeked, wanted, MSG_PEEK);
  if (first <= 0) return first;
  const ssize_t second = recv(fd, peeked, (size_t)first, MSG_PEEK);
  const ssize_t count = recv(fd, buffer, (size_t)first, 0);
  if (second != first || count != first || memcmp(peeked, buffer, (size_t)first) != 0) {
    say("peek: saw %zd, then %zd, read %zd", first, second, count);
  }
  return count;
}

ssize_t get_syscall_read(int fd, void* buffer, size_t size) {
  return syscall(SYS_read, fd, buffer, size);
}
ssize_t get_syscall_recvfrom(int fd, void* buffer, size_t size) {
  return syscall(SYS_recvfrom, fd, buffer, size, 0, NULL, NULL);
}

/* A system call that no library function makes. */
static long raw_syscall(long number, long a, long b, long c) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long result __asm__("x0") = a;
  register long second __asm__("x1") = b;
  register long third __asm__("x2") = c;
  register long call __asm__("x8") = number;
  __asm__ volatile("svc 0" : "+r"(result) : "r"(second), "r"(third), "r"(call) : "memory");
#else
#error "raw_syscall: this processor is not known"
#endif
  if (result < 0) {
    errno = (int)-result;
    return -1;
  }
  return result;
}

/* Nothing inside the process can see these two, so their exchanges are recorded by the
 * ordinary calls; it is the replay that must serve them. */
static bool recording(void) {
  return strcmp(mode_name(), "record") == 0;
}

ssize_t get_raw_read(int fd, void* buffer, size_t size) {
  if (recording()) return read(fd, buffer, size);
  return raw_syscall(SYS_read, fd, (long)buffer, (long)size);
}

/* Unbuffered on purpose: a FILE made for each call must take no more than it hands out.
 * libc's stdio calls the kernel from within and passes no hook. */
ssize_t get_stdio_read(int fd, void* buffer, size_t size) {
  const int own = dup(fd);
  FILE* file = own < 0 ? NULL : fdopen(own, "r");
  if (file == NULL) return -1;
  setvbuf(file, NULL, _IONBF, 0);
  errno = 0;
  const size_t wanted = size < 1 ? size : 1;
  size_t count = fread(buffer, 1, wanted, file);
  const int error = errno;
  const bool failed = ferror(file) != 0;
  fclose(file);
  errno = error;
  return failed ? -1 : (ssize_t)count;
}

ssize_t put_write(int fd, const void* bytes, size_t size) {
  return write(fd, bytes, size);
}
ssize_t put_send(int fd, const void* bytes, size_t size) {
  return send(fd, bytes, size, MSG_NOSIGNAL);
}
ssize_t put_sendto(int fd, const void* bytes, size_t size) {
  return sendto(fd, bytes, size, MSG_NOSIGNAL, NULL, 0);
}

ssize_t put_sendmsg(int fd, const void* bytes, size_t size) {
  char* from = (char*)bytes;
  struct iovec parts[2] = {{from, size / 3}, {from + size / 3, size - size / 3}};
  const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

ssize_t put_writev(int fd, const void* bytes, size_t size) {
  char* from = (char*)bytes;
  const size_t first = size < 5 ? size : 5;
  struct iovec parts[3] = {{from, first}, {NULL, 0}, {from + first, size - first}};
  return writev(fd, parts, 3);
}

ssize_t put_sendmmsg(int fd, const void* bytes, size_t size) {
  char* from = (char*)bytes;
  struct iovec parts[2] = {{from, size / 2}, {from + size / 2, size - size / 2}};
  struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}},
                                {.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
  const int count = sendmmsg(fd, messages, 2, MSG_NOSIGNAL);
  if (count <= 0) return count;
  return (ssize_t)messages[0].msg_len + (count == 2 ? (ssize_t)messages[1].msg_len : 0);
}

ssize_t put_sendfile(int fd, const void* bytes, size_t size) {
  const int file = memfd_create("sendfile", 0);
  if (file < 0 || write(file, bytes, size) != (ssize_t)size) give_up("memfd");
  off_t offset = 0;
  const ssize_t count = sendfile(fd, file, &offset, size);
  const int error = errno;
  if (count >= 0 && offset != count) say("sendfile: offset %ld, count %zd", (long)offset, count);
  close(file);
  errno = error;
  return count;
}

ssize_t put_splice_in(int fd, const void* bytes, size_t size) {
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  const size_t wanted = size < 4096 ? size : 4096;
  if (write(ends[1], bytes, wanted) != (ssize_t)wanted) give_up("write to the pipe");
  close(ends[1]);
  const ssize_t count = splice(ends[0], NULL, fd, NULL, wanted, 0);
  const int error = errno;
  close(ends[0]);
  errno = error;
  return count;
}

ssize_t put_syscall_write(int fd, const void* bytes, size_t size) {
  return syscall(SYS_write, fd, bytes, size);
}
ssize_t put_syscall_sendto(int fd, const void* bytes, size_t size) {
  return syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL, NULL, 0);
}
ssize_t put_raw_write(int fd, const void* bytes, size_t size) {
  if (recording()) return write(fd, bytes, size);
  return raw_syscall(SYS_write, fd, (long)bytes, (long)size);
}

ssize_t put_stdio_write(int fd, const void* bytes, size_t size) {
  const int own = dup(fd);
  FILE* file = own < 0 ? NULL : fdopen(own, "w");
  if (file == NULL) return -1;
  errno = 0;
  const size_t count = fwrite(bytes, 1, size, file);
  const bool failed = fflush(file) != 0 || count != size;
  const int error = errno;
  fclose(file);
  errno = error;
  return failed ? -1 : (ssize_t)count;
}

void run_get_handled(GetFn get) {
  const int fd = dial();
  static const char* const paths[] = {"/hello", "/chunked", "/empty"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; ++i) {
    ask(fd, paths[i]);
    hear(fd, get);
  }
  /* More than kernel buffers hold; less where every byte costs several calls. */
  ask(fd, get == get_stdio_read ? "/big?bytes=20000" : "/big?bytes=6000000");
  hear(fd, get);
  say_result("close", close(fd));
}

void run_put_handled(PutFn put) {
  enum { kBody = 300000 };
  const int fd = dial();
  char* message = malloc(kBody + 512);
  if (message == NULL) give_up("malloc");
  for (int round = 0; round < 2; ++round) {
    const size_t body = round == 0 ? 26 : kBody;
    size_t size = (size_t)snprintf(message, 512,
                                   "POST /digest?round=%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                   "Content-Type: application/octet-stream\r\n"
                                   "Content-Length: %zu\r\n\r\n",
                                   round, g_port, body);
    for (size_t i = 0; i < body; ++i) message[size++] = (char)('a' + i % 26);
    if (put_all(fd, put, message, size)) hear(fd, read);
  }
  free(message);
  say_result("close", close(fd));
}

static void say_op(const char* kind, const char* what, ssize_t result) {
  char label[64];
  const int error = errno;
  snprintf(label, sizeof label, "%s %s", kind, what);
  errno = error;
  say_result(label, result);
}

static void get_from_channel(const Channel* channel, const void* context) {
  const GetFn get = *(const GetFn*)context;
  char got[64] = {0};
  const bool open = strcmp(channel->kind, "closed") != 0;
  if (open && write(channel->in, "0123456789", 10) != 10) give_up("write");
  if (get == get_stdio_read && !open) return; /* fdopen fails first: nothing to compare */
  const bool waits_for_all = get == get_recv_waitall;
  const ssize_t count = get(channel->out, got, waits_for_all ? 7 : 10);
  say_op(channel->kind, "get", count);
  if (count > 0) say("%s got '%.*s'", channel->kind, (int)count, got);
}

void run_get_foreign(GetFn get) {
  each_channel(get_from_channel, &get);
}

static void put_to_channel(const Channel* channel, const void* context) {
  const PutFn put = *(const PutFn*)context;
  const bool open = strcmp(channel->kind, "closed") != 0;
  const ssize_t count = put(channel->in, "abcdefghij", 10);
  say_op(channel->kind, "put", count);
  if (!open || count <= 0) return;
  char got[64] = {0};
  say("%s holds '%.*s'", channel->kind, (int)read(channel->out, got, sizeof got), got);
}

void run_put_foreign(PutFn put) {
  each_channel(put_to_channel, &put);
}
