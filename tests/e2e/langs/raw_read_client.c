/* Reads replies by system calls that pass no library function: a 20 MB one by inline assembly,
 * one by syscall(2). Plain HTTP. With the argument "ordinary" it reads by read(2), so that its
 * exchanges can be recorded. */
#include <sys/syscall.h>

#include "account.h"

static long raw_read(int fd, char* buffer, size_t size) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((long)SYS_read), "D"((long)fd), "S"(buffer), "d"(size)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long result __asm__("x0") = fd;
  register char* second __asm__("x1") = buffer;
  register size_t third __asm__("x2") = size;
  register long call __asm__("x8") = SYS_read;
  __asm__ volatile("svc 0" : "+r"(result) : "r"(second), "r"(third), "r"(call) : "memory");
  return result;
#else
#error "raw_read: this processor is not known"
#endif
}

static long libc_syscall_read(int fd, char* buffer, size_t size) {
  return syscall(SYS_read, fd, buffer, size);
}

static void read_all(const char* label, const char* path, long (*read_some)(int, char*, size_t)) {
  static char reply[24u << 20];
  char request[256];
  const int fd = dial("80");
  const size_t length = write_request(request, sizeof request, path);
  if (write(fd, request, length) != (ssize_t)length) fail("write");
  size_t size = 0;
  long count;
  while ((count = read_some(fd, reply + size, sizeof reply - size)) > 0) size += (size_t)count;
  if (count < 0) fail("read");
  close(fd);
  show_reply(label, reply, size);
}

static long ordinary_read(int fd, char* buffer, size_t size) {
  return read(fd, buffer, size);
}

int main(int argc, char** argv) {
  const int ordinary = argc > 1 && strcmp(argv[1], "ordinary") == 0;
  long (*const raw)(int, char*, size_t) = ordinary ? ordinary_read : raw_read;
  read_all("raw, 20 MB", "/big?bytes=20971520", raw);
  read_all("syscall, 20 MB", "/big?bytes=20971520", libc_syscall_read);
  read_all("raw, small", "/echo?raw", raw);
  read_all("raw, chunked", "/chunked?n=50&size=999", raw);
  read_all("raw, until close", "/until-close", raw);
  return 0;
}
