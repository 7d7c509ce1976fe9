import { describe, expect, it } from 'vitest';
import { ConfigSpace, type ConfigEffects } from '../../src/config/config-space.js';
import { eduConfig, TestFunction, TestRegion, type Bytes } from './test-function.js';

interface Opened {
  readonly fn: TestFunction;
  readonly space: ConfigSpace;
  readonly intx: boolean[];
  readonly resets: { count: number };
  read(offset: number, bytes: number): number[];
  write(offset: number, ...bytes: number[]): void;
}

function open(
  config: Bytes = eduConfig,
  options: { bars?: (TestRegion | undefined)[]; size?: number; msiLog2?: number } = {},
): Opened {
  const fn = new TestFunction(config, options.bars, false, options.size);
  const intx: boolean[] = [];
  const resets = { count: 0 };
  const effects: ConfigEffects = {
    intxDisabled: (disabled) => intx.push(disabled),
    functionReset: () => resets.count++,
    msiEnabledLog2: () => options.msiLog2 ?? -1,
  };
  const space = new ConfigSpace(fn, effects);
  return {
    fn,
    space,
    intx,
    resets,
    read: (offset, count) => {
      const all: number[] = [];
      while (all.length < count) {
        const chunk = new Uint8Array(space.chunk(offset + all.length, count - all.length));
        space.read(offset + all.length, chunk);
        all.push(...chunk);
      }
      return all;
    },
    write: (offset, ...bytes) => {
      for (let done = 0; done < bytes.length;) {
        const width = space.chunk(offset + done, bytes.length - done);
        space.write(offset + done, Uint8Array.from(bytes.slice(done, done + width)));
        done += width;
      }
    },
  };
}

describe('configuration space of an open device', () => {
  it('reads as the recording of edu does', () => {
    const header = open().read(0, 64);
    expect(Buffer.from(header).toString('hex')).toBe(
      '3412e811030110001000ff00000000000000a0fe000000000000000000000000000000000000000000000000f41a00110000000040000000000000000a010000',
    );
  });

  it('sizes a BAR: all ones written, the size comes back, and the device keeps its address', () => {
    const { fn, read, write } = open();
    write(0x10, 0xff, 0xff, 0xff, 0xff);
    expect(read(0x10, 4)).toEqual([0, 0, 0xf0, 0xff]);
    expect([...fn.config.subarray(0x10, 0x14)]).toEqual([0, 0, 0xa0, 0xfe]);
    write(0x14, 0xff, 0xff, 0xff, 0xff);
    expect(read(0x14, 4)).toEqual([0, 0, 0, 0]);
  });

  it('sizes a 64-bit prefetchable BAR over two registers', () => {
    const bars = [new TestRegion(0x1000)];
    const { read, write } = open({ ...eduConfig, 0x10: [0x0c, 0, 0xa0, 0xfe, 0x01, 0, 0, 0] }, { bars });
    write(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    expect(read(0x10, 8)).toEqual([0x0c, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  });

  it('sizes an I/O BAR', () => {
    const { read, write } = open(eduConfig, { bars: [new TestRegion(0x20, 'io')] });
    write(0x10, 0xff, 0xff, 0xff, 0xff);
    expect(read(0x10, 4)).toEqual([0xe1, 0xff, 0xff, 0xff]);
  });

  it('does not let identity and status be written', () => {
    const { read, write } = open();
    const before = read(0, 4);
    write(0, 1, 2, 3, 4);
    write(6, 0xff, 0xff);
    expect(read(0, 4)).toEqual(before);
    expect(read(6, 2)).toEqual([0x10, 0x00]);
  });

  it('passes bus mastering on to the device, and tells about INTx instead of disabling it there', () => {
    const { fn, read, write, intx } = open();
    write(4, 0x06, 0x05);
    expect(read(4, 2)).toEqual([0x06, 0x05]);
    expect([...fn.config.subarray(4, 6)]).toEqual([0x06, 0x01]);
    expect(intx).toEqual([true]);
    write(5, 0x01);
    expect(intx).toEqual([true, false]);
  });

  it('knows whether memory is enabled', () => {
    const { space, write } = open();
    expect(space.memoryEnabled).toBe(true);
    write(4, 0x00, 0x01);
    expect(space.memoryEnabled).toBe(false);
  });

  it('restores BARs that a reset lost when memory is enabled again', () => {
    const { fn, write } = open();
    fn.config.fill(0, 0x10, 0x14);
    write(4, 0x02, 0x00);
    expect([...fn.config.subarray(0x10, 0x14)]).toEqual([0, 0, 0xa0, 0xfe]);
  });

  it('keeps the interrupt line for the user alone', () => {
    const { fn, read, write } = open();
    write(0x3c, 0x55, 0x07);
    expect(read(0x3c, 2)).toEqual([0x55, 0x01]);
    expect(fn.config[0x3c]).toBe(0x0a);
  });

  it('never enables MSI by a write', () => {
    const { fn, read, write } = open();
    write(0x42, 0x81);
    expect(read(0x42, 1)).toEqual([0x80]);
    expect(fn.config[0x42]).toBe(0x80);
  });

  it('lets the user enable no more MSI vectors than SET_IRQS did', () => {
    const { read, write } = open({ ...eduConfig, 0x40: [0x05, 0x00, 0x8a, 0x00] }, { msiLog2: 2 });
    write(0x42, 0xd1);
    expect(read(0x42, 1)).toEqual([0xa1]);
  });

  it('keeps the MSI address and data from the device', () => {
    const { fn, read, write } = open();
    write(0x44, 1, 2, 3, 4, 5, 6, 7, 8);
    expect(read(0x44, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...fn.config.subarray(0x44, 0x4c)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('gives bytes outside of all structures to the user', () => {
    const { fn, write } = open();
    write(0x60, 0xaa, 0xbb);
    expect([...fn.config.subarray(0x60, 0x62)]).toEqual([0xaa, 0xbb]);
  });

  it('takes a hidden capability out of the chain', () => {
    // Slot identification (4) at 0x50 between MSI and a vendor capability.
    const { read } = open({
      ...eduConfig,
      0x40: [0x05, 0x50, 0x80, 0],
      0x50: [0x04, 0x60, 0, 0],
      0x60: [0x09, 0x00, 0x08, 0],
    });
    expect(read(0x41, 1)).toEqual([0x60]);
    expect(read(0x60, 2)).toEqual([0x09, 0x00]);
  });

  it('clears the capability bit of the status when nothing is shown', () => {
    const { read } = open({ ...eduConfig, 0x40: [0x04, 0x00] });
    expect(read(0x06, 1)).toEqual([0x00]);
  });

  it('traps power states and lets a sleeping function answer no memory access', () => {
    const { fn, space, read, write } = open({ ...eduConfig, 0x40: [0x01, 0x00, 0x03, 0xfe, 0x00, 0x81] });
    expect(read(0x42, 2)).toEqual([0x03, 0x06]);
    write(0x44, 0x03, 0x00);
    expect(fn.config[0x44]).toBe(0x03);
    expect(space.memoryEnabled).toBe(false);
    write(0x44, 0x00, 0x00);
    expect(space.memoryEnabled).toBe(true);
  });

  it('turns a function level reset of the Express capability into one of the host', () => {
    const express = { ...eduConfig, 0x40: [0x10, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10] };
    const { read, write, resets } = open(express);
    write(0x48, 0x00, 0x80);
    expect(resets.count).toBe(1);
    expect(read(0x49, 1)).toEqual([0x00]);
  });

  it('shows extended capabilities behind an Express capability only', () => {
    const bytes = { ...eduConfig, 0x100: [0x0d, 0x00, 0x01, 0x12], 0x120: [0x1e, 0x00, 0x01, 0x00] };
    expect(open(bytes, { size: 4096 }).read(0x100, 4)).toEqual([0x0d, 0x00, 0x01, 0x12]);
    const express = { ...bytes, 0x40: [0x10, 0x00, 0x02, 0x00] };
    // Access control services stay; the unknown one behind is taken out.
    expect(open(express, { size: 4096 }).read(0x100, 4)).toEqual([0x0d, 0x00, 0x01, 0x00]);
  });

  it('never serves two structures with one access', () => {
    const { space } = open();
    expect(space.chunk(0x3e, 4)).toBe(2);
    expect(space.chunk(0x40, 64)).toBe(4);
    expect(space.chunk(0x4c, 4)).toBe(2);
    expect(space.chunk(0x41, 4)).toBe(1);
  });
});
