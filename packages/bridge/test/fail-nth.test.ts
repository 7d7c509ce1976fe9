import { FailureInjector } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { TaskFailures } from '../src/index.js';
import { compile, machineWithEdu, missing, PROGRAM_HEAD, run } from './native.js';

/** Lets the first, the second, ... point of an alloc, a map and an unmap fail until all three pass, and tells what it met. */
const SWEEP = `${PROGRAM_HEAD}
#include <sys/syscall.h>
static int fd, switch_fd;
static void arm(const char *text) { if (pwrite(switch_fd, text, strlen(text), 0) < 0) printf("errno %d\\n", errno); }
static int left(void) { char text[16] = {0}; return pread(switch_fd, text, 15, 0) > 1 ? atoi(text) : -1; }
static void *other(void *unused) { printf("other thread %d\\n", alloc(fd) > 0); return unused; }
int main(void) {
  char path[64], number[16], word;
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_t thread;
  snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", (int)syscall(SYS_gettid));
  switch_fd = open(path, O_RDWR);
  if (switch_fd < 0) { printf("no switch %d\\n", errno); return 0; }
  fd = open("/dev/iommu", O_RDWR);
  arm("1");
  pthread_create(&thread, NULL, other, NULL);
  pthread_join(thread, NULL);
  printf("left %d", left());
  printf(", failed %d", alloc(fd));
  printf(", left %d", left());
  printf(", passed %d\\n", alloc(fd) > 0);
  int passed = 0, nth = 0, noMemory = 0, fault = 0;
  while (!passed && nth < 100) {
    snprintf(number, sizeof(number), "%d\\n", ++nth);
    arm(number);
    int ioas = alloc(fd), mapped = ioas > 0 ? map(fd, ioas, page, 4096, 0x10000) : ioas;
    int unmapped = mapped == 0 ? unmap(fd, ioas, 0x10000, 4096) : mapped;
    passed = left() > 0;
    if (passed != (unmapped == 0)) printf("number %d: %d\\n", nth, unmapped);
    noMemory += unmapped == -ENOMEM;
    fault += unmapped == -EFAULT;
    arm("0");
  }
  printf("%d points, all of memory or copies: %d\\n", nth > 5, noMemory + fault == nth - 1);
  arm("many");
  int own = open("/proc/self/fail-nth", O_RDONLY), knob = open("/sys/kernel/debug/failslab/ignore-gfp-wait", O_RDWR);
  printf("own %zd", read(own, &word, 1));
  printf(" %c, knob %zd\\n", word, write(knob, "N", 1));
}`.replace('#include <string.h>', '#include <stdlib.h>\n#include <string.h>');

describe.skipIf(missing !== undefined)('fail-nth', () => {
  it('lets the n-th point of a thread fail, and of no other', async () => {
    const failures = new TaskFailures(new FailureInjector());
    const machine = machineWithEdu('iommufd', failures);
    const { out, status } = await run(machine, compile('sweep', SWEEP), [], { failures });
    expect(out.split('\n')).toEqual([
      'other thread 1',
      expect.stringMatching(/^left 1, failed -(12|14), left 0, passed 1$/),
      '1 points, all of memory or copies: 1',
      'errno 22',
      'own 1 0, knob 1',
      '',
    ]);
    expect(status).toBe(0);
    expect(machine.close()).toMatchObject({ userFrames: 0, pins: 0, objects: [], chargedBytes: 0 });
  });

  it('is not there when nobody can make the machine fail', async () => {
    expect(await run(machineWithEdu(), compile('sweep', SWEEP))).toMatchObject({ out: 'no switch 2\n' });
  });
});
