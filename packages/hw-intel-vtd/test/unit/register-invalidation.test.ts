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

  it('is ignored while the queue is on', () => {
    const { rig } = filled();
    rig.unit.write32(0x18, 0x8400_0000 | 0);
    rig.write(IOTLB, 0x9000_0000_0000_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});
