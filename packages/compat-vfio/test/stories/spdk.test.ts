import { VfioExtension } from '@ioasis/core';
import { EduDriver } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { explainDifference, type Personality, type VfioContainerClient } from '../../src/index.js';
import {
  BUFFER,
  codeOf,
  DEVICE,
  must,
  OTHER_DEVICE,
  OTHER_GROUP,
  outcome,
  TestMachine,
} from '../support/vfio-machine.js';

const MIB = 0x10_0000n;
const PIECE = 0x4000n;

/** One large mapping at IOVA 1 MiB, an open device and its driver: how DPDK's static memory looks to SPDK. */
function oneLargeMapping(personality: Personality): {
  readonly test: TestMachine;
  readonly container: VfioContainerClient;
  readonly edu: EduDriver;
} {
  const test = new TestMachine({ personality });
  const { container, group } = test.container1(VfioExtension.TYPE1);
  const device = must(group.openDevice(DEVICE));
  must(container.mapDma({ vaddr: BUFFER, iova: MIB, size: 4n * PIECE }));
  return { test, container, edu: new EduDriver(test.process, device.fd) };
}

describe('spdk/spdk #1705: potential silent IO error when using the vfio dynamic memory model', () => {
  /** Unmaps the second piece, maps other memory there, ignores EEXIST, and lets the device write to the IOVA. */
  function remapMiddle(personality: Personality): {
    readonly unmapped: bigint;
    readonly remap: string | number;
    readonly test: TestMachine;
  } {
    const { test, container, edu } = oneLargeMapping(personality);
    const iova = MIB + PIECE;
    const { size } = container.unmapDma({ iova, size: PIECE });
    const fresh = BUFFER + 0x8_0000n;
    const remap = outcome(container.mapDma({ vaddr: fresh, iova, size: PIECE }));
    test.process.addressSpace.poke(BUFFER, Uint8Array.of(0xd, 0xa, 0x7, 0xa));
    edu.transfer('to-device', MIB, 0, 4);
    edu.transfer('from-device', iova, 0, 4);
    return { unmapped: size, remap, test };
  }
  const written = [0xd, 0xa, 0x7, 0xa];
  const nothing = [0, 0, 0, 0];
  const bytesAt = (test: TestMachine, address: bigint): number[] => [...test.process.addressSpace.peek(address, 4)];

  it('the classic container unmaps nothing and says so; the data goes to the old page', () => {
    const { unmapped, remap, test } = remapMiddle('type1');
    expect([unmapped, remap]).toEqual([0n, 'EEXIST']);
    expect(bytesAt(test, BUFFER + 0x8_0000n)).toEqual(nothing);
    expect(bytesAt(test, BUFFER + PIECE)).toEqual(written);
  });

  it('iommufd cuts the mapping; the data goes where the program wants it', () => {
    const { unmapped, remap, test } = remapMiddle('iommufd');
    expect([unmapped, remap]).toEqual([PIECE, 0]);
    expect(bytesAt(test, BUFFER + 0x8_0000n)).toEqual(written);
    expect(bytesAt(test, BUFFER + PIECE)).toEqual(nothing);
  });

  it('the difference has a row that explains it', () => {
    const observed = { request: 0x3b72, effect: 'answer', type1: undefined, iommufd: undefined } as const;
    expect(explainDifference(observed).map(({ id }) => id)).toContain('23');
  });
});

describe('spdk #3061, #3193, #2511: mapping errors and unexpected sizes', () => {
  it('EEXIST names the mapping that stays in force', () => {
    const { container } = oneLargeMapping('type1');
    const refused = container.mapDma({ vaddr: BUFFER, iova: MIB + PIECE, size: PIECE });
    expect(refused).toMatchObject({
      left: { code: 'TYPE1_MAP_EXISTS', facts: { existingIova: MIB, existingSize: 4n * PIECE } },
    });
  });

  it('an unmap at exit of what is gone already succeeds with size 0', () => {
    const { container } = oneLargeMapping('type1');
    container.unmapAll();
    expect(container.unmapDma({ iova: MIB, size: 4n * PIECE })).toMatchObject({ size: 0n, result: { _tag: 'Right' } });
  });
});

describe('spdk #2086: dynamically added vfio devices do not register memory with the IOMMU', () => {
  it('a mapping before any group is refused, and the refusal names the missing step', () => {
    const container = new TestMachine({ personality: 'type1' }).container();
    const refused = container.mapDma({ vaddr: BUFFER, iova: 0n, size: PIECE });
    expect(refused).toMatchObject({ left: { errno: 'EINVAL', code: 'TYPE1_NOT_SET' } });
    expect(refused).toHaveProperty('left.hint', expect.stringContaining('VFIO_GROUP_SET_CONTAINER'));
  });

  it('on iommufd the same mapping is refused with ENODEV', () => {
    const container = new TestMachine().container();
    expect(container.mapDma({ vaddr: BUFFER, iova: 0n, size: PIECE })).toMatchObject({
      left: { errno: 'ENODEV', code: 'COMPAT_IOAS_MISSING', hint: expect.stringContaining('VFIO_GROUP_SET_CONTAINER') },
    });
  });

  it.each(['type1', 'iommufd'] as const)(
    'on %s a device that joins later reaches what is mapped already',
    (personality) => {
      const test = new TestMachine({ personality });
      const { container, group } = test.container1(VfioExtension.TYPE1V2);
      must(group.openDevice(DEVICE));
      must(container.mapDma({ vaddr: BUFFER, iova: 0n, size: PIECE }));
      const later = test.group(OTHER_GROUP);
      must(later.setContainer(container));
      const device = must(later.openDevice(OTHER_DEVICE));
      test.process.addressSpace.poke(BUFFER, Uint8Array.of(5, 6, 7));
      const edu = new EduDriver(test.process, device.fd);
      edu.transfer('to-device', 0n, 0, 3);
      edu.transfer('from-device', 0x1000n, 0, 3);
      expect([...test.process.addressSpace.peek(BUFFER + 0x1000n, 3)]).toEqual([5, 6, 7]);
    },
  );
});

describe('spdk #915, #1142: more than 128 GB of memory on Linux 5.1 and later', () => {
  it('one mapping for each piece meets dma_entry_limit; DMA_AVAIL says how many are left', () => {
    const test = new TestMachine({ personality: 'type1', dmaEntryLimit: 4 });
    const { container } = test.container1(VfioExtension.TYPE1V2);
    const map = (index: bigint): string =>
      codeOf(container.mapDma({ vaddr: BUFFER + index * PIECE, iova: index * PIECE, size: PIECE }));
    expect([0n, 1n, 2n, 3n, 4n].map(map)).toEqual(['ok', 'ok', 'ok', 'ok', 'TYPE1_MAP_LIMIT']);
    expect(must(container.getInfo()).dmaAvailable).toBe(0);
    container.unmapAll();
    expect(codeOf(container.mapDma({ vaddr: BUFFER, iova: 0n, size: 5n * PIECE }))).toBe('ok');
    expect(must(container.getInfo()).dmaAvailable).toBe(3);
  });
});
