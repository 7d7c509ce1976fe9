import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build, defaultServerConditions } from 'vite';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../src/index.js';
import { compile, machineWithEdu, missing, PROGRAM_HEAD } from './native.js';

/**
 * Two processes that map, unmap and read a device's register until a call fails, while a container with its group, device, pinned memory
 * and interrupt is open. They say which folder the run has, when they are busy, and what they met in the end.
 */
const BUSY = `${PROGRAM_HEAD}
#include <linux/vfio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
int main(void) {
  int fd = open("/dev/iommu", O_RDWR), ioas = alloc(fd);
  int container = open("/dev/vfio/vfio", O_RDWR), group = open("/dev/vfio/1", O_RDWR);
  char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct vfio_iommu_type1_dma_map pinned = {sizeof(pinned), 3, (uintptr_t)memory, 0x100000, 1 << 20};
  struct { struct vfio_irq_set set; int fd; } irq = {{sizeof(irq), 36, 0, 0, 1}, eventfd(0, 0)};
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:01.0");
  int bad = ioctl(container, VFIO_IOMMU_MAP_DMA, &pinned) | ioctl(device, VFIO_DEVICE_SET_IRQS, &irq);
  int unused = dup(0);
  close(unused);
  alarm(20);
  printf("%s\\n", bad ? "setup failed" : getenv("IOASIS_FOLDER"));
  fflush(stdout);
  uint64_t iova = fork() ? 0x100000 : 0x400000, word;
  for (int i = 0;; i++) {
    if (map(fd, ioas, memory, 1 << 20, iova) != 0 || pread(device, &word, 4, 0) != 4 ||
        unmap(fd, ioas, iova, 1 << 20) != 0) break;
    if (i == 3) { printf("busy %d\\n", getpid()); fflush(stdout); }
  }
  struct pollfd wait_for = {fd, 0, 0};
  int failed = errno, polled = poll(&wait_for, 1, 1000), again = open("/dev/iommu", O_RDWR) < 0 ? errno : 0;
  printf("failed %d, poll %d %#x, open %d, number kept %d\\n", failed, polled, wait_for.revents, again, dup(0) != unused);
  return 0;
}`;

/** The server of {@link serve.ts} as one file beside the native sources that it builds. */
async function bundle(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-test-'));
  const conditions = ['@ioasis/source', ...defaultServerConditions];
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true, resolve: { conditions } },
    build: { ssr: join(import.meta.dirname, 'serve.ts'), outDir: join(folder, 'src'), minify: false },
  });
  symlinkSync(resolve(import.meta.dirname, '../native'), join(folder, 'native'));
  return join(folder, 'src/serve.js');
}

const IS_BUSY = /^busy (\d+)$/;

/** What a command prints. Every process that says it is busy is handed on. */
async function listen(child: ChildProcess, busy: (pid: number) => void): Promise<string[]> {
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    said.push(line);
    const pid = IS_BUSY.exec(line)?.[1];
    if (pid !== undefined) busy(Number(pid));
  }
  return said;
}

describe.skipIf(missing !== undefined)('kill -9 in the middle', () => {
  it('of the server ends every call with EIO and leaves no folder', async () => {
    const program = compile('busy', BUSY);
    const server = spawn(process.execPath, [await bundle(), program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const said = await listen(server, () => server.kill('SIGKILL'));
    const [folder = ''] = said;
    // Both processes: EIO, POLLHUP, EIO from the next open, and the number of its descriptor is not kept.
    expect(said.filter((line) => line.startsWith('failed'))).toEqual(
      Array.from({ length: 2 }, () => 'failed 5, poll 1 0x10, open 5, number kept 0'),
    );
    expect(folder).toMatch(/ioasis-/);
    await expect.poll(() => existsSync(folder)).toBe(false);
  });

  it('of the programs frees what they held, also the descriptors of the server', async () => {
    const machine = machineWithEdu();
    const program = compile('busy', BUSY);
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    let said: Promise<string[]> | undefined;
    const started = (child: ChildProcess): void => {
      said = listen(child, (pid) => process.kill(pid, 'SIGKILL'));
    };
    const status = await runProgram({ machine, command: program, args: [], stdio: 'pipe', started });
    expect(status).toBe(128 + 9);
    expect((await said)?.filter((line) => IS_BUSY.test(line))).toHaveLength(2);
    await expect.poll(descriptors).toBeLessThanOrEqual(before);
    expect(machine.close()).toMatchObject({ userFrames: 0, pins: 0, lockedPages: 0, objects: [] });
  });
});
