import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

const CCMD = 0x28;
const IVA = 0xf0;
const IOTLB = 0xf8;
const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;

const filled = (): { rig: VtdRig; at: bigint } => {
  const rig = new VtdRig();
  const at = rig.map(rig.context(DEVICE, 0x62), IOVA, 0x1_0000_0003n);
  rig.enable('legacy', { queue: false });
  expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  rig.store(at, 0x1_8000_0003n);
  return { rig, at };
};

describe('register-based invalidation', () => {
  it.each([
    ['global', 0x9000_0000_0000_0000n, 0x1200_0000_0000_0000n, '0x180000000'],
    ['domain', 0xa000_0062_0000_0000n, 0x2400_0062_0000_0000n, '0x180000000'],
    ['another domain', 0xa000_0063_0000_0000n, 0x2400_0063_0000_0000n, '0x100000000'],
    ['page', 0xb000_0062_0000_0000n, 0x3600_0062_0000_0000n, '0x180000000'],
  ])('IOTLB %s', (_, command, answer, pa) => {
    const { rig } = filled();
    rig.write(IVA, IOVA);
    rig.write(IOTLB, command);
    expect(rig.register(IOTLB)).toBe(answer);
    expect(rig.ask(DEVICE, IOVA)).toBe(pa);
  });

  it('takes the page from IVA, which reads 0, in whatever halves it was written', () => {
    const { rig } = filled();
    rig.unit.write32(IVA, Number(IOVA));
    rig.unit.write32(IVA + 4, 0);
    expect(rig.register(IVA)).toBe(0n);
    rig.unit.write32(IOTLB + 4, 0xb000_0062 | 0);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x180000000');
  });

  it('context cache: global, reported as done', () => {
    const { rig } = filled();
    rig.context(DEVICE, 0x62);
    rig.write(CCMD, 0xa000_0000_0000_0000n);
    expect(rig.register(CCMD)).toBe(0x2800_0000_0000_0000n);
    rig.write(IOTLB, 0x9000_0000_0000_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
  });

  it('context cache: one device of a domain, SID written before the command', () => {
    const { rig } = filled();
    rig.context(DEVICE, 0x62);
    rig.unit.write32(CCMD, 0x0018_0062);
    rig.unit.write32(CCMD + 4, 0xe000_0000 | 0);
    rig.write(IOTLB, 0x9000_0000_0000_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
  });

  it('a mask above MAMV is an error: nothing is dropped, at no granularity', () => {
    const { rig } = filled();
    rig.write(IVA, IOVA | 19n);
    rig.write(IOTLB, 0xb000_0062_0000_0000n);
    expect(rig.register(IOTLB)).toBe(0x3000_0062_0000_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('without page-selective invalidation the domain goes, and the answer says so', () => {
    const rig = new VtdRig({ cap: 0xd2_008c_222f_0606n & ~(1n << 39n), ecap: 0xf42n });
    const at = rig.map(rig.context(DEVICE, 0x62), IOVA, 0x1_0000_0003n);
    rig.enable('legacy', { queue: false });
    rig.ask(DEVICE, IOVA);
    rig.store(at, 0x1_8000_0003n);
    rig.write(IVA, 0x3fn);
    rig.write(IOTLB, 0xb000_0062_0000_0000n);
    expect(rig.register(IOTLB)).toBe(0x3400_0062_0000_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x180000000');
  });

  it.each([
    ['outside legacy mode', { preset: 'qemu-q35-48bit-scalable' }, 'scalable'],
    ['from major version 6 on', { preset: 'xeon-sapphire-rapids' }, 'legacy'],
  ] as const)('%s commands are answered with granularity 0', (_, options, mode) => {
    const rig = new VtdRig(options).enable(mode, { queue: false });
    const iotlb = rig.unit.configuration.capabilities.iotlbOffset + 8;
    const dropped: string[] = [];
    rig.unit.observer = {
      filled: () => undefined,
      invalidated: ({ command }) => void dropped.push(command),
      executing: () => undefined,
      faulted: () => undefined,
    };
    rig.write(CCMD, 0xa000_0000_0000_0000n);
    rig.write(iotlb, 0x9000_0000_0000_0000n);
    expect([rig.register(CCMD), rig.register(iotlb)]).toEqual([0x2000_0000_0000_0000n, 0x1000_0000_0000_0000n]);
    expect(dropped).toEqual([]);
  });

  it('is ignored while the queue is on', () => {
    const { rig } = filled();
    rig.unit.write32(0x18, 0x8400_0000 | 0);
    rig.write(IOTLB, 0x9000_0000_0000_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});
