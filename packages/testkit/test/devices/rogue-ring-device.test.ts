import { describe, expect, it } from 'vitest';
import '@ioasis/testkit/vitest';
import { createTestMachine, eachBackend, RingDriver, RogueRingDevice, type RogueOptions } from '../../src/index.js';
import { vendors } from '../vendors.js';

const RING = 0x10_0000n;
const DATA = 0x20_0000n;

eachBackend(describe, vendors, (backend) => {
  function make(options: RogueOptions) {
    const pc = createTestMachine({ backend, device: new RogueRingDevice(options) });
    const ring = pc.buffer(0x1000);
    pc.map(ring, RING);
    pc.map(pc.buffer(Uint8Array.of(1, 2, 3, 4)), DATA);
    return { pc, driver: new RingDriver(pc.vfio, ring, RING) };
  }

  it('walks off its buffer, which the IOMMU stops at the end of the mapping', () => {
    const { pc, driver } = make({ overrun: 0x1000 });
    driver.submit('send', DATA, 4);
    expect(driver.reap()).toEqual([{ index: 0, outcome: 'done', length: 4 }]);
    const [proper, overrun] = pc.device.transfers;
    expect(proper).not.toFault();
    expect(overrun).toFault({ iova: DATA + 0x1000n });
    expect(overrun!.status).toBe('partial');
  });

  it('reads a buffer again, which the IOMMU stops once it is unmapped', () => {
    const { pc, driver } = make({});
    expect(() => pc.device.readAgain()).toThrow('no descriptor was worked off yet');
    driver.submit('send', DATA, 4);
    expect([...pc.device.readAgain().data]).toEqual([1, 2, 3, 4]);
    pc.unmap(DATA, 0x1000n);
    expect(pc.device.readAgain()).toFault({ iova: DATA });
    expect(pc.device.transfers).toHaveLength(3);
  });
});
