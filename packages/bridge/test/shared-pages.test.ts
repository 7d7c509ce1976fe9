import { describe, expect, it } from 'vitest';
import { SharedPages, type PageHolder, type SharedPage } from '../src/shared-pages.js';
import { compile, machineWithEdu, missing, PROGRAM_HEAD, run } from './native.js';

/**
 * Who maps two pages for DMA goes: a child that exits, one that is killed, a mapping of this process of which there is another one, or one that
 * is moved. Then the device copies the first page, as it is by now, to the second.
 */
const GONE = `${PROGRAM_HEAD}
#include "edu.h"
static int container, device;
static uint64_t bar;
static int map_for_dma(char *memory) {
  struct vfio_iommu_type1_dma_map pinned = {sizeof(pinned), 3, (uintptr_t)memory, 0x100000, 8192};
  return ioctl(container, VFIO_IOMMU_MAP_DMA, &pinned);
}
static void judge(const char *who, char *memory) {
  struct vfio_iommu_type1_dma_unmap unmap = {sizeof(unmap), 0, 0x100000, 8192};
  memset(memory, 0x5a, 4096);
  edu_dma(device, bar, 0x100000, 4096, 0);
  edu_dma(device, bar, 0x101000, 4096, 1);
  if (strcmp(who, "half") == 0) { printf("half: ended well\\n"); ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap); return; }
  printf("%s: %s\\n", who, memcmp(memory, memory + 4096, 4096) == 0 ? "the same memory" : "something else");
  memset(memory, 0, 8192);
  ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}
int main(void) {
  int group = open("/dev/vfio/1", O_RDWR);
  container = open("/dev/vfio/vfio", O_RDWR);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:01.0");
  bar = edu_start(device);
  char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int how = 0; how < 2; how++) {
    pid_t child = fork();
    if (child == 0) { map_for_dma(memory); if (how == 1) raise(SIGKILL); _exit(0); }
    waitpid(child, NULL, 0);
    judge(how == 0 ? "exit" : "kill", memory);
  }
  int file = memfd_create("two", 0);
  if (ftruncate(file, 8192) != 0) return 1;
  char *first = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  char *second = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  map_for_dma(first);
  munmap(first, 8192);
  judge("munmap", second);
  char *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  map_for_dma(own);
  char *space = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  own = mremap(own, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, space + 4096);
  judge("mremap", own);
  map_for_dma(own);
  own = mremap(own, 8192, 4096, 0);
  judge("half", own);
  own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  map_for_dma(own);
  munmap(own, 8192);
  judge("private", memory);
}`;

describe.skipIf(missing !== undefined)('memory that is pinned', () => {
  it('is seen by the device when the mapping that pinned it is gone', async () => {
    const machine = machineWithEdu();
    const { out, status } = await run(machine, compile('gone', GONE));
    expect(out).toBe(
      'exit: the same memory\nkill: the same memory\nmunmap: the same memory\nmremap: the same memory\nhalf: ended well\nprivate: something else\n',
    );
    expect(status).toBe(0);
    expect(machine.close()).toMatchObject({ userFrames: 0, pins: 0, objects: [] });
  });
});

/** A process that maps a file's pages from a page number on. */
class Holder implements PageHolder {
  readonly log: string[] = [];
  from: number | undefined;

  constructor(from?: number) {
    this.from = from;
  }

  pageShowing({ offset }: SharedPage, first: number, last: number): number | undefined {
    const page = (this.from ?? Number.NaN) + offset / 4096;
    return page >= first && page <= last ? undefined : Number.isNaN(page) ? undefined : page;
  }

  show(frame: number, page: number): void {
    this.log.push(`${frame} shows ${page}`);
  }

  keepCopy(frame: number, page: number): void {
    this.log.push(`${frame} keeps ${page}`);
  }
}

describe('frames of shared memory', () => {
  const of = { file: '00:01 7', offset: 4096 };

  it('move from process to process, and keep a copy when the last one goes', () => {
    const shared = new SharedPages();
    const [gone, second, third] = [new Holder(), new Holder(100), new Holder(200)];
    for (const holder of [second, third]) shared.add(holder);
    expect(shared.moveOn(9, of, gone, 0, 1000)).toBe(true);
    expect(shared.isShowing(second)).toBe(true);
    shared.withdraw(second, 0, 100);
    expect(third.log).toEqual([]);
    shared.remove(second);
    shared.remove(third);
    expect([second.log, third.log]).toEqual([['9 shows 101'], ['9 shows 201', '9 keeps 201']]);
    expect(shared.release(9)).toBe(false);
  });

  it('stay where they are when nobody else maps them', () => {
    const shared = new SharedPages();
    const alone = new Holder(100);
    shared.add(alone);
    expect(shared.moveOn(9, of, alone, 101, 101)).toBe(false);
    expect(alone.log).toEqual([]);
  });
});
