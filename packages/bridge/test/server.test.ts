import { describe, expect, it } from 'vitest';
import { compile, machineWithEdu, missing, run } from './native.js';
import { RAW_HEAD } from './raw-client.js';

/** Greets the server in wrong ways, and one right one; then makes wrong calls. */
const INTRUDER = `${RAW_HEAD}
static void greet_as(const char *who, struct hello hello, int fd) { printf("%s: %ld\\n", who, introduce(fd, hello)); close(fd); }
static long call(int fd, struct request request, const char *more, size_t bytes) {
  struct reply reply;
  char all[sizeof(request) + 64];
  memcpy(all, &request, sizeof(request));
  memcpy(all + sizeof(request), more, bytes);
  send(fd, all, sizeof(request) + bytes, MSG_NOSIGNAL);
  return recv(fd, &reply, sizeof(reply), MSG_WAITALL) == sizeof(reply) ? reply.value : -1000;
}
static int known(void) { int fd = dial(); introduce(fd, honest(fd, 1)); return fd; }
int main(void) {
  int fd = dial(), pair[2];
  struct hello hello = honest(fd, 1);
  memset(hello.token, '0', 32);
  greet_as("wrong secret", hello, fd);
  int others[] = {1, -1, 0x7fffffff, getppid()};
  const char *names[] = {"init", "negative number", "nobody", "the server"};
  for (int at = 0; at < 4; at++) {
    hello = honest(fd = dial(), 1);
    hello.pid = others[at];
    greet_as(names[at], hello, fd);
  }
  if (pipe(pair) != 0) return 1;
  pid_t child = fork();
  if (child == 0) { close(pair[1]); _exit(read(pair[0], nonce, 1) < 0); }
  hello = honest(fd = dial(), 1);
  hello.pid = child;
  greet_as("its child", hello, fd);
  uint64_t places[] = {0, 8, UINT64_MAX, (uintptr_t)names};
  for (int at = 0; at < 4; at++) {
    hello = honest(fd = dial(), 1);
    hello.nonce_at = places[at];
    greet_as("wrong place", hello, fd);
  }
  fd = dial();
  greet_as("unknown kind", honest(fd, 3), fd);
  fd = dial();
  greet_as("file that nobody opened", honest(fd, 2), fd);
  fd = dial();
  greet_as("itself", honest(fd, 1), fd);

  struct request open_call = {.op = 1, .path_bytes = 10, .fd = -1, .new_fd = 0, .new_ino = 123, .a = 2};
  printf("new file that is no socket: %ld\\n", call(known(), open_call, "/dev/iommu", 10));
  printf("more than a call: %ld\\n", call(known(), (struct request){.op = 2, .new_fd = -1}, "more", 4));
  printf("path too long: %ld\\n", call(known(), (struct request){.op = 1, .path_bytes = 5000, .new_fd = -1}, "", 0));
  printf("unknown call: %ld\\n", call(known(), (struct request){.op = 99, .new_fd = -1}, "", 0));
  int file = open("/dev/iommu", O_RDWR);
  struct request ioctl_call = {.op = 2, .fd = file, .new_fd = -1, .ino = ino_of(file), .a = 0x3b64};
  printf("own file: %ld\\n", call(known(), ioctl_call, "", 0));
  fflush(stdout);
  if (fork() == 0) {
    printf("file that was inherited: %ld\\n", call(known(), ioctl_call, "", 0));
    close(file);
    printf("file of another process: %ld\\n", call(known(), ioctl_call, "", 0));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  close(pair[1]);
  waitpid(child, NULL, 0);
}`;

/**
 * Sends what a seed says: greetings and calls with lengths, pointers, numbers and descriptors that are right, nearly right or garbage. Memory that calls
 * may write is an arena between guard pages.
 */
const FUZZ = `${RAW_HEAD}
static uint64_t state;
static uint64_t any(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }
static uint32_t below(uint32_t n) { return (uint32_t)(any() >> 16) % n; }
#define ARENA_BYTES 0x10000
static char *arena;
static uint64_t word(void) {
  static const uint64_t edges[] = {0, 1, 4095, 4096, 0x7fffffff, 0xffffffff, 1ull << 47, INT64_MAX, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095};
  switch (below(4)) {
  case 0: return edges[below(11)];
  case 1: return any();
  default: return (uintptr_t)arena + below(ARENA_BYTES + 64);
  }
}
static void round_of(int *files, int count, unsigned *answers) {
  int fd = dial(), fresh = -1;
  struct hello hello = honest(fd, 1 + (below(8) == 0));
  if (below(8) == 0) ((char *)&hello)[below(sizeof(hello))] ^= (char)any();
  long got = introduce(fd, hello);
  if (got < 0) printf("no answer to a greeting\\n");
  for (int calls = below(24); got > 0 && calls > 0; calls--) {
    if (fresh >= 0) close(fresh);
    fresh = below(2) ? socket(AF_UNIX, SOCK_STREAM, 0) : -1;
    int file = files[below(count)];
    struct request request = {.op = 1 + below(9), .fd = below(8) ? file : (int)any(), .new_fd = fresh, .ino = ino_of(file),
      .new_ino = ino_of(fresh), .a = word(), .b = word(), .c = word(), .task = (int)any()};
    char path[64] = "/dev/vfio/devices/vfio0";
    struct reply reply;
    if (request.op == 1) request.path_bytes = below(64);
    if (request.op == 2) request.a = 0x3b64 + below(0x50);
    if (request.op == 2 && below(2)) { memset(arena, 0, 256); uint32_t size = 4 * below(24); memcpy(arena, &size, 4); request.b = (uintptr_t)arena; }
    if (below(16) == 0) request.ino = any();
    if (below(32) == 0) request.path_bytes = (uint32_t)any();
    for (int at = 0; at < 64; at++) arena[256 + below(1024)] = (char)any();
    uint32_t bytes = request.path_bytes < sizeof(path) ? request.path_bytes : 0;
    uint32_t whole = below(32) ? sizeof(request) : below(sizeof(request));
    if (send(fd, &request, whole, MSG_NOSIGNAL) < 0) break;
    if (bytes && send(fd, path, bytes, MSG_NOSIGNAL) < 0) break;
    if (below(64) == 0) shutdown(fd, SHUT_WR);
    if (request.path_bytes != bytes || whole != sizeof(request)) break;
    got = recv(fd, &reply, sizeof(reply), MSG_WAITALL);
    if (got < 0 && errno == EAGAIN) printf("no answer to call %u\\n", request.op);
    if (got == sizeof(reply)) ++*answers;
    for (uint32_t at = 0; got == sizeof(reply) && at < reply.signals; at++) if (recv(fd, path, 4, MSG_WAITALL) != 4) got = 0;
  }
  if (fresh >= 0) close(fresh);
  close(fd);
}
int main(int count, char **arguments) {
  int files[] = {open("/dev/iommu", O_RDWR), open("/dev/vfio/vfio", O_RDWR), open("/dev/vfio/1", O_RDWR), 0, -1};
  unsigned answers = 0;
  state = count > 1 ? strtoull(arguments[1], NULL, 0) * 2 + 1 : 1;
  arena = mmap(NULL, ARENA_BYTES + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  arena += 4096;
  mprotect(arena, ARENA_BYTES, PROT_READ | PROT_WRITE);
  for (int rounds = count > 2 ? atoi(arguments[2]) : 1; rounds > 0; rounds--) round_of(files, 5, &answers);
  int fresh = open("/dev/iommu", O_RDWR);
  printf("%s, alive %d\\n", answers > 0 ? "answers" : "no answer", alloc(fresh));
}`;

/** More of them: FUZZ_ROUNDS=20000 FUZZ_SEED=2 npx vitest run --project bridge server. */
const { FUZZ_ROUNDS: rounds = '40', FUZZ_SEED: seed = '1' } = process.env;

describe.skipIf(missing !== undefined)('the server', () => {
  it('knows its programs, whatever they say they are, and holds them to what they have', async () => {
    const { out, status } = await run(machineWithEdu(), compile('intruder', INTRUDER));
    expect(out.split('\n')).toEqual([
      'wrong secret: 0',
      'init: 0',
      'negative number: 0',
      'nobody: 0',
      'the server: 0',
      'its child: 0',
      'wrong place: 0',
      'wrong place: 0',
      'wrong place: 0',
      'wrong place: 0',
      'unknown kind: 0',
      'file that nobody opened: 0',
      'itself: 16',
      'new file that is no socket: -24',
      'more than a call: -1000',
      'path too long: -1000',
      'unknown call: -9',
      'own file: 0',
      'file that was inherited: 0',
      'file of another process: -9',
      '',
    ]);
    expect(status).toBe(0);
  });

  it('answers or hangs up whatever it is sent, and serves the next one', async () => {
    const machine = machineWithEdu();
    const ran = await run(machine, compile('fuzz', FUZZ), [seed, rounds]);
    expect(ran).toMatchObject({ out: 'answers, alive 1\n', err: '', status: 0 });
    expect(machine.close()).toMatchObject({ userFrames: 0, pins: 0, objects: [] });
  });
});
