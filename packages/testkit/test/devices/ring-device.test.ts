import { describe, expect, it } from 'vitest';
import '@ioasis/testkit/vitest';
import {
  createTestMachine,
  eachBackend,
  RingDevice,
  RingDriver,
  RingRegister,
  RingStatus,
  type RingOptions,
  type TestMachineOptions,
} from '../../src/index.js';
import { vendors } from '../vendors.js';

const RING = 0x10_0000n;
const DATA = 0x20_0000n;

/** A machine with a ring device that was started on a ring of four descriptors, and a buffer of two pages at {@link DATA}. */
function make(backend: TestMachineOptions['backend'], options: RingOptions = {}) {
  const pc = createTestMachine({ backend, device: new RingDevice(options) });
  const ring = pc.buffer(0x1000);
  pc.map(ring, RING);
  const data = pc.buffer(0x2000);
  pc.map(data, DATA);
  return { pc, data, driver: new RingDriver(pc.vfio, ring, RING, 4) };
}

eachBackend(describe, vendors, (backend) => {
  it('sends and receives buffers, answers in the descriptors and interrupts for each', () => {
    const { pc, data, driver } = make(backend);
    data.write(0xffe, Uint8Array.of(1, 2, 3, 4));
    expect(driver.submit('send', DATA + 0xffen, 4)).toBe(0);
    expect(driver.submit('receive', DATA, 16)).toBe(1);
    expect(driver.reap()).toEqual([
      { index: 0, outcome: 'done', length: 4 },
      { index: 1, outcome: 'done', length: 4 },
    ]);
    expect([...data.read(0, 5)]).toEqual([1, 2, 3, 4, 0]);
    expect(driver.interrupts).toBe(2n);
    expect(driver.reap()).toEqual([]);
    expect(pc).toHaveNoLeaks();
  });

  it('fails a descriptor whose buffer is not mapped, and goes on', () => {
    const { pc, driver } = make(backend);
    driver.submit('send', DATA + 0x2000n, 4);
    driver.submit('send', DATA, 4);
    expect(driver.reap().map(({ outcome }) => outcome)).toEqual(['failed', 'done']);
    expect(pc.device.transfers[0]).toFault({ iova: DATA + 0x2000n, access: 'read' });
  });

  it('stops when the ring itself cannot be reached', () => {
    const { pc, driver } = make(backend);
    pc.unmap(RING, 0x1000n);
    driver.submit('send', DATA, 4);
    expect(driver.reap()).toEqual([]);
    expect(driver.readRegister(RingRegister.STATUS)).toBe(RingStatus.RING_UNREACHABLE);
    expect(driver.readRegister(RingRegister.CONTROL) & 1).toBe(0);
  });
});

describe('RingDevice', () => {
  const backend = vendors[0]!;

  it('works descriptors off one by one when it is stepped', () => {
    const { pc, driver } = make(backend, { completion: 'stepped' });
    for (let n = 0; n < 3; n++) driver.submit('send', DATA, 4 + n);
    expect(driver.reap()).toEqual([]);
    expect(pc.device.step(1)).toBe(1);
    expect(driver.reap()).toEqual([{ index: 0, outcome: 'done', length: 4 }]);
    expect(pc.device.step()).toBe(2);
    expect(driver.readRegister(RingRegister.HEAD)).toBe(3);
  });

  it('goes round, and refuses a descriptor that would overtake', () => {
    const { pc, driver } = make(backend, { completion: 'stepped' });
    for (let n = 0; n < 3; n++) driver.submit('send', DATA, 4);
    expect(() => driver.submit('send', DATA, 4)).toThrow('the ring of 4 descriptors is full');
    pc.device.step();
    driver.reap();
    expect([driver.submit('send', DATA, 4), driver.submit('send', DATA, 4)]).toEqual([3, 0]);
  });

  it('cuts what it sends to the buffer, and says when it has nothing', () => {
    const { driver, data } = make(backend);
    data.write(0, Uint8Array.of(1, 2, 3, 4));
    driver.submit('send', DATA, 4);
    driver.submit('receive', DATA + 0x1000n, 2);
    driver.submit('receive', DATA + 0x1000n, 2);
    expect(driver.reap().slice(1)).toEqual([
      { index: 1, outcome: 'done', length: 2 },
      { index: 2, outcome: 'empty', length: 0 },
    ]);
    expect([...data.read(0x1000, 3)]).toEqual([1, 2, 0]);
  });

  it('does nothing when it was stopped, may not master the bus, or was reset', () => {
    const { pc, driver } = make(backend, { completion: 'stepped' });
    driver.submit('send', DATA, 4);
    driver.stop();
    expect(pc.device.step()).toBe(0);
    const other = make(backend, { completion: 'stepped' });
    other.driver.submit('send', DATA, 4);
    other.pc.device.config[4] = 0x03;
    expect(other.pc.device.step()).toBe(0);
    other.pc.device.config[4] = 0x07;
    other.pc.device.reset();
    expect(other.driver.readRegister(RingRegister.ENTRIES)).toBe(0);
    expect(other.pc.device.step()).toBe(0);
  });
});
