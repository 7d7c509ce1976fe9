import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent, eventLine, parseEventLine } from '../../src/index.js';

const word = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

describe("Linux's line of an event", () => {
  it('gives back all fields that it shows, for any two words', () => {
    fc.assert(
      fc.property(word, word, (low, high) => {
        const event = decodeEvent([low, high]);
        expect(parseEventLine(eventLine(event))).toEqual(event);
      }),
      { numRuns: 500, seed: 0xe7e },
    );
  });

  it.each([
    [
      'ILLEGAL_DEV_TABLE_ENTRY',
      [0x1081_2345_0001_0b08n, 0x1000n],
      'ILLEGAL_DEV_TABLE_ENTRY device=0000:0b:01.0 pasid=0x12345 address=0x1000 flags=0x0081]',
    ],
    [
      'IO_PAGE_FAULT',
      [0x2070_0005_0000_0012n, 0xfffff000n],
      'IO_PAGE_FAULT device=0000:00:02.2 domain=0x0005 address=0xfffff000 flags=0x0070]',
    ],
    [
      'DEV_TAB_HARDWARE_ERROR',
      [0x3200_0000_0000_0008n, 8n],
      'DEV_TAB_HARDWARE_ERROR device=0000:00:01.0 address=0x8 flags=0x0200]',
    ],
    [
      'PAGE_TAB_HARDWARE_ERROR',
      [0x4200_0005_0000_0008n, 8n],
      'PAGE_TAB_HARDWARE_ERROR device=0000:00:01.0 pasid=0x0005 address=0x8 flags=0x0200]',
    ],
    ['ILLEGAL_COMMAND_ERROR', [0x5000_0000_0000_0000n, 0x40_0010n], 'ILLEGAL_COMMAND_ERROR address=0x400010]'],
    ['COMMAND_HARDWARE_ERROR', [0x6200_0000_0000_0000n, 0x10n], 'COMMAND_HARDWARE_ERROR address=0x10 flags=0x0200]'],
    ['IOTLB_INV_TIMEOUT', [0x7000_0000_0000_00ffn, 0x10n], 'IOTLB_INV_TIMEOUT device=0000:00:1f.7 address=0x10]'],
    [
      'INVALID_DEVICE_REQUEST',
      [0x8200_0000_0000_0008n, 0x10n],
      'INVALID_DEVICE_REQUEST device=0000:00:01.0 pasid=0x00000 address=0x10 flags=0x0200]',
    ],
    [
      'INVALID_PPR_REQUEST',
      [0x9001_0555_2345_0008n, 0x10n],
      'INVALID_PPR_REQUEST device=0000:00:01.0 pasid=0x12345 address=0x10 flags=0x0001 tag=0x155]',
    ],
    [
      'UNKNOWN',
      [0xa000_0001_0000_0002n, 0x3_0000_0004n],
      'UNKNOWN event[0]=0x00000002 event[1]=0xa0000001 event[2]=0x00000004 event[3]=0x00000003',
    ],
  ] as const)('%s', (name, words, line) => {
    const event = decodeEvent(words as readonly [bigint, bigint]);
    expect(event.name).toBe(name);
    expect(eventLine(event)).toBe(`AMD-Vi: Event logged [${line}`);
  });

  it('is read with the prefix of a device that Linux knows', () => {
    const line =
      'vfio-pci 0000:06:00.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e address=0x1000 flags=0x0000]';
    expect(parseEventLine(line)).toEqual({
      name: 'IO_PAGE_FAULT',
      device: 0x601,
      domain: 0xe,
      address: 0x1000n,
      flags: 0,
    });
    const of = 'pci 0000:00:00.2: AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x400010]';
    expect(parseEventLine(of)).toEqual({ name: 'ILLEGAL_COMMAND_ERROR', address: 0x40_0010n });
  });

  it.each([
    '',
    'AMD-Vi: Completion-Wait loop timed out',
    'AMD-Vi: Event logged [NO_SUCH_EVENT address=0x1]',
    'AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0005 address=0x1 flags=0x0]',
    'AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device=0000:00:01.0]',
  ])('is nothing else: %s', (line) => {
    expect(parseEventLine(line)).toBeUndefined();
  });
});
