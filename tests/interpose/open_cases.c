/* Opening files: a bundle of CAs, which has one more in it while something is recorded or
 * replayed, and others, which are what they are. What is printed is the same in every mode:
 * what the session's CA must or must not have changed is compared with the mode here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interpose.h"

/* What a fortified build calls where it can't see the flags. */
int __open_2(const char* path, int flags);
int __open64_2(const char* path, int flags);
int __openat_2(int folder, const char* path, int flags);
int __openat64_2(int folder, const char* path, int flags);

static int read_only(bool close_on_exec) {
  return O_RDONLY | (close_on_exec ? O_CLOEXEC : 0);
}

int open_open(const char* path, bool close_on_exec) {
  return open(path, read_only(close_on_exec));
}
int open_open64(const char* path, bool close_on_exec) {
  return open64(path, read_only(close_on_exec));
}
int open_openat(const char* path, bool close_on_exec) {
  return openat(AT_FDCWD, path, read_only(close_on_exec));
}
int open_openat64(const char* path, bool close_on_exec) {
  return openat64(AT_FDCWD, path, read_only(close_on_exec));
}
int open_open_2(const char* path, bool close_on_exec) {
  return __open_2(path, read_only(close_on_exec));
}
int open_open64_2(const char* path, bool close_on_exec) {
  return __open64_2(path, read_only(close_on_exec));
}
int open_openat_2(const char* path, bool close_on_exec) {
  return __openat_2(AT_FDCWD, path, read_only(close_on_exec));
}
int open_openat64_2(const char* path, bool close_on_exec) {
  return __openat64_2(AT_FDCWD, path, read_only(close_on_exec));
}

/* The stream's descriptor; the stream itself is left to the end of the process. */
static int descriptor_of(FILE* stream) {
  return stream != NULL ? fileno(stream) : -1;
}
int open_fopen(const char* path, bool close_on_exec) {
  return descriptor_of(fopen(path, close_on_exec ? "re" : "r"));
}
int open_fopen64(const char* path, bool close_on_exec) {
  return descriptor_of(fopen64(path, close_on_exec ? "rbe" : "rb"));
}

/* The user's bundle, as run_case.py wrote it. */
static const char* bundle_path(void) {
  const char* path = getenv("SSL_CERT_FILE");
  if (path == NULL) give_up("SSL_CERT_FILE");
  return path;
}
static const char kBundle[] =
    "# one CA\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

static bool is_served(void) {
  return strcmp(mode_name(), "bare") != 0 && strcmp(mode_name(), "live") != 0;
}

/* Says whether the file has the session's CA behind the user's exactly when it should. */
static void say_content(const char* what, int fd, bool expected) {
  static char content[1 << 16];
  ssize_t size = 0;
  for (ssize_t n = 1; n > 0 && size < (ssize_t)sizeof content - 1; size += n) {
    n = read(fd, content + size, sizeof content - 1 - (size_t)size);
    if (n < 0) give_up("read");
  }
  content[size] = '\0';
  struct stat info;
  fstat(fd, &info);
  const size_t own = strlen(kBundle);
  const bool starts = strncmp(content, kBundle, own) == 0;
  const bool more = strlen(content) > own &&
                    strstr(content + own, "-----BEGIN CERTIFICATE-----\n") != NULL &&
                    strstr(content + own, "-----END CERTIFICATE-----\n") != NULL;
  say("%s: the user's %s, ours %s, size %s, time %s", what, starts ? "first" : "is missing",
      more == expected ? "as expected"
      : more           ? "though not expected"
                       : "missing",
      info.st_size == size ? "right" : "wrong", info.st_mtime == 1000000000 ? "kept" : "other");
}

void run_open_bundle(OpenFn open_file) {
  const bool served = is_served();
  for (int i = 0; i < 2; ++i) {
    const int fd = open_file(bundle_path(), i == 1);
    if (fd < 0) give_up("open");
    say("close-on-exec: %d", (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    say("for reading only: %d", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    say_content("content", fd, served);
    say_result("seek", lseek(fd, 0, SEEK_SET));
    say_content("again", fd, served);
    errno = 0;
    say_result("write", write(fd, "x", 1));
    close(fd);
  }
}

void run_open_other(OpenFn open_file) {
  const int lowest = open("/dev/null", O_RDONLY);
  close(lowest);
  for (int i = 0; i < 2; ++i) {
    const int fd = open_file("/etc/hostname", i == 1);
    if (fd < 0) give_up("/etc/hostname");
    say("lowest number: %d, close-on-exec: %d", fd == lowest,
        (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
  }
  errno = 0;
  say_result("missing", open_file("/nonexistent/file", false));
  errno = 0;
  say_result("missing bundle", open_file("/nonexistent/certifi/cacert.pem", false));
  errno = 0;
  say_result("empty path", open_file("", false));
  errno = 0;
  say_result("a folder", open_file("/nonexistent/", false));
  /* Named like a bundle, and none. */
  const int other = open("cacert.pem", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  write(other, "no certificate\n", 15);
  close(other);
  const int fd = open_file("./cacert.pem", true);
  struct stat info;
  fstat(fd, &info);
  say("no bundle: %ld bytes", (long)info.st_size);
  close(fd);
}

static void say_file(const char* what, int fd) {
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) {
    say_result(what, -1);
    return;
  }
  say("%s: mode %o, flags %o", what, info.st_mode & 07777,
      (unsigned)fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  close(fd);
}

void case_open_modes(void) {
  umask(027);
  unlink("made");
  say_file("open with a mode", open("made", O_CREAT | O_EXCL | O_WRONLY, 0666));
  say_file("open that exists", open("made", O_CREAT | O_EXCL | O_WRONLY, 0666));
  const int folder = open(".", O_RDONLY | O_DIRECTORY);
  say_file("openat with a mode", openat(folder, "made2", O_CREAT | O_RDWR, 0644));
  say_file("unnamed", open(".", O_TMPFILE | O_RDWR, 0600));
  say_file("unnamed64", open64(".", O_TMPFILE | O_RDWR, 0640));
  close(folder);
  FILE* stream = fopen("made3", "w+");
  say("fopen: %d", stream != NULL && fprintf(stream, "text\n") == 5);
  fclose(stream);
  stream = fopen("made3", "a");
  fprintf(stream, "more\n");
  fclose(stream);
  char line[64] = "";
  stream = fopen64("made3", "r");
  while (fgets(line, sizeof line, stream) != NULL) say("read: %s", strtok(line, "\n"));
  fclose(stream);
  errno = 0;
  say("bad mode: %d, %d", fopen("made3", "x") == NULL, errno == EINVAL);
  /* The bundle for anything but reading is the file itself. */
  const int writable = open(bundle_path(), O_RDWR);
  say_content("for writing", writable, false);
  close(writable);
  stream = fopen(bundle_path(), "r+");
  say_content("stream for writing", fileno(stream), false);
  fclose(stream);
  const int named = open(bundle_path(), O_PATH);
  errno = 0;
  say_result("read by O_PATH", read(named, line, 1));
  close(named);
  say_file("non-blocking", open(bundle_path(), O_RDONLY | O_NONBLOCK));
}

static volatile sig_atomic_t children_told;
static void child_told(int number) {
  (void)number;
  ++children_told;
}

/* The first open of a bundle runs a program to make the CA: nobody may notice. */
void case_open_trust_unnoticed(void) {
  signal(SIGCHLD, child_told);
  const int before = open("/dev/null", O_RDONLY);
  const int fd = open(bundle_path(), O_RDONLY);
  say("next number: %d", fd == before + 1);
  errno = 0;
  say_result("waitpid", waitpid(-1, NULL, WNOHANG));
  errno = 0;
  say_result("waitpid of clones", waitpid(-1, NULL, WNOHANG | __WALL));
  say("signals: %d", (int)children_told);
  close(fd);
  say_result("number after it", fcntl(fd, F_GETFD));
}

void case_open_trust_in_vfork_child(void) {
  fflush(stdout);
  const pid_t pid = vfork();
  if (pid < 0) give_up("vfork");
  if (pid == 0) {
    const int fd = open(bundle_path(), O_RDONLY);
    _exit(fd >= 0 ? 0 : 1);
  }
  say_exit("child", pid);
}
