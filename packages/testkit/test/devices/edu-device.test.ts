import { beforeEach, describe, expect, it } from 'vitest';
import type { DmaPort } from '@ioasis/core';
import { EDU_BUFFER, EduDevice, EduDma, EduRegister } from '../../src/index.js';

/** Memory behind a port that refuses the page at 0x2000. */
function fakePort(memory: Uint8Array): DmaPort {
  const pieces = { status: 'ok', pieces: [] } as const;
  const allowed = (at: number): boolean => at >> 12 !== 2;
  return {
    requesterId: 8,
    read: (iova, bytes) => ({
      ...pieces,
      data: Uint8Array.from({ length: bytes }, (_, i) =>
        allowed(Number(iova) + i) ? (memory[Number(iova) + i] ?? 0) : 0,
      ),
    }),
    write(iova, data) {
      data.forEach((byte, i) => {
        if (allowed(Number(iova) + i)) memory[Number(iova) + i] = byte;
      });
      return pieces;
    },
    translate: () => ({ pa: undefined, pageBytes: 0n, readable: false, writable: false }),
  };
}

let memory: Uint8Array;
let interrupts: string[];
let edu: EduDevice;
beforeEach(() => {
  memory = Uint8Array.from({ length: 0x4000 }, (_, i) => i);
  interrupts = [];
  edu = new EduDevice();
  edu.connect(fakePort(memory), (kind, vector) => interrupts.push(`${kind} ${vector}`));
  edu.config[4] = 0x07;
});

const read = (offset: number, bytes = 4): string => {
  const into = Buffer.alloc(bytes);
  edu.bars[0]?.read(offset, into);
  return bytes === 8 ? `0x${into.readBigUInt64LE().toString(16)}` : `0x${into.readUIntLE(0, bytes).toString(16)}`;
};
const write = (offset: number, value: bigint | number, bytes = 4): void => {
  const from = Buffer.alloc(8);
  from.writeBigUInt64LE(BigInt(value));
  edu.bars[0]?.write(offset, from.subarray(0, bytes));
};
const transfer = (source: bigint | number, destination: bigint | number, count: number, command: number): void => {
  write(EduRegister.DMA_SOURCE, source, 8);
  write(EduRegister.DMA_DESTINATION, destination, 8);
  write(EduRegister.DMA_COUNT, count, 8);
  write(EduRegister.DMA_COMMAND, command);
};

describe('configuration space', () => {
  it('is what vfio-pci shows of the device on q35', () => {
    // From fixtures/traces/device/iommufd-vtd-aw39.jsonl.gz, dev/group/type1.
    const recorded =
      '3412e811030110001000ff00000000000000a0fe000000000000000000000000000000000000000000000000f41a00110000000040000000000000000a010000';
    expect(Buffer.from(new EduDevice().config.subarray(0, 64)).toString('hex')).toBe(recorded);
  });

  it('is what the firmware of another machine made of it', () => {
    // From fixtures/traces/device/iommufd-smmuv3.jsonl.gz.
    const recorded =
      '3412e811020010001000ff000000000000000010000000000000000000000000000000000000000000000000f41a001100000000400000000000000011010000';
    const arm = new EduDevice({ command: 0x0002, bar0: 0x1000_0000, interruptLine: 0x11 });
    expect(Buffer.from(arm.config.subarray(0, 64)).toString('hex')).toBe(recorded);
  });
});

describe('registers', () => {
  it('identify the device and invert the liveness word', () => {
    expect(read(EduRegister.IDENTIFICATION)).toBe('0x10000ed');
    write(EduRegister.LIVENESS, 0x1234_5678);
    expect(read(EduRegister.LIVENESS)).toBe('0xedcba987');
  });

  it.each([
    [0, '0x1'],
    [5, '0x78'],
    [13, '0x7328cc00'],
    [33, '0x80000000'],
    [34, '0x0'],
    [0xffff_ffff, '0x0'],
  ])('compute %i! modulo 2^32', (n, expected) => {
    write(EduRegister.FACTORIAL, n);
    expect(read(EduRegister.FACTORIAL)).toBe(expected);
  });

  it('read as all ones where there are none and for accesses of the wrong size', () => {
    expect(read(0x50)).toBe('0xffffffff');
    expect(read(EduRegister.IDENTIFICATION, 8)).toBe('0xffffffffffffffff');
    expect(read(EduRegister.LIVENESS, 2)).toBe('0xffff');
  });

  it('raise, show and acknowledge interrupts, by MSI when it is enabled', () => {
    write(EduRegister.INTERRUPT_RAISE, 0x6);
    expect(read(EduRegister.INTERRUPT_STATUS)).toBe('0x6');
    write(EduRegister.INTERRUPT_ACKNOWLEDGE, 0x2);
    expect(read(EduRegister.INTERRUPT_STATUS)).toBe('0x4');
    edu.config[0x42] = 0x81;
    write(EduRegister.STATUS, 0xff);
    expect(read(EduRegister.STATUS)).toBe('0x80');
    write(EduRegister.FACTORIAL, 3);
    expect(read(EduRegister.INTERRUPT_STATUS)).toBe('0x5');
    expect(interrupts).toEqual(['intx 0', 'msi 0']);
  });
});

describe('DMA', () => {
  it('moves bytes between memory and the buffer', () => {
    transfer(0x1010, EDU_BUFFER + 4, 8, EduDma.START);
    expect([...edu.buffer.subarray(0, 13)]).toEqual([0, 0, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 0]);
    transfer(EDU_BUFFER + 4, 0x3000, 4, EduDma.START | EduDma.TO_MEMORY | EduDma.INTERRUPT);
    expect([...memory.subarray(0x3000, 0x3005)]).toEqual([16, 17, 18, 19, 4]);
    expect(interrupts).toEqual(['intx 0']);
    expect(read(EduRegister.INTERRUPT_STATUS)).toBe('0x100');
    expect(read(EduRegister.DMA_COMMAND)).toBe('0x6');
    expect(read(EduRegister.DMA_SOURCE, 8)).toBe('0x40004');
  });

  it('fills what a refused read asked for with zeroes', () => {
    edu.buffer.fill(0xaa);
    transfer(0x1ffe, EDU_BUFFER, 4, EduDma.START);
    expect([...edu.buffer.subarray(0, 5)]).toEqual([0xfe, 0xff, 0, 0, 0xaa]);
  });

  it('does nothing to memory while it may not master the bus', () => {
    edu.config[4] = 0x03;
    edu.buffer.fill(0xaa);
    transfer(EDU_BUFFER, 0x3000, 4, EduDma.START | EduDma.TO_MEMORY);
    expect(memory[0x3000]).toBe(0);
    transfer(0x1000, EDU_BUFFER, 4, EduDma.START);
    expect([...edu.buffer.subarray(0, 5)]).toEqual([0, 0, 0, 0, 0xaa]);
  });

  it('makes no transfer that leaves the buffer, nor one that was not started', () => {
    edu.buffer.fill(0xaa);
    transfer(EDU_BUFFER + 4090, 0x3000, 8, EduDma.START | EduDma.TO_MEMORY);
    transfer(EDU_BUFFER - 1, 0x3000, 8, EduDma.START | EduDma.TO_MEMORY);
    transfer(EDU_BUFFER, 0x3000, 8, EduDma.TO_MEMORY);
    expect(memory[0x3000]).toBe(0);
  });

  it('drives 28 address bits unless it is told otherwise', () => {
    transfer(0x7000_1004n, EDU_BUFFER, 1, EduDma.START);
    expect(edu.buffer[0]).toBe(4);
    const wide = new EduDevice({ dmaMask: 0xffff_ffff_ffff_ffffn });
    const seen: bigint[] = [];
    wide.connect(
      { ...fakePort(memory), read: (iova) => (seen.push(iova), { status: 'ok', pieces: [], data: new Uint8Array(1) }) },
      () => {},
    );
    wide.config[4] = 0x07;
    edu = wide;
    transfer(0x7000_1004n, EDU_BUFFER, 1, EduDma.START);
    expect(seen).toEqual([0x7000_1004n]);
  });

  it('is back at its start after a reset', () => {
    transfer(0x1010, EDU_BUFFER, 8, EduDma.START);
    write(EduRegister.INTERRUPT_RAISE, 1);
    edu.reset();
    expect(edu.buffer.every((byte) => byte === 0)).toBe(true);
    expect(edu.config[4]).toBe(0x03);
    expect(read(EduRegister.INTERRUPT_STATUS)).toBe('0x0');
    expect(read(EduRegister.DMA_COUNT)).toBe('0x0');
  });
});
