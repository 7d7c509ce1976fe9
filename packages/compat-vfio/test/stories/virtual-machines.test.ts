import { linux612, linux66, VfioExtension, type BackendDefinition, type KernelProfile } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { describeRefusal } from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Personality } from '../../src/index.js';
import { backends } from '../support/backends.js';
import { flatBackend } from '../support/flat-backend.js';
import { BUFFER, codeOf, DEVICE, must, outcome, TestMachine } from '../support/vfio-machine.js';

const PAGE = 0x1000n;
const BOTH: readonly Personality[] = ['type1', 'iommufd'];

/** A container whose device is open, so that both personalities know the real windows. */
function opened(options: ConstructorParameters<typeof TestMachine>[0]): {
  readonly test: TestMachine;
  readonly container: ReturnType<TestMachine['container']>;
} {
  const test = new TestMachine(options);
  const { container, group } = test.container1(VfioExtension.TYPE1V2);
  must(group.openDevice(DEVICE));
  return { test, container };
}

describe('chimera-nas/libevpl PR #86: defer MAP_DMA until the IOMMU is set; query the valid IOVA window', () => {
  it('the order matters: a mapping between SET_CONTAINER and SET_IOMMU is refused, after it works', () => {
    const test = new TestMachine({ personality: 'type1' });
    const container = test.container();
    must(test.group().setContainer(container));
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0n, size: PAGE }))).toBe('TYPE1_NOT_SET');
    must(container.setIommu(VfioExtension.TYPE1V2));
    const [window] = must(container.getInfo()).iovaRanges ?? [];
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: window?.start ?? -1n, size: PAGE }))).toBe('ok');
  });
});

describe('kata-containers #11721, NVIDIA/nvtrust #46: no space left, maximum possible DMA mappings 65535', () => {
  it('page by page mapping of discarded RAM uses one entry a page', () => {
    const { container } = opened({ personality: 'type1', dmaEntryLimit: 16 });
    for (let page = 0n; page < 16n; page++) {
      must(container.mapDma({ vaddr: BUFFER + page * PAGE, iova: page * PAGE, size: PAGE }));
    }
    const refused = container.mapDma({ vaddr: BUFFER, iova: 16n * PAGE, size: PAGE });
    expect(refused).toMatchObject({ left: { errno: 'ENOSPC', facts: { limit: 16 } } });
  });

  it('iommufd has no such limit', () => {
    const { container } = opened({ personality: 'iommufd', dmaEntryLimit: 4 });
    for (let page = 0n; page < 16n; page++) {
      must(container.mapDma({ vaddr: BUFFER + page * PAGE, iova: page * PAGE, size: PAGE }));
    }
    expect(must(container.getInfo()).dmaAvailable).toBe(0xffff_ffff);
  });
});

describe('cloud-hypervisor #165, kubevirt PR #17805, NV-Kernels PR #248: ENOMEM from RLIMIT_MEMLOCK', () => {
  it.each(BOTH)('on %s the same guest RAM mapped by two containers counts twice', (personality) => {
    const test = new TestMachine({ personality });
    test.process.credentials.capabilities.delete('ipc_lock');
    test.process.limits.memlock = 12n * PAGE;
    const ram = { vaddr: BUFFER, iova: 0n, size: 8n * PAGE };
    const first = test.container();
    const second = test.container();
    const groups = [test.group(1), test.group(2)];
    for (const [at, container] of [first, second].entries()) {
      must(groups[at]!.setContainer(container));
      must(container.setIommu(VfioExtension.TYPE1V2));
      must(groups[at]!.openDevice(`0000:00:0${at + 1}.0`));
    }
    must(first.mapDma(ram));
    const refused = second.mapDma(ram);
    expect(outcome(refused)).toBe('ENOMEM');
    expect(test.process.addressSpace.lockedPages).toBe(8);
    test.process.limits.memlock = 16n * PAGE;
    must(second.mapDma(ram));
  });

  it('a mapped BAR is not counted by the classic container', () => {
    const test = new TestMachine({ personality: 'type1' });
    const { container, group } = test.container1(VfioExtension.TYPE1V2);
    const device = must(group.openDevice(DEVICE));
    test.process.credentials.capabilities.delete('ipc_lock');
    test.process.limits.memlock = 0n;
    must(test.process.mmap(device.fd, 0x300_0000_0000n, 0x4000n, 'rw', 0n));
    must(container.mapDma({ vaddr: 0x300_0000_0000n, iova: 0x10_0000n, size: 0x4000n }));
    expect(test.process.addressSpace.lockedPages).toBe(0);
  });
});

/* One story, three threads: an IOVA above what the IOMMU can address. */
describe.each([
  ['MicronSSD/unvme #4: IOMMU only has 39 bits', 0x88_0000_0000n],
  ['cloud-hypervisor PR #7030: BAR above the 39-bit aperture', 0x80_0000_0000n],
  ['gnif/LookingGlass #1184: VFIO_MAP_DMA failed: -22', 0x3820_0000_0000n],
])('%s', (_thread, iova) => {
  it.each(BOTH)('on %s the mapping is refused with EINVAL and IOVA_RANGE shows why', (personality) => {
    const { container } = opened({ personality });
    const refused = container.mapDma({ vaddr: BUFFER, iova, size: PAGE });
    expect(outcome(refused)).toBe('EINVAL');
    const highest = must(container.getInfo()).iovaRanges?.at(-1)?.last;
    expect(highest).toBe(0x7f_ffff_ffffn);
    expect(iova > (highest ?? 0n)).toBe(true);
  });

  it('the refusal of the classic container names the highest usable IOVA', () => {
    const { container } = opened({ personality: 'type1' });
    const refused = container.mapDma({ vaddr: BUFFER, iova, size: PAGE });
    expect(isLeft(refused) ? describeRefusal(refused.left) : '').toContain('0x7fffffffff');
  });

  it.each(BOTH)('on %s a wider IOMMU takes it', (personality) => {
    const backend = flatBackend({ aperture: { start: 0n, last: 0xffff_ffff_ffffn } });
    const { container } = opened({ personality, backend });
    expect(outcome(container.mapDma({ vaddr: BUFFER, iova, size: PAGE }))).toBe(0);
  });
});

describe('nutanix/libvfio-user #504, PR #559: what to expect of partial unmaps', () => {
  const table = [
    // iova, size, and what comes of it on TYPE1v2 of either container: outcome and size.
    ['whole', 0x1000n, 0x4000n, [0, 0x4000n], [0, 0x4000n]],
    ['head', 0x1000n, 0x1000n, ['EINVAL', 0x1000n], ['ENOENT', 0n]],
    ['middle', 0x2000n, 0x1000n, ['EINVAL', 0x1000n], ['ENOENT', 0n]],
    ['tail', 0x3000n, 0x2000n, ['EINVAL', 0x2000n], ['ENOENT', 0n]],
    ['over both ends', 0x0n, 0x8000n, [0, 0x5000n], [0, 0x5000n]],
    ['several', 0x1000n, 0x7000n, [0, 0x5000n], [0, 0x5000n]],
    ['nothing', 0x10_0000n, 0x1000n, [0, 0n], [0, 0n]],
  ] as const;

  it.each(table)('%s', (_what, iova, size, type1, iommufd) => {
    for (const [personality, expected] of [
      ['type1', type1],
      ['iommufd', iommufd],
    ] as const) {
      const { container } = opened({ personality });
      must(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: 0x4000n }));
      must(container.mapDma({ vaddr: BUFFER, iova: 0x7000n, size: 0x1000n }));
      const answer = container.unmapDma({ iova, size });
      expect([outcome(answer.result), answer.size]).toEqual(expected);
    }
  });
});

describe('cloud-hypervisor PR #8593, #8594: a sparse unmap returns a short byte count', () => {
  it.each(BOTH)('on %s the count is what was mapped, and the books of container and IOMMU agree', (personality) => {
    const { test, container } = opened({ personality });
    must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: PAGE }));
    must(container.mapDma({ vaddr: BUFFER, iova: 8n * PAGE, size: PAGE }));
    expect(container.unmapDma({ iova: 0n, size: 16n * PAGE }).size).toBe(2n * PAGE);
    expect(test.machine.devices[0]!.port.read(8n * PAGE, 4).status).toBe('blocked');
    expect(test.machine.pages.pinCount).toBe(0);
  });

  it.each(BOTH)(
    'on %s a map that fails in the IOMMU at any point leaves no trace, and works when it is tried again',
    (personality) => {
      let left = 0;
      const failure = { fails: (kind: string): boolean => kind === 'backend' && left > 0 && --left === 0 };
      const { test, container } = opened({ personality, failure });
      const blocks = 4n;
      for (let block = 0n; block < blocks; block++) {
        must(test.process.addressSpace.mmap(BUFFER + 2n * block * PAGE, PAGE, 'rw', { kind: 'shared' }));
      }
      const ram = { vaddr: BUFFER, iova: 0n, size: 2n * blocks * PAGE };
      const outcomes: (string | number)[] = [];
      for (let nth = 1; nth < 20; nth++) {
        left = nth;
        const refused = container.mapDma(ram);
        outcomes.push(outcome(refused));
        if (!isLeft(refused)) break;
        expect(test.machine.pages.pinCount).toBe(0);
        expect(test.machine.devices[0]!.port.read(0n, 4).status).toBe('blocked');
      }
      expect(outcomes.at(-1)).toBe(0);
      expect(outcomes.slice(0, -1).length).toBeGreaterThan(0);
      expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(['ENOMEM']));
      expect(container.unmapAll().size).toBe(ram.size);
    },
  );
});

describe('cloud-hypervisor #6872: test_vfio failing with kernel v6.12', () => {
  /** What a VMM does while its guest boots and changes its memory: 'map' or 'unmap', guest address and bytes. */
  const steps = [
    ['map', 0n, 0xa_0000n],
    ['map', 0xc_0000n, 0x4_0000n],
    ['unmap', 0xc_0000n, 0x4_0000n],
    ['map', 0xc_0000n, 0x2_0000n],
    ['map', 0xe_0000n, 0x2_0000n],
    ['unmap', 0n, 0xa_0000n],
    ['map', 0n, 0x8_0000n],
  ] as const;
  const guestPages = [0n, 0x7_f000n, 0x8_0000n, 0x9_f000n, 0xb_f000n, 0xc_0000n, 0xd_f000n, 0xe_0000n, 0xf_f000n];

  /** Replays the steps; what each came to, and which guest addresses the device reaches in the end. */
  function replay(personality: Personality, kernel: KernelProfile, backend: BackendDefinition): unknown {
    const { test, container } = opened({ personality, kernel, backend });
    const outcomes = steps.map(([step, iova, size]) =>
      step === 'map'
        ? outcome(container.mapDma({ vaddr: BUFFER + iova, iova, size }))
        : container.unmapDma({ iova, size }).size,
    );
    const { port } = test.machine.devices[0]!;
    return { outcomes, reached: guestPages.filter((address) => port.read(address, 4).status === 'ok') };
  }

  it.each(BOTH.flatMap((personality) => Object.keys(backends).map((name) => [personality, name] as const)))(
    'on %s behind %s the same steps end the same under either kernel, without a virtual machine',
    (personality, name) => {
      const backend = backends[name]!;
      const expected = {
        outcomes: [0, 0, 0x4_0000n, 0, 0, 0xa_0000n, 0],
        reached: [0n, 0x7_f000n, 0xc_0000n, 0xd_f000n, 0xe_0000n, 0xf_f000n],
      };
      expect(replay(personality, linux66, backend())).toEqual(expected);
      expect(replay(personality, linux612, backend())).toEqual(expected);
    },
  );
});

describe('rust-vmm/vfio-ioctls #39: add unit tests', () => {
  it.each(BOTH)('on %s a container behaves without any hardware', (personality) => {
    const { container } = opened({ personality });
    // What the crate's mock did: succeed if and only if the IOVA is 0x1000.
    expect(outcome(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: PAGE }))).toBe(0);
    expect(outcome(container.mapDma({ vaddr: BUFFER, iova: 0x2000n, size: PAGE }))).toBe(0);
    expect(outcome(container.mapDma({ vaddr: BUFFER, iova: 0x1000n, size: PAGE }))).toBe('EEXIST');
    expect(outcome(container.mapDma({ vaddr: BUFFER, iova: 0xfee0_0000n, size: PAGE }))).toBe('EINVAL');
  });
});
