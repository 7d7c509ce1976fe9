import { PROGRAM_HEAD } from './native.js';

/** What C programs begin with that talk to the server by themselves, past the preload library. Layouts as in native/wire.h. */
export const RAW_HEAD: string = `${PROGRAM_HEAD}
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <stdlib.h>
struct hello { char token[32]; uint32_t kind; int32_t pid; uint64_t ino, nonce_at; };
struct request { uint32_t op, path_bytes; int32_t fd, new_fd; uint64_t ino, new_ino, a, b, c; int32_t task, reserved; };
struct reply { int64_t value; uint32_t flags, signals; };
static char nonce[16];
static uint64_t ino_of(int fd) { struct stat s; return fstat(fd, &s) ? 0 : s.st_ino; }
static int dial(void) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  struct timeval patience = {10, 0};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(to.sun_path, sizeof(to.sun_path), "%s/socket", getenv("IOASIS_FOLDER"));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return connect(fd, (struct sockaddr *)&to, sizeof(to)) ? -1 : fd;
}
static struct hello honest(int fd, uint32_t kind) {
  struct hello hello = {.kind = kind, .pid = getpid(), .ino = ino_of(fd), .nonce_at = (uintptr_t)nonce};
  memcpy(hello.token, getenv("IOASIS_TOKEN"), 32);
  return hello;
}
/* How the server answers a greeting: bytes of its last message, 0: it hung up, -1: nothing for ten seconds. */
static inline long introduce(int fd, struct hello hello) {
  char answer[64];
  if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello)) return 0;
  long got = recv(fd, nonce, sizeof(nonce), MSG_WAITALL);
  if (got != sizeof(nonce) || send(fd, "x", 1, MSG_NOSIGNAL) != 1) return got < 0 && errno == EAGAIN ? -1 : 0;
  got = recv(fd, answer, sizeof(answer), 0);
  return got < 0 ? errno == EAGAIN ? -1 : 0 : got;
}
`;
